"""`suite compare RUN ...`: finished runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import starting
from suite.run_directory import RUNS, RunDirectory, new_run_path
from suite.run_set import RunSet, is_set

EXAMPLES = (
    "suite compare runs/digits/20260101-120000 runs/digits/20260102-120000",
    "suite compare runs/digits/20260101-120000-seeds runs/digits/20260102-120000-seeds --out digits-compared",
)


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN ...", help="Run directories, or folders of sets of seeds.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the page goes (default: runs/comparisons/<time>)."),
    ] = None,
) -> None:
    """Set finished runs side by side.

    Winners, searches, cost, and which winners surely differ on the test.
    """
    directories: list[RunDirectory] = []
    for path in runs:
        directories += RunSet.open(path).every_run() if is_set(path) else [RunDirectory.open(path)]

    with starting("Comparing"):
        from suite.comparison import compare_runs
        from suite.report.comparison_page import check_holds_nothing_else, write_comparison

        folder = out or new_run_path(RUNS, "comparisons")
        check_holds_nothing_else(folder)
        page = write_comparison(compare_runs(directories), folder)
    print(page)
