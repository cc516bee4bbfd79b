"""The test ledger: every time the test pictures were handed out."""

from __future__ import annotations

from suite.escaping import escaped
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Who saw the test pictures, when and why."""
    if not record.ledger:
        return None
    rows = [
        [escaped(entry.network), escaped(str(entry.seed)), escaped(entry.when), escaped(entry.why)]
        for entry in record.ledger
    ]
    text = "The test pictures are sealed until the choice is written; each time they are handed out is listed here."
    return Section(
        "Test ledger", Markdown(f"{text}\n\n{table(['Network', 'Seed', 'When (UTC)', 'Why'], rows, left=4)}")
    )
