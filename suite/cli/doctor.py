"""`suite doctor`: what this machine has, and what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DataDir, absolute
from suite.escaping import printable
from suite.study import read_study

EXAMPLES = (
    "suite doctor",
    "suite doctor leaves.toml",
    "suite doctor --data ~/datasets --storage postgresql://ME@HOST/DB",
)


def doctor(
    study_file: Annotated[
        Path | None, typer.Argument(metavar="[STUDY]", help="A study file, whose pictures are looked at.")
    ] = None,
    data_dir: DataDir = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", envvar="SUITE_STORAGE", help="A storage to look at as well.")
    ] = None,
) -> None:
    """Say what this machine has for a run, and what to install.

    The exit code is 1 if something would make a run fail.
    """
    study = None if study_file is None else read_study(study_file)

    from suite.doctor import examine

    worst = False
    for finding in examine(data_dir, absolute(storage), study):
        mark = {"good": "ok", "note": "note", "bad": "BAD"}[finding.state]
        print(f"{mark:<5} {finding.subject:<22} {printable(finding.text)}", flush=True)
        worst |= finding.state == "bad"
    raise typer.Exit(int(worst))
