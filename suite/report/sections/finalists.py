"""The finalists: trained on their own, chosen on val-B."""

from __future__ import annotations

from typing import Any

from suite.accuracy_interval import accuracy_interval
from suite.choice import PRICES
from suite.escaping import escaped, in_code
from suite.own_words import Markdown
from suite.report.pictures import curves
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.wording import count, duration, in_short, percent


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Curves and the table the winner was chosen from."""
    if record.finalists is None:
        return None
    rows = record.finalists["finalists"]
    figure = curves(figures, rows, record.final["genome"] if record.final else None)
    best = max(row["val_accuracy"] for row in rows)
    image = figures.save(
        figure, "finalists", f"{len(rows)} finalists' curves; the best ends at {percent(best)}."
    )
    parts = [_origin(record), image, _table(record), *_failed(record.finalists)]
    return Section("The finalists", Markdown("\n\n".join(parts)))


def _origin(record: RunRecord) -> str:
    """Who chose them, and the weights they began with."""
    chosen = record.candidates or {}
    weights = "the supernet's weights" if record.study.finalists.start == "supernet" else "weights drawn anew"
    if "table" not in chosen:
        return (
            f"They are as many of each depth, {_which(record)} of what the search evaluated there, by the supernet's "
            f"{record.study.search.score} on val-B, trained from {weights}."
        )
    return (
        f"They are {_which(record)} of all evaluated networks by predicted accuracy, from the supernet's scores "
        f"and the truth table {in_code(chosen['table'])}, trained from {weights}. The table's "
        f"{count(chosen['trainings'])} trainings took {duration(chosen['training_seconds'])} of one thread. They are "
        "made once for these pictures, and are in no phase of this run."
    )


def _which(record: RunRecord) -> str:
    """With a price among the objectives the best alone would all be dear."""
    priced = record.search is not None and any(metric in PRICES for metric in record.search["objectives"])
    return "from the best on, spread along the front" if priced else "the best"


def _table(record: RunRecord) -> str:
    assert record.finalists is not None
    winner = record.final["genome"] if record.final else None
    scored = {row["genome"]: row for row in record.search["evaluated"]} if record.search else {}
    rows = []
    for row in sorted(record.finalists["finalists"], key=lambda row: -row["val_accuracy"]):
        low, high = accuracy_interval(row["val_accuracy"], row["val_pictures"])
        supernet = scored.get(row["genome"], {}).get("val_accuracy")
        rows.append(
            [
                in_code(row["genome"]) + (" **winner**" if row["genome"] == winner else ""),
                f"{percent(row['val_accuracy'])} ({100 * low:.2f} to {100 * high:.2f})",
                f"{row['val_loss']:.4f}",
                percent(supernet) if supernet is not None else "",
                count(row["epochs"]) + (" (pruned)" if row["pruned"] else ""),
                count(row["params"]),
                in_short(row["macs"]),
            ]
        )
    header = [
        "Genome",
        "Val-B accuracy (95 %)",
        "Val-B loss",
        "Supernet, val-A",
        "Epochs",
        "Parameters",
        "MACs",
    ]
    rule = record.study.finalists.choose
    return (
        f"Chosen by the rule `{rule}` on val-B, which the search never saw; in brackets the 95 % interval (Wilson). "
        "The last epoch counts, never the best one.\n\n" + table(header, rows)
    )


def _failed(finalists: dict[str, Any]) -> list[str]:
    """Who is not in the table, as its training came to nothing."""
    failed = [f"{in_code(row['genome'])}: {escaped(row['failure'])}" for row in finalists.get("failed", [])]
    return [f"Out of the race, as they could not be trained on: {'; '.join(failed)}"] if failed else []
