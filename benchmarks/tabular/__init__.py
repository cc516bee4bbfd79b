"""Search methods on a table of really trained networks: `suite bench tabular --table FILE`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest.hold import contest_page
from benchmarks.tabular.judge import TableFile
from suite.progress import Display


def run(display: Display, table: Path, seeds: int, out: Path) -> Path:
    """Hold the contest on a table, going on with one that was stopped; returns the path of its page.

    Raises:
        DataError: the table is missing, of another form, or not complete.
    """
    judge = TableFile(table)
    command = f"suite bench tabular --table {table.name} --seeds {seeds}"
    name = f"tabular-{table.stem}-{judge.sha256[:8]}"  # another table of that name is another judge
    return contest_page(display, judge, name, seeds, command, out)
