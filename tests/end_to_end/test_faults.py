"""Faults in the middle of a run: what follows is the same end, or one paragraph that says what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from suite.run_directory import RunDirectory
from suite.trials import open_storage
from tests.conftest import rewrite_json
from tests.end_to_end.conftest import suite, write_study
from tests.end_to_end.stopping import search_with, suite_with
from tests.end_to_end.test_run import outcome
from tests.postgresql import PASSWORD, Server

AFTER_15_TRIALS = "at(Trials, 'record', 15, kill)"
KILLS = (
    "at(RunDirectory, 'save_checkpoint', 2, kill)",
    AFTER_15_TRIALS,
    "at(RunDirectory, 'save_checkpoint', 2, kill, lambda phase, state: phase == 'search')",
    "at(RunDirectory, 'save_checkpoint', 4, kill, lambda phase, state: phase.startswith('finalist'))",
    "at(RunDirectory, 'write_weights', 1, kill, lambda name, network: 'winner' in name)",
)


def genomes_on_record(url: str) -> list[str]:
    study = optuna.load_study(study_name="tiny/run/search", storage=open_storage(url))
    return [trial.user_attrs["genome"] for trial in study.trials]


def assert_clean(stderr: str, *said: str) -> None:
    """One paragraph, with these words."""
    assert "Traceback" not in stderr
    paragraph = stderr.strip().splitlines()[-1]
    assert paragraph.startswith("suite: ")
    for words in said:
        assert words in paragraph


def test_a_run_killed_in_every_phase_ends_as_one_that_was_not(
    url: str, finished: Path, tmp_path: Path
) -> None:
    study, storage = write_study(tmp_path), {"SUITE_STORAGE": url}
    for number, fault in enumerate(KILLS):
        words = ["--resume"] if number else []
        killed = search_with(fault, study, tmp_path, *words, **storage)
        assert killed.returncode == -9, killed.stderr
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path, **storage)
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "run") == outcome(finished)
    assert genomes_on_record(url) == genomes_on_record(f"sqlite:///{finished}/study.db")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept
    assert PASSWORD not in done.stdout + done.stderr


def test_what_was_timed_of_a_generation_is_not_timed_again(tmp_path: Path) -> None:
    study = write_study(tmp_path, search={"objectives": ["accuracy", "latency"], "generations": 1})
    five_at_once = "import suite.subnet_clock; suite.subnet_clock.MOST_TOGETHER = 5"
    second_block = (
        "at(RunDirectory, 'save_checkpoint', 2, kill, lambda phase, state: bool(state.get('timed')))"
    )
    killed = search_with(f"{five_at_once}\n{second_block}", study, tmp_path)
    assert killed.returncode == -9, killed.stderr
    run = RunDirectory(tmp_path / "run")
    checkpoint = run.load_checkpoint("search")
    assert checkpoint is not None
    kept = {text: latency["median_ms"] for text, latency in checkpoint["timed"].items()}
    assert len(kept) == 10
    seconds = checkpoint["log"]["cut_off_timing"]
    assert seconds > 10 * 0.01, "of ten networks, 10 ms each"
    done = suite_with(TOLD, tmp_path, "search", study, "--run-dir", "run", "--resume")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"timing (\d+)$", done.stderr, re.MULTILINE)[0] == "2", "of a pool of twelve"
    search = run.read_result("search")
    assert search is not None
    assert {row["genome"]: row["latency_ms"] for row in search["evaluated"]}.items() >= kept.items()
    pool = search["generations"][0]["seconds"]
    assert pool["total"] > pool["timing"] > seconds, "what was timed before the kill is the search's too"


TOLD = """
import suite.subnet_clock
real = suite.subnet_clock.measure
def measure(networks, *words):
    print("timing", len(networks) - suite.subnet_clock.ANCHORS, file=sys.stderr)
    return real(networks, *words)
suite.subnet_clock.measure = measure
"""


BROKEN_SUBNETS = """
import torch
from suite.fitness import Fitness
real = Fitness.__init__
def broken(self, study, space, supernet, *words):
    real(self, study, space, supernet, *words)
    with torch.no_grad():
        dict(supernet.named_parameters())["convs.0.weights.3"][-1] = torch.nan
Fitness.__init__ = broken
"""


@pytest.mark.fault("a subnet's numbers are none, in the middle of a run", storage="sqlite")
def test_a_search_goes_on_past_subnets_that_say_nan(tmp_path: Path) -> None:
    """The last of the wide filters is broken: of the first layer's choices, eight filters of 3x3."""
    done = search_with(BROKEN_SUBNETS, write_study(tmp_path), tmp_path)
    assert done.returncode == 0, done.stderr
    study = optuna.load_study(
        study_name="tiny/run/search", storage=open_storage(f"sqlite:///{tmp_path}/run/study.db")
    )
    for trial in study.trials:
        is_broken = trial.user_attrs["genome"].startswith("8k3")
        assert (trial.state == TrialState.FAIL) == is_broken
        assert trial.user_attrs.get("failure") == ("the supernet's loss is nan" if is_broken else None)
    failed = sum(trial.state == TrialState.FAIL for trial in study.trials)
    search = RunDirectory(tmp_path / "run").read_result("search")
    assert search is not None
    assert search["failed"] == failed > 0
    assert not any(row["genome"].startswith("8k3") for row in search["front"])


LITTLE_MEMORY = """
from suite.supernet.prefix_tree import PrefixTree
real = PrefixTree.score_block
def score_block(self, drawn, labels, **kept):
    if len(labels) > 20:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    return real(self, drawn, labels, **kept)
PrefixTree.score_block = score_block
"""


@pytest.mark.fault("memory runs out in an evaluation, and the run is killed after it")
def test_halved_blocks_are_replayed(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
    assert search_with(LITTLE_MEMORY, write_study(whole), whole).returncode == 0
    killed = search_with(f"{LITTLE_MEMORY}\n{AFTER_15_TRIALS}", write_study(cut), cut)
    assert killed.returncode == -9, killed.stderr
    block = json.loads((cut / "run" / "block.json").read_text())
    assert block["pictures"] <= 20
    # With memory enough: what was halved stays halved.
    done = suite("search", cut / "tiny.toml", "--run-dir", "run", "--resume", cwd=cut)
    assert done.returncode == 0, done.stderr
    assert outcome(cut / "run") == outcome(whole / "run")


def test_a_second_process_is_told_who_has_the_run(finished: Path, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))
    words = ("search", finished.parent / "tiny.toml", "--run-dir", "run", "--resume")
    with run.locked():
        second = suite(*words, cwd=tmp_path)
    assert second.returncode == 2, second.stderr
    assert_clean(second.stderr, f"process {os.getpid()} on")
    assert suite(*words, cwd=tmp_path).returncode == 0


@pytest.mark.fault("the database goes away in the middle of the search, and stays away", storage="postgresql")
def test_a_database_that_stays_away_is_a_clean_stop(
    mortal_postgresql: Server, finished: Path, tmp_path: Path
) -> None:
    study, url = write_study(tmp_path), mortal_postgresql.new_database()
    fault = f"""
from pathlib import Path
from tests.postgresql import Server
suite.storages.database.PATIENCE_SECONDS = 2.0
at(Trials, 'record', 15, Server(Path({str(mortal_postgresql.folder)!r}), {mortal_postgresql.port}).stop)
"""
    stopped = search_with(fault, study, tmp_path, SUITE_STORAGE=url)
    assert stopped.returncode == 1, stopped.stderr
    assert "The database does not answer; trying again for 2 s." in stopped.stderr
    assert_clean(
        stopped.stderr, "could not be written or read", "Nothing that was recorded is lost", "--resume"
    )
    assert PASSWORD not in stopped.stderr
    mortal_postgresql.start_again()
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path, SUITE_STORAGE=url)
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "run") == outcome(finished)
    assert genomes_on_record(url) == genomes_on_record(f"sqlite:///{finished}/study.db")


FULL = {
    "a checkpoint of the supernet": "at(RunDirectory, 'save_checkpoint', 1, lambda: setattr(os, 'fsync', full))",
    "a checkpoint of a finalist": (
        "at(RunDirectory, 'save_checkpoint', 3, lambda: setattr(os, 'fsync', full), "
        "lambda phase, state: phase.startswith('finalist'))"
    ),
    "the winner's weights": (
        "at(RunDirectory, 'write_weights', 1, lambda: setattr(os, 'fsync', full), lambda name, network: True)"
    ),
    "the database": (
        "from sqlalchemy import event\n"
        "def limit(trials, storage, *words):\n"
        "    with trials.study._storage._backend.engine.connect() as connection:\n"
        "        used = connection.exec_driver_sql('PRAGMA page_count').scalar()\n"
        "    event.listen(trials.study._storage._backend.engine, 'checkout', lambda raw, record, proxy:\n"
        "        raw.execute(f'PRAGMA max_page_count={used + 4}'))\n"
        "real = Trials.__init__\n"
        "Trials.__init__ = lambda self, *words: (real(self, *words), limit(self, *words))[0]\n"
    ),
}


@pytest.mark.parametrize("what", FULL)
@pytest.mark.fault(
    "the disk is full while a checkpoint, weights or the database are written", storage="sqlite"
)
def test_a_full_disk_is_a_clean_stop(what: str, finished: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    stopped = search_with(FULL[what], study, tmp_path)
    assert stopped.returncode == 1, stopped.stderr
    assert_clean(stopped.stderr, "full" if what == "the database" else "No space left on device", "--resume")
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "run") == outcome(finished)


@pytest.mark.fault("the disk is full while the journal is written", storage="journal")
def test_a_full_disk_under_the_journal_is_a_clean_stop(finished: Path, tmp_path: Path) -> None:
    study, url = write_study(tmp_path), f"journal:{tmp_path / 'trials.log'}"
    fault = "at(Trials, 'record', 15, lambda: setattr(os, 'fsync', full))"
    stopped = search_with(fault, study, tmp_path, SUITE_STORAGE=url)
    assert stopped.returncode == 1, stopped.stderr
    assert_clean(stopped.stderr, "No space left on device", "--resume")
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path, SUITE_STORAGE=url)
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "run") == outcome(finished)
    assert genomes_on_record(url) == genomes_on_record(f"sqlite:///{finished}/study.db")


@pytest.mark.fault("every newest checkpoint is damaged after a kill", storage="any")
@pytest.mark.parametrize("fault", [KILLS[0], KILLS[2], KILLS[3]])
def test_a_damaged_checkpoint_costs_work_and_no_more(fault: str, finished: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    assert search_with(fault, study, tmp_path).returncode == -9
    checkpoints = list((tmp_path / "run" / "checkpoints").glob("*.ckpt"))
    for path in checkpoints:
        if path.with_suffix(".previous").exists():
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
    assert any(path.with_suffix(".previous").exists() for path in checkpoints)
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "run") == outcome(finished)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that was killed in its search, in the middle of recording a generation."""
    folder = tmp_path_factory.mktemp("killed")
    assert search_with(AFTER_15_TRIALS, write_study(folder), folder).returncode == -9
    return folder


@pytest.fixture
def copy(killed: Path, tmp_path: Path) -> Path:
    """The same, to be broken."""
    return Path(shutil.copytree(killed, tmp_path / "copy"))


def other_pictures(folder: Path) -> None:
    facts = json.loads((folder / "run" / "run.json").read_text())
    rewrite_json(folder / "run" / "run.json", dataset={**facts["dataset"], "sha256": "0" * 64})


def newer_format(folder: Path) -> None:
    rewrite_json(folder / "run" / "run.json", format_version=99)


def newer_checkpoint(folder: Path) -> None:
    path = folder / "run" / "checkpoints" / "search.ckpt"
    path.write_bytes(path.read_bytes().replace(b"checkpoint 1\n", b"checkpoint 9\n", 1))


def other_study(folder: Path) -> None:
    path = folder / "run" / "study.toml"
    path.write_text(path.read_text().replace("population = 6", "population = 8"))


def damaged_weights(folder: Path) -> None:
    path = folder / "run" / "supernet.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def cut_weights(folder: Path) -> None:
    path = folder / "run" / "supernet.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def damaged_database(folder: Path) -> None:
    (folder / "run" / "study.db-wal").unlink(missing_ok=True)
    (folder / "run" / "study.db").write_bytes(b"this is not a database, whatever it was" * 200)


def emptied_database(folder: Path) -> None:
    for path in (folder / "run").glob("study.db*"):
        path.unlink()


def locked_elsewhere(folder: Path) -> None:
    rewrite_json(folder / "run" / ".lock-holder.json", host="elsewhere")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (other_pictures, "was begun on other data (sha256 000000000000, now 0b7e9c3202d7)"),
        (newer_format, "has format version 99; this suite reads up to 1"),
        (newer_checkpoint, "has format version 9; this suite reads 1"),
        (other_study, "study.toml, search.population: 6 then, 8 now"),
        (damaged_weights, "supernet.safetensors: is missing or damaged"),
        (cut_weights, "supernet.safetensors: is missing or damaged"),
        (damaged_database, "not a database"),
        (emptied_database, "lacks 12 of the 12 networks that were evaluated"),
        (locked_elsewhere, "on elsewhere, since"),
    ],
)
@pytest.mark.fault("what a run was begun with has changed, or is damaged: refused", storage="any")
def test_a_resume_that_would_be_another_run_is_refused(harm: object, said: str, copy: Path) -> None:
    assert callable(harm)
    harm(copy)
    done = suite("search", "tiny.toml", "--run-dir", "run", "--resume", cwd=copy)
    assert done.returncode == 2, done.stderr
    assert_clean(done.stderr, said)


def test_recorded_latencies_are_read_back(tmp_path: Path) -> None:
    study = write_study(tmp_path, search={"objectives": ["accuracy", "latency"]})
    url = f"sqlite:///{tmp_path}/run/study.db"
    assert search_with("at(Trials, 'record', 15, kill)", study, tmp_path).returncode == -9
    before = optuna.load_study(study_name="tiny/run/search", storage=open_storage(url)).trials
    counting = """
from suite.subnet_clock import SubnetClock
real = SubnetClock.time
def time(self, genomes, *words):
    print("timed", *(genome.text for genome in genomes))
    return real(self, genomes, *words)
SubnetClock.time = time
"""
    done = search_with(counting, study, tmp_path, "--resume")
    assert done.returncode == 0, done.stderr
    after = optuna.load_study(study_name="tiny/run/search", storage=open_storage(url)).trials
    assert after[:15] == before
    timed = [
        word for line in done.stdout.splitlines() if line.startswith("timed") for word in line.split()[1:]
    ]
    assert sorted(timed) == sorted(trial.user_attrs["genome"] for trial in after[15:])


@pytest.mark.fault("what was recorded of a finalist has changed: refused", storage="sqlite")
def test_a_finalist_whose_trial_was_changed_is_refused(tmp_path: Path) -> None:
    study, database = write_study(tmp_path), tmp_path / "run" / "study.db"
    assert search_with(KILLS[3], study, tmp_path).returncode == -9
    with closing(sqlite3.connect(database)) as connection, connection:
        changed = connection.execute("UPDATE trial_intermediate_values SET intermediate_value = 0.987")
        assert changed.rowcount > 0
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert_clean(done.stderr, "is not what was recorded after epoch 1")
