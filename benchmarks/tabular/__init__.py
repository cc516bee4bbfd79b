"""Search methods on a table of really trained networks: `suite bench tabular --table FILE`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest.hold import contest_page
from benchmarks.tabular.judge import TableFile
from suite.progress import Display


def run(display: Display, table: Path, seeds: int, out: Path) -> Path:
    """Hold the contest on a table, going on with one that was stopped; returns the path of its page."""
    command = f"suite bench tabular --table {table.name} --seeds {seeds}"
    return contest_page(display, TableFile(table), f"tabular-{table.stem}", seeds, command, out)
