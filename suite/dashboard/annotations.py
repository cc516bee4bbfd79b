"""What the dashboard shows beside a run's trials: notes and pictures, made from its results as they are asked for.

optuna-dashboard keeps notes and the list of pictures among the attributes of an Optuna study. Writing them there
would change the record, so they are added to what is read: a run of any age has them, and one that is under way.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import BaseStorage
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial

from suite.dashboard.notes import finalist_note, study_note, trial_note
from suite.report.pictures import architecture, confusion, curves
from suite.report.record import RunRecord, read_record
from suite.report.style import STYLE, Figures, png
from suite.run_directory import RunDirectory

_PART = 2_000  # characters of a note in one attribute, as optuna-dashboard has it
_RESULTS = ("search", "finalists", "final")  # what notes are made from

Draw = Callable[[Figures], Figure]


class Annotations:
    """Notes by Optuna study, and an artifact store whose pictures are drawn when they are opened."""

    def __init__(self, run: RunDirectory, storage: BaseStorage) -> None:
        self._run = run
        self._trials = storage.get_all_trials
        self._name = storage.get_study_name_from_id
        self._made: dict[int, tuple[tuple[float, ...], dict[str, Any]]] = {}
        self._pictures: dict[str, Draw] = {}

    def of_study(self, study: int) -> dict[str, Any]:
        """Attributes for the study of that number; none for a study of another run."""
        ages = tuple(self._age(result) for result in _RESULTS)
        known = self._made.get(study)
        if known is None or known[0] != ages:
            self._made[study] = known = (ages, dict(self._attributes(study)))
        return known[1]

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

    def _age(self, result: str) -> float:
        path = self._run.path / "results" / f"{result}.json"
        return path.stat().st_mtime if path.exists() else 0.0

    def _attributes(self, study: int) -> Iterator[tuple[str, Any]]:
        record, name = read_record(self._run), self._name(study)
        if not name.startswith(f"{record.study.name}/{self._run.run_id}/"):
            return
        yield from _note(None, study_note(record, name))
        by_genome = {
            str(trial.user_attrs.get("genome")): trial for trial in self._trials(study, deepcopy=False)
        }
        if name.endswith("/search") and record.search is not None:
            for row in record.search["front"]:
                if row["genome"] in by_genome:
                    yield from self._of_front(record, by_genome[row["genome"]])
        if name.endswith("/finalists") and record.finalists is not None:
            for row in record.finalists["finalists"]:
                if row["genome"] in by_genome:
                    yield from self._of_finalist(record, by_genome[row["genome"]], row)

    def _of_front(self, record: RunRecord, trial: FrozenTrial) -> Iterator[tuple[str, Any]]:
        genome = record.space.parse(trial.user_attrs["genome"])
        yield from _note(trial._trial_id, trial_note(record, trial))
        yield self._picture(trial, "architecture", lambda f: architecture(f, genome, record.space))

    def _of_finalist(
        self, record: RunRecord, trial: FrozenTrial, row: dict[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        genome = record.space.parse(row["genome"])
        yield from _note(trial._trial_id, finalist_note(record, row))
        yield self._picture(trial, "architecture", lambda f: architecture(f, genome, record.space))
        yield self._picture(trial, "curve", lambda f: curves(f, [row]))
        if record.final is not None and record.final["genome"] == row["genome"]:
            matrix = np.asarray(record.final["confusion"])
            yield self._picture(trial, "confusion", lambda f: confusion(f, matrix, record.classes))

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


def annotate(storage: BaseStorage, annotations: Annotations) -> None:
    """Have a storage tell the annotations wherever it tells a study's attributes, and no notes that are HTML."""
    attributes_of, all_studies = storage.get_study_system_attrs, storage.get_all_studies

    def get_study_system_attrs(study_id: int) -> dict[str, Any]:
        return {**annotations.of_study(study_id), **_without_html(attributes_of(study_id))}

    def get_all_studies() -> list[FrozenStudy]:
        studies = [copy.copy(study) for study in all_studies()]
        for study in studies:
            study.system_attrs = {
                **annotations.of_study(study._study_id),
                **_without_html(study.system_attrs),
            }
        return studies

    storage.get_study_system_attrs = get_study_system_attrs  # type: ignore[method-assign]
    storage.get_all_studies = get_all_studies  # type: ignore[method-assign]


def _without_html(attributes: dict[str, Any]) -> dict[str, Any]:
    """Notes that came with the storage are anybody's: their HTML, live in optuna-dashboard, is shown as text."""
    return {
        key: value.replace("<", "&lt;") if "note_str:" in key and isinstance(value, str) else value
        for key, value in attributes.items()
    }


def _note(trial: int | None, text: str) -> Iterator[tuple[str, Any]]:
    """The attributes by which the dashboard knows a note, of a trial or (None) of the study."""
    of = "dashboard:" if trial is None else f"dashboard:{trial}:"
    yield f"{of}note_ver", 1
    for number, start in enumerate(range(0, len(text), _PART)):
        yield f"{of}note_str:{number}", text[start : start + _PART]
