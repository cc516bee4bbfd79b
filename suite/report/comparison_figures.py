"""The figures of a comparison: tested accuracies with their intervals, searches over their cost, fronts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from suite.choice import feasible_values
from suite.comparison import Comparison, FinishedRun
from suite.escaping import one_line
from suite.pareto import hypervolume, worst_corner
from suite.report.sections.pareto import LABELS
from suite.report.style import CYCLE, Figures, log_ticks
from suite.results import seconds_before_generations
from suite.run_directory import searched_on
from suite.wording import percent


@dataclass(frozen=True)
class Drawn:
    """A run in the figures: its colour is its group's."""

    run: FinishedRun
    group: str
    colour: str

    @property
    def judged_alike(self) -> tuple[Any, ...]:
        """Values of two runs with the same are on one scale: val-A, objectives, and how and where they are timed."""
        data, latency, objectives = self.run.study.data, self.run.study.latency, self.run.search["objectives"]
        timed = (latency.batch, latency.threads, searched_on(self.run.search, self.run.facts))
        return (
            self.run.facts["dataset"]["sha256"],
            data.split_seed,
            data.val_search,
            *objectives,
            *(timed if "latency" in self.run.study.search.objectives else ()),
        )


@dataclass(frozen=True)
class Curve:
    """How far a search was after each generation."""

    evaluations: list[int]
    seconds: list[float]  # the supernet's training is part of the price
    values: list[float]


def draw_accuracies(comparison: Comparison, figures: Figures) -> str:
    """A line a run: the winner's test accuracy with its 95 % interval."""
    labelled = list(comparison.labelled())
    figure, (axes,) = figures.axes(height=0.5 * len(labelled) + 1.4)
    for place, ((_, run), drawn) in enumerate(zip(labelled, _drawn(comparison), strict=True)):
        low, high = (100 * end for end in run.interval)
        axes.plot([low, high], [place, place], color=drawn.colour, alpha=0.6)
        axes.plot([100 * run.accuracy], [place], "o", color=drawn.colour, markersize=9)
    axes.set_yticks(range(len(labelled)), [one_line(label) for label, _ in labelled])
    axes.set(ylim=(len(labelled) - 0.4, -0.6), xlabel="test accuracy (%), with its 95 % interval")
    said = "; ".join(f"{label} {percent(run.accuracy)}" for label, run in labelled)
    return figures.save(figure, "accuracy", f"Test accuracies of the winners: {said}.")


def draw_searches(comparison: Comparison, figures: Figures) -> str:
    """Every search over its evaluations and over its seconds; a row of axes for runs that are judged alike."""
    alike = _judged_alike(comparison)
    figure, rows = figures.grid([1, 1], len(alike), width=13, height=5.2 * len(alike))
    for axes, drawn in zip(rows, alike, strict=True):
        for one, curve in zip(drawn, _curves(drawn), strict=True):
            axes[0].step(curve.evaluations, curve.values, where="post", color=one.colour, alpha=0.8)
            axes[1].step(curve.seconds, curve.values, where="post", color=one.colour, alpha=0.8)
        axes[0].set(xlabel="networks evaluated", ylabel=_quantity(drawn[0].run))
        axes[1].set(xlabel="seconds, the supernet's training included")
        _legend(axes[0], drawn)
    names = ", ".join(group.name for group in comparison.groups)
    return figures.save(figure, "search", f"How far each search was by evaluations and by seconds: {names}.")


def draw_fronts(comparison: Comparison, figures: Figures) -> str | None:
    """The fronts that the searches found; axes for runs that are judged alike. None if all had one objective."""
    alike = [drawn for drawn in _judged_alike(comparison) if len(drawn[0].run.search["objectives"]) > 1]
    if not alike:
        return None
    figure, row = figures.axes(len(alike), width=9 if len(alike) == 1 else 6.5 * len(alike))
    for axes, drawn in zip(row, alike, strict=True):
        quality, price = drawn[0].run.search["objectives"][:2]
        for one in drawn:
            front = sorted(one.run.search["front"], key=lambda network: network["values"][1])
            ys, xs = ([network["values"][i] for network in front] for i in range(2))
            axes.plot(xs, ys, "o-", color=one.colour, alpha=0.7, markersize=5)
        scale = "linear" if price == "latency_ms" else "log"
        axes.set(xlabel=LABELS[price], ylabel=LABELS[quality], xscale=scale)
        if scale == "log":
            log_ticks(axes.xaxis)
        _legend(axes, drawn)
    sizes = ", ".join(str(len(one.run.search["front"])) for drawn in alike for one in drawn)
    return figures.save(figure, "fronts", f"The fronts that the searches found, of {sizes} networks.")


def _drawn(comparison: Comparison) -> list[Drawn]:
    return [
        Drawn(run, group.name, CYCLE[place % len(CYCLE)])
        for place, group in enumerate(comparison.groups)
        for run in group.runs
    ]


def _judged_alike(comparison: Comparison) -> list[list[Drawn]]:
    alike: dict[tuple[Any, ...], list[Drawn]] = {}
    for drawn in _drawn(comparison):
        alike.setdefault(drawn.judged_alike, []).append(drawn)
    return list(alike.values())


def _legend(axes: Axes, drawn: list[Drawn]) -> None:
    """A line a group: its runs have one colour."""
    colours = {one.group: one.colour for one in drawn}
    axes.legend([Line2D([], [], color=colour) for colour in colours.values()], [one_line(g) for g in colours])


def _quantity(run: FinishedRun) -> str:
    objectives = run.search["objectives"]
    return f"best {LABELS[objectives[0]]}" if len(objectives) == 1 else "hypervolume, share of all found"


def _curves(drawn: list[Drawn]) -> Iterator[Curve]:
    """Of runs that are judged alike.

    On one objective, the best value so far. On several, the hypervolume so far from the worst value of each
    objective among all these runs, as a share of what all of them found together.
    """
    weights = drawn[0].run.search["weights"]
    of_runs = [feasible_values(one.run.search) for one in drawn]
    everything = [values for of_run in of_runs for values in of_run.values()]
    worst = worst_corner(everything, weights)
    whole = hypervolume(everything, weights, worst) if len(weights) > 1 else 1.0

    def reached(found: list[tuple[float, ...]]) -> float:
        if len(weights) > 1:
            return hypervolume(found, weights, worst) / (whole or 1.0)
        best = max if weights[0] > 0 else min
        return best((values[0] for values in found), default=np.nan)

    for one, values in zip(drawn, of_runs, strict=True):
        seen: dict[str, None] = {}
        seconds = float(one.run.seconds["supernet"]) + seconds_before_generations(one.run.search)
        curve = Curve([], [], [])
        for generation in one.run.search["generations"]:
            seen |= dict.fromkeys(generation["proposed"])
            seconds += generation["seconds"]["total"]
            curve.evaluations.append(len(seen))
            curve.seconds.append(seconds)
            curve.values.append(reached([values[genome] for genome in seen if genome in values]))
        yield curve
