"""What several commands are asked alike: a run, where the pictures are, on which device, how loudly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from suite.run_directory import RUNS, RunDirectory, latest_run

INTERRUPTED = 130

Run = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="A run directory; the latest one when left out.")
]
DataDir = Annotated[
    Path | None, typer.Option("--data", help="Holds <dataset>/*.parquet; before SUITE_DATA_DIR.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say only errors, a line for each finished phase, and the end.")
]


def opened(run: Path | None) -> RunDirectory:
    """The run directory a user named, or the latest one."""
    return latest_run(RUNS) if run is None else RunDirectory.open(run)


@contextmanager
def starting(what: str = "Starting") -> Iterator[None]:
    """Say so on a terminal while something takes seconds before its first word, such as importing torch."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{what} ...", spinner="line", refresh_per_second=2):
        yield


@contextmanager
def interruptible(kept: str = "the same command goes on") -> Iterator[None]:
    """Work that Ctrl-C ends with the exit code for it; `kept` says what becomes of what was done."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"Interrupted; {kept}.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


def absolute(storage: str | None) -> str | None:
    """A storage URL whose file does not depend on the folder the suite is called from."""
    if storage is None:
        return None
    from suite.storage_url import absolute_url  # late: SQLAlchemy, which `--help` does without

    return absolute_url(storage)
