"""From a study to a run under way: open its data, say what it will take, begin it or go on with it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from suite import __version__
from suite.clean_stop import clean_stop
from suite.code_again import note_code
from suite.data import Data, Place, open_data
from suite.data.begun_on import check_begun_on
from suite.device import device_facts, open_device
from suite.device_again import device_to_go_on_with, note_device
from suite.errors import RunDirectoryError
from suite.experiment import run_experiment
from suite.fidelity.predicted import find_truth
from suite.fidelity.truth_table import TRUTH
from suite.forecast import forecast, measure_pace, plan_in_words
from suite.foreign_study import refuse_taken_name
from suite.own_code import own_code
from suite.progress import Display
from suite.report import write_report
from suite.results import PHASES
from suite.run_directory import RUNS, RunDirectory, utc_now, write_atomically
from suite.space import SearchSpace
from suite.storage_url import shown_url, storage_url, stored_url
from suite.study import StudySettings, read_study, study_toml
from suite.time_budget import fit_to_budget
from suite.time_left import TimeBudget
from suite.trials import open_storage
from suite.used_study import study_asked_for, study_at_start, with_fitted_epochs
from suite.wording import duration, in_short, listed


@dataclass(frozen=True)
class Request:
    """What a user asked for: a study, where its pictures are, and how to run it."""

    study: StudySettings
    place: Place
    device: str
    storage: str | None  # a URL; None for SQLite in the run directory
    budget_seconds: float | None
    set_folder: Path | None  # of the set of seeds that the run belongs to


@dataclass(frozen=True)
class Finished:
    """A run at its end."""

    run: RunDirectory
    results: dict[str, Any]
    report: Path


class InterruptedRun(Exception):  # noqa: N818 - not an error: the user's own wish
    """Ctrl-C while a run was under way; it can be gone on with."""

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(str(run.path))
        self.run = run


def begin(request: Request, path: Path | None, display: Display) -> Finished:
    """Begin a run in a new directory (of its own choice, if `path` is None) and run it to its end.

    All that can be refused is refused before the directory is made.

    Raises:
        SuiteError: the device, the storage, the pictures or the directory cannot be used.
        InterruptedRun: by Ctrl-C.
    """
    device = open_device(request.device)
    if request.storage is not None:
        storage = open_storage(request.storage)
        if path is not None:
            name = f"{request.study.name}/{path.resolve().name}"
            refuse_taken_name(storage, name, shown_url(request.storage))
    data = _open_data(request, display)
    if request.study.finalists.candidates == "predicted":
        find_truth(request.study, data.provenance.sha256, TRUTH)
    study = _plan(request, data, device, display)
    run = RunDirectory.create_new(RUNS, request.study.name) if path is None else RunDirectory.create(path)
    with run.locked():
        facts = {
            "run": run.run_id,
            "token": uuid.uuid4().hex,  # a name can be had by two runs, and a storage by both
            "asked": request.study.model_dump(mode="json"),
            "used": study.model_dump(mode="json"),  # shorter, under a time budget
            "time_budget_seconds": request.budget_seconds,
            "storage": None if request.storage is None else shown_url(request.storage),
            "device": device_facts(device).to_json(),
            "versions": _versions(),
            "code": own_code().to_json(),
            "dataset": _dataset(data),
            "started": utc_now(),
        }
        write_atomically(run.path / "study.toml", study_toml(study).encode())
        run.write_json("run.json", facts)
        return _run(run, study, data, device, request, display)


def go_on(request: Request, run: RunDirectory, display: Display) -> Finished:
    """Go on with a run that was stopped, on a device like that it was begun on.

    Raises:
        RunDirectoryError: it was begun with other settings, in another storage, on another device or on other data;
            names the difference.
        InterruptedRun: by Ctrl-C.
    """
    check_asked_again(request, run)
    study = with_fitted_epochs(read_study(run.path / "study.toml"), run)
    try:
        with run.locked():
            done = [phase for phase in PHASES if run.read_result(phase) is not None]
            display.say(f"Going on with {run.path}; finished: {listed(done) if done else 'no phase yet'}.")
            device = device_to_go_on_with(run, study)
            data = _open_data(request, display)
            check_begun_on(run, data)
            note_device(run, device, display)
            note_code(run, display)
            return _run(run, study, data, device, request, display)
    except KeyboardInterrupt:
        raise InterruptedRun(run) from None


def check_asked_again(request: Request, run: RunDirectory) -> None:
    """Refuse a request for anything else than a run was begun with.

    Raises:
        RunDirectoryError: names the difference.
    """
    facts = run.read_json("run.json") or {}
    begun_on = facts["device"]["device"]
    differences = _changes(study_asked_for(facts, run), request.study)
    begun_with = study_at_start(run)
    if begun_with is not None:
        now = with_fitted_epochs(read_study(run.path / "study.toml"), run)
        changes = _changes(with_fitted_epochs(begun_with, run), now)
        differences += [f"study.toml, {change}" for change in changes]
    if request.device not in ("auto", begun_on):
        differences.append(f"--device: {begun_on} then, {request.device} now")
    budget = facts["time_budget_seconds"]
    if request.budget_seconds not in (None, budget):
        then = "none" if budget is None else f"{budget:g} s"
        differences.append(f"--time-budget: {then} then, {request.budget_seconds:g} s now")
    if request.storage is not None and shown_url(request.storage) != stored_url(run):
        differences.append(f"--storage: {stored_url(run)} then, {shown_url(request.storage)} now")
    if differences:
        raise RunDirectoryError(
            "was begun with other settings (" + "; ".join(differences) + ").",
            where=str(run.path),
            remedy="Resume with the same settings, or begin a new run.",
        )


def _run(
    run: RunDirectory,
    study: StudySettings,
    data: Data,
    device: torch.device,
    request: Request,
    display: Display,
) -> Finished:
    url = storage_url(run, request.storage)
    again = f"the same command with --resume --run-dir {request.set_folder or run.path}"
    try:
        with clean_stop(run.path, shown_url(url), again):
            results = run_experiment(study, data, device, url, run, display, _time_budget(run))
            return Finished(run, results, write_report(run, display))
    except KeyboardInterrupt:
        raise InterruptedRun(run) from None


def _time_budget(run: RunDirectory) -> TimeBudget | None:
    facts = run.read_json("run.json") or {}
    seconds = facts["time_budget_seconds"]
    return None if seconds is None else TimeBudget(seconds, study_asked_for(facts, run))


def _open_data(request: Request, display: Display) -> Data:
    """The pictures, with a bar while they are decoded for the first time, and what is odd about them."""
    with display.phase("Pictures", unit="pictures") as phase:
        data = open_data(
            request.study.data,
            request.place,
            progress=lambda done, total: phase.update(done, total=total),
        )
        every = sum(data.provenance.counts.values())
        phase.finish(every, data.provenance.source)
    for note in (*data.provenance.notes, *data.warnings):
        display.say(f"Note: {note}")
    return data


def _plan(request: Request, data: Data, device: torch.device, display: Display) -> StudySettings:
    """Say what will be done and about how long it takes; shorten it to the budget if there is one."""
    asked, budget = request.study, request.budget_seconds
    space = SearchSpace(asked.space, data.picture_shape, len(data.classes))
    if asked.search.method == "exhaustive":
        space.check_can_be_walked()
    with display.phase("Forecast") as phase:
        pace = measure_pace(asked, space, data, device, lambda done, total: phase.update(done, total=total))
    study = asked if budget is None else fit_to_budget(asked, pace, budget)
    display.say(plan_in_words(study, space.size, len(data.train), device.type, forecast(study, pace)))
    if study != asked:
        display.say(
            f"Shortened to fit {duration(budget or 0)}; study.toml in the run directory says to what. Finalists are "
            "fitted to the time that is left when they are chosen."
        )
    most_macs = study.search.limits.max_macs
    if most_macs is not None and most_macs != asked.search.limits.max_macs:
        display.say(
            f"Networks of more than {in_short(most_macs)} MACs are left out: a finalist would have less than a third "
            "of the epochs asked for."
        )
    return study


def _changes(then: StudySettings, now: StudySettings) -> list[str]:
    return _differences(then.model_dump(mode="json"), now.model_dump(mode="json"))


def _differences(then: Any, now: Any, key: str = "") -> list[str]:
    """Where two nested tables of settings differ, as `key: then, now`."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [
            difference
            for name in {**then, **now}
            for difference in _differences(then.get(name), now.get(name), f"{key}.{name}" if key else name)
        ]
    return [] if then == now else [f"{key}: {then!r} then, {now!r} now"]


def _versions() -> dict[str, str]:
    packages = ("torch", "torchvision", "optuna", "deap", "datasets", "numpy")
    return {"nas-suite": __version__, **{package: version(package) for package in packages}}


def _dataset(data: Data) -> dict[str, Any]:
    p = data.provenance
    return {
        "name": p.name,
        "source": p.source,
        "sha256": p.sha256,
        "counts": p.counts,
        "own_test": p.own_test,
        "notes": list(p.notes),
        "warnings": list(data.warnings),
        "classes": list(data.classes),
        "picture_shape": list(data.picture_shape),
        "mean": list(data.mean),
        "std": list(data.std),
    }
