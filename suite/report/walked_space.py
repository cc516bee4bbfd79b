"""The oracle's table as sections read it: the networks the study allows, their costs, and the search's among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.oracle import read_table
from suite.report.record import RunRecord
from suite.report.style import count
from suite.space_analysis import Costs, Rows
from suite.study import Limits

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class WalkedSpace:
    """Columns of oracle.parquet, one entry per network that keeps to the study's limits on size."""

    columns: Columns
    score: str  # loss or accuracy: what the study ranks networks by
    evaluated: Rows  # rows of the networks that the search evaluated, in the order of evaluation

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
        score = score or self.score
        column: Costs = self.columns[f"{score}_{split}"].astype(np.float64)
        return column if score == "loss" else -column

    def row(self, genome: str) -> int:
        """The row of a genome."""
        return int(np.flatnonzero(self.columns["genome"] == genome)[0])


def read_walked_space(record: RunRecord) -> WalkedSpace:
    """Read a run's oracle. A limit on latency is left out: it holds for measured times, which few networks have."""
    columns = read_table(record.run)
    kept = _within(columns, record.study.search.limits)
    columns = {name: column[kept] for name, column in columns.items()}
    place = {genome: row for row, genome in enumerate(columns["genome"])}
    whole = [row for row in record.search["evaluated"] if row["failure"] is None] if record.search else []
    evaluated = np.array([place[row["genome"]] for row in whole], dtype=np.int64)
    return WalkedSpace(columns, record.study.search.score, evaluated)


def limits_in_words(record: RunRecord, walked: WalkedSpace) -> str:
    """Which networks are compared, where not all are; otherwise empty."""
    limits = record.study.search.limits
    words = ""
    if walked.networks < record.space.size:
        words += f" Compared are the {count(walked.networks)} networks within the study's limits on size."
    if limits.max_latency_ms is not None:
        words += " The study's limit on latency is not applied here: it holds for measured times."
    return words


def _within(columns: Columns, limits: Limits) -> NDArray[np.bool_]:
    kept = np.ones(len(columns["genome"]), dtype=np.bool_)
    for name, limit in (("params", limits.max_params), ("macs", limits.max_macs)):
        if limit is not None:
            kept &= columns[name] <= limit
    return kept
