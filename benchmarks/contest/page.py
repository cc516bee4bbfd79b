"""The page of a contest: the answer first, then curves and tables by task, then how it was held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter
from scipy import stats

from benchmarks.contest.contestants import ABLATIONS, CONTESTANTS, OURS, PARTS, RIVALS
from benchmarks.contest.harness import PROPOSALS
from benchmarks.contest.judge import Judge, Topic
from benchmarks.contest.standings import SURE, Difference, Standing, differences, within
from benchmarks.remark import remarked
from suite.report.style import CYCLE, GREY, STYLE, Figures, log_ticks, table
from suite.run_directory import write_atomically
from suite.wording import count

_FIRST_SHOWN = 10  # evaluations: before, nothing but chance has decided


@dataclass(frozen=True)
class Contest:
    """What is to be told."""

    judge: Judge[Any]
    seeds: int
    budget: int
    machines: Sequence[str]
    older: float  # share of the entries that other code of the methods made
    command: str
    record: Path  # journal of the first seed's trials
    standings: Mapping[str, Sequence[Standing]]  # by task


@dataclass(frozen=True)
class _Told:
    """One task's outcome: rivals and our evolution's own parts, each set beside the whole of it."""

    name: str
    topic: Topic
    rivals: list[Standing]
    rivals_differ: list[Difference]
    ablations: list[Standing]
    ablations_differ: list[Difference]


def write_page(contest: Contest, folder: Path) -> Path:
    """Write report.md and its figures; returns the page's path."""
    figures = Figures(folder / "figures")
    told = [_told(name, topic, contest.standings[name]) for name, topic in contest.judge.topics.items()]
    with matplotlib.rc_context(STYLE):
        parts = [
            f"# {contest.judge.heading}",
            _ours(),
            _conclusion(told),
            *remarked(folder),
            *(_task(contest, of_task, figures) for of_task in told),
            "## What each part of our evolution adds\n\n" + _ablation(contest, told),
            "## Who competes\n\n" + _contestants(),
            "## How it was held\n\n" + _method(contest),
        ]
    figures.remove_others()
    page = folder / "report.md"
    write_atomically(page, ("\n\n".join(parts) + "\n").encode())
    return page


def _told(name: str, topic: Topic, standings: Sequence[Standing]) -> _Told:
    rivals, ablations = (
        [standing for standing in standings if standing.contestant in (OURS, *others)]
        for others in (RIVALS, ABLATIONS)
    )
    return _Told(name, topic, rivals, differences(rivals), ablations, differences(ablations))


def _ours() -> str:
    """Which of our settings is meant: it is not the one that comes with the suite."""
    settings = ", ".join(f"`{name} = {value}`" for name, value in PARTS.items())
    return (
        f"Our evolution is here the one with {settings}. The study files keep the larger numbers of the experiment "
        "they belong to: *evolution, as in the studies*, among the rivals."
    )


def _conclusion(told: Sequence[_Told]) -> str:
    lines = []
    for of_task in told:
        better = [d for d in of_task.rivals_differ if d.verdict == "better"]
        worse = {d.rival for d in of_task.rivals_differ if d.verdict == "worse"}
        who = (
            "; ".join(f"{d.rival} after {count(d.budget)} evaluations" for d in better)
            or f"no rival, at any of the {len({d.budget for d in of_task.rivals_differ})} budgets of the table"
        )
        lines.append(
            f"- **{of_task.topic.title}.** Better than our evolution: {who}{_nearest(of_task)}. Worse at one budget "
            f"at least: {', '.join(sorted(worse)) or 'none'}."
        )
    return "\n".join(lines)


def _nearest(told: _Told) -> str:
    """Who comes nearest to being surely better, as what is not sure need not be nothing."""
    ahead = [d for d in told.rivals_differ if d.median < 0 and d.verdict == "no different"]
    if not ahead:
        return ""
    nearest = min(ahead, key=lambda d: (d.p_alone, d.p))
    return (
        f" (nearest to it: {nearest.rival} after {count(nearest.budget)}, p = {nearest.p_alone:.2g} by itself and "
        f"{nearest.p:.2g} corrected)"
    )


def _task(contest: Contest, told: _Told, figures: Figures) -> str:
    topic = told.topic
    figure, (axes,) = figures.axes(width=11, height=6.2)
    for place, standing in enumerate(told.rivals):
        _curve(axes, standing, topic.scale, CYCLE[place % len(CYCLE)], dashed=place >= len(CYCLE))
    if topic.floors:
        axes.axhline(float(np.mean(topic.floors)), color=GREY, linestyle=":", label="who knows all")
    axes.set(xlabel="evaluations", ylabel=topic.unit, xscale="log")
    log_ticks(axes.xaxis)
    least = topic.scale * min(standing.lacks.mean(axis=0).min() for standing in told.rivals)
    if least > 0:
        axes.set_yscale("log")  # who is ahead late, when little is lacking, would not be seen
        axes.set_ylim(bottom=least / 3)  # of a band may be left what no axis can hold
        high = axes.get_ylim()[1]
        axes.yaxis.set_major_locator(LogLocator(subs=(1,) if high > 1000 * least else (1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)
    axes.legend(loc="best", fontsize=12)
    alt = f"{topic.unit} of each method over evaluations, mean over {contest.seeds} seeds with 95 % bands"
    parts = [
        f"## {topic.title}",
        figures.save(figure, told.name, alt),
        _medians(topic, told.rivals, told.rivals_differ),
    ]
    if topic.near is not None:
        parts.append(_speed(topic, topic.near, told.rivals))
    if topic.budget(contest.budget) < contest.budget:
        parts.append(topic.why_most)
    if topic.note:
        parts.append(topic.note)
    return "\n\n".join(parts)


def _curve(axes: Axes, standing: Standing, scale: float, colour: str, *, dashed: bool) -> None:
    lacks = scale * standing.lacks[:, _FIRST_SHOWN - 1 :]
    evaluations = np.arange(_FIRST_SHOWN, standing.lacks.shape[1] + 1)
    mean = lacks.mean(axis=0)
    axes.plot(evaluations, mean, color=colour, linestyle="--" if dashed else "-", label=standing.contestant)
    if (seeds := len(lacks)) > 1:
        band = stats.t.ppf(0.975, seeds - 1) * lacks.std(axis=0, ddof=1) / np.sqrt(seeds)
        axes.fill_between(evaluations, mean - band, mean + band, color=colour, alpha=0.12, linewidth=0)
    axes.set_xlim(_FIRST_SHOWN, standing.lacks.shape[1])


def _medians(topic: Topic, standings: Sequence[Standing], against: Sequence[Difference]) -> str:
    seeds, most = standings[0].lacks.shape
    budgets, floors = within(most), np.resize(topic.floors or 0.0, seeds)
    marks = {(d.rival, d.budget): {"better": " ▲", "worse": " ▼"}.get(d.verdict, "") for d in against}
    rows = [
        [
            f"**{standing.contestant}**" if standing.contestant == OURS else standing.contestant,
            *(
                f"{np.median(topic.scale * standing.lacks[:, b - 1] - floors):.3f}"
                f"{marks.get((standing.contestant, b), '')}"
                for b in budgets
            ),
            count(np.median(standing.used)),
            count(np.median(standing.proposed)),
            f"{standing.milliseconds:.2f}",
        ]
        for standing in standings
    ]
    lacking = f"Median {topic.unit}{' beyond the floor' if topic.floors else ''} after"
    return (
        table([lacking, *map(count, budgets), "evaluations used", "proposals", "ms a proposal"], rows)
        + "\n\n▲ better, ▼ worse than our evolution: Wilcoxon's signed-rank test paired by seed, error "
        f"{SURE:.0%} over all comparisons of this table (Holm)."
    )


def _speed(topic: Topic, near: float, standings: Sequence[Standing]) -> str:
    rows = []
    for standing in standings:
        needed = standing.evaluations_to(near / topic.scale)
        reached = np.isfinite(needed)
        rows.append(
            [
                standing.contestant,
                count(np.median(needed)) if reached.mean() > 0.5 else "not reached",
                f"{reached.sum()} of {len(reached)}",
            ]
        )
    header = ["Method", f"Evaluations to a {topic.unit} of {near}, median", "Seeds that came so far"]
    return table(header, rows)


def _ablation(contest: Contest, told: Sequence[_Told]) -> str:
    parts = [
        f"Our evolution ({OURS}) has a small first population, drawn evenly over strata, few offspring at a time, "
        "and a surrogate that pre-selects from them and their parents' neighbours. Each row leaves one of these out "
        "or has larger numbers; small pool has nothing but the strata."
    ]
    for of_task in (of_task for of_task in told if of_task.topic.ablated):
        missed = sorted({d.rival for d in of_task.ablations_differ if d.verdict == "worse"})
        better = sorted({d.rival for d in of_task.ablations_differ if d.verdict == "better"})
        parts += [
            f"### {of_task.topic.title}",
            _medians(of_task.topic, of_task.ablations, of_task.ablations_differ),
            f"Worse for it at one budget at least: {', '.join(missed) or 'none'}. "
            f"Better for it: {', '.join(better) or 'none'}.",
        ]
    return "\n\n".join(parts)


def _contestants() -> str:
    rows = [[name, CONTESTANTS[name].settings] for name in (OURS, *RIVALS, *ABLATIONS)]
    return (
        f"{table(['Method', 'Settings'], rows, left=2)}\n\n"
        "Rivals were not tuned: they have the settings that they come with, or that the papers they are from have, "
        "and those whose first population is large have a small one as well. Until it is full, nothing is bred."
    )


def _method(contest: Contest) -> str:
    return (
        f"{contest.judge.method} Every method may have {count(contest.budget)} different networks evaluated where "
        f"nothing else is said, repeats being free, up to {PROPOSALS} proposals for each evaluation, and is run from "
        f"{contest.seeds} seeds. One that proposes nothing new any more ends before (the median of what it used is "
        "in the tables), and what it had then stands for what is left of the budget. Milliseconds are those of a "
        "core that the method needs itself, in the mean over all its proposals, of which some make many more than "
        "others. As repeats are free here, that our evolution pays for nothing twice adds nothing to what it is "
        "measured by. Methods have the same settings on every judge.\n\n"
        f"{_older(contest)}Made by `{contest.command}` on {'; '.join(contest.machines)}. "
        "The first seed's trials of every method can be browsed then: "
        f"`optuna-dashboard {contest.record.as_posix()}`."
    )


def _older(contest: Contest) -> str:
    """What is kept from before is not made again, whatever has changed since."""
    if contest.older == 0:
        return ""
    return (
        f"{contest.older:.0%} of the entries are kept from before the last change to the methods' or the contest's "
        f"code, which need not concern them; without `{contest.record.parent.as_posix()}` all are made anew. "
    )
