"""Every setting of the run, as used."""

from __future__ import annotations

from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures
from suite.study import study_toml
from suite.wording import duration


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The study file with every key written out."""
    budget = record.facts.get("time_budget_seconds")
    shortened = ""
    if budget and record.facts["asked"] != record.study.model_dump(mode="json"):
        shortened = f"Epochs and generations were shortened to fit `--time-budget` of {duration(budget)}.\n\n"
    fence = "````"  # a user's own strings may hold three backticks
    return Section(
        "Settings", Markdown(f"{shortened}{fence}toml\n{study_toml(record.study).strip()}\n{fence}")
    )
