"""`suite report [RUN]`: the page people read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import Run, opened, starting
from suite.progress import Display
from suite.run_set import RunSet, is_set

EXAMPLES = (
    "suite report",
    "suite report runs/digits/20260101-120000 --publish",
)


def report(
    run: Run = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Copy it to reports/<study>/<run-id>/ as well.")
    ] = False,
) -> None:
    """Write the report of a run, or of a set of seeds, again.

    Of a set of seeds, that is the reports of all its runs and the page that compares them.
    """
    run_set = RunSet.open(run) if run is not None and is_set(run) else None
    directories = [opened(run)] if run_set is None else run_set.every_run()

    with starting():  # slow to import: a wrong RUN is told before
        from suite.report import publish_report, write_report

    for directory in directories:
        print(write_report(directory, Display()))
        if publish:
            print(publish_report(directory, Path("reports")))
    if run_set is None:
        return

    with starting("Comparing"):
        from suite.comparison import compare_runs
        from suite.report.comparison_page import publish_comparison, write_comparison

        page = write_comparison(compare_runs(directories), run_set.path / "report")
    print(page)
    if publish:
        print(publish_comparison(run_set, Path("reports")))
