"""Damage to what shared trainings are recorded in, and to SQLite's log: a lack or an error, never another value."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from suite.clean_stop import clean_stop
from suite.errors import StoppedError, StorageError
from suite.trial_queue import done_trials, enqueue, work_off
from suite.trials import open_storage
from tests.damage import copies, cut_at, flipped
from tests.test_trials import close, record_twelve, recorded_in, url_of

FLIPS = 150
Said = dict[Any, Any]


def queue(url: str) -> optuna.Study:
    return optuna.create_study(
        storage=open_storage(url), study_name="q", direction="maximize", load_if_exists=True
    )


def number_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs["number"])


def train(trial: optuna.Trial) -> float:
    accuracy = 0.5 + trial.user_attrs["number"] / 64
    trial.set_user_attr("readings", [{"epoch": 1, "val_loss": 1.25, "val_accuracy": accuracy}])
    return accuracy


def ask_for(study: optuna.Study, count: int) -> None:
    waiting = [create_trial(state=TrialState.WAITING, user_attrs={"number": i}) for i in range(count)]
    enqueue(study, waiting, number_of)


def do_twelve(url: str) -> optuna.Study:
    study = queue(url)
    ask_for(study, 12)
    work_off(study, train)
    return study


def twelve_done(url: str) -> Said:
    """Twelve trainings done, all of it in the one file of a storage."""
    close(do_twelve(url))
    return done_in(url)


def done_in(url: str) -> Said:
    done = done_trials(queue(url))
    return {t.number: (t.value, t.user_attrs["number"], t.user_attrs["readings"]) for t in done}


def lacks_or_is_refused(read: Callable[[str], Said], url: str, expected: Said) -> bool:
    """Whether the damage was noticed; what is read is what was recorded in any case."""
    try:
        with clean_stop("FOLDER", "SHOWN", "AGAIN"):
            found = read(url)
    except (StorageError, StoppedError):
        return True
    assert found.items() <= expected.items()
    return len(found) < len(expected)


@pytest.mark.fault("what was recorded of trainings is truncated", storage="sqlite, journal")
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_queue_cut_short_is_refused_or_lacks_trainings(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "recorded"
    expected, noticed = twelve_done(url_of(kind, path)), 0
    for cut in copies(path, cut_at(path.read_bytes(), 9)):
        noticed += lacks_or_is_refused(done_in, url_of(kind, cut), expected)
    assert noticed > 9, "all but cuts of an end that holds no training"


@pytest.mark.fault("a bit of what was recorded of trainings is flipped", storage="sqlite, journal")
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_flipped_bit_makes_no_other_reading(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "recorded"
    expected, noticed = twelve_done(url_of(kind, path)), 0
    for other in copies(path, flipped(path.read_bytes(), FLIPS)):
        noticed += lacks_or_is_refused(done_in, url_of(kind, other), expected)
    assert 0 < noticed < FLIPS, "some hit what is recorded, and some what is not in use"


def test_a_value_that_was_changed_is_refused(tmp_path: Path) -> None:
    twelve_done(url_of("sqlite", tmp_path / "recorded"))
    with closing(sqlite3.connect(tmp_path / "recorded")) as connection, connection:
        assert connection.execute("UPDATE trial_values SET value = 0.25 WHERE trial_id = 3").rowcount == 1
    with pytest.raises(StorageError, match="q: is not what was recorded"):
        done_in(url_of("sqlite", tmp_path / "recorded"))


@pytest.mark.fault("what a training was asked for has changed: asked for anew", storage="sqlite")
def test_a_training_that_nobody_asked_for_is_not_done(tmp_path: Path) -> None:
    path = tmp_path / "recorded"
    study = queue(url_of("sqlite", path))
    ask_for(study, 3)
    with closing(sqlite3.connect(path)) as connection, connection:
        changed = connection.execute(
            "UPDATE trial_user_attributes SET value_json = '9' WHERE key = 'number' AND value_json = '1'"
        )
        assert changed.rowcount == 1
    again = queue(url_of("sqlite", path))
    work_off(again, train)
    (failed,) = again.get_trials(states=(TrialState.FAIL,))
    assert "trial 1 is not what was asked for" in failed.user_attrs["failure"]
    ask_for(again, 3)
    work_off(again, train)
    assert {number_of(trial) for trial in done_trials(again)} == {0, 1, 2}


def crash_images(folder: Path, database: Path) -> Iterator[Path]:
    """Copies of a database whose log was not written back, the log cut short or a bit of it flipped."""
    log = database.with_name(f"{database.name}-wal").read_bytes()
    for number, harmed in enumerate([*cut_at(log, 9), *flipped(log, 50)]):
        copy = folder / f"image-{number}"
        copy.write_bytes(database.read_bytes())
        copy.with_name(f"{copy.name}-wal").write_bytes(harmed)
        yield copy


@pytest.mark.fault("SQLite's log is truncated or has a flipped bit, after a kill", storage="sqlite")
@pytest.mark.parametrize(("fill", "read"), [(record_twelve, recorded_in), (do_twelve, done_in)])
def test_a_damaged_log_is_read_to_where_it_is_whole(
    fill: Callable[[str], object], read: Callable[[str], Said], tmp_path: Path
) -> None:
    path, lengths = tmp_path / "recorded", set()
    open_storage(url_of("sqlite", path))
    with closing(sqlite3.connect(path)) as kept_open:  # or the last to close would write the log back
        kept_open.execute("SELECT * FROM studies").fetchall()
        fill(url_of("sqlite", path))
        expected = list(read(url_of("sqlite", path)).items())
        for copy in crash_images(tmp_path, path):
            found = list(read(url_of("sqlite", copy)).items())
            assert found == expected[: len(found)]
            lengths.add(len(found))
    assert len(expected) == 12
    assert min(lengths) == 0
    assert len(lengths) > 6
