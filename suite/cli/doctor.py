"""`suite doctor`: what this machine has, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DataDir, absolute, starting
from suite.escaping import printable
from suite.finding import Finding
from suite.packages import missing
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
    if lacking := missing():
        _say(package.finding() for package in lacking)
        raise typer.Exit(1)
    with starting():
        from suite.doctor import examine

    raise typer.Exit(int(_say(examine(data_dir, absolute(storage), study))))


def _say(findings: Iterable[Finding]) -> bool:
    """A line each, as it is found; returns whether something is bad."""
    worst = False
    for finding in findings:
        mark = {"good": "ok", "note": "note", "bad": "BAD"}[finding.state]
        print(f"{mark:<5} {finding.subject:<22} {printable(finding.text)}", flush=True)
        worst |= finding.state == "bad"
    return worst
