"""The oracle's table, oracle.parquet: every network of the space, a row each. It needs no torch."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from suite.errors import RunDirectoryError
from suite.run_directory import RunDirectory, write_atomically

TABLE_FILE = "oracle.parquet"
_GENOMES = re.compile(r"[a-z0-9-]*")

Table = dict[str, NDArray[Any]]
"""Columns genome, params, macs, latency_ms (predicted; older tables have none), loss_<split>, accuracy_<split>."""


def read_table(run: RunDirectory) -> Table:
    """oracle.parquet as columns, in the order of the space.

    Raises:
        RunDirectoryError: it is not there, or is not as the oracle wrote it.
    """
    path, facts = run.path / TABLE_FILE, run.read_result("oracle")
    if facts is None or not path.is_file():
        raise RunDirectoryError(
            "has no oracle yet, from which this is answered.",
            where=str(run.path),
            remedy=f"Make one: suite oracle {run.path}",
        )
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            raise ValueError("another table")
        table = pq.read_table(pa.BufferReader(content))
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        if not _GENOMES.fullmatch("".join(columns["genome"])):
            raise ValueError("no genomes")  # somebody's words, which a page or a terminal may obey
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        raise RunDirectoryError(
            "is damaged.", where=str(path), remedy=f"Make it again: suite oracle {run.path}"
        ) from None
    return columns


def write_table(run: RunDirectory, columns: Table) -> str:
    """Write oracle.parquet; returns its sha256, by which results/oracle.json has to name it."""
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    write_atomically(run.path / TABLE_FILE, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def costs(table: Table, split: str, score: str) -> NDArray[np.float64]:
    """(N,) of `loss` or `accuracy` on `val_search` or `val_choice`, smaller is better: accuracies are negated."""
    column: NDArray[np.float64] = table[f"{score}_{split}"].astype(np.float64)
    return column if score == "loss" else -column


def within(table: Table, most: Mapping[str, float | None]) -> NDArray[np.bool_]:
    """(N,) which networks have at most so much of each column; None is no limit."""
    kept = np.ones(len(table["genome"]), dtype=np.bool_)
    for column, limit in most.items():
        if limit is not None:
            kept &= table[column] <= limit
    return kept
