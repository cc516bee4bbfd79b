"""The command line: `suite COMMAND`, also `python -m suite`. The door: it parses, opens, calls, and explains."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from suite.errors import RunDirectoryError, StudyFileError, SuiteError
from suite.progress import Display
from suite.run_directory import RUNS, RunDirectory, latest_run
from suite.study import read_study

INTERRUPTED = 130
BENCHMARKS = ("recording", "evaluation")

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # never print locals: they may hold a storage URL
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find a small, fast CNN for your pictures, and know how far to believe the result.",
)

RunArgument = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="A run directory; the latest one when left out.")
]


@app.command(
    epilog="Examples:  suite search studies/digits.toml   |   suite search studies/cifar10.toml --time-budget 30m"
    "   |   suite search studies/cifar10.toml --set search.population=100 --seed 1"
    "   |   suite search studies/cifar10.toml --resume"
)
def search(
    study_file: Annotated[
        Path, typer.Argument(metavar="STUDY", help="A study file, such as studies/digits.toml.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated.")
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Where the run keeps its files (default: runs/<study>/<time>).")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL", envvar="SUITE_STORAGE", help="sqlite:///FILE, journal:FILE or a PostgreSQL URL."
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data", help="Holds <dataset>/*.parquet; before SUITE_DATA_DIR.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int | None, typer.Option(help="Override the study's seed.")] = None,
    time_budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Shorten epochs and generations to fit: 90s, 30m, 2h.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was stopped.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors and the end.")] = False,
) -> None:
    """Run a study from data to the tested winner and its report."""
    extra = [f"seed={seed}"] if seed is not None else []
    study = read_study(study_file, [*(overrides or []), *extra])
    budget = None if time_budget is None else _seconds(time_budget)
    stopped = _stopped_run(run_dir, study.name) if resume else None

    from suite.data.places import find_data

    place = find_data(study.data, data_dir)

    from suite.launch import (
        InterruptedRun,
        Request,
        begin,
        go_on,
    )  # torch from here on: mistakes are told before

    display = Display(quiet=quiet)
    request = Request(study, place, device, _absolute(storage), budget)
    try:
        finished = go_on(request, stopped, display) if stopped else begin(request, run_dir, display)
    except InterruptedRun as stop:
        again = _again(study_file, overrides, seed, data_dir, stop.run.path)
        display.say(f"\nInterrupted. What was done is kept in {stop.run.path}; go on with\n  {again}")
        raise typer.Exit(INTERRUPTED) from None
    except KeyboardInterrupt:
        display.say("\nInterrupted before the run began; nothing was kept.")
        raise typer.Exit(INTERRUPTED) from None
    _say_result(finished.results, finished.report, finished.run.path)


@app.command(
    epilog="Examples:  suite oracle   |   suite oracle runs/digits/20260101-120000 --pictures 1000   |   "
    "suite oracle --shortlist"
)
def oracle(
    run: RunArgument = None,
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Only the first of val-A and of val-B; all when left out.")
    ] = None,
    shortlist: Annotated[
        bool, typer.Option("--shortlist", help="Only the exact fronts on val-A, in less time.")
    ] = False,
    order: Annotated[int, typer.Option(help="Seed of the order of the shortlist's pictures.")] = 0,
    memory: Annotated[int, typer.Option(min=16, metavar="MIB", help="For activations.")] = 1024,
    data_dir: Annotated[
        Path | None, typer.Option("--data", help="Holds <dataset>/*.parquet; before SUITE_DATA_DIR.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors and the end.")] = False,
) -> None:
    """Score every network of the space with a run's supernet: what the search lost is then known exactly."""
    directory = _opened(run)
    if shortlist and pictures is not None:
        raise StudyFileError("needs all pictures.", where="--shortlist", remedy="Leave out --pictures.")

    from suite.data.places import find_data

    place = find_data(read_study(directory.path / "study.toml").data, data_dir)

    from suite.launch import Walk, score_every_network, shortlist_networks
    from suite.shortlist import in_words

    asked, display = Walk(place, device, memory << 20), Display(quiet=quiet)
    try:
        if shortlist:
            print(in_words(shortlist_networks(directory, asked, order, display)))
        else:
            print(score_every_network(directory, asked, pictures, display))
    except KeyboardInterrupt:
        what = "nothing was kept" if shortlist else "the same command goes on"
        print(f"Interrupted; {what}.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


@app.command(
    epilog="Examples:  suite ask --max-latency 2ms   |   suite ask runs/digits/20260101-120000 --max-params 100k "
    "--max-macs 2.5M --top 3"
)
def ask(
    run: RunArgument = None,
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
    directory = _opened(run)
    study = read_study(directory.path / "study.toml")
    print(answer(directory, study.search.score, limits, top))


@app.command(
    epilog="Examples:  suite export   |   suite export runs/digits/20260101-120000 --genome 32k3max-fc128 "
    "--output small"
)
def export(
    run: RunArgument = None,
    genome: Annotated[
        str | None, typer.Option(metavar="GENOME", help="A network of the space; the winner when left out.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder (default: RUN/model/GENOME).")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data", help="Holds <dataset>/*.parquet; before SUITE_DATA_DIR.")
    ] = None,
) -> None:
    """Write the winner, or any network of the space, as a folder to be used without the run."""
    directory = _opened(run)

    from suite.export.from_run import export_network

    print(export_network(directory, genome, output, data_dir))


@app.command(epilog="Examples:  suite report   |   suite report runs/digits/20260101-120000 --publish")
def report(
    run: RunArgument = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Copy it to reports/<study>/<run-id>/ as well.")
    ] = False,
) -> None:
    """Write the report of a run (again)."""
    from suite.report import publish_report, write_report

    directory = _opened(run)
    print(write_report(directory))
    if publish:
        print(publish_report(directory, Path("reports")))


@app.command(
    epilog="Examples:  suite dashboard   |   suite dashboard runs/digits/20260101-120000 --port 8081"
)
def dashboard(
    run: RunArgument = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8080,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others can then see the run.")
    ] = "127.0.0.1",
    storage: Annotated[
        str | None, typer.Option(metavar="URL", envvar="SUITE_STORAGE", help="If not the run's own.")
    ] = None,
) -> None:
    """Browse a run's trials in optuna-dashboard."""
    import optuna_dashboard

    from suite.launch import storage_url
    from suite.trials import open_storage

    directory = _opened(run)
    opened = open_storage(storage_url(directory, _absolute(storage)))
    print(f"The trials of {directory.path}: http://{host}:{port}  (Ctrl-C ends it)")
    try:
        optuna_dashboard.run_server(opened, host=host, port=port)
    except OSError as error:
        raise RunDirectoryError(
            f"cannot listen: {error.strerror}.", where=f"{host}:{port}", remedy="Give another --port."
        ) from None


@app.command(
    epilog="Examples:  suite bench evaluation   |   suite bench recording --storage postgresql://ME@HOST/DB"
)
def bench(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="What to measure: recording or evaluation.")],
    storage: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A further storage to measure; may be repeated.")
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


def main() -> None:
    """Entry point: a SuiteError is one paragraph and an exit code, never a traceback."""
    try:
        app()
    except SuiteError as error:
        print(f"suite: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _opened(run: Path | None) -> RunDirectory:
    return latest_run(RUNS) if run is None else RunDirectory.open(run)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match or float(match[1]) <= 0:
        raise StudyFileError(f"{text!r} is no time.", where="--time-budget", remedy="Write 90s, 30m or 2h.")
    return float(match[1]) * {"s": 1, "": 60, "m": 60, "h": 3600}[match[2]]


def _stopped_run(run_dir: Path | None, study: str) -> RunDirectory:
    return RunDirectory.open(run_dir) if run_dir else latest_run(RUNS, study)


def _absolute(storage: str | None) -> str | None:
    """A storage URL whose file does not depend on the folder the suite is called from."""
    for prefix in ("journal:", "sqlite:///"):
        if storage is not None and storage.startswith(prefix):
            return prefix + str(Path(storage.removeprefix(prefix)).resolve())
    return storage


def _again(
    study_file: Path,
    overrides: list[str] | None,
    seed: int | None,
    data_dir: Path | None,
    run_dir: Path,
) -> str:
    """The command that goes on with this run, quoted for a shell; a storage URL is left out for its password."""
    words = ["suite", "search", str(study_file)]
    words += [word for override in overrides or [] for word in ("--set", override)]
    for option, value in (("--seed", seed), ("--data", data_dir), ("--run-dir", run_dir)):
        words += [option, str(value)] if value is not None else []
    return shlex.join([*words, "--resume"])


def _say_result(results: dict[str, Any], page: Path, path: Path) -> None:
    winner, test = results["winner"], results["test"]
    print(
        f"Winner {winner['genome']}: test accuracy {test['eval_accuracy']:.4f}, "
        f"{winner['params']:,} parameters, {winner['macs'] / 1e6:.2f} M MACs, "
        f"{winner['latency_ms']['median']:.3f} ms a picture\n"
        f"Report   {page}\nModel    {path / 'model' / 'winner.safetensors'}\nBrowse   suite dashboard {path}"
    )
