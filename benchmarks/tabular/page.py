"""The page of the contest: the answer first, then curves and tables by task, then how it was held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from benchmarks.tabular.contest import TASKS
from benchmarks.tabular.contestants import OURS
from benchmarks.tabular.standings import BUDGETS, NEAR, SURE, Difference, Standing, differences
from suite.report.style import CYCLE, STYLE, Figures, count, table
from suite.run_directory import write_atomically

_TITLES = {
    "search": "Search regret: fitness is the mean of all trainings",
    "deployment": "Deployment regret: fitness is one training",
    "front": "Two objectives: accuracy and FLOPs",
}
_UNITS = {"search": "regret (points)", "deployment": "regret (points)", "front": "hypervolume lacking (%)"}
_SCALE = {"search": 1.0, "deployment": 1.0, "front": 100.0}


@dataclass(frozen=True)
class Contest:
    """What is to be told."""

    table: str  # the file's name
    networks: int
    distinct: int
    floors: tuple[float, ...]  # deployment regret of the best by each training
    seeds: int
    budget: int
    device: str
    command: str
    standings: dict[str, list[Standing]]  # by task


def write_page(contest: Contest, folder: Path) -> Path:
    """Write report.md and its figures; returns the page's path."""
    figures = Figures(folder / "figures")
    against = {task: differences(contest.standings[task]) for task in TASKS}
    with matplotlib.rc_context(STYLE):
        parts = [
            f"# Search methods on {contest.table}",
            _conclusion(contest, against),
            *(_task(contest, task, against[task], figures) for task in TASKS),
            "## How it was held\n\n" + _method(contest),
        ]
    figures.remove_others()
    page = folder / "report.md"
    write_atomically(page, ("\n\n".join(parts) + "\n").encode())
    return page


def _conclusion(contest: Contest, against: dict[str, list[Difference]]) -> str:
    lines = []
    for task in TASKS:
        better = [d for d in against[task] if d.verdict == "better"]
        worse = {d.rival for d in against[task] if d.verdict == "worse"}
        who = (
            "; ".join(f"{d.rival} after {count(d.budget)} evaluations" for d in better)
            or "no rival at any budget"
        )
        lines.append(
            f"- **{_TITLES[task]}.** Better than our evolution: {who}. Worse at one budget at least: "
            f"{', '.join(sorted(worse)) or 'none'}."
        )
    return "\n".join(lines)


def _task(contest: Contest, task: str, against: Sequence[Difference], figures: Figures) -> str:
    of_task = contest.standings[task]
    figure, (axes,) = figures.axes(width=11, height=6.2)
    for place, standing in enumerate(of_task):
        _curve(axes, standing, _SCALE[task], CYCLE[place % len(CYCLE)], dashed=place >= len(CYCLE))
    axes.set(xlabel="evaluations", ylabel=_UNITS[task], xscale="log")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right", fontsize=12)
    alt = f"{_UNITS[task]} of each method over evaluations, mean over {contest.seeds} seeds with 95 % bands"
    parts = [
        f"## {_TITLES[task]}",
        figures.save(figure, task, alt),
        _medians(task, of_task, against, contest.budget),
    ]
    if task == "search":
        parts.append(_speed(of_task))
    if task == "deployment":
        floors = ", ".join(f"{floor:.3f}" for floor in contest.floors)
        parts.append(
            f"Who knew the whole table would choose by one training too: that loses {floors} points for the "
            "trainings in turn, and a method can lose less only by luck."
        )
    return "\n\n".join(parts)


def _curve(axes: Axes, standing: Standing, scale: float, colour: str, *, dashed: bool) -> None:
    lacks = scale * standing.lacks
    evaluations = np.arange(1, lacks.shape[1] + 1)
    mean = lacks.mean(axis=0)
    band = 1.96 * lacks.std(axis=0, ddof=1) / np.sqrt(len(lacks)) if len(lacks) > 1 else 0 * mean
    axes.plot(evaluations, mean, color=colour, linestyle="--" if dashed else "-", label=standing.contestant)
    axes.fill_between(evaluations, mean - band, mean + band, color=colour, alpha=0.12, linewidth=0)
    axes.set_xlim(10, lacks.shape[1])


def _medians(task: str, of_task: Sequence[Standing], against: Sequence[Difference], budget: int) -> str:
    budgets = [b for b in BUDGETS if b <= budget]
    marks = {(d.rival, d.budget): {"better": " ▲", "worse": " ▼"}.get(d.verdict, "") for d in against}
    rows = [
        [
            f"**{standing.contestant}**" if standing.contestant == OURS else standing.contestant,
            *(
                f"{_SCALE[task] * np.median(standing.lacks[:, b - 1]):.3f}{marks.get((standing.contestant, b), '')}"
                for b in budgets
            ),
        ]
        for standing in of_task
    ]
    return (
        table([f"Median {_UNITS[task]} after", *map(count, budgets)], rows)
        + "\n\n▲ better, ▼ worse than our evolution: Wilcoxon's signed-rank test paired by seed, error "
        f"{SURE:.0%} over all comparisons of this table (Holm)."
    )


def _speed(of_task: Sequence[Standing]) -> str:
    rows = []
    for standing in of_task:
        needed = standing.evaluations_to(NEAR)
        reached = np.isfinite(needed)
        rows.append(
            [
                standing.contestant,
                count(np.median(needed)) if reached.mean() > 0.5 else "not reached",
                f"{reached.sum()} of {len(reached)}",
                f"{standing.milliseconds:.2f}",
            ]
        )
    header = [
        "Method",
        f"Evaluations to within {NEAR} points, median",
        "Seeds that came so far",
        "ms a proposal",
    ]
    return table(header, rows)


def _method(contest: Contest) -> str:
    return (
        f"{contest.table} has {count(contest.networks)} networks, each really trained {len(contest.floors)} times; "
        f"{count(contest.distinct)} of them differ in what was measured. Every method has {count(contest.budget)} "
        f"evaluations of different networks, repeats being free, and is run from {contest.seeds} seeds. Regret is "
        "what the network chosen so far lacks of the best, on the mean of all trainings or, for deployment, of those "
        "that were not the fitness; trainings take turns as the fitness. Hypervolume is of accuracy and FLOPs of all "
        "evaluated, as a share of the whole table's. Milliseconds are the method's own time, a process a core.\n\n"
        f"Made by `{contest.command}` on {contest.device}."
    )
