"""Against rivals: the winner beside networks that nobody searched for, trained by the same code and budget."""

from __future__ import annotations

from typing import Any

from suite.escaping import escaped, in_code
from suite.own_words import Markdown
from suite.reference_networks import BASE, EXTREMES, MLPS, RANDOM
from suite.references.in_words import conclusion, notes, p_value, spread
from suite.references.rows import QUOTED, Rival, Row, rivals, rows
from suite.references.train import WINNER
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, GREEN, GREY, SKY, VERMILION, Figures, log_ticks, table
from suite.wording import count, duration, in_short, percent

_HEADER = (
    "Network",
    "Test accuracy",
    "p",
    "Parameters",
    "MACs",
    "Batch 1 (ms)",
    "Batch 64 (ms)",
    "Training",
    "Search",
)

_KINDS = {  # networks, and how they are drawn: the winner as in every figure
    "base CNN": ((BASE,), "s", BLUE),
    "extremes": (EXTREMES, "o", GREEN),
    "random": (RANDOM, "o", SKY),
    "MLPs": (MLPS, "o", GREY),
    "winner": ((WINNER,), "*", VERMILION),
}


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Accuracies, sizes and speeds side by side, and which differences are sure."""
    result = record.references
    if result is None:
        return None
    texts = [
        f"**{escaped(conclusion(result))}**",
        _figure(result, figures),
        _table(result, record.search_seconds),
        _architectures(result, record),
        *(escaped(note) for note in notes(result)),
    ]
    if _pooled_by_average(result) and "max" in record.study.space.pool:
        texts.append(
            "The extremes are pooled by the average, as an older suite chose among networks that differ by pooling "
            "alone. Pooled by the maximum they may be more accurate."
        )
    if any(record.study.search.limits.model_dump().values()):
        texts.append("The limits of the search hold for the winner alone.")
    return Section("Against rivals", Markdown("\n\n".join(texts)))


def _pooled_by_average(result: dict[str, Any]) -> bool:
    return any("avg" in row["architecture"] for row in result["networks"] if row["name"] in EXTREMES)


def _figure(result: dict[str, Any], figures: Figures) -> str:
    """Accuracy by parameters, a mark for each kind of network; the winner last, so that nothing hides it."""
    figure, (axes,) = figures.axes()
    found = {row.name: row for row in rows(result)}
    for label, (names, marker, colour) in _KINDS.items():
        kind = [found[name] for name in names if name in found]
        sizes, accuracies = [row.params for row in kind], [100 * row.accuracy for row in kind]
        axes.plot(sizes, accuracies, marker, color=colour, label=label, markersize=18 if marker == "*" else 9)
        if len(result["seeds"]) > 1:
            deviations = [100 * (row.deviation or 0.0) for row in kind]
            axes.errorbar(sizes, accuracies, deviations, fmt="none", ecolor=colour)
    axes.set(xlabel="parameters", ylabel="test accuracy, %", xscale="log")
    log_ticks(axes.xaxis)
    axes.legend(loc="lower right")
    alt = "Test accuracy by parameters of the winner, the base CNN, extremes of the space, random networks and MLPs."
    return figures.save(figure, "references", alt)


def _table(result: dict[str, Any], search_seconds: float) -> str:
    tested = {rival.row.name: rival for rival in rivals(result)}
    lines = [_line(row, tested.get(row.name), search_seconds) for row in rows(result)]
    quoted = [
        [
            f"{escaped(row['name'])} (quoted, not comparable)",
            percent(row["eval_accuracy"]),
            *[""] * (len(_HEADER) - 2),
        ]
        for row in QUOTED
    ]
    return table(_HEADER, [*lines, *quoted])


def _line(row: Row, rival: Rival | None, search_seconds: float) -> list[str]:
    own = row.name == WINNER
    return [
        f"**{row.name}**" if own else escaped(row.name),
        f"**{spread(row)}**" if own else spread(row),
        escaped(p_value(rival.corrected).removeprefix("= ")) if rival else "",
        count(row.params),
        in_short(row.macs),
        f"{row.batch_1_ms:.3f}",
        f"{row.batch_64_ms:.2f}",
        duration(row.seconds),
        duration(search_seconds) if own else "0 s",
    ]


def _architectures(result: dict[str, Any], record: RunRecord) -> str:
    """What the names stand for, and what the quoted figures are."""
    named = "; ".join(f"{escaped(row['name'])} {in_code(row['architecture'])}" for row in result["networks"])
    figures = "; ".join(
        f"{percent(row['eval_accuracy'])} on {escaped(row['pictures'])} pictures at "
        f"{escaped(row['eval_samples_per_second'])} a second"
        for row in QUOTED
    )
    return f"{named}. Quoted from other tasks, measured by nothing here: {figures}."
