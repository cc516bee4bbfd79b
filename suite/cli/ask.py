"""`suite ask [RUN]`: the best networks within limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import Run, opened, starting
from suite.study import read_study

EXAMPLES = (
    "suite ask --max-latency 2ms",
    "suite ask runs/digits/20260101-120000 --max-params 100k --max-macs 2.5M --top 3",
    "suite ask --timings timings.json --max-latency 5ms",
)


def ask(
    run: Run = None,
    max_latency: Annotated[
        str | None, typer.Option(metavar="TIME", help="The longest forward pass: 2ms, 0.002s.")
    ] = None,
    max_params: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The most parameters: 120000, 100k, 2.5M.")
    ] = None,
    max_macs: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The most multiply-accumulates a picture: 10M.")
    ] = None,
    timings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The timings.json of another device: the search's front, by the time there."
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many networks to show.")] = 5,
) -> None:
    """Name the best networks within limits, at once.

    Of the whole space, by a run's oracle; or of its front, by their times on another device.
    """
    with starting():
        from suite.ask import answer, answer_there, parse_limits

        limits = parse_limits(max_latency, max_params, max_macs)
        directory = opened(run)
        study = read_study(directory.path / "study.toml")
        if timings is not None:
            said = answer_there(directory, study, timings, limits, top)
        else:
            said = answer(directory, study.search.score, limits, top)
    print(said)
