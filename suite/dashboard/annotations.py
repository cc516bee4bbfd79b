"""What the dashboard shows beside a run's trials: notes and pictures, made from its results as they are asked for.

optuna-dashboard keeps notes and the list of pictures among the attributes of an Optuna study. Writing them there
would change the record, so they are added to what is read: a run of any age has them, and one that is under way.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, BinaryIO

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import BaseStorage
from optuna.study.study import _SYSTEM_ATTR_METRIC_NAMES
from optuna.trial import FrozenTrial

from suite.dashboard.network_facts import Searched
from suite.dashboard.notes import finalist_note, study_note, trial_note
from suite.report.pictures import architecture, confusion, curves
from suite.report.record import RunRecord, read_record
from suite.report.style import STYLE, Figures, png
from suite.run_directory import RunDirectory
from suite.study import read_study
from suite.trials import VAL_B_ACCURACY

_PART = 2_000  # characters of a note in one attribute, as optuna-dashboard has it
_RESULTS = ("search", "finalists", "final")  # what notes are made from
_SETTLED_SECONDS = 15.0  # after a result: optuna-dashboard itself goes by trials of up to ten seconds ago

Draw = Callable[[Figures], Figure]


class Annotations:
    """Notes by Optuna study, and an artifact store whose pictures are drawn when they are opened."""

    def __init__(self, run: RunDirectory, storage: BaseStorage) -> None:
        self._run = run
        self._storage = storage
        self._made: dict[int, tuple[tuple[float, ...], dict[str, Any]]] = {}
        self._pictures: dict[str, Draw] = {}

    def of_study(self, study: int) -> dict[str, Any]:
        """Attributes for the study of that number; none for a study of another run."""
        ages = self._ages()
        known = self._made.get(study)
        if known is None or known[0] != ages:
            self._made[study] = known = (ages, dict(self._attributes(study)))
        return known[1]

    def version(self, study: int) -> tuple[float, ...] | None:
        """What tells a study of the run from what it may be later; None while its trials may change.

        Raises:
            KeyError: there is no such study.
        """
        name = self._storage.get_study_name_from_id(study)
        written = self._age(name.rpartition("/")[2]) if name.startswith(self._names) else 0.0
        return self._ages() if written and time.time() - written > _SETTLED_SECONDS else None

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """A picture as PNG.

        Raises:
            ArtifactNotFound: none has this name.
        """
        if artifact_id not in self._pictures:
            raise ArtifactNotFound(artifact_id)
        with matplotlib.rc_context(STYLE):
            return io.BytesIO(png(self._pictures[artifact_id](Figures(self._run.path))))

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Nothing is kept here."""
        raise PermissionError("a run's record is not changed by those who look at it")

    def remove(self, artifact_id: str) -> None:
        """Nothing is taken away here."""
        raise PermissionError("a run's record is not changed by those who look at it")

    @cached_property
    def _names(self) -> str:
        """What the names of the run's Optuna studies begin with."""
        return f"{read_study(self._run.path / 'study.toml').name}/{self._run.run_id}/"

    def _ages(self) -> tuple[float, ...]:
        return tuple(self._age(result) for result in _RESULTS)

    def _age(self, result: str) -> float:
        path = self._run.path / "results" / f"{result}.json"
        return path.stat().st_mtime if path.exists() else 0.0

    def _attributes(self, study: int) -> Iterator[tuple[str, Any]]:
        record, name = read_record(self._run), self._storage.get_study_name_from_id(study)
        if not name.startswith(self._names):
            return
        yield from note_attributes(None, study_note(record, name, study))
        by_genome = self._by_genome(study)
        if name.endswith("/search") and record.search is not None:
            searched = Searched(study, by_genome)
            trained = (
                {row["genome"]: row for row in record.finalists["finalists"]} if record.finalists else {}
            )
            for row in record.search["front"]:
                if row["genome"] in by_genome:
                    trial = by_genome[row["genome"]]
                    yield from self._of_front(record, trial, searched)
                    if row["genome"] in trained:
                        yield from self._of_training(record, trial, trained[row["genome"]])
        if name.endswith("/finalists"):
            yield _SYSTEM_ATTR_METRIC_NAMES, [VAL_B_ACCURACY]  # which older runs have not recorded
            searched = self._searched(name.removesuffix("finalists") + "search")
            for row in record.finalists["finalists"] if record.finalists else ():
                if row["genome"] in by_genome:
                    yield from self._of_finalist(record, by_genome[row["genome"]], row, searched)

    def _by_genome(self, study: int) -> dict[str, FrozenTrial]:
        trials = self._storage.get_all_trials(study, deepcopy=False)
        return {str(trial.user_attrs.get("genome")): trial for trial in trials}

    def _searched(self, name: str) -> Searched:
        try:
            study = self._storage.get_study_id_from_name(name)
        except KeyError:
            return Searched(0, {})
        return Searched(study, self._by_genome(study))

    def _of_front(
        self, record: RunRecord, trial: FrozenTrial, searched: Searched
    ) -> Iterator[tuple[str, Any]]:
        genome = record.space.parse(trial.user_attrs["genome"])
        yield from note_attributes(trial._trial_id, trial_note(record, trial, searched))
        yield self._picture(trial, "architecture", lambda f: architecture(f, genome, record.space))

    def _of_finalist(
        self, record: RunRecord, trial: FrozenTrial, row: dict[str, Any], searched: Searched
    ) -> Iterator[tuple[str, Any]]:
        genome = record.space.parse(row["genome"])
        yield from note_attributes(trial._trial_id, finalist_note(record, row, searched))
        yield self._picture(trial, "architecture", lambda f: architecture(f, genome, record.space))
        yield from self._of_training(record, trial, row)

    def _of_training(
        self, record: RunRecord, trial: FrozenTrial, row: dict[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        """Pictures of how a network was trained by itself."""
        yield self._picture(trial, "curve", lambda f: curves(f, [row]))
        matrices = [curve.get("confusion") for curve in row["curves"]]
        if all(matrices):  # older runs have none
            matrix = np.array(matrices, np.int64).sum(axis=0)
            yield self._picture(trial, "confusion-val-B", lambda f: confusion(f, matrix, record.classes))

    def _picture(self, trial: FrozenTrial, name: str, draw: Draw) -> tuple[str, str]:
        """The attribute by which the dashboard finds a trial's picture."""
        artifact = hashlib.sha256(f"{self._run.path}/{trial._trial_id}/{name}".encode()).hexdigest()[:32]
        self._pictures[artifact] = draw
        facts = {
            "artifact_id": artifact,
            "filename": f"{name}.png",
            "mimetype": "image/png",
            "encoding": None,
        }
        return f"dashboard:artifacts:{trial._trial_id}:{artifact}", json.dumps(facts)


def note_attributes(trial: int | None, text: str) -> Iterator[tuple[str, Any]]:
    """The attributes by which the dashboard knows a note, of a trial or (None) of the study."""
    of = "dashboard:" if trial is None else f"dashboard:{trial}:"
    yield f"{of}note_ver", 1
    for number, start in enumerate(range(0, len(text), _PART)):
        yield f"{of}note_str:{number}", text[start : start + _PART]
