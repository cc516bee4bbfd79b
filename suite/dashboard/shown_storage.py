"""A run's storage as the dashboard reads it: with notes and pictures, and the search once more with all genes.

What is recorded is read and never written to; the notes are made from it, and so is the Optuna study that has a value
for every gene. That study has the numbers of its trials in common with the search, and so their notes and pictures.
"""

from __future__ import annotations

import copy
from collections.abc import Container
from functools import cached_property
from typing import Any, NoReturn

from optuna.storages import BaseStorage, get_storage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from suite.dashboard.all_genes import FIRST_NUMBER, AllGenes
from suite.dashboard.annotations import Annotations, note_attributes
from suite.dashboard.notes import all_genes_note
from suite.run_directory import RunDirectory
from suite.space import space_of_run
from suite.study import read_study

_SUFFIX = ", all genes"


class ShownStorage(BaseStorage):
    """Reads `recorded`, finished trials of a database once only; refuses whatever would write."""

    def __init__(self, run: RunDirectory, recorded: BaseStorage) -> None:
        self._run = run
        self._recorded = get_storage(recorded)
        self.annotations = Annotations(run, self._recorded)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Those recorded, in the order of their numbers, then the search with all genes."""
        recorded = sorted(self._recorded.get_all_studies(), key=lambda study: study._study_id)
        return [
            self._shown(study, number)
            for first in (0, FIRST_NUMBER)
            for study in recorded
            if (number := first + study._study_id) < FIRST_NUMBER or self._is_search(study.study_name)
        ]

    def get_study_id_from_name(self, study_name: str) -> int:
        """The number of a study of either kind."""
        name = study_name.removesuffix(_SUFFIX)
        more = FIRST_NUMBER if name != study_name and self._is_search(name) else 0
        return more + self._recorded.get_study_id_from_name(name if more else study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """Its name."""
        name = self._recorded.get_study_name_from_id(study_id % FIRST_NUMBER)
        return name + _SUFFIX if study_id >= FIRST_NUMBER else name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Which way its objectives go."""
        return self._recorded.get_study_directions(study_id % FIRST_NUMBER)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """As recorded."""
        return self._recorded.get_study_user_attrs(study_id % FIRST_NUMBER)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """As recorded, with notes and pictures."""
        return self._with_notes(study_id, self._recorded.get_study_system_attrs(study_id % FIRST_NUMBER))

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As recorded: by its number it may be of either study."""
        return self._recorded.get_trial(trial_id)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """In the order of their numbers."""
        trials = self._recorded.get_all_trials(study_id % FIRST_NUMBER, deepcopy=False, states=states)
        if study_id >= FIRST_NUMBER:
            trials = [self._all_genes.fill(trial) for trial in trials]
        return copy.deepcopy(trials) if deepcopy else trials

    def version(self, study_id: int) -> tuple[float, ...] | None:
        """What tells a study of the run from what it may be later; None while its trials may change.

        None as well where there is none, or it cannot be told: whatever is wrong, the dashboard says it.
        """
        try:
            return self.annotations.version(study_id % FIRST_NUMBER)
        except Exception:
            return None

    def searches(self) -> list[int]:
        """The numbers of the search, if it is recorded and over, as it is and with all genes."""
        return [
            study._study_id
            for study in self.get_all_studies()
            if self._is_search(study.study_name.removesuffix(_SUFFIX))
            and self.version(study._study_id) is not None
        ]

    def _refused(self, *_: Any, **__: Any) -> NoReturn:
        """What those who look at a record may not do."""
        raise PermissionError("a run's record is not changed by those who look at it")

    create_new_study = delete_study = set_study_user_attr = set_study_system_attr = _refused
    create_new_trial = set_trial_param = set_trial_state_values = set_trial_intermediate_value = _refused
    set_trial_user_attr = set_trial_system_attr = _refused

    @cached_property
    def _name(self) -> str:
        """Of the run's search."""
        return f"{read_study(self._run.path / 'study.toml').name}/{self._run.run_id}/search"

    @cached_property
    def _all_genes(self) -> AllGenes:
        study, facts = read_study(self._run.path / "study.toml"), self._run.read_json("run.json") or {}
        return AllGenes(space_of_run(study.space, facts))

    def _is_search(self, name: str) -> bool:
        return name == self._name

    def _shown(self, study: FrozenStudy, number: int) -> FrozenStudy:
        shown = copy.copy(study)
        shown._study_id = number
        shown.study_name = study.study_name + _SUFFIX if number >= FIRST_NUMBER else study.study_name
        shown.system_attrs = self._with_notes(number, study.system_attrs)
        return shown

    def _with_notes(self, study_id: int, recorded: dict[str, Any]) -> dict[str, Any]:
        attributes = {**self.annotations.of_study(study_id % FIRST_NUMBER), **_without_html(recorded)}
        if study_id < FIRST_NUMBER:
            return attributes
        of_trials = {k: v for k, v in attributes.items() if not k.startswith("dashboard:note_")}
        return {**of_trials, **dict(note_attributes(None, all_genes_note(self._name, study_id)))}


def _without_html(recorded: dict[str, Any]) -> dict[str, Any]:
    """Notes that came with the storage are anybody's: their HTML, live in optuna-dashboard, is shown as text."""
    return {
        key: value.replace("<", "&lt;") if "note_str:" in key and isinstance(value, str) else value
        for key, value in recorded.items()
    }
