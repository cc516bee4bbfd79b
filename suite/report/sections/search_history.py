"""The search by evaluation and by generation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.ticker import MaxNLocator

from suite.choice import is_feasible
from suite.pareto import hypervolume
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, GREEN, PALE, VERMILION, Figures, count, duration


def section(record: RunRecord, figures: Figures) -> Section | None:
    """How the search went."""
    search = record.search
    if search is None:
        return None
    several = len(search["objectives"]) > 1
    figure, axes = figures.axes(2 if several else 1, width=13 if several else 9, height=4.6)
    metric, weight = search["objectives"][0], search["weights"][0]
    values = [row["values"][0] for row in search["evaluated"] if is_feasible(row)]
    best = list(_running_best(values, weight))
    axes[0].plot(range(1, len(values) + 1), values, ".", color=PALE, label="a network", markersize=5)
    axes[0].plot(range(1, len(best) + 1), best, color=BLUE, label="best so far")
    axes[0].axvline(
        record.study.search.random_pool + 0.5, color=VERMILION, linestyle=":", label="end of random pool"
    )
    axes[0].set(xlabel="networks evaluated", ylabel=f"{metric} on val-A")
    axes[0].legend()
    if several:
        volumes = _volumes(search)
        axes[1].plot(range(len(volumes)), volumes, "o-", color=GREEN)
        axes[1].set(xlabel="generation (0: random pool)", ylabel="share of final hypervolume")
        axes[1].xaxis.set_major_locator(MaxNLocator(integer=True))
    image = figures.save(
        figure,
        "search",
        f"Search history: {metric} of {len(values)} networks, from {best[0]:.4g} to {best[-1]:.4g} at best.",
    )
    return Section("How the search went", f"{image}\n\n{_text(record, search)}")


def _running_best(values: list[float], weight: float) -> Iterator[float]:
    best = values[0]
    for value in values:
        best = max(best, value) if weight > 0 else min(best, value)
        yield best


def _volumes(search: dict[str, Any]) -> list[float]:
    """Hypervolume of all within the limits so far after each generation, as a share of the last.

    The reference point is the worst value of each objective among them.
    """
    rows = {row["genome"]: tuple(row["values"]) for row in search["evaluated"] if is_feasible(row)}
    weights = search["weights"]
    reference = tuple(
        min(column) if weight > 0 else max(column)
        for column, weight in zip(zip(*rows.values(), strict=True), weights, strict=True)
    )
    seen: set[str] = set()
    volumes = []
    for generation in search["generations"]:
        seen.update(generation["proposed"])
        volumes.append(hypervolume([rows[g] for g in sorted(seen) if g in rows], weights, reference))
    return [volume / volumes[-1] for volume in volumes] if volumes[-1] else volumes


def _text(record: RunRecord, search: dict[str, Any]) -> str:
    seconds = search["seconds"]
    repeats = search["proposed"] - search["evaluations"]
    failed = f" {search['failed']} evaluations failed." if search["failed"] else ""
    floor = search["noise_floor_ms"]
    noise = (
        f" Latency differences under {1000 * floor:.1f} µs are noise on this machine and count as ties."
        if floor
        else ""
    )
    return (
        f"{count(search['proposed'])} genomes were proposed in {len(search['generations'])} rounds; "
        f"{count(search['evaluations'])} were distinct and paid for, {count(repeats)} had been evaluated before. "
        f"Scoring took {duration(seconds['scoring'])}, timing {duration(seconds['timing'])} of "
        f"{duration(seconds['total'])}.{failed}{noise}"
    )
