"""The dashboard's copy of a search in which every trial has every gene, and the storage that shows it."""

from __future__ import annotations

import random
from pathlib import Path

import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from suite.dashboard.all_genes import ABSENT, AllGenes
from suite.dashboard.shown_storage import ShownStorage
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import study_toml, validate_study
from suite.trials import genes_of, open_storage
from tests.conftest import odd_space, tiny_table

NAME = "tiny/run/search"


def trials_of(space: SearchSpace, count: int = 30) -> list[FrozenTrial]:
    rng = random.Random(0)
    drawn = []
    for number in range(count):
        params, distributions = genes_of(space, space.sample(rng))
        trial = create_trial(params=params, distributions=distributions, value=0.5)
        trial.number = trial._trial_id = number
        drawn.append(trial)
    return drawn


def test_every_trial_has_every_gene_and_keeps_what_it_had() -> None:
    space = odd_space()
    all_genes = AllGenes(space)
    for trial in trials_of(space):
        before, filled = dict(trial.params), all_genes.fill(trial)
        assert list(filled.params) == [gene.name for gene in space.genes]
        assert {name: value for name, value in filled.params.items() if value != ABSENT} == before
        assert trial.params == before
        for name, distribution in filled.distributions.items():
            assert distribution._contains(distribution.to_internal_repr(filled.params[name]))


def test_only_genes_that_may_lack_can_be_absent() -> None:
    filled = AllGenes(odd_space()).fill(trials_of(odd_space(), 1)[0])
    choices = {name: distribution.choices for name, distribution in filled.distributions.items()}  # type: ignore[attr-defined]
    assert choices["depth"] == (1, 3)
    assert choices["conv1.filters"] == (5, 12)
    assert choices["conv2.filters"] == (ABSENT, 5, 12)
    assert choices["fc1.units"] == (6, 9)
    assert choices["fc3.units"] == (ABSENT, 6, 9)


def test_a_trial_that_is_none_of_the_space_is_as_it_was() -> None:
    trial = create_trial(params={"x": 1}, distributions={"x": IntDistribution(0, 2)}, value=0.5)
    assert AllGenes(odd_space()).fill(trial) is trial


def test_a_trial_under_way_is_filled_anew() -> None:
    space = odd_space()
    all_genes, (trial,) = AllGenes(space), trials_of(space, 1)
    trial.state = TrialState.RUNNING
    all_genes.fill(trial)
    trial.state = TrialState.COMPLETE
    assert all_genes.fill(trial).state == TrialState.COMPLETE


@pytest.fixture
def shown(tmp_path: Path) -> ShownStorage:
    """The storage of a run that is under way, and a study of another run in it."""
    run = RunDirectory.create(tmp_path / "run")
    study = validate_study(tiny_table(), where="tiny")
    (run.path / "study.toml").write_text(study_toml(study))
    shape = {"picture_shape": [1, 16, 16], "classes": list("0123456789")}
    run.write_json("run.json", {"run": "run", "dataset": shape, "device": {"name": "a machine"}})
    storage = open_storage(f"sqlite:///{run.path / 'study.db'}")
    for name in (NAME, "tiny/other/search"):
        optuna.create_study(storage=storage, study_name=name).add_trials(
            trials_of(SearchSpace(study.space, (1, 16, 16), 10), 5)
        )
    return ShownStorage(run, storage)


def test_the_runs_own_search_is_shown_twice(shown: ShownStorage) -> None:
    names = [study.study_name for study in shown.get_all_studies()]
    assert names == [NAME, "tiny/other/search", f"{NAME}, all genes"]
    for study in shown.get_all_studies():
        assert shown.get_study_id_from_name(study.study_name) == study._study_id
        assert shown.get_study_name_from_id(study._study_id) == study.study_name
        assert shown.get_study_system_attrs(study._study_id) == study.system_attrs
        assert len(optuna.load_study(storage=shown, study_name=study.study_name).trials) == 5
    filled = shown.get_all_trials(shown.get_study_id_from_name(f"{NAME}, all genes"))
    assert {len(trial.params) for trial in filled} == {2 + 2 * 3 + 2}


def test_what_is_shown_cannot_be_written_to(shown: ShownStorage) -> None:
    with pytest.raises(PermissionError):
        optuna.create_study(storage=shown)
    with pytest.raises(PermissionError):
        optuna.load_study(storage=shown, study_name=NAME).set_user_attr("a", "b")
    with pytest.raises(PermissionError):
        optuna.delete_study(storage=shown, study_name=NAME)
