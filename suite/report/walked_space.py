"""The oracle's table as sections read it: the networks the study allows, their costs, and the search's among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from suite.oracle_table import Table, costs, read_table, within
from suite.run_directory import RunDirectory
from suite.space_analysis import Costs, Rows
from suite.study import Limits, StudySettings
from suite.wording import count


@dataclass(frozen=True)
class WalkedSpace:
    """Columns of oracle.parquet, one entry per network that keeps to the search's limits on size."""

    everything: Table  # networks beyond the limits as well, in the order of the space
    columns: Table
    score: str  # loss or accuracy: what the study ranks networks by
    evaluated: Rows  # rows of the networks that the search evaluated, in the order of evaluation
    limits: Limits
    limited_by_time: bool  # the limit on MACs is a time budget's, not the study's

    @property
    def networks(self) -> int:
        """How many there are."""
        return len(self.columns["genome"])

    @property
    def prices(self) -> dict[str, str]:
        """The columns to weigh the score against, with words for them; latency only where it was predicted."""
        known = {"params": "parameters", "macs": "multiply-accumulates", "latency_ms": "predicted latency"}
        return {name: words for name, words in known.items() if name in self.columns}

    def costs(self, split: str, score: str | None = None) -> Costs:
        """(networks,) of a score on `val_search` or `val_choice`, smaller is better; the study's own, if None."""
        return costs(self.columns, split, score or self.score)

    def row(self, genome: str) -> int:
        """The row of a genome."""
        return int(np.flatnonzero(self.columns["genome"] == genome)[0])

    @property
    def limits_in_words(self) -> str:
        """Which networks are compared, where not all are; otherwise empty."""
        words = ""
        if self.networks < len(self.everything["genome"]):
            words += f" Compared are the {count(self.networks)} networks within the search's limits on size"
            words += ", that on MACs set by the run's time budget." if self.limited_by_time else "."
        if self.limits.max_latency_ms is not None:
            words += " The study's limit on latency is not applied here: it holds for measured times."
        return words


def read_walked_space(
    run: RunDirectory, study: StudySettings, search: dict[str, Any] | None, *, limited_by_time: bool
) -> WalkedSpace:
    """A run's oracle. A limit on latency is left out: it holds for measured times, which few networks have."""
    table, limits = read_table(run), study.search.limits
    kept = within(table, {"params": limits.max_params, "macs": limits.max_macs})
    columns = {name: column[kept] for name, column in table.items()}
    place = {genome: row for row, genome in enumerate(columns["genome"])}
    whole = [row for row in search["evaluated"] if row["failure"] is None] if search else []
    evaluated = np.array([place[row["genome"]] for row in whole], dtype=np.int64)
    return WalkedSpace(table, columns, study.search.score, evaluated, limits, limited_by_time)
