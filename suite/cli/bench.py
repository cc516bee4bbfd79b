"""`suite bench WHAT`: ratios and costs of this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.errors import RunDirectoryError, StudyFileError
from suite.progress import Display

BENCHMARKS = ("recording", "evaluation", "durability")

EXAMPLES = "Examples:  suite bench evaluation   |   suite bench recording --storage postgresql://ME@HOST/DB"


def bench(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="What to measure: recording, evaluation or durability.")
    ],
    storage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", envvar="SUITE_STORAGE", help="A further storage to measure; may be repeated."
        ),
    ] = None,
) -> None:
    """Measure this machine: ratios and costs, each from one run."""
    from importlib import import_module

    if what not in BENCHMARKS:
        raise StudyFileError(
            f"{what!r} is no benchmark.", where="suite bench", remedy=f"There are {', '.join(BENCHMARKS)}."
        )
    try:
        benchmark = import_module(f"benchmarks.{what}")
    except ModuleNotFoundError:
        raise RunDirectoryError(
            "is not here.",
            where="benchmarks/",
            remedy="Benchmarks are part of a checkout; run this from its folder.",
        ) from None
    print(benchmark.show(benchmark.run(Display(), urls=storage or [])))
