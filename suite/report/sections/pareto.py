"""The Pareto front: what can be had at what price."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.escaping import in_code
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, ORANGE, PALE, VERMILION, Figures, log_ticks, table
from suite.wording import count, in_short, percent

_MOST = 12
LABELS = {
    "loss": "cross-entropy on val-A",
    "accuracy": "accuracy on val-A",
    "latency_ms": "one forward pass (ms)",
    "params": "parameters",
    "macs": "multiply-accumulates",
}


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The front of the first two objectives."""
    search = record.search
    if search is None or len(search["objectives"]) < 2:
        return None
    quality, price = search["objectives"][:2]
    figure, (axes,) = figures.axes()
    rows = [row for row in search["evaluated"] if row["failure"] is None]
    front = sorted(search["front"], key=lambda row: row["values"][1])
    finalists = {row["genome"] for row in record.finalists["finalists"]} if record.finalists else set()

    def draw(chosen: list[dict[str, Any]], style: str, colour: str, label: str, size: float) -> None:
        ys, xs = ([row["values"][i] for row in chosen] for i in range(2))
        axes.plot(xs, ys, style, color=colour, label=label, markersize=size)

    draw(rows, ".", PALE, "evaluated", 5)
    draw(front, "o", BLUE, "front", 6)
    if len(search["objectives"]) == 2:  # of more, the front is no line here
        axes.step(*zip(*[row["values"][1::-1] for row in front], strict=True), where="post", color=BLUE)
    draw([row for row in rows if row["genome"] in finalists], "D", ORANGE, "trained as finalist", 9)
    if record.final:
        draw([row for row in rows if row["genome"] == record.final["genome"]], "*", VERMILION, "winner", 20)
    scale = "linear" if price == "latency_ms" else "log"
    axes.set(xlabel=LABELS[price], ylabel=LABELS[quality], xscale=scale)
    if scale == "log":
        log_ticks(axes.xaxis)
    axes.legend()
    both = f"{LABELS[quality]} against {LABELS[price]}"
    alt = f"{count(len(front))} of {count(len(rows))} networks form the front: {both}."
    image = figures.save(figure, "front", alt)
    times = _times(search) if price == "latency_ms" else ""
    return Section("The front", Markdown(f"{image}\n\n{times}{_rows(front, search)}"))


def _times(search: dict[str, Any]) -> str:
    """What latency in the figure is."""
    floor = search["noise_floor_ms"]
    steps = (
        f" The figure has them in steps of {1000 * floor:.1f} µs, below which differences of networks timed together "
        "are noise, the table as they were measured."
        if floor
        else ""
    )
    return f"Times here are the search's, of networks in turns; that of the answer is the winner's alone.{steps}\n\n"


def _rows(front: list[dict[str, Any]], search: dict[str, Any]) -> str:
    """The front as a table, thinned to a dozen: the cheapest, the best, and what lies between."""
    shown = np.linspace(0, len(front) - 1, min(len(front), _MOST)).round().astype(int)
    timed = any(row["latency_ms"] is not None for row in front)  # latency was an objective, or has a limit
    rows = [
        [
            in_code(row["genome"]),
            percent(row["val_accuracy"]),
            f"{row['val_loss']:.4f}",
            *([_latency(row["latency_ms"])] if timed else []),
            count(row["params"]),
            in_short(row["macs"]),
        ]
        for row in (front[place] for place in shown)
    ]
    latency = ["Latency (ms)"] if timed else []
    header = ["Genome", "Supernet accuracy", "Loss", *latency, "Parameters", "MACs"]
    thinned = (
        f"\n\n{len(rows)} of {len(front)}, evenly spread; all are in trials.csv."
        if len(rows) < len(front)
        else ""
    )
    return (
        "Accuracies here are the supernet's, with shared weights, on val-A: good for ranking, "
        "not what a network reaches when trained alone.\n\n" + table(header, rows) + thinned
    )


def _latency(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.3f}"
