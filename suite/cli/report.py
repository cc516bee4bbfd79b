"""`suite report [RUN]`: the page people read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import Run, opened

EXAMPLES = "Examples:  suite report   |   suite report runs/digits/20260101-120000 --publish"


def report(
    run: Run = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Copy it to reports/<study>/<run-id>/ as well.")
    ] = False,
) -> None:
    """Write the report of a run (again)."""
    from suite.report import publish_report, write_report

    directory = opened(run)
    print(write_report(directory))
    if publish:
        print(publish_report(directory, Path("reports")))
