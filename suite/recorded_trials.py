"""Trials as they were recorded: each is held against a checksum of its own, since databases notice no flipped bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import contextmanager

import optuna
from optuna.trial import FrozenTrial, TrialState

from suite.errors import GenomeError, StorageError

CHECKSUM, WORKER = "checksum", "worker"
"""Attributes that the checksum is not of: itself, and who is at work on the trial."""


def checksum(trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> str:
    """Of all that is recorded of a trial in that state and with these values, but its times."""
    attributes = {name: value for name, value in trial.user_attrs.items() if name not in (CHECKSUM, WORKER)}
    content = [state.name, values, trial.params, trial.constraints, attributes]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def stamp(trial: FrozenTrial) -> None:
    """Give a trial that is about to be recorded its checksum."""
    trial.set_user_attr(CHECKSUM, checksum(trial, trial.state, trial.values))


def is_as_recorded(trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> bool:
    """Whether a trial says what it did when it got its checksum, in that state and with these values."""
    expected = checksum(trial, state, values)
    return bool(trial.user_attrs.get(CHECKSUM, expected) == expected)  # older records have none


def recorded_trials(study: optuna.Study, *states: TrialState) -> list[FrozenTrial]:
    """A study's trials, of some states or of all, each as it was recorded.

    Raises:
        StorageError: one is not, or cannot be read.
    """
    with damage_noticed(study.study_name):
        trials = study.get_trials(deepcopy=False, states=states or None)
        if all(is_as_recorded(trial, trial.state, trial.values) for trial in trials):
            return trials
    raise damaged(study.study_name)


def recorded_genomes(study: optuna.Study) -> set[str]:
    """Whose trials a study has, each as it was recorded.

    Raises:
        StorageError: one is not, or cannot be read.
    """
    return {str(trial.user_attrs.get("genome")) for trial in recorded_trials(study)}


def check_there(study: optuna.Study, recorded: Set[str], genomes: Collection[str]) -> None:
    """Refuse a study that lacks trials of networks that were evaluated.

    Raises:
        StorageError: some are gone.
    """
    lacking = len(set(genomes) - recorded)
    if lacking:
        raise StorageError(
            f"lacks {lacking} of the {len(genomes)} networks that were evaluated.",
            where=study.study_name,
            remedy="The storage is damaged, or is another: restore it, or begin a new run.",
        )


@contextmanager
def damage_noticed(name: str) -> Iterator[None]:
    """An Optuna study of that name, or its trials, are read.

    Raises:
        StorageError: in a way that only damage explains.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, GenomeError):
        raise damaged(name) from None


def damaged(name: str) -> StorageError:
    """Of an Optuna study that does not say what was recorded."""
    return StorageError(
        "is not what was recorded.",
        where=name,
        remedy="The storage is damaged: restore it, or begin a new run (suite fidelity, suite ablate: give another "
        "--storage).",
    )
