"""Every setting of the run, as used."""

from __future__ import annotations

from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures
from suite.study import study_toml
from suite.wording import duration, in_short


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The study file with every key written out."""
    budget = record.facts.get("time_budget_seconds")
    shortened = ""
    if budget and record.asked != record.study:
        shortened = f"Epochs and generations were shortened to fit `--time-budget` of {duration(budget)}."
        if record.study.finalists.stop != record.asked.finalists.stop:
            shortened += " Finalists that were behind stopped early."
        if record.left_out_above is not None:
            shortened += f" Networks of more than {in_short(record.left_out_above)} MACs were left out."
        shortened += "\n\n"
    fence = "````"  # a user's own strings may hold three backticks
    return Section(
        "Settings", Markdown(f"{shortened}{fence}toml\n{study_toml(record.study).strip()}\n{fence}")
    )
