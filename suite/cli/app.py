"""All commands under one name, and what becomes of an error."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import suite
from suite.cli import (
    ablate,
    ask,
    bench,
    compare,
    dashboard,
    doctor,
    export,
    fidelity,
    oracle,
    predict,
    references,
    report,
    search,
)
from suite.cli.secret import hide_password
from suite.errors import SuiteError
from suite.escaping import paragraph

COMMANDS = (
    (search.search, search.EXAMPLES),
    (oracle.oracle, oracle.EXAMPLES),
    (fidelity.fidelity, fidelity.EXAMPLES),
    (references.references, references.EXAMPLES),
    (ask.ask, ask.EXAMPLES),
    (export.export, export.EXAMPLES),
    (predict.predict, predict.EXAMPLES),
    (report.report, report.EXAMPLES),
    (compare.compare, compare.EXAMPLES),
    (dashboard.dashboard, dashboard.EXAMPLES),
    (ablate.ablate, ablate.EXAMPLES),
    (bench.bench, bench.EXAMPLES),
    (doctor.doctor, doctor.EXAMPLES),
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,  # they may hold a storage URL with its password
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find a small, fast CNN for your pictures, and know how far to believe the result.",
)
for command, examples in COMMANDS:
    # The first line is click's mark of a paragraph whose lines are kept.
    app.command(epilog="\n".join(["\b", "Examples:", *(f"  {example}" for example in examples)]))(command)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"nas-suite {suite.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: an error is one paragraph and an exit code; a traceback only for developers (python -X dev)."""
    hide_password()
    try:
        with _stopped_as_by_ctrl_c():
            app()
    except SuiteError as error:
        print(f"suite: {paragraph(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        print(f"suite: {paragraph(_in_words(error))}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """A job that is to end (SIGTERM), or whose terminal was closed (SIGHUP), keeps what it has and says how to go on.

    A signal that is ignored, as by nohup, stays so.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():  # no other may say what becomes of signals
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_words(error: Exception) -> str:
    """What nobody foresaw: the system's own words where it refused something, else where the suite has a fault."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror}."
    frames = traceback.extract_tb(error.__traceback__)
    home = str(Path(suite.__file__).parent)
    last = next(frame for frame in reversed(frames) if frame.filename.startswith(home))
    what = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return (
        f"{Path(last.filename).relative_to(home)}, line {last.lineno}: {what}. This is a fault of the suite, or a "
        "file it reads was changed by hand. Please report it with what `python -X dev -m suite ...` prints."
    )
