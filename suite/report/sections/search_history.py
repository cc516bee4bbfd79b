"""The search by evaluation, by second and by generation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from suite.choice import feasible_values
from suite.own_words import Markdown
from suite.pareto import hypervolume, worst_corner
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.sections.pareto import LABELS
from suite.report.style import BLUE, GREEN, OVER_DATA, PALE, PURPLE, VERMILION, Figures
from suite.results import seconds_before_generations
from suite.space import SearchSpace
from suite.wording import count, duration, plural

Values = dict[str, tuple[float, ...]]  # by genome, of networks within the limits


def section(record: RunRecord, figures: Figures) -> Section | None:
    """How the search went."""
    search = record.search
    if search is None:
        return None
    metric, weight = search["objectives"][0], search["weights"][0]
    rows = feasible_values(search)
    values = [objectives[0] for objectives in rows.values()]
    place_of = {row["genome"]: place for place, row in enumerate(search["evaluated"], start=1)}
    places = [place_of[genome] for genome in rows]
    best = list(_running_best(values, weight))
    figure, ((by_evaluation, by_second), (below, beside)) = figures.grid([1, 1], 2, width=13, height=8.6)
    by_evaluation.plot(places, values, ".", color=PALE, label="a network", markersize=5)
    by_evaluation.plot(places, best, color=BLUE, label="best so far")
    if pool := sum(row["genome"] in record.pool for row in search["evaluated"]):
        by_evaluation.axvline(pool + 0.5, color=VERMILION, linestyle=":", label="end of random pool")
    by_evaluation.set(xlabel="networks evaluated", ylabel=LABELS[metric])
    by_evaluation.legend(loc="upper right", **OVER_DATA)
    seconds, so_far = _by_second(search, rows, weight)
    by_second.step(seconds, so_far, where="post", color=BLUE)
    by_second.set(xlabel="seconds of search", ylabel=f"best {LABELS[metric]}", xlim=(0, None))
    by_second.ticklabel_format(axis="y", useOffset=False)  # a flat curve would have its values taken apart
    generation = "generation (0: random pool)" if record.pool else "generation"
    below.set_xlabel(generation)
    _by_generation(below, _diversity(search, record.space), "genes in which two differ (%)", PURPLE)
    below.set_ylim(0, None)
    has_front = len(search["objectives"]) > 1
    if has_front:
        beside.set_xlabel(generation)
        volumes = [100 * volume for volume in _volumes(search, rows)]
        _by_generation(beside, volumes, "hypervolume (% of the last)", GREEN)
    else:
        beside.set_axis_off()
    image = figures.save(
        figure,
        "search",
        f"Search history: {LABELS[metric]} of {count(len(values))} networks within the limits, from {best[0]:.4g} to "
        f"{best[-1]:.4g} at best; the best by second; by generation, the population's "
        f"diversity{' and the hypervolume' * has_front}.",
    )
    return Section("How the search went", Markdown(f"{image}\n\n{_text(record, search)}"))


def _by_generation(axes: Axes, values: list[float], label: str, colour: str) -> None:
    axes.plot(range(len(values)), values, "o-", color=colour)
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _by_second(search: dict[str, Any], rows: Values, weight: float) -> tuple[list[float], list[float]]:
    """Seconds at the end of each generation, and the best value by then."""
    better = max if weight > 0 else min
    ends, found, best = [], [], None
    spent = seconds_before_generations(search)
    for generation in search["generations"]:
        spent += generation["seconds"]["total"]
        values = [rows[genome][0] for genome in generation["proposed"] if genome in rows]
        if values:
            best = better(values) if best is None else better([best, *values])
            ends.append(spent)
            found.append(best)
    return [*ends, spent], [*found, *found[-1:]]


def _diversity(search: dict[str, Any], space: SearchSpace) -> list[float]:
    """By generation, in how many of its genes a network of the population differs from another, on average, in %.

    A gene that only one of two has counts as a difference.
    """
    means = []
    for generation in search["generations"]:
        genes = [space.active_genes(space.parse(text)) for text in generation["population"]]
        shares = [
            sum(one.get(name) != other.get(name) for name in one | other) / len(one | other)
            for one, other in itertools.combinations(genes, 2)
        ]
        means.append(100 * sum(shares) / len(shares) if shares else 0.0)
    return means


def _running_best(values: list[float], weight: float) -> Iterator[float]:
    best = values[0]
    for value in values:
        best = max(best, value) if weight > 0 else min(best, value)
        yield best


def _volumes(search: dict[str, Any], rows: Values) -> list[float]:
    """Hypervolume of all within the limits so far after each generation, as a share of the last.

    The reference point is the worst value of each objective among them.
    """
    weights = search["weights"]
    reference = worst_corner(list(rows.values()), weights)
    seen: set[str] = set()
    volumes = []
    for generation in search["generations"]:
        seen.update(generation["proposed"])
        volumes.append(hypervolume([rows[g] for g in sorted(seen) if g in rows], weights, reference))
    return [volume / volumes[-1] for volume in volumes] if volumes[-1] else volumes


def _text(record: RunRecord, search: dict[str, Any]) -> str:
    seconds = search["seconds"]
    repeats = search["proposed"] - search["evaluations"]
    failed = f" {count(search['failed'])} evaluations failed." if search["failed"] else ""
    floor = search["noise_floor_ms"]
    noise = (
        f" Latency differences under {1000 * floor:.1f} µs are noise on this machine, even of networks timed "
        "together, and count as ties."
        if floor
        else ""
    )
    noise += _speeds(search.get("latency_scales"))  # older searches lack it
    return (
        f"{_pictures(record)} {count(search['proposed'])} genomes were proposed in "
        f"{plural(len(search['generations']), 'round')}; {count(search['evaluations'])} were distinct and paid for, "
        f"{count(repeats)} had been evaluated before. Scoring took {duration(seconds['scoring'])}, timing "
        f"{duration(seconds['timing'])} of {duration(seconds['total'])}.{failed}{noise}"
    )


def _speeds(scales: Sequence[float] | None) -> str:
    """How far the machine's speed moved between blocks, which was taken off."""
    if scales is None or scales[0] == scales[1]:
        return ""
    slowest, fastest = 1 / scales[0], 1 / scales[1]
    return (
        " The machine's speed moved between blocks of networks: three anchors, timed with each, took from "
        f"{fastest:.2f} to {slowest:.2f} times what they took in the first, to which times are scaled."
    )


def _pictures(record: RunRecord) -> str:
    """What val-A and val-B are, which the rest of the page speaks of."""
    counts = record.facts["dataset"]["counts"]
    return (
        f"Networks are scored on val-A, {count(counts['val_search'])} pictures kept apart from training "
        f"(`val_search`); val-B, {count(counts['val_choice'])} others (`val_choice`), is for choosing finalists."
    )
