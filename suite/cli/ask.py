"""`suite ask [RUN]`: the best networks within limits."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import Run, opened
from suite.study import read_study

EXAMPLES = (
    "Examples:  suite ask --max-latency 2ms   |   suite ask runs/digits/20260101-120000 --max-params 100k "
    "--max-macs 2.5M --top 3"
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
    top: Annotated[int, typer.Option(min=1, help="How many networks to show.")] = 5,
) -> None:
    """Name the best networks of the whole space within limits, at once, from a run's oracle."""
    from suite.ask import answer, parse_limits

    limits = parse_limits(max_latency, max_params, max_macs)
    directory = opened(run)
    study = read_study(directory.path / "study.toml")
    print(answer(directory, study.search.score, limits, top))
