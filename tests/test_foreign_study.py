"""What lies where a run's trials should go and is not the run's is refused, and stays as it was."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from suite.errors import StorageError
from suite.fitness import OBJECTIVES
from suite.study import study_toml, validate_study
from suite.trials import VAL_B_ACCURACY, Trials, open_storage, study_of_trainings
from tests.conftest import refusal, space_of, tiny_table
from tests.postgresql import Server

SPACE = space_of()
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
CRITERIA = (OBJECTIVES["loss"], OBJECTIVES["latency"])
METRICS = [criterion.metric for criterion in CRITERIA]
GENOME = "16k3max-16k3max-fc128"

PLAIN = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5) | st.just(GENOME)
ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "genome": PLAIN,
        "params": PLAIN,
        "macs": PLAIN,
        "generation": PLAIN,
        "latency": PLAIN | st.dictionaries(st.text(max_size=5), PLAIN, max_size=2),
        "chromosome": st.lists(PLAIN, max_size=2),
        "anything": PLAIN,
    },
)


def make_foreign(
    url: str, name: str, directions: list[str], metrics: list[str] | None, trials: list[dict[str, Any]]
) -> None:
    """An Optuna study as somebody else may have made it."""
    study = optuna.create_study(storage=open_storage(url), study_name=name, directions=directions)
    if metrics is not None:
        study.set_metric_names(metrics)
    for attributes in trials:
        study.add_trial(create_trial(values=[0.5] * len(directions), user_attrs=attributes))


def content(url: str) -> Any:
    """All that a storage holds, and what its file holds."""
    if url.startswith("journal:"):
        return Path(url.removeprefix("journal:")).read_bytes()
    if url.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return list(connection.iterdump())
    storage = open_storage(url)
    names = sorted(optuna.get_all_study_names(storage))
    return [(name, optuna.load_study(study_name=name, storage=storage).trials) for name in names]


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new storage of each kind."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        return server.new_database()
    prefix = "sqlite:///" if request.param == "sqlite" else "journal:"
    return f"{prefix}{tmp_path / 'foreign'}"


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with Optuna's tables and nothing in them; to make them takes longer than all else here."""
    path = tmp_path_factory.mktemp("empty") / "database"
    open_storage(f"sqlite:///{path}").engine.dispose()  # type: ignore[attr-defined]
    return path


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
@given(
    directions=st.lists(st.sampled_from(["minimize", "maximize"]), min_size=1, max_size=3),
    named=st.booleans(),
    trials=st.lists(ATTRIBUTES, max_size=2),
)
@settings(max_examples=25, deadline=None)
def test_a_study_of_any_kind_under_the_name_is_gone_on_with_or_refused(
    kind: str,
    directions: list[str],
    named: bool,
    trials: list[dict[str, Any]],
    empty_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("foreign") / "trials"
    url = f"journal:{path}"
    if kind == "sqlite":
        url = f"sqlite:///{shutil.copy(empty_database, path)}"
    metrics = [*METRICS, "more"][: len(directions)] if named else None
    make_foreign(url, "s/r/search", directions, metrics, trials)
    before = content(url)
    try:
        recorded = Trials(open_storage(url), "s/r/search", SPACE, CRITERIA).recorded()
    except StorageError as error:
        assert_refused(error, unchanged=content(url) == before)
    else:
        assert directions == ["minimize", "minimize"]
        assert {genome.text for genome in recorded} <= {GENOME}


def assert_refused(error: StorageError, *, unchanged: bool) -> None:
    assert (error.exit_code, unchanged) == (2, True)
    assert "or begin a new run" in str(error)


@pytest.mark.parametrize(
    ("directions", "metrics"),
    [(["minimize"], None), (["maximize", "minimize"], None), (["maximize"], ["something else"])],
)
def test_a_study_of_trainings_is_no_foreign_one(
    url: str, directions: list[str], metrics: list[str] | None
) -> None:
    make_foreign(url, "s/r/finalists", directions, metrics, [{"genome": GENOME}])
    before = content(url)
    with pytest.raises(StorageError) as refused:
        study_of_trainings(open_storage(url), "s/r/finalists")
    assert_refused(refused.value, unchanged=content(url) == before)


def test_a_study_of_trainings_that_an_older_suite_gave_no_names_is_gone_on_with(url: str) -> None:
    make_foreign(url, "s/r/finalists", ["maximize"], None, [{"genome": GENOME}])
    study = study_of_trainings(open_storage(url), "s/r/finalists")
    assert (len(study.trials), study.metric_names) == (1, [VAL_B_ACCURACY])


@pytest.mark.parametrize(
    ("directions", "metrics"),
    [
        (["maximize"], None),
        (["minimize", "minimize"], None),
        (["minimize", "maximize"], METRICS),
        (["minimize", "minimize"], ["loss", "macs"]),
    ],
)
def test_other_objectives_are_named(url: str, directions: list[str], metrics: list[str] | None) -> None:
    make_foreign(url, "s/r/search", directions, metrics, [{"genome": GENOME}])
    before = content(url)
    with pytest.raises(
        StorageError, match=r"s/r/search: is an Optuna study of other objectives \(.*loss, latency_ms"
    ):
        Trials(open_storage(url), "s/r/search", SPACE, CRITERIA)
    assert content(url) == before


def test_a_genome_of_another_space_is_not_ours(url: str) -> None:
    attributes = {"genome": "17k3max-16k3max-fc128", "params": 1, "macs": 1, "generation": 0}
    make_foreign(url, "s/r/search", ["minimize", "minimize"], METRICS, [attributes])
    with pytest.raises(StorageError, match="is not what was recorded"):
        Trials(open_storage(url), "s/r/search", SPACE, CRITERIA).recorded()


def test_a_stop_before_the_objectives_got_their_names_is_gone_on_from(url: str) -> None:
    make_foreign(url, "s/r/search", ["minimize", "minimize"], None, [])
    assert Trials(open_storage(url), "s/r/search", SPACE, CRITERIA).study.metric_names == METRICS


@pytest.mark.parametrize("trials", [0, 1])
def test_a_study_of_the_same_name_that_another_run_began_is_refused(url: str, trials: int) -> None:
    """Two runs called alike in one storage: neither takes the other's networks for its own."""
    open_studies = (
        lambda owner: Trials(open_storage(url), "s/r/search", SPACE, CRITERIA, owner).study,
        lambda owner: study_of_trainings(open_storage(url), "s/r/finalists", owner=owner),
    )
    for open_study in open_studies:
        ours = open_study("ours")
        for _ in range(trials):
            ours.add_trial(create_trial(values=[0.5] * len(ours.directions), user_attrs={"genome": GENOME}))
        before = content(url)
        with pytest.raises(StorageError, match="of another run") as refused:
            open_study("theirs")
        assert_refused(refused.value, unchanged=content(url) == before)
        assert len(open_study("ours").trials) == len(open_study(None).trials) == trials


def test_of_two_runs_that_begin_at_once_one_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one's study is made, or claimed, between our looking and our making."""
    with monkeypatch.context() as late:
        late.setattr("suite.trials.own_study", lambda *words, **keys: None)
        Trials(open_storage(url), "s/r/search", SPACE, CRITERIA, "theirs")
        with pytest.raises(StorageError, match="of another run"):
            Trials(open_storage(url), "s/r/search", SPACE, CRITERIA, "ours")


def test_a_study_that_nobody_owns_is_a_runs_only_while_it_is_empty(url: str) -> None:
    """A stop came between its making and its owner's name; with trials in it, somebody else's suite made it."""
    make_foreign(url, "s/r/search", ["minimize", "minimize"], METRICS, [])
    assert Trials(open_storage(url), "s/r/search", SPACE, CRITERIA, "ours").study.user_attrs == {
        "run_token": "ours"
    }
    make_foreign(url, "s/q/search", ["minimize", "minimize"], METRICS, [{"genome": GENOME}])
    with pytest.raises(StorageError, match="of another run"):
        Trials(open_storage(url), "s/q/search", SPACE, CRITERIA, "ours")


@pytest.mark.parametrize("phase", ["search", "finalists"])
def test_a_new_run_takes_no_name_that_is_taken(
    phase: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs of one name in one storage would read each other's trials, trained weights or not."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(study_toml(validate_study(tiny_table(), where="tiny")))
    make_foreign(
        url, f"tiny/run/{phase}", ["maximize", "minimize"], ["accuracy", "macs"], [{"genome": GENOME}]
    )
    before = content(url)
    said = refusal("search", "tiny.toml", "--run-dir", "run", "--storage", url)
    assert f"has an Optuna study 'tiny/run/{phase}' already" in said
    assert "another --run-dir" in said
    assert content(url) == before
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("table", ["photos", "studies"])
def test_the_database_of_another_program_is_left_alone(table: str, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {table} (a)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=f"the database of another program .*'{table}'"):
        open_storage(f"sqlite:///{path}")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"# Notes\nof a user\n", b"[1]\n", b'{"op_code": 99}\n', b"\xff\n\x00\n", b"1\n2\n"]
)
def test_a_file_that_is_no_journal_is_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="is damaged, or no journal"):
        open_storage(f"journal:{path}")
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"# Notes\nof a user\n" * 99, b"SQLite format 3\x00" + b"x" * 9999])
def test_a_file_that_is_no_database_is_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(content)
    with pytest.raises(StorageError, match="cannot be opened"):
        open_storage(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_failed_trial_of_ours_is_no_foreign_one(url: str) -> None:
    make_foreign(url, "s/r/search", ["minimize", "minimize"], METRICS, [])
    trials = Trials(open_storage(url), "s/r/search", SPACE, CRITERIA)
    attributes = {"genome": GENOME, "params": 1, "macs": 1, "generation": 2, "failure": "the loss is nan"}
    trials.study.add_trial(create_trial(state=TrialState.FAIL, user_attrs=attributes))
    ((generation, evaluation),) = trials.recorded().values()
    assert (generation, evaluation.failure) == (2, "the loss is nan")
