"""Databases: a server that goes away is waited for, for so long; SQLite loses nothing that was recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import create_trial
from sqlalchemy.engine import make_url

from suite.storages import database, open_database
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
