"""PostgreSQL behind a connection that is cut: every transaction once, or a stop that says what is not known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from sqlalchemy.engine import URL, make_url

from suite.clean_stop import clean_stop
from suite.errors import StoppedError
from suite.storages import database, open_database, server
from suite.storages.server import ServerStorage
from tests.cutting_proxy import Cut, CuttingProxy, cutting
from tests.postgresql import Server

COMMIT = b"Q\0\0\0\x0bCOMMIT\0"
WRITE, READ = b"UPDATE trials", b"SELECT trial_system_attributes.trial_id"
AT = {Cut.UNSENT: (WRITE, READ), Cut.UNANSWERED: (COMMIT,), Cut.UNNOTICED: (COMMIT, WRITE)}


@pytest.fixture
def direct(postgresql: Server) -> URL:
    """A new database, past the proxy."""
    return make_url(postgresql.new_database()).set(drivername="postgresql+psycopg")


@pytest.fixture
def proxy(postgresql: Server) -> Iterator[CuttingProxy]:
    with cutting(postgresql.port) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna waits up to two seconds before it makes a trial again, and servers wait for those who are gone."""
    monkeypatch.setattr("optuna.storages._rdb.storage.random.random", lambda: 0.0)
    monkeypatch.setattr(server, "_IDLE_MS", 50)


def record(storage: ServerStorage, name: str) -> None:
    """What a run records in all its phases: whole trials, a training reported epoch by epoch, a claimed one."""
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    study.set_user_attr("metric", "accuracy")
    study.add_trial(create_trial(value=1.0, user_attrs={"genome": "a"}))
    study.add_trial(create_trial(state=TrialState.WAITING, user_attrs={"genome": "b"}))
    (waiting,) = study.get_trials(states=(TrialState.WAITING,))
    assert study._storage.set_trial_state_values(waiting._trial_id, state=TrialState.RUNNING)
    trial = optuna.Trial(study, waiting._trial_id)
    trial.set_user_attr("worker", "here")
    trial.report(0.5, 1)
    study.tell(trial, 2.0)


def content(storage: RDBStorage, name: str) -> Any:
    study = optuna.load_study(study_name=name, storage=storage)
    trials = study.get_trials()
    return study.user_attrs, [
        (t.number, t.state, t.values, t.user_attrs, t.intermediate_values) for t in trials
    ]


@pytest.mark.fault("the connection to the database is cut in a transaction", storage="postgresql")
@pytest.mark.parametrize("cut", Cut)
def test_wherever_a_connection_is_cut_all_is_recorded_once(
    cut: Cut, direct: URL, proxy: CuttingProxy
) -> None:
    storage, past_it = (
        open_database(direct.set(port=proxy.port), print),
        open_database(direct, pytest.fail),
    )
    assert isinstance(storage, ServerStorage)
    proxy.cut_at(None, AT[cut])
    record(storage, "whole")
    moments, expected = proxy.seen, content(past_it, "whole")
    assert moments > 4
    for moment in range(moments):
        storage.engine.dispose()  # so that each begins with a new connection, and sends the same messages
        proxy.cut_at(moment, AT[cut], cut)
        record(storage, f"cut at {moment}")
        assert proxy.has_cut
        assert content(past_it, f"cut at {moment}") == expected


@pytest.mark.fault("the answer to a COMMIT is lost, and the database goes away", storage="postgresql")
def test_a_lost_answer_of_a_server_that_stays_away_is_a_clean_stop(
    direct: URL, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = optuna.create_study(
        storage=open_database(direct.set(port=proxy.port), lambda text: None), study_name="s"
    )
    study.add_trial(create_trial(value=1.0))
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.0)
    proxy.cut_at(0, [COMMIT], Cut.UNANSWERED)
    proxy.refuse_others()
    with (
        pytest.raises(StoppedError, match=r"SHOWN: was cut off in the middle of a COMMIT, .* go on: AGAIN"),
        clean_stop(Path(), "SHOWN", "AGAIN"),
    ):
        study.add_trial(create_trial(value=2.0))
    there = optuna.load_study(study_name="s", storage=open_database(direct, pytest.fail))
    assert [trial.value for trial in there.trials] == [1.0, 2.0]


def test_what_a_server_started_anew_says_of_a_number_is_not_believed(mortal_postgresql: Server) -> None:
    """It may have given it to another transaction since: what was not on its disk yet, it does not remember."""

    def begin_anew() -> None:
        mortal_postgresql.stop()
        mortal_postgresql.start_again()

    direct = make_url(mortal_postgresql.new_database()).set(drivername="postgresql+psycopg")
    with cutting(mortal_postgresql.port) as proxy:
        said: list[str] = []
        study = optuna.create_study(
            storage=open_database(direct.set(port=proxy.port), said.append), study_name="s"
        )
        study.add_trial(create_trial(value=1.0))
        proxy.cut_at(0, [COMMIT], Cut.UNANSWERED, then=begin_anew)
        with (
            pytest.raises(StoppedError, match="the server does not know any more"),
            clean_stop(Path(), "SHOWN", "AGAIN"),
        ):
            study.add_trial(create_trial(value=2.0))
    study = optuna.load_study(study_name="s", storage=open_database(direct, pytest.fail))
    assert [trial.value for trial in study.trials] == [1.0, 2.0]
