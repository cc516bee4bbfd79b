"""Does the supernet rank networks as training each would: beside one more training, and beside no supernet."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from suite.escaping import escaped
from suite.fidelity.in_words import conclusion, lines, named, notes
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, CYCLE, GREY, SKY, VERMILION, Figures, table

_COLOURS = {"supernet": BLUE, "short training": SKY}  # all others are grey


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The supernet's ranking measured by trained networks."""
    result, score = record.fidelity, record.study.search.score
    if result is None:
        return None
    header, *rows = [list(map(escaped, line)) for line in lines(result)]
    texts = [
        f"**{escaped(conclusion(result, score))}**",
        table(header, rows),
        _dots(result, figures),
        _scatter(result, score, figures),
        *(escaped(note) for note in notes(result, score)),
    ]
    return Section("Does the supernet rank?", Markdown("\n\n".join(texts)))


def _dots(result: dict[str, Any], figures: Figures) -> str:
    """Every ranking's tau with its interval; against one training, and against the mean if there are several."""
    between, perfect, many = result["between_trainings"], result["perfect"], len(result["seeds"])
    panels: list[tuple[str, str, Any, str]] = [
        ("against_one", "tau against one training", between and between["tau"], "one more training")
    ]
    if between:
        ceiling = perfect and perfect["against_mean"]
        panels.append(("against_mean", f"tau against the mean of {many}", ceiling, "a perfect ranking"))
    height = 1.6 + 0.36 * len(result["rankings"])
    figure, axes = figures.axes(len(panels), width=5.5 + 4 * len(panels), height=height, share_y=True)
    for axis, (key, label, line, words) in zip(axes, panels, strict=True):
        _panel(axis, result["rankings"], key)
        axis.set_xlabel(label)
        if line:
            axis.axvline(line["value"], color=VERMILION, linestyle="--", zorder=1)
            axis.set_title(f"{words}: {line['value']:.2f}", color=VERMILION, fontsize=14)
    alt = "Kendall's tau of each ranking with its 90 % interval, and of one more training."
    image = figures.save(figure, "fidelity-taus", alt)
    if between and any(row["against_mean"] is None for row in result["rankings"]):
        return f"{image}\n\nShort trainings are held against another training alone: they are in the mean of all."
    return image


def _panel(axes: Axes, rankings: list[dict[str, Any]], key: str) -> None:
    axes.axvline(0, color=GREY, linewidth=1)
    for y, row in enumerate(rankings):
        tau = (row[key] or {"tau": None})["tau"]
        if tau is None:
            continue
        colour = _COLOURS.get(row["kind"], GREY)
        axes.plot(tau["value"], y, "o", color=colour, markersize=9)
        if tau["low"] is not None:
            axes.plot([tau["low"], tau["high"]], [y, y], color=colour)
    axes.set_yticks(range(len(rankings)), [named(row) for row in rankings])
    axes.set_ylim(len(rankings) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def _scatter(result: dict[str, Any], score: str, figures: Figures) -> str:
    """Each network: the supernet's score against its trainings, better to the right and up."""
    figure, (axes,) = figures.axes()
    scale = 1 if score == "loss" else 100
    for i, depth in enumerate(sorted({row["depth"] for row in result["rows"]})):
        rows = [row for row in result["rows"] if row["depth"] == depth]
        truths = 100 * np.array([row["truth"] for row in rows])
        means = truths.mean(axis=1)
        spans = np.abs(np.array([truths.min(axis=1), truths.max(axis=1)]) - means)
        at = [scale * row[score] for row in rows]
        colour = CYCLE[i % len(CYCLE)]
        axes.errorbar(at, means, spans, fmt="none", ecolor=colour, elinewidth=1.4, alpha=0.6)
        for drawn, face in (("uniform", colour), ("top", "white")):
            chosen = [n for n, row in enumerate(rows) if row["drawn"] == drawn]
            label = f"depth {depth}" if drawn == "uniform" else None
            axes.plot(
                np.array(at)[chosen], means[chosen], "o", color=colour, mfc=face, markersize=8, label=label
            )
    for row in (row for row in result["rows"] if row["drawn"] == "winner"):
        mean = 100 * np.mean(row["truth"])
        axes.plot(scale * row[score], mean, "*", color=VERMILION, markersize=17, label="winner", zorder=3)
    if result["favourites"] is not None:
        axes.plot([], [], "o", color=GREY, mfc="white", markersize=8, label="favourites")
    unit = "loss (better to the right)" if score == "loss" else "accuracy, %,"
    axes.set(xlabel=f"the supernet's {unit} on val-A", ylabel="accuracy trained alone, %, on val-B")
    if score == "loss":
        axes.invert_xaxis()
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    several = len(result["seeds"]) > 1
    alt = "Accuracy of each network trained by itself, against the supernet's score of it."
    spans_from = " Bars go from its worst training to its best." if several else ""
    drawn = (
        " Open circles were chosen by a supernet, not drawn evenly."
        if result["favourites"] is not None
        else ""
    )
    return f"{figures.save(figure, 'fidelity', alt)}\n\nA dot is a network.{drawn}{spans_from}"
