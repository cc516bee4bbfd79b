"""`suite bench WHAT`: ratios and costs of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.errors import RunDirectoryError, StudyFileError
from suite.progress import Display

BENCHMARKS = ("recording", "evaluation", "durability", "start", "tabular")

EXAMPLES = (
    "Examples:  suite bench evaluation   |   suite bench recording --storage postgresql://ME@HOST/DB   |   "
    "suite bench tabular --table nas-bench-macro_cifar10.json"
)


def bench(
    what: Annotated[
        str,
        typer.Argument(metavar="WHAT", help=f"What to measure: {', '.join(BENCHMARKS)}."),
    ],
    storage: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", envvar="SUITE_STORAGE", help="A further storage to measure; may be repeated."
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Trained networks that search methods are compared on (tabular)."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Of each search method (tabular).")] = 30,
) -> None:
    """Measure this machine: ratios and costs, each from one run; or compare search methods on a table."""
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
    if what != "tabular":
        print(benchmark.show(benchmark.run(Display(), urls=storage or [])))
    elif table is None:
        raise StudyFileError("needs --table FILE.", where="suite bench tabular")
    else:
        print(benchmark.run(Display(), table, seeds, Path("reports/benchmark-tabular")))
