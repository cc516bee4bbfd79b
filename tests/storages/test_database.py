"""Databases: a server that goes away is waited for, for so long; SQLite loses nothing that was recorded."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import create_trial
from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url

from suite.storages import database, open_database
from suite.trials import open_storage
from tests.postgresql import Server


def study_on(server: Server, say: Callable[[str], None]) -> optuna.Study:
    url = make_url(server.new_database()).set(drivername="postgresql+psycopg")
    return optuna.create_study(storage=open_database(url, say), study_name="s")


@pytest.mark.fault("the database goes away, and comes back", storage="postgresql")
def test_a_server_that_comes_back_has_every_trial_once(mortal_postgresql: Server) -> None:
    away = threading.Event()
    study = study_on(mortal_postgresql, lambda text: away.set())
    study.add_trial(create_trial(value=1.0))
    mortal_postgresql.stop()
    comes_back = threading.Thread(target=lambda: away.wait(30) and mortal_postgresql.start_again())
    comes_back.start()
    study.add_trial(create_trial(value=2.0))
    comes_back.join()
    assert away.is_set(), "it was said that the database is waited for"
    assert [trial.value for trial in study.trials] == [1.0, 2.0]


def test_patience_ends(mortal_postgresql: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 2.0)
    said: list[str] = []
    study = study_on(mortal_postgresql, said.append)
    mortal_postgresql.stop()
    with pytest.raises(StorageInternalError):
        study.add_trial(create_trial(value=1.0))
    assert said == ["The database does not answer; trying again for 2 s."], "once, however often Optuna tries"
    mortal_postgresql.start_again()
    study.add_trial(create_trial(value=2.0))
    assert [trial.value for trial in study.trials] == [2.0]


def test_sqlite_keeps_a_log_ahead_and_syncs_every_trial(tmp_path: Path) -> None:
    for _ in range(2):  # a new file, and one that is there
        storage = open_database(make_url(f"sqlite:///{tmp_path / 'study.db'}"), pytest.fail)
        with storage.engine.connect() as connection:
            connection.exec_driver_sql(
                "SELECT * FROM studies"
            ).all()  # it looks at the file, and so at its mode
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def open_until(path: Path, change: int) -> bool:
    """Open a new SQLite file in a process that ends before the number-th change; whether it came so far."""
    child = os.fork()
    if child == 0:
        numbers = itertools.count()

        @event.listens_for(Engine, "before_cursor_execute")
        def end(connection: object, cursor: object, text: str, *words: object) -> None:
            if not text.startswith(("SELECT", "PRAGMA main")) and next(numbers) == change:
                os._exit(9)

        open_database(make_url(f"sqlite:///{path}"), pytest.fail)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def schema(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


@pytest.mark.skipif(os.name == "nt", reason="needs fork")
@pytest.mark.fault("a process is killed while it makes the database's tables", storage="sqlite")
def test_a_database_that_was_half_made_is_made_whole(tmp_path: Path) -> None:
    """Indices too: without one, a study of a name that is taken would be begun a second time."""
    open_storage(f"sqlite:///{tmp_path}/whole.db")
    changes = 0
    while open_until(tmp_path / f"{changes}.db", changes):
        open_storage(f"sqlite:///{tmp_path}/{changes}.db")
        assert schema(tmp_path / f"{changes}.db") == schema(tmp_path / "whole.db")
        changes += 1
    assert changes > 20
