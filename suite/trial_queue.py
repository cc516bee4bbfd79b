"""Work shared by processes and machines: waiting trials of one Optuna study, each claimed and done by one of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

import filelock
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from suite.clean_stop import clean_stop
from suite.errors import StorageError, SuiteError
from suite.recorded_trials import (
    CHECKSUM,
    WORKER,
    checksum,
    damage_noticed,
    is_as_recorded,
    recorded_trials,
    stamp,
)

_SECONDS_BETWEEN_LOOKS = 3.0
_SECONDS_UNTIL_GONE = 600.0  # workers are heard of at each checkpoint, every half minute or so
_Job = TypeVar("_Job")


def enqueue(
    study: optuna.Study, waiting: Sequence[FrozenTrial], same: Callable[[FrozenTrial], Hashable]
) -> None:
    """Add the waiting trials whose like (by `same`) neither waits nor runs.

    This host's running ones are of processes that died, and fail: a run directory's lock lets only one execution be
    here. Another's fail once it has not been heard of for ten minutes, by clocks that are taken to agree that far.

    Raises:
        StorageError: what is there cannot be read.
    """
    under_way = set()
    with damage_noticed(study.study_name):
        unfinished = study.get_trials(deepcopy=False, states=(TrialState.WAITING, TrialState.RUNNING))
    for trial in unfinished:
        if trial.state == TrialState.RUNNING and _is_gone(trial.user_attrs.get(WORKER, {})):
            with suppress(UpdateFinishedTrialError):  # it has ended, or another has said the same
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        else:
            under_way.add(same(trial))
    for trial in waiting:
        if same(trial) not in under_way:
            stamp(trial)
            study.add_trial(trial)


def work_off(
    study: optuna.Study,
    do: Callable[[optuna.Trial], float],
    told: Callable[[optuna.Trial], None] = lambda trial: None,
) -> None:
    """Claim a waiting trial, do it, tell its value; again, until none waits. Many may do so at once, anywhere.

    `told` comes after a trial's value is in the storage: only then can what it was made from be forgotten. What fails
    in a way the suite knows is told as such, its reason the trial's attribute `failure`.
    """
    while (trial := _claim(study)) is not None:
        # One that was taken for gone, and failed by another, is done by somebody else.
        with suppress(UpdateFinishedTrialError):
            _do(study, trial, do, told)


def still_at(trial: optuna.Trial) -> None:
    """Say who is at work on a trial, and that it is not gone.

    Raises:
        UpdateFinishedTrialError: the trial was taken from it meanwhile.
    """
    trial.set_user_attr(WORKER, {"host": socket.gethostname(), "pid": os.getpid(), "seen": time.time()})


def done_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that were done, wherever, each as it was told.

    Raises:
        StorageError: one is not.
    """
    return recorded_trials(study, TrialState.COMPLETE)


def run_workers(target: Callable[[_Job], None], job: _Job, count: int, look: Callable[[], None]) -> list[str]:
    """Run so many processes of `target(job)` to their ends, looking now and then; returns why some ended early.

    In fresh interpreters, as torch's threads do not survive a fork.
    """
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(count)]
    workers = [
        context.Process(target=_work, args=(target, job, last_words), daemon=True) for _, last_words in pipes
    ]
    try:
        for worker, (_, last_words) in zip(workers, pipes, strict=True):
            worker.start()
            last_words.close()  # here: it ends with the worker then
        while running := [worker.sentinel for worker in workers if worker.is_alive()]:
            look()
            wait(running, _SECONDS_BETWEEN_LOOKS)
        look()
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.terminate()
                worker.join()
    reasons = [_why_ended(worker, heard) for worker, (heard, _) in zip(workers, pipes, strict=True)]
    return [reason for reason in reasons if reason]


def what_went_wrong(study: optuna.Study, reasons: Sequence[str]) -> str:
    """Why trials are not done, as far as it is known here; `reasons` are why processes ended early.

    Raises:
        StorageError: trials cannot be read.
    """
    with damage_noticed(study.study_name):
        trials = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    failures = [trial.user_attrs["failure"] for trial in trials if "failure" in trial.user_attrs]
    distinct = dict.fromkeys(reason.rstrip(".") for reason in [*reasons, *failures])
    return "; ".join(list(distinct)[:3]) or (
        "they are under way on another machine (if it is gone, the same command does them in ten minutes)"
    )


def _work(target: Callable[[_Job], None], job: _Job, last_words: Connection) -> None:
    """A worker's whole life: it ends with its parent, however that ends, and leaves Ctrl-C and all words to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with clean_stop("the run directory", "the storage", "the same command"):
            target(job)
    except SuiteError as error:
        last_words.send_bytes(": ".join(filter(None, (error.where, error.what))).encode())
        sys.exit(error.exit_code)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        last_words.send_bytes(f"{type(error).__name__}: {error}".splitlines()[0].encode())
        sys.exit(1)


def _why_ended(worker: BaseProcess, heard: Connection) -> str:
    """What a worker said at its end, or how it died without a word; nothing if it came to the end of its work."""
    try:
        return heard.recv_bytes().decode()
    except EOFError:
        return f"a process ended with code {worker.exitcode}" if worker.exitcode else ""


def _end_with_parent() -> None:
    """Once the run directory's lock is gone, what goes on here would be begun elsewhere as well."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _claim(study: optuna.Study) -> optuna.Trial | None:
    """A waiting trial made ours; None if there is none. No other process is given it too."""
    for waiting in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        try:
            with _one_at_a_time(study):
                ours = study._storage.set_trial_state_values(waiting._trial_id, state=TrialState.RUNNING)
        except UpdateFinishedTrialError:  # another has done all of it since it was listed
            continue
        if ours:
            return optuna.Trial(study, waiting._trial_id)
    return None


def _do(
    study: optuna.Study,
    trial: optuna.Trial,
    do: Callable[[optuna.Trial], float],
    told: Callable[[optuna.Trial], None],
) -> None:
    still_at(trial)
    try:
        _check_asked(study, trial)
        value = do(trial)
    except SuiteError as error:
        trial.set_user_attr("failure", str(error))
        study.tell(trial, state=TrialState.FAIL)
    else:
        done = study._storage.get_trial(trial._trial_id)
        trial.set_user_attr(CHECKSUM, checksum(done, TrialState.COMPLETE, [value]))
        study.tell(trial, value, skip_if_finished=True)
        told(trial)


def _is_gone(worker: Mapping[str, Any]) -> bool:
    """Whether nobody is at work on a running trial any more; older suites did not say when they were seen."""
    if worker.get("host") in (None, socket.gethostname()):
        return True
    return time.time() - float(worker.get("seen", time.time())) > _SECONDS_UNTIL_GONE


def _check_asked(study: optuna.Study, trial: optuna.Trial) -> None:
    """Refuse a claimed trial that does not say what was asked for.

    Raises:
        StorageError: it does not. Once it has failed, it is asked for anew.
    """
    if not is_as_recorded(study._storage.get_trial(trial._trial_id), TrialState.WAITING, None):
        raise StorageError(f"trial {trial.number} is not what was asked for.", where=study.study_name)


def _one_at_a_time(study: optuna.Study) -> AbstractContextManager[object]:
    """A lock beside a SQLite file, which has none of its own for a row: of two at once, both would be told yes.

    Servers lock the row, and a journal is read in one order by all.
    """
    storage: Any = study._storage
    engine = getattr(getattr(storage, "_backend", storage), "engine", None)
    if engine is None or engine.url.get_backend_name() != "sqlite":
        return nullcontext()
    return filelock.FileLock(f"{engine.url.database}.claims")
