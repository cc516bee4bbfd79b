"""What it cost: seconds by phase."""

from __future__ import annotations

import math

from suite.own_words import Markdown
from suite.references.train import WINNER
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, Figures, table
from suite.wording import duration, plural

_UNITS = (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, math.inf))  # up to so many seconds in all


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Time by phase."""
    parts: list[tuple[str, float]] = []
    if record.supernet:
        parts.append(("Supernet training", record.supernet["seconds"]))
    if record.search:
        seconds = record.search["seconds"]
        other = seconds["total"] - seconds["scoring"] - seconds["timing"]
        parts += [
            ("Search: scoring", seconds["scoring"]),
            ("Search: timing", seconds["timing"]),
            ("Search: proposing, recording", other),
        ]
    if record.finalists:
        parts.append(("Finalists", record.finalists["seconds"]))
    if record.final:
        parts.append(("Fine-tuning", record.final["seconds"]))
    if not parts:
        return None
    total = sum(seconds for _, seconds in parts)
    unit, size = next((unit, size) for unit, size, most in _UNITS if total < most)
    figure, (axes,) = figures.axes(height=0.55 * len(parts) + 1.2)
    axes.barh(
        [name for name, _ in reversed(parts)], [seconds / size for _, seconds in reversed(parts)], color=BLUE
    )
    axes.set(xlabel=f"time ({unit})")
    image = figures.save(
        figure, "cost", "; ".join(f"{name} {duration(seconds)}" for name, seconds in parts) + "."
    )
    rows = [[name, f"{s / size:,.2f}", f"{100 * s / total:.1f} %"] for name, s in parts]
    rows.append(["**all**", f"**{total / size:,.2f}**", ""])
    phases = table(["Phase", f"Time ({unit})", "Share"], rows)
    return Section("What it cost", Markdown("\n\n".join([image, phases, *_afterwards(record)])))


def _afterwards(record: RunRecord) -> list[str]:
    """What was asked of the finished run, and found nothing of it: how long that took."""
    took = []
    if record.oracle is not None and record.study.search.method != "exhaustive":
        took.append(f"the oracle {duration(record.oracle['seconds'])}")
    if record.references is not None:
        own = (WINNER, record.references["seed"])  # the run's winner, which was there
        seconds = [
            row["seconds"] for row in record.references["trainings"] if (row["name"], row["seed"]) != own
        ]
        if seconds:
            took.append(f"{plural(len(seconds), 'training')} to set beside it {duration(sum(seconds))}")
    return [f"Afterwards, and not part of finding the winner: {'; '.join(took)}."] if took else []
