"""The record: the same cases on every storage; on PostgreSQL where a server can be started."""

from __future__ import annotations

import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from suite.clean_stop import clean_stop
from suite.errors import StorageError
from suite.fitness import OBJECTIVES, Batch, Evaluation
from suite.latency import Latency
from suite.methods import Proposal
from suite.run_directory import RunDirectory
from suite.space import Genome
from suite.storage_url import absolute_url, file_of, shown_url, storage_url
from suite.trials import Trials, open_storage, reach_server
from tests.conftest import space_of
from tests.damage import copies, cut_at, flipped
from tests.postgresql import PASSWORD, Server

SPACE = space_of()
CRITERIA = (OBJECTIVES["loss"], OBJECTIVES["latency"])
LATENCY = Latency(0.41, 0.45, 0.02, 1, 1, "cpu", 500)


def evaluation(seed: int = 0, failure: str | None = None) -> tuple[Evaluation, Proposal]:
    rng = random.Random(seed)
    chromosome = SPACE.sample_chromosome(rng)
    genome = SPACE.decode(chromosome)
    sizes = (SPACE.parameters(genome), SPACE.macs(genome))
    proposal = Proposal(genome, chromosome, "crossover", (SPACE.sample(rng), SPACE.sample(rng)))
    if failure:
        return Evaluation(genome, *sizes, None, None, None, failure), proposal
    return Evaluation(genome, *sizes, 1.25, 0.5, LATENCY), proposal


def record(
    trials: Trials, evaluated: Evaluation, proposal: Proposal, excess: dict[str, float] | None = None
) -> Batch:
    started = datetime.now() - timedelta(seconds=7)
    batch = Batch([evaluated], started, datetime.now(), {})
    values = None if evaluated.failure else (1.25, 0.4)
    trials.record(batch, evaluated, proposal, 3, values, excess or {})
    return batch


def test_a_trial_holds_the_genome_its_values_and_where_it_came_from(url: str) -> None:
    trials = Trials(open_storage(url), "s/r/search", SPACE, CRITERIA)
    evaluated, proposal = evaluation()
    batch = record(trials, evaluated, proposal, {"max_params": -5.0})
    (trial,) = optuna.load_study(study_name="s/r/search", storage=open_storage(url)).trials
    assert trial.state == TrialState.COMPLETE
    assert trial.params == SPACE.active_genes(evaluated.genome)
    assert trial.values == [1.25, 0.4]
    assert trial.constraints == {"max_params": -5.0}
    assert trial.user_attrs == {
        "genome": evaluated.genome.text,
        "chromosome": list(proposal.chromosome),
        "generation": 3,
        "origin": "crossover",
        "parents": [parent.text for parent in proposal.parents],
        "params": evaluated.params,
        "macs": evaluated.macs,
        "evaluated_on": "val-A",
        "val_loss": 1.25,
        "val_accuracy": 0.5,
        "latency": LATENCY.to_json(),
        "checksum": trial.user_attrs["checksum"],
    }
    assert (trial.datetime_start, trial.datetime_complete) == (batch.started, batch.ended)
    assert trials.study.metric_names == ["loss", "latency_ms"]


def test_what_was_recorded_is_read_back(url: str) -> None:
    storage = open_storage(url)
    trials = Trials(storage, "s/r/search", SPACE, CRITERIA)
    pairs = [evaluation(seed) for seed in range(5)] + [evaluation(9, failure="the loss is nan")]
    for evaluated, proposal in pairs:
        record(trials, evaluated, proposal)
    again = Trials(open_storage(url), "s/r/search", SPACE, CRITERIA)
    assert again.recorded() == {evaluated.genome: (3, evaluated) for evaluated, _ in pairs}


def test_a_failed_evaluation_is_a_failed_trial_with_its_reason(url: str) -> None:
    trials = Trials(open_storage(url), "s/r/search", SPACE, CRITERIA)
    record(trials, *evaluation(failure="the loss is nan"))
    (trial,) = trials.study.trials
    assert trial.state == TrialState.FAIL
    assert trial.user_attrs["failure"] == "the loss is nan"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("nonsense", "no storage URL"),
        ("sqlite:////nowhere/at/all/study.db", "cannot be opened"),
        ("journal:/proc/nowhere/study.log", "cannot be opened"),
        ("postgresql://me:s3cret@127.0.0.1:1/none", "cannot be opened"),
        ("postgresql://me:s3cret", "no storage URL"),
        ("postgresql://me:s3@s3cret@127.0.0.1:1/none", "an @ before its host"),
    ],
)
def test_a_storage_that_cannot_be_opened_says_so_without_its_password(bad: str, said: str) -> None:
    with pytest.raises(StorageError, match=said) as caught:
        open_storage(bad)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
        ("journal:a.log", "journal:a.log"),
        ("postgresql+psycopg://me:s3cret@host:5/db?password=s3cret", "postgresql+psycopg://me@host:5/db"),
        ("s3cret", "(not a URL)"),
        ("postgresql://me:s3cret", "(not a URL)"),
        ("postgresql://me:s3@s3cret@host/db", "(not a URL)"),
        ("postgresql://me:s3@host/s3cret@host/db", "(not a URL)"),
        ("postgresql://me:s3@host?s3cret@host/db", "(not a URL)"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize("name", ["a%2Fb", "what?", "number #1", "jürgen (2)", "plain", "50%"])
def test_a_file_s_url_names_that_file_whatever_its_name(name: str, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / name)
    run.write_json("run.json", {"run": "run", "storage": None})
    url = storage_url(run, None)
    open_storage(url)
    assert (run.path / "study.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name], "and no other"
    assert file_of(url) == run.path / "study.db"
    assert shown_url(url) == absolute_url(url) == url
    run.write_json("run.json", {"run": "run", "storage": shown_url(url)})
    assert file_of(storage_url(run, None)) == run.path / "study.db"


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("sqlite:///a.db", "sqlite:///{}/a.db"),
        ("sqlite:///a.db?timeout=5", "sqlite:///{}/a.db?timeout=5"),
        ("journal:a#1.log", "journal:{}/a#1.log"),
        ("postgresql://me:s3cret@here/db", "postgresql://me:s3cret@here/db"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_file_s_url_is_made_absolute_and_no_other(
    url: str, absolute: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_url(url) == absolute.format(tmp_path)


def test_without_the_server_s_driver_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for attempt in (open_storage, reach_server):
        with pytest.raises(StorageError, match="Install its driver") as refused:
            attempt("postgresql://me@127.0.0.1:1/none")
        assert "password" not in str(refused.value)


def test_a_password_may_come_from_the_environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: Server = request.getfixturevalue("postgresql")
    url = server.new_database()
    bare = shown_url(url)
    with pytest.raises(StorageError, match="with its password by --storage or SUITE_STORAGE"):
        open_storage(bare)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    record(Trials(open_storage(bare), "s/r/search", SPACE, CRITERIA), *evaluation())
    assert len(Trials(open_storage(url), "s/r/search", SPACE, CRITERIA).recorded()) == 1


@pytest.mark.parametrize(
    "named", ["evil.example", "evil.example:1/db?hostaddr=127.0.0.1&passfile=/etc/passwd"]
)
def test_a_password_is_not_sent_to_a_server_that_only_a_runs_files_name(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory.create(tmp_path / "run")
    run.write_json("run.json", {"run": "run", "storage": f"postgresql://me@{named}"})
    assert "?" not in storage_url(run, None)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with pytest.raises(StorageError, match="name it by --storage or SUITE_STORAGE") as refused:
        storage_url(run, None)
    assert PASSWORD not in str(refused.value)
    assert storage_url(run, "postgresql://me@here") == "postgresql://me@here"
    run.write_json("run.json", {"run": "run", "storage": "journal:a.log"})
    assert storage_url(run, None) == "journal:a.log"


def url_of(kind: str, path: Path) -> str:
    return f"sqlite:///{path}" if kind == "sqlite" else f"journal:{path}"


def recorded_in(url: str) -> dict[Genome, tuple[int, Evaluation]]:
    return Trials(open_storage(url), "s/r/search", SPACE, CRITERIA).recorded()


def record_twelve(url: str) -> Trials:
    trials = Trials(open_storage(url), "s/r/search", SPACE, CRITERIA)
    for seed in range(12):
        record(trials, *evaluation(seed))
    return trials


def twelve_recorded(url: str) -> dict[Genome, tuple[int, Evaluation]]:
    """Twelve genomes recorded in the one file of a storage."""
    trials = record_twelve(url)
    recorded = trials.recorded()
    close(trials.study)
    return recorded


def close(study: optuna.Study) -> None:
    """Let go of a SQLite file, so that all of it is in the one file."""
    engine = getattr(getattr(study._storage, "_backend", None), "engine", None)
    if engine is not None:
        engine.dispose()
        assert not Path(f"{engine.url.database}-wal").exists()


@pytest.mark.fault("what was recorded is truncated", storage="sqlite, journal")
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_storage_cut_short_is_refused_or_lacks_trials(kind: str, tmp_path: Path) -> None:
    """That some are gone is told by the run that looks for them."""
    path = tmp_path / "recorded"
    expected, refused = twelve_recorded(url_of(kind, path)), 0
    for cut in copies(path, cut_at(path.read_bytes(), 9)):
        try:
            with clean_stop(tmp_path, "SHOWN", "AGAIN"):
                found = recorded_in(url_of(kind, cut))
        except StorageError:
            refused += 1
        else:
            assert found.items() < expected.items()
    assert (refused > 0) == (kind == "sqlite"), "a journal lacks what was cut off, and no more"


FLIPS = 150


@pytest.mark.fault("a bit of what was recorded is flipped, anywhere in the file", storage="sqlite, journal")
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_flipped_bit_is_an_error_or_a_lack_but_never_another_value(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "recorded"
    expected, noticed = twelve_recorded(url_of(kind, path)), 0
    for other in copies(path, flipped(path.read_bytes(), FLIPS)):
        try:
            found = recorded_in(url_of(kind, other))
        except (StorageError, StorageInternalError, SQLAlchemyError):
            noticed += 1
        else:
            assert all(expected[genome] == known for genome, known in found.items())
            noticed += len(found) < len(expected)
    assert 0 < noticed < FLIPS, "some hit what is recorded, and some what is not in use"
