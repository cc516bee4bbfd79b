"""`suite doctor`: what this machine has, and what it lacks."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DataDir, absolute
from suite.escaping import printable

EXAMPLES = "Examples:  suite doctor   |   suite doctor --data ~/datasets --storage postgresql://ME@HOST/DB"


def doctor(
    data_dir: DataDir = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", envvar="SUITE_STORAGE", help="A storage to look at as well.")
    ] = None,
) -> None:
    """Say what this machine has for a run, and what to install; exit code 1 if something would make it fail."""
    from suite.doctor import examine

    worst = False
    for finding in examine(data_dir, absolute(storage)):
        mark = {"good": "ok", "note": "note", "bad": "BAD"}[finding.state]
        print(f"{mark:<5} {finding.subject:<22} {printable(finding.text)}", flush=True)
        worst |= finding.state == "bad"
    raise typer.Exit(int(worst))
