"""The page of an ablation: which setting trains a supernet that ranks better in the same time, or that none does."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy import stats

from suite.ablation.checkpoint_choice import HANDFUL
from suite.ablation.run import PHASE
from suite.ablation.summary import CellSummary, Summary, summarise
from suite.ablation.worker import OTHERS
from suite.escaping import code, escaped, one_line
from suite.report.publish import folder_name, write_index
from suite.report.style import CYCLE, GREY, STYLE, Figures, table
from suite.run_directory import RunDirectory, write_atomically
from suite.wording import count, percent

_SURE = 0.1  # two-sided error of calling two cells different


def write_ablation_page(run: RunDirectory) -> Path:
    """Write report/report.md and its figures from results/ablation.json; returns the page's path."""
    result = run.read_result(PHASE) or {}
    summary, folder = summarise(result), run.path / "report"
    shutil.rmtree(folder / "figures", ignore_errors=True)
    with matplotlib.rc_context(STYLE):
        curves = _curves(summary, Figures(folder / "figures"))
    parts = [
        f"# Ablation: {escaped(result['name'])}",
        _conclusion(summary),
        curves,
        _cells(summary),
        "## What each cell overrides\n\n" + _overrides(summary),
        "## How it was measured\n\n" + _method(result),
    ]
    page = folder / "report.md"
    write_atomically(page, ("\n\n".join(parts) + "\n").encode())
    return page


def publish_ablation(run: RunDirectory, reports: Path) -> Path:
    """Copy the page, its figures and the result to reports/ablation-<name>/; returns the copy's page.

    Raises:
        RunDirectoryError: the result gives the ablation a name that is no folder's.
    """
    result = run.read_result(PHASE) or {}
    target = reports / folder_name("ablation-" + result["name"], run)
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(run.path / "report", target)
    shutil.copyfile(run.path / "results" / f"{PHASE}.json", target / f"{PHASE}.json")
    write_index(reports)
    return target / "report.md"


def _conclusion(summary: Summary) -> str:
    """The best cell against the first, in plain words, and what is left to the ceiling."""
    first, *others = summary.cells
    best = max(summary.cells, key=lambda cell: _last(cell).mean())
    minutes = best.marks[-1].minutes.mean()
    lines = [
        f"After {minutes:.3g} minutes of training, **{escaped(best.name)}** ranks best: Kendall tau "
        f"{_spread(_last(best))} by {best.score} against the mean of the truth's trainings"
        + (f", where {escaped(first.name)} reaches {_spread(_last(first))}." if best is not first else ".")
    ]
    if others:
        lines.append(_against_first(first, others))
    if summary.perfect is not None and summary.between_trainings is not None:
        one = best.marks[-1].tau_one[best.score]
        lines.append(
            f"A perfect ranking would reach {summary.perfect.against_mean.value:.2f} there. Against one training the "
            f"best cell reaches {_spread(one)}; two trainings of each network agree at "
            f"{summary.between_trainings:.2f}."
        )
    return "\n\n".join(lines)


def _against_first(first: CellSummary, others: list[CellSummary]) -> str:
    """Which cells differ from the first beyond what seeds explain; those of as many seeds are tested."""
    tested = [cell for cell in others if len(_last(cell)) == len(_last(first)) > 1]
    if not tested:
        return "One seed each: differences between cells may be chance."
    surely: dict[str, list[str]] = {"better": [], "worse": []}
    for cell in tested:
        test = stats.ttest_rel(_last(cell), _last(first))
        if test.pvalue < _SURE / len(tested):
            surely["better" if test.statistic > 0 else "worse"].append(escaped(cell.name))
    words = [f"{', '.join(names)}: surely {what}" for what, names in surely.items() if names]
    return (
        f"Against {escaped(first.name)}, paired by seed (t-test, {100 * _SURE:.0f} % error over all cells of "
        f"{len(_last(first))} seeds): " + ("; ".join(words) if words else "no cell surely differs") + "."
    )


def _curves(summary: Summary, figures: Figures) -> str:
    """Tau over minutes, by each score; a thin line a seed, a thick one their mean."""
    figure, axes = figures.axes(2, width=13, height=5.6, share_y=True)
    for axis, score in zip(axes, ("loss", "accuracy"), strict=True):
        for place, cell in enumerate(summary.cells):
            _curve(axis, cell, score, CYCLE[place % len(CYCLE)], dashed=place >= len(CYCLE))
        if summary.perfect is not None:
            axis.axhline(summary.perfect.against_mean.value, color=GREY, linestyle="--")
            axis.annotate(
                "a perfect ranking",
                (0.02, summary.perfect.against_mean.value),
                xycoords=("axes fraction", "data"),
                va="bottom",
                color=GREY,
            )
        axis.set(title=f"ranked by {score} on val-A", xlabel="minutes of training")
    axes[0].set_ylabel("Kendall tau-b with the truth")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figures.save(figure, "tau", "Kendall tau of each cell's supernets over minutes of training")


def _curve(axis: Axes, cell: CellSummary, score: str, colour: str, *, dashed: bool) -> None:
    minutes = np.array([mark.minutes for mark in cell.marks])  # (marks, seeds)
    taus = np.array([mark.tau[score] for mark in cell.marks])
    style = "--" if dashed else "-"
    axis.plot(minutes, taus, color=colour, linewidth=0.8, alpha=0.5, linestyle=style)
    axis.plot(
        minutes.mean(1), taus.mean(1), color=colour, marker="o", linestyle=style, label=one_line(cell.name)
    )


def _cells(summary: Summary) -> str:
    """A row a cell, after the last mark."""
    header = [
        "Cell",
        "Seeds",
        "Tau by loss",
        "Tau by accuracy",
        "Within depth",
        "Against one",
        "Minutes",
        "Steps",
        "Extracted, mean",
        "Extracted, best",
        f"Chosen by {HANDFUL}",
    ]
    rows = [
        [
            escaped(cell.name),
            count(len(cell.best)),
            _spread(cell.marks[-1].tau["loss"]),
            _spread(cell.marks[-1].tau["accuracy"]),
            _spread(cell.marks[-1].within_depth[cell.score]),
            _spread(cell.marks[-1].tau_one[cell.score]),
            f"{cell.marks[-1].minutes.mean():.1f}",
            count(cell.marks[-1].steps.mean()),
            percent(cell.marks[-1].extracted.mean()),
            percent(cell.best.mean()),
            _spread(cell.kept, sign="+"),
        ]
        for cell in summary.cells
    ]
    explained = (
        "Tau: against the mean of the truth's trainings, mean over supernets ± standard deviation. Within depth "
        "and against one: against one training, by the cell's better score. Extracted: accuracy with the supernet's "
        f"weights and no fine-tuning; the mean of the truth's networks on val-A, and the best of {OTHERS} drawn ones "
        f"(by val-A loss) on val-B. Chosen by {HANDFUL}: what it adds to tau, on the other networks, to keep the "
        f"mark and the score that rank {HANDFUL} trained networks best, instead of the last mark's loss."
    )
    return f"{table(header, rows)}\n\n{explained}"


def _overrides(summary: Summary) -> str:
    rows = [[escaped(cell.name), ", ".join(map(code, cell.overrides)) or "nothing"] for cell in summary.cells]
    return table(["Cell", "Overrides"], rows, left=2)


def _method(result: dict[str, Any]) -> str:
    device = result["device"]
    seeds = sorted({seed["seed"] for cell in result["cells"] for seed in cell["seeds"]})
    return (
        f"Truth: {len(result['networks'])} networks drawn evenly within each depth, trained by themselves from "
        f"{len(result['truth_seeds'])} seeds (table {code(result['truth'])} in benchmarks/truth). Each supernet "
        f"was trained on one thread of {escaped(device['name'])} (torch {escaped(device['torch'])}), one process a "
        f"core, seeds {', '.join(map(escaped, seeds))}; its clock stands still while it is read. Made by "
        + code("suite ablate studies/ablations/" + result["name"] + ".toml")
        + "."
    )


def _last(cell: CellSummary) -> NDArray[np.float64]:
    """(seeds,) tau by the cell's better score after the last mark."""
    return cell.marks[-1].tau[cell.score]


def _spread(values: NDArray[np.float64], *, sign: str = "") -> str:
    """Mean ± standard deviation."""
    if len(values) < 2:
        return f"{values.mean():{sign}.2f}"
    return f"{values.mean():{sign}.2f} ± {values.std(ddof=1):.2f}"
