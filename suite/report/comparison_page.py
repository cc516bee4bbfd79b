"""The page of a comparison: finished runs side by side, what differs between them, and what is surely different."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib

from suite.comparison import (
    Comparison,
    FinishedRun,
    Group,
    Verdict,
    differences,
    paired_tests,
)
from suite.errors import RunDirectoryError
from suite.escaping import code, escaped
from suite.report.comparison_figures import draw_accuracies, draw_fronts, draw_searches
from suite.report.publish import folder_name, write_index
from suite.report.style import STYLE, Figures, table
from suite.results import PHASES
from suite.run_directory import RunDirectory, write_atomically
from suite.run_set import RunSet
from suite.wording import count, duration, in_short, percent, plural

_HEADING = "# Comparison: "
_SURE = 0.05  # two-sided error of calling any pair different


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write report.md and its figures into a folder; returns the page's path.

    Raises:
        RunDirectoryError: the folder cannot be written.
    """
    page, figures = folder / "report.md", Figures(folder / "figures")
    verdicts, untested = paired_tests(comparison)
    with matplotlib.rc_context(STYLE):
        accuracies = draw_accuracies(comparison, figures)
        searches, fronts = draw_searches(comparison, figures), draw_fronts(comparison, figures)
    sections = {
        "The winners": f"{accuracies}\n\n{_winners(comparison)}",
        "Over seeds": _over_seeds(comparison),
        "What differs": _differing(comparison),
        "Surely different?": _tests(verdicts, untested),
        "The searches": _searches(searches, fronts),
        "What it cost": _cost(comparison),
    }
    parts = [_HEADING + "; ".join(escaped(_titled(group)) for group in comparison.groups)]
    parts += [_answer(comparison, verdicts), *_notes(comparison)]
    parts += [f"## {title}\n\n{body}" for title, body in sections.items() if body]
    try:
        write_atomically(page, ("\n\n".join(parts) + "\n").encode())
    except OSError as error:
        raise RunDirectoryError(f"cannot be written: {error.strerror}.", where=str(page)) from None
    figures.remove_others()
    return page


def publish_comparison(run_set: RunSet, reports: Path) -> Path:
    """Copy a set's page and figures to reports/<study>/comparison-<set>/; returns the copy's page.

    Raises:
        RunDirectoryError: the set's file gives its study a name that is no folder's.
    """
    where = RunDirectory(run_set.path)
    target = reports / folder_name(run_set.study, where) / f"comparison-{run_set.path.name}"
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(run_set.path / "report", target)
    write_index(reports)
    return target / "report.md"


def check_holds_nothing_else(folder: Path) -> None:
    """Only a comparison is written over: others have figures in a folder of that name too, and pages called report.

    Raises:
        RunDirectoryError: something else is there.
    """
    page = folder / "report.md"
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        if taken and not (page.is_file() and page.read_bytes().startswith(_HEADING.encode())):
            raise RunDirectoryError(
                "holds something other than a comparison.",
                where=str(folder),
                remedy="Give another folder by --out.",
            )
    except OSError as error:
        raise RunDirectoryError(f"cannot be used: {error.strerror}.", where=str(folder)) from None


def _titled(group: Group) -> str:
    return group.name if len(group.runs) == 1 else f"{group.name}, {_repeats(group)}"


def _repeats(group: Group) -> str:
    """Over how many seeds a mean is, or that it is over repeats, which need not differ."""
    seeds, runs = len({run.study.seed for run in group.runs}), len(group.runs)
    return plural(seeds, "seed") if seeds == runs else f"{plural(runs, 'run')} of {plural(seeds, 'seed')}"


def _answer(comparison: Comparison, verdicts: list[Verdict]) -> str:
    """The accuracies, and whether they differ for sure, in plain words."""
    groups = sorted(comparison.groups, key=lambda group: -group.spread(_accuracy).mean)
    reached = [f"{escaped(group.name)} {_accuracies(group)}" for group in groups]
    lines = [f"Test accuracy of the winners: {'; '.join(reached)}."]
    different = [verdict for verdict in verdicts if verdict.corrected < _SURE]
    if not verdicts:
        lines.append("No two winners could be tested against each other; why is said below.")
    elif not different:
        pairs = plural(len(verdicts), "tested pair")
        lines.append(f"Of {pairs} of winners, none surely differs: the order may be chance.")
    else:
        lines.append(
            f"{count(len(different))} of {plural(len(verdicts), 'tested pair')} of winners surely differ."
        )
    if len(groups) == 1:
        lines.append(
            "What to expect of this study is the mean: the best of its seeds, picked by the test, promises too much."
        )
    return " ".join(lines)


def _accuracies(group: Group) -> str:
    spread = group.spread(_accuracy)
    if len(group.runs) == 1:
        low, high = group.runs[0].interval
        return f"**{percent(spread.mean)}** (95 % interval {percent(low)} to {percent(high)})"
    return f"**{100 * spread.mean:.2f} ± {percent(spread.deviation)}** over {_repeats(group)}"


def _notes(comparison: Comparison) -> list[str]:
    """What there is to say about the pictures, once."""
    notes = {note: None for _, run in comparison.labelled() for note in run.facts["dataset"]["notes"]}
    return [f"> {escaped(note)}" for note in notes]


def _winners(comparison: Comparison) -> str:
    header = [
        "Run",
        "Winner",
        "Seed",
        "Test accuracy",
        "95 % interval",
        "Pictures",
        "Parameters",
        "MACs",
        "Latency (ms)",
    ]
    rows = [
        [
            escaped(label),
            code(run.results["winner"]["genome"]),
            str(run.study.seed),
            percent(run.accuracy),
            "{} to {}".format(*map(percent, run.interval)),
            count(run.pictures),
            count(run.results["winner"]["params"]),
            in_short(run.results["winner"]["macs"]),
            f"{run.latency_ms:.3f}",
        ]
        for label, run in comparison.labelled()
    ]
    return table(header, rows, left=2)


def _over_seeds(comparison: Comparison) -> str | None:
    """A row a study and quantity: mean, deviation and range over its runs; None where each has one."""
    quantities = {
        "test accuracy": (_accuracy, percent),
        "parameters": (lambda run: float(run.results["winner"]["params"]), count),
        "MACs": (lambda run: float(run.results["winner"]["macs"]), in_short),
        "latency": (lambda run: run.latency_ms, lambda value: f"{value:.3f} ms"),
        "time, all phases": (lambda run: run.seconds["total"], duration),
    }
    rows = []
    for group in comparison.groups:
        if len(group.runs) > 1:
            for name, (value, written) in quantities.items():
                spread = group.spread(value)
                cells = (spread.mean, spread.deviation, spread.least, spread.most)
                rows.append([escaped(group.name), name, _repeats(group), *map(written, cells)])
    header = ["Study", "Of the winner", "Over", "Mean", "Deviation", "Least", "Most"]
    return table(header, rows, left=2) if rows else None


def _differing(comparison: Comparison) -> str:
    rows = [[code(key), *map(code, values)] for key, values in differences(comparison)]
    if not rows:
        return "Nothing but the seed: study, pictures, machine and versions are the same."
    header = ["Key", *(escaped(group.name) for group in comparison.groups)]
    return "Seeds aside; several values of one study are those of its runs.\n\n" + table(
        header, rows, left=len(header)
    )


def _tests(verdicts: list[Verdict], untested: list[str]) -> str:
    reasons = [f"Not tested: {'; '.join(map(escaped, untested))}."] if untested else []
    if not verdicts:
        return "\n\n".join(reasons)
    header = [
        "Winner of",
        "Against",
        "Difference",
        "Only first right",
        "Only second",
        "p",
        "p (Holm)",
        "Surely",
    ]
    rows = [
        [
            escaped(verdict.first),
            escaped(verdict.second),
            f"{100 * verdict.difference:+.2f} points",
            count(verdict.test.only_first),
            count(verdict.test.only_second),
            f"{verdict.test.p_value:.3g}",
            f"{verdict.corrected:.3g}",
            "different" if verdict.corrected < _SURE else "",
        ]
        for verdict in verdicts
    ]
    explained = (
        "The same test pictures, classed by two winners: only those count that one has right and the other has wrong "
        f"(exact test of McNemar, two-sided; Holm's correction over {plural(len(verdicts), 'pair')}; sure is under "
        f"{100 * _SURE:.0f} %). It compares the networks that these seeds gave, not what other seeds would give."
    )
    return "\n\n".join([table(header, rows, left=2), explained, *reasons])


def _searches(searches: str, fronts: str | None) -> str:
    explained = (
        "On one objective, the best value so far; on several, the hypervolume from the worst value of each, as a "
        "share of what these searches found together. Losses and accuracies are each run's own supernet's, on val-A, "
        "so a better supernet lifts a curve as a better search does, and latencies are as each run measured "
        "them. Runs on other pictures or objectives have axes of their own."
    )
    return "\n\n".join(part for part in (searches, explained, fronts) if part)


def _cost(comparison: Comparison) -> str:
    header = ["Run", "Directory", "Evaluations", *(phase.capitalize() for phase in PHASES), "All phases"]
    rows = [
        [
            escaped(label),
            code(f"{run.study.name}/{run.run_id}"),
            count(run.results["search"]["evaluations"]),
            *(duration(run.seconds[phase]) for phase in (*PHASES, "total")),
        ]
        for label, run in comparison.labelled()
    ]
    machines = dict.fromkeys(run.facts["device"]["name"] for _, run in comparison.labelled())
    where = f"Measured on {escaped('; '.join(machines))}."
    if len(machines) > 1:
        where += " Times and latencies of different machines are not comparable."
    return f"{table(header, rows, left=2)}\n\n{where}"


def _accuracy(run: FinishedRun) -> float:
    return run.accuracy
