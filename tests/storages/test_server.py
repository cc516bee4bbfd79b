"""PostgreSQL behind a connection that is cut: every transaction once, or a stop that says what is not known."""

from __future__ import annotations

import itertools
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
from suite.trial_queue import done_trials, enqueue, work_off
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
    """Optuna waits up to two seconds before it makes a trial again."""
    monkeypatch.setattr("optuna.storages._rdb.storage.random.random", lambda: 0.0)


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
    cut: Cut, direct: URL, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
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
    if cut is Cut.UNNOTICED:  # the server waits for those who are gone; it must not end those who are slow
        monkeypatch.setattr(server, "_IDLE_MS", 250)
    for moment in range(moments):
        storage.engine.dispose()  # so that each begins with a new connection, and sends the same messages
        proxy.cut_at(moment, AT[cut], cut)
        record(storage, f"cut at {moment}")
        assert proxy.has_cut
        assert content(past_it, f"cut at {moment}") == expected


def queue(storage: RDBStorage, name: str) -> optuna.Study:
    return optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)


def share_work(study: optuna.Study) -> None:
    """What processes that share trainings do: those of two that lack are asked for, claimed, done and told."""
    lacking = {"a", "b"} - {genome for genome, _ in done(study)}
    waiting = [
        create_trial(state=TrialState.WAITING, user_attrs={"genome": name}) for name in sorted(lacking)
    ]
    enqueue(study, waiting, lambda trial: trial.user_attrs["genome"])
    work_off(study, lambda trial: float(ord(trial.user_attrs["genome"])))


def done(study: optuna.Study) -> list[tuple[str, float | None]]:
    return [(trial.user_attrs["genome"], trial.value) for trial in done_trials(study)]


@pytest.mark.fault("the connection is cut while trainings are claimed and told", storage="postgresql")
@pytest.mark.parametrize("cut", [Cut.UNSENT, Cut.UNANSWERED])
def test_wherever_a_connection_is_cut_work_is_done_once(cut: Cut, direct: URL, proxy: CuttingProxy) -> None:
    storage = open_database(direct.set(port=proxy.port), print)
    proxy.cut_at(None, [COMMIT])
    share_work(queue(storage, "whole"))
    moments = proxy.seen
    assert moments > 8
    for moment in range(moments):
        storage.engine.dispose()
        proxy.cut_at(moment, [COMMIT], cut)
        share_work(study := queue(storage, f"cut at {moment}"))
        assert proxy.has_cut
        assert done(study) == [("a", 97.0), ("b", 98.0)]
        assert len(study.trials) == 2


@pytest.mark.fault("the database goes away while trainings are claimed and told", storage="postgresql")
def test_work_whose_database_stays_away_is_gone_on_with(
    direct: URL, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each COMMIT in turn, its answer lost: what was claimed or told just then is done once all the same."""
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.0)
    past_it, stops = open_database(direct, pytest.fail), 0
    for moment in itertools.count():
        name = f"away at {moment}"
        with cutting(postgresql.port) as proxy:
            study = queue(open_database(direct.set(port=proxy.port), lambda text: None), name)
            proxy.cut_at(moment, [COMMIT], Cut.UNANSWERED, then=proxy.refuse_others)
            try:
                with clean_stop(Path(), "SHOWN", "AGAIN"):
                    share_work(study)
            except StoppedError:
                stops += 1
            if not proxy.has_cut:
                break
        share_work(queue(past_it, name))
        assert sorted(done(queue(past_it, name))) == [("a", 97.0), ("b", 98.0)]
    assert stops > 8


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
