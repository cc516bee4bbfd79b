"""The command line: `suite COMMAND`, also `python -m suite`. The door: it parses, opens, calls, and explains."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from suite import __version__
from suite.errors import RunDirectoryError, StudyFileError, SuiteError
from suite.progress import Display
from suite.run_directory import RunDirectory, latest_run, new_run_path, utc_now, write_atomically
from suite.study import StudySettings, read_study, study_toml

if TYPE_CHECKING:  # torch is imported late, so that a mistake is told before it is paid for
    from suite.forecast import Forecast

RUNS = Path("runs")
INTERRUPTED = 130
BENCHMARKS = ("recording",)

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
        str | None, typer.Option(metavar="URL", help="sqlite:///FILE, journal:FILE or a PostgreSQL URL.")
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
    display = Display(quiet=quiet)

    from suite.data.places import find_data

    run = _run_to_resume(study, run_dir, storage) if resume else None
    place = find_data(study.data, data_dir)
    opened_device = _device(device, run)
    if storage is not None:
        from suite.trials import open_storage

        open_storage(storage)  # a refused storage leaves no run behind
    if run is None:
        run = RunDirectory.create(run_dir or new_run_path(RUNS, study.name))
    try:
        with run.locked():
            _search(study, run, place, storage, opened_device, budget, display)
    except KeyboardInterrupt:
        where = "" if run_dir is None else f" --run-dir {run_dir}"
        display.say(
            f"\nInterrupted. What was evaluated is kept in {run.path}; go on with\n"
            f"  suite search {study_file}{where} {_repeated(overrides, seed, data_dir)}--resume"
        )
        raise typer.Exit(INTERRUPTED) from None


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
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8080,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others can then see the run.")
    ] = "127.0.0.1",
    storage: Annotated[str | None, typer.Option(metavar="URL", help="If not the run's own.")] = None,
) -> None:
    """Browse a run's trials in optuna-dashboard."""
    import optuna_dashboard

    from suite.trials import open_storage

    directory = _opened(run)
    opened = open_storage(_storage_url(directory, storage))
    print(f"The trials of {directory.path}: http://{host}:{port}  (Ctrl-C ends it)")
    try:
        optuna_dashboard.run_server(opened, host=host, port=port)
    except OSError as error:
        raise RunDirectoryError(
            f"cannot listen: {error.strerror}.", where=f"{host}:{port}", remedy="Give another --port."
        ) from None


@app.command(
    epilog="Examples:  suite bench recording   |   suite bench recording --storage postgresql://ME@HOST/DB"
)
def bench(
    what: Annotated[str, typer.Argument(metavar="recording", help="What to measure.")],
    storage: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A further storage to measure; may be repeated.")
    ] = None,
) -> None:
    """Measure this machine: ratios and costs, each from one run."""
    from importlib import import_module

    if what not in BENCHMARKS:
        raise StudyFileError(
            f"{what!r} is no benchmark.", where="suite bench", remedy=f"There is {BENCHMARKS[0]}."
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


def _search(
    study: StudySettings,
    run: RunDirectory,
    place: Any,
    storage: str | None,
    device: Any,
    budget: float | None,
    display: Display,
) -> None:
    """The work behind `suite search`, the run's lock held."""
    from suite.data import open_data
    from suite.device import device_facts
    from suite.experiment import run_experiment
    from suite.report import write_report
    from suite.trials import shown_url

    facts = run.read_json("run.json")
    with display.phase("Pictures") as phase:
        data = open_data(study.data, place, progress=lambda done, total: phase.update(done, total=total))
        phase.finish(len(data.all_training), data.provenance.source)
    for warning in data.warnings:
        display.say(f"Note: {warning}")
    if facts is None:
        used = _plan(study, data, device, budget, display)
        url = storage or f"sqlite:///{run.path.resolve() / 'study.db'}"
        write_atomically(run.path / "study.toml", study_toml(used).encode())
        run.write_json(
            "run.json",
            {
                "asked": study.model_dump(mode="json"),
                "time_budget_seconds": budget,
                "storage": None if storage is None else shown_url(url),
                "device": device_facts(device).to_json(),
                "versions": _versions(),
                "dataset": _provenance(data),
                "started": utc_now(),
            },
        )
    else:
        used = read_study(run.path / "study.toml")
        url = _storage_url(run, storage)
        if facts["dataset"]["sha256"] != data.provenance.sha256:
            raise RunDirectoryError(
                f"was begun on other data (sha256 {facts['dataset']['sha256'][:12]}, now "
                f"{data.provenance.sha256[:12]}).",
                where=str(run.path),
                remedy="Give the same data by --data, or begin a new run.",
            )
    result = run_experiment(used, data, device, url, run, display)
    path = write_report(run)
    _say_result(result, path, run)


def _device(name: str, run: RunDirectory | None) -> Any:
    """The torch device; a run that goes on keeps the number of threads it began with, on which sums depend."""
    from suite.device import open_device

    facts = run.read_json("run.json") if run else None
    return open_device(name, threads=facts["device"]["threads"] if facts else None)


def _plan(
    study: StudySettings, data: Any, device: Any, budget: float | None, display: Display
) -> StudySettings:
    """Say what will be done and about how long it takes; shorten it to the budget if there is one."""
    from suite.forecast import fit_to_budget, forecast, measure_pace
    from suite.space import SearchSpace

    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    pace = measure_pace(study, space, data, device)
    used = study if budget is None else fit_to_budget(study, pace, budget)
    expected = forecast(used, pace)
    display.say(_plan_text(used, space.size, data, device.type, expected))
    if used != study:
        display.say(
            f"Shortened to fit {_duration(budget or 0)}; study.toml in the run directory says to what."
        )
    return used


def _plan_text(study: StudySettings, size: int, data: Any, device: str, expected: Forecast) -> str:
    search_, finalists = study.search, study.finalists
    evaluations = search_.random_pool + search_.generations * search_.population
    rows = [
        ("supernet", f"{study.supernet.epochs} epochs of {len(data.train)} pictures", expected.supernet),
        ("search", f"{search_.method}, up to {evaluations} of {size:,} networks", expected.search),
        ("finalists", f"{finalists.count} networks, {finalists.epochs} epochs each", expected.finalists),
        ("final", f"fine-tuning ({study.final.epochs} epochs), one test", expected.final),
    ]
    lines = [f"  {name:<10} {what:<44} about {_duration(seconds)}" for name, what, seconds in rows]
    last = f"  {'in all':<55} about {_duration(expected.total)}"
    return "\n".join([f"Study {study.name}, seed {study.seed}, on {device}:", *lines, last])


def _say_result(result: dict[str, Any], report_path: Path, run: RunDirectory) -> None:
    winner, test = result["winner"], result["test"]
    print(
        f"Winner {winner['genome']}: test accuracy {test['eval_accuracy']:.4f}, "
        f"{winner['params']:,} parameters, {winner['macs'] / 1e6:.2f} M MACs, "
        f"{winner['latency_ms']['median']:.3f} ms a picture\n"
        f"Report   {report_path}\nModel    {run.path / 'model' / 'winner.safetensors'}\n"
        f"Browse   suite dashboard {run.path}"
    )


def _run_to_resume(study: StudySettings, run_dir: Path | None, storage: str | None) -> RunDirectory:
    """The stopped run of this study.

    Raises:
        RunDirectoryError: there is none, or it was begun with other settings; names the difference.
    """
    run = RunDirectory.open(run_dir) if run_dir else latest_run(RUNS, study.name)
    asked = (run.read_json("run.json") or {})["asked"]
    now = study.model_dump(mode="json")
    differences = [f"{key}: {a!r} then, {b!r} now" for key, a, b in _differences(asked, now)]
    if differences:
        raise RunDirectoryError(
            "was begun with other settings (" + "; ".join(differences) + ").",
            where=str(run.path),
            remedy="Resume with the same settings, or begin a new run.",
        )
    return run


def _differences(one: Any, other: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            difference
            for name in {**one, **other}
            for difference in _differences(one.get(name), other.get(name), f"{key}.{name}" if key else name)
        ]
    return [] if one == other else [(key, one, other)]


def _storage_url(run: RunDirectory, given: str | None) -> str:
    """The storage of a run; a password is not kept, so a server's URL may have to be given again."""
    stored = (run.read_json("run.json") or {}).get("storage")
    return given or stored or f"sqlite:///{run.path.resolve() / 'study.db'}"


def _opened(run: Path | None) -> RunDirectory:
    return latest_run(RUNS) if run is None else RunDirectory.open(run)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match or float(match[1]) <= 0:
        raise StudyFileError(f"{text!r} is no time.", where="--time-budget", remedy="Write 90s, 30m or 2h.")
    return float(match[1]) * {"s": 1, "": 60, "m": 60, "h": 3600}[match[2]]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _repeated(overrides: list[str] | None, seed: int | None, data_dir: Path | None) -> str:
    """The options of this call that a resume must repeat, quoted for a shell."""
    import shlex

    words = [word for override in overrides or [] for word in ("--set", override)]
    words += ["--seed", str(seed)] if seed is not None else []
    words += ["--data", str(data_dir)] if data_dir is not None else []
    return shlex.join(words) + " " if words else ""


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    packages = ("torch", "torchvision", "optuna", "deap", "datasets", "numpy")
    return {"nas-suite": __version__, **{package: version(package) for package in packages}}


def _provenance(data: Any) -> dict[str, Any]:
    p = data.provenance
    return {
        "name": p.name,
        "source": p.source,
        "sha256": p.sha256,
        "counts": p.counts,
        "notes": list(p.notes),
        "classes": list(data.classes),
        "picture_shape": list(data.picture_shape),
        "warnings": list(data.warnings),
    }
