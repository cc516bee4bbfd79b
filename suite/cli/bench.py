"""`suite bench WHAT`: ratios and costs of this machine, and the suite against its rivals."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import Run, interruptible, opened, starting
from suite.errors import RunDirectoryError, StudyFileError
from suite.progress import Display

COSTS = ("recording", "evaluation", "durability", "start", "dashboard", "explorer", "drift")
CONTESTS = ("tabular", "supernet", "wall-clock")
BENCHMARKS = (*COSTS, *CONTESTS)
OF_A_RUN = ("start", "supernet")

EXAMPLES = (
    "suite bench evaluation",
    "suite bench recording --storage postgresql://ME@HOST/DB",
    "suite bench dashboard",
    "suite bench explorer",
    "suite bench drift",
    "suite bench tabular --table nas-bench-macro_cifar10.json",
    "suite bench supernet runs/cifar10/20260101-120000",
    "suite bench wall-clock --study studies/cifar10.toml --budgets 15,30",
)

REPORTS = Path("reports")


def bench(
    what: Annotated[
        str,
        typer.Argument(metavar="WHAT", help=f"What to measure: {', '.join(BENCHMARKS)}."),
    ],
    run: Run = None,
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
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="STUDY",
            help="What the suite and its rival are given to do (wall-clock), or what is run in pairs (durability; "
            "studies/cifar10-quick.toml when left out).",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the study (wall-clock)."),
    ] = None,
    budgets: Annotated[
        str,
        typer.Option(
            metavar="MINUTES",
            help="For the whole search; each takes four times as long, for four sides (wall-clock).",
        ),
    ] = "15,30,60,120",
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of each method or pair of runs; when left out 30 of a contest, 3 of whole runs, 1 of pairs.",
        ),
    ] = None,
) -> None:
    """Measure this machine, or compare search methods.

    Ratios and costs, each from one run.
    """
    from importlib import import_module

    if what not in BENCHMARKS:
        raise StudyFileError(
            f"{what!r} is no benchmark.", where="suite bench", remedy=f"There are {', '.join(BENCHMARKS)}."
        )
    if run is not None and what not in OF_A_RUN:
        raise StudyFileError("takes no RUN.", where=f"suite bench {what}", remedy="Leave it out.")
    if overrides and what != "wall-clock":
        raise StudyFileError("takes no --set.", where=f"suite bench {what}", remedy="Leave it out.")
    try:
        with starting():
            benchmark = import_module(f"benchmarks.{what.replace('-', '_')}")
    except ModuleNotFoundError:
        raise RunDirectoryError(
            "is not here.",
            where="benchmarks/",
            remedy="Benchmarks are part of a checkout; run this from its folder.",
        ) from None
    display, page = Display(), REPORTS / f"benchmark-{what}"
    with interruptible() if what in CONTESTS else nullcontext():
        match what:
            case "tabular":
                print(benchmark.run(display, _given(table, what, "--table FILE"), seeds or 30, page))
            case "supernet":
                print(benchmark.run(display, opened(run), seeds or 30, page))
            case "wall-clock":
                asked = _given(study, what, "--study STUDY")
                print(benchmark.run(display, asked, overrides or [], _minutes(budgets), seeds or 3, page))
            case "durability":
                print(benchmark.show(benchmark.run(display, storage or [], study, seeds or 1)))
            case "start":
                print(benchmark.show(benchmark.run(display, opened(run))))
            case "explorer" | "drift":
                print(benchmark.show(benchmark.run(display)))
            case _:
                print(benchmark.show(benchmark.run(display, urls=storage or [])))


def _given(path: Path | None, what: str, option: str) -> Path:
    if path is None:
        raise StudyFileError(f"needs {option}.", where=f"suite bench {what}")
    return path


def _minutes(text: str) -> tuple[float, ...]:
    """Budgets in ascending order."""
    try:
        minutes = sorted({float(word) for word in text.split(",")})
    except ValueError:
        minutes = []
    if not minutes or not 0 < minutes[0] <= minutes[-1] < 1e4:
        raise StudyFileError(
            f"{text!r} is no list of minutes.", where="--budgets", remedy="Write 15,30,60,120"
        )
    return tuple(minutes)
