"""`suite search STUDY`: a study from data to the tested winner and its report."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from suite.accuracy_interval import accuracy_interval
from suite.cli.options import INTERRUPTED, DataDir, Device, Quiet, absolute, starting
from suite.cli.seeds import MOST_SEEDS, search_seeds, set_of_seeds
from suite.errors import StudyFileError
from suite.escaping import printable
from suite.progress import Display
from suite.run_directory import RUNS, RunDirectory, from_here, latest_run
from suite.study import read_study
from suite.wording import a_pass, aligned

EXAMPLES = (
    "suite search studies/digits.toml",
    "suite search studies/cifar10.toml --time-budget 30m",
    "suite search studies/cifar10.toml --set search.population=100 --seed 1",
    "suite search studies/cifar10.toml --resume",
    "suite search studies/digits.toml --seeds 5",
)


def search(
    study_file: Annotated[
        Path, typer.Argument(metavar="STUDY", help="A study file, such as studies/digits.toml.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated.")
    ] = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where the run keeps its files (default: runs/<study>/<time>); with --seeds, the set's folder, "
            "which then has all its runs inside."
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL", envvar="SUITE_STORAGE", help="sqlite:///FILE, journal:FILE or a PostgreSQL URL."
        ),
    ] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(help="Override the study's seed.")] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=MOST_SEEDS,
            help="A set of that many runs, from the study's seed and the next ones, and a page that compares them.",
        ),
    ] = None,
    time_budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Shorten epochs and generations to fit, the finalists' once they are known, and leave out networks "
            "that could not be trained for long: 90s, 30m, 2h; with --seeds, for each.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run, or the set of seeds, that was stopped.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run a study from data to the tested winner and its report."""
    extra = [f"seed={seed}"] if seed is not None else []
    study = read_study(study_file, [*(overrides or []), *extra])
    budget = None if time_budget is None else _seconds(time_budget)
    run_set = None if seeds is None else set_of_seeds(run_dir, study, seeds, resume=resume)
    stopped = _stopped_run(run_dir, study.name) if resume and run_set is None else None

    from suite.data.places import find_data

    place = find_data(study.data, data_dir)

    with starting():  # torch from here on: mistakes are told before
        from suite.launch import InterruptedRun, Request, begin, go_on

    display = Display(quiet=quiet)
    request = Request(study, place, device, absolute(storage), budget, run_set.path if run_set else None)
    if run_set is not None:
        search_seeds(
            request, run_set, _again(study_file, overrides, seed, seeds, data_dir, run_set.path), display
        )
        return
    try:
        finished = go_on(request, stopped, display) if stopped else begin(request, run_dir, display)
    except InterruptedRun as stop:
        again = _again(study_file, overrides, seed, None, data_dir, stop.run.path)
        _say_stopped(f"What was done is kept in {stop.run.path}; go on with\n  {again}")
        raise typer.Exit(INTERRUPTED) from None
    except KeyboardInterrupt:
        _say_stopped("The run had not begun; nothing was kept.")
        raise typer.Exit(INTERRUPTED) from None
    _say_result(finished.results, finished.report, finished.run.path)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match or float(match[1]) <= 0:
        raise StudyFileError(f"{text!r} is no time.", where="--time-budget", remedy="Write 90s, 30m or 2h.")
    return float(match[1]) * {"s": 1, "": 60, "m": 60, "h": 3600}[match[2]]


def _stopped_run(run_dir: Path | None, study: str) -> RunDirectory:
    return RunDirectory.open(run_dir) if run_dir else latest_run(RUNS, study)


def _again(
    study_file: Path,
    overrides: list[str] | None,
    seed: int | None,
    seeds: int | None,
    data_dir: Path | None,
    folder: Path,
) -> str:
    """The command that goes on with this run or set, quoted for a shell, without a storage URL: it may be secret."""
    words = ["suite", "search", str(study_file)]
    words += [word for override in overrides or [] for word in ("--set", override)]
    options = {"--seed": seed, "--seeds": seeds, "--data": data_dir, "--run-dir": folder}
    for option, value in options.items():
        words += [option, str(value)] if value is not None else []
    return shlex.join([*words, "--resume"])


def _say_stopped(what: str) -> None:
    """However quiet it was: without this nobody knows how to go on."""
    print(printable(f"\nInterrupted. {what}"), file=sys.stderr)


def _say_result(results: dict[str, Any], page: Path, path: Path) -> None:
    winner, accuracy = results["winner"], results["test"]["eval_accuracy"]
    pictures = results["dataset"]["counts"]["test"]
    low, high = accuracy_interval(accuracy, pictures)
    page, path = from_here(page), from_here(path)
    run = shlex.quote(str(path))
    rows = {
        "Winner": winner["genome"],
        "Test": f"accuracy {accuracy:.4f} on {pictures:,} pictures (95 % interval {low:.4f} to {high:.4f})",
        "Size": f"{winner['params']:,} parameters, {winner['macs'] / 1e6:.2f} M MACs",
        "Latency": a_pass(winner["latency_ms"]["median"], winner["latency_ms"]["batch"]),
        "Report": str(page),
        "As HTML": str(page.with_name("report.html")),
        "Model": str(path / "model" / "winner.safetensors"),
        "Browse": f"suite dashboard {run}",
        "Predict": f"suite predict {run} PICTURE ...",
        "Export": f"suite export {run}",
    }
    print("\n".join(aligned(list(rows.items()), left=(0, 1))))
