"""Optuna as the record: every evaluated genome is a trial, and what was recorded can be read back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.pruners import BasePruner
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from suite.errors import DISK_ERRORS, StoppedError, StorageError, SuiteError
from suite.fitness import Batch, Criterion, Evaluation
from suite.foreign_study import claim, own_study, refuse_other_database
from suite.latency import Latency
from suite.methods import G, Proposal, Space
from suite.methods.optuna_samplers import directions
from suite.recorded_trials import damage_noticed, recorded_trials, stamp
from suite.space import Genome, SearchSpace
from suite.storage_url import is_server, names_server, parsed_url, shown_url
from suite.storages import open_database, open_journal

optuna.logging.set_verbosity(optuna.logging.WARNING)

VAL_B_ACCURACY = "val-B accuracy"
"""The objective of networks that are trained on their own, as Optuna shows it."""

_GIVE_PASSWORD = "Give the URL with its password by --storage or SUITE_STORAGE, or PGPASSWORD."
_INSTALL_DRIVER = (
    'Install its driver: pip install "nas-suite[postgres]", or in a clone pip install -e ".[postgres]"'
)
_RESTORE = "Restore the file, or begin a new run."
_MAKE_ROOM = "Once there is room, give the command again, with --resume if the run is there."
_REFUSALS = (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError, ValueError)


def open_storage(url: str, say: Callable[[str], None] = lambda text: None) -> BaseStorage:
    """The storage for `sqlite:///FILE`, `journal:FILE`, or a PostgreSQL URL.

    A server that goes away later is waited for, which `say` is told.

    Raises:
        StorageError: the URL is not understood, or the storage cannot be opened; never shows a password.
        StoppedError: the disk is full.
    """
    if url.startswith("journal:"):
        try:
            return open_journal(Path(url.removeprefix("journal:")))
        except OSError as error:
            raise _not_opened(url, error.strerror or str(error), full=error.errno in DISK_ERRORS) from None
        except ValueError:
            raise StorageError("is damaged, or no journal of Optuna's.", where=url, remedy=_RESTORE) from None
    parsed = parsed_url(url)
    try:
        refuse_other_database(parsed)
        return open_database(parsed, say)
    except _REFUSALS as error:
        raise _cannot_be_opened(parsed, error) from None


def reach_server(url: str) -> bool:
    """Ask a database server whether it answers; False if the URL is that of a file. Nothing is made or written.

    Raises:
        StorageError: the URL is not understood, or the server refuses; never shows a password.
    """
    if not names_server(url):
        return False
    parsed = parsed_url(url)
    try:
        engine = create_engine(parsed)
        with engine.connect():
            engine.dispose()
    except _REFUSALS as error:
        raise _cannot_be_opened(parsed, error) from None
    return True


def _cannot_be_opened(url: URL, error: BaseException) -> SuiteError:
    """The database's own words, without its password."""
    reason = str(error.__cause__ or error).splitlines()[0]
    for secret in filter(None, (url.password, *map(str, url.query.values()))):
        reason = reason.replace(str(secret), "***")
    remedy = _GIVE_PASSWORD if is_server(url) else None
    if isinstance(error, ImportError):
        remedy = _INSTALL_DRIVER
    if "malformed" in reason or "not a database" in reason:  # SQLite's words for a damaged file
        remedy = _RESTORE
    where = shown_url(url.render_as_string(hide_password=False))
    full = "disk is full" in reason or "disk I/O error" in reason  # its words for a disk
    return _not_opened(where, reason, remedy, full=full)


def _not_opened(where: str, reason: str, remedy: str | None = None, *, full: bool) -> SuiteError:
    """A full disk is no wrong input."""
    what = f"cannot be opened: {reason}."
    if full:
        return StoppedError(what, where=where, remedy=_MAKE_ROOM)
    return StorageError(what, where=where, remedy=remedy)


def genes_of(space: Space[G], genome: G) -> tuple[dict[str, int | str], dict[str, BaseDistribution]]:
    """A genome as a trial has it: its active genes by name, and the choices of each."""
    params = dict(space.active_genes(genome))
    return params, {
        gene.name: CategoricalDistribution(gene.choices) for gene in space.genes if gene.name in params
    }


def study_of_trainings(
    storage: BaseStorage,
    name: str,
    metric: str = VAL_B_ACCURACY,
    pruner: BasePruner | None = None,
    owner: str | None = None,
) -> optuna.Study:
    """The Optuna study of that name, of networks trained alone: begun, or gone on with. `owner` is a run's token.

    Raises:
        StorageError: what has that name is of other objectives, or of another run.
    """
    with damage_noticed(name):
        own_study(storage, name, [StudyDirection.MAXIMIZE], [metric], owner=owner, may_lack_names=True)
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", pruner=pruner, load_if_exists=True
    )
    claim(study, owner)
    _name_metrics(study, [metric])
    return study


class Trials:
    """The Optuna study of one phase of one run, whose token is `owner`: `<study>/<run-id>/<phase>`."""

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        space: SearchSpace,
        criteria: Sequence[Criterion],
        owner: str | None = None,
    ) -> None:
        self._space = space
        self._criteria = tuple(criteria)
        ways = directions([criterion.weight for criterion in criteria])
        with damage_noticed(name):
            found = own_study(storage, name, ways, [c.metric for c in criteria], owner=owner)
        self.study = found or optuna.create_study(
            storage=storage, study_name=name, directions=ways, load_if_exists=True
        )
        claim(self.study, owner)
        _name_metrics(self.study, [c.metric for c in criteria])

    def record(
        self,
        batch: Batch,
        evaluation: Evaluation,
        proposal: Proposal[Genome],
        generation: int,
        values: tuple[float, ...] | None,
        constraints: dict[str, float],
    ) -> None:
        """Add one genome of an evaluated batch; without values it is a FAIL trial with its reason.

        Its times are those of the batch: subnets are scored together and timed interleaved.
        """
        params, distributions = genes_of(self._space, evaluation.genome)
        trial = create_trial(
            state=TrialState.COMPLETE if values is not None else TrialState.FAIL,
            values=values,
            params=params,
            distributions=distributions,
            constraints=constraints or None,
            user_attrs=_attributes(evaluation, proposal, generation),
        )
        stamp(trial)
        trial.datetime_start, trial.datetime_complete = batch.started, batch.ended
        self.study.add_trial(trial)

    def recorded(self) -> dict[Genome, tuple[int, Evaluation]]:
        """Every genome on record: the generation it was evaluated in, and how it was evaluated.

        Raises:
            StorageError: a trial is not what was recorded.
        """
        with damage_noticed(self.study.study_name):
            return {
                evaluation.genome: (int(trial.user_attrs["generation"]), evaluation)
                for trial in recorded_trials(self.study)
                if (evaluation := _read(trial, self._space)) is not None
            }


def _attributes(evaluation: Evaluation, proposal: Proposal[Genome], generation: int) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "genome": evaluation.genome.text,
        "chromosome": list(proposal.chromosome),
        "generation": generation,
        "origin": proposal.origin,
        "parents": [parent.text for parent in proposal.parents],
        "params": evaluation.params,
        "macs": evaluation.macs,
        "evaluated_on": "val-A",
    }
    if evaluation.failure is not None:
        attributes["failure"] = evaluation.failure
    else:
        attributes |= {"val_loss": evaluation.loss, "val_accuracy": evaluation.accuracy}
    if evaluation.latency is not None:
        attributes["latency"] = evaluation.latency.to_json()
    return attributes


def _read(trial: FrozenTrial, space: SearchSpace) -> Evaluation | None:
    """An evaluation as recorded; None for a trial that is not one of ours.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, GenomeError: it is not what was recorded.
    """
    attributes = trial.user_attrs
    if "genome" not in attributes or "params" not in attributes:
        return None
    latency = attributes.get("latency")
    return Evaluation(
        space.parse(attributes["genome"]),
        attributes["params"],
        attributes["macs"],
        attributes.get("val_loss"),
        attributes.get("val_accuracy"),
        Latency(**latency) if latency else None,
        attributes.get("failure"),
    )


def _name_metrics(study: optuna.Study, metrics: Sequence[str]) -> None:
    """Say what the objectives are, where nobody has yet."""
    if not study.metric_names:
        with warnings.catch_warnings(category=ExperimentalWarning, action="ignore"):
            study.set_metric_names(list(metrics))
