"""Optuna's storage on a PostgreSQL server: each transaction once, wherever its connection is cut."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import Row, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from suite.errors import UnansweredError

_TRIES = 5  # of a transaction that is cut off again and again
_PAUSE_SECONDS = 0.05
_IDLE_MS = 20_000
"""After so long without a word from its client, a server ends a transaction: none of ours pauses in the middle."""

# A transaction that only reads has no number.
_NUMBER = text("SELECT txid_current_if_assigned() AS number, pg_postmaster_start_time() AS server_began")
_OUTCOME = text("SELECT txid_status(:number) AS outcome, pg_postmaster_start_time() AS server_began")

_TRANSACTIONS = (  # methods of Optuna's that are one; _create_new_trial is done again by Optuna itself
    "create_new_study",
    "delete_study",
    "set_study_user_attr",
    "set_study_system_attr",
    "get_study_id_from_name",
    "get_study_name_from_id",
    "get_study_directions",
    "get_study_user_attrs",
    "get_study_system_attrs",
    "get_all_studies",
    "_set_trial_param",
    "set_trial_state_values",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "get_trial_id_from_study_id_trial_number",
    "get_trial",
    "_get_trials",
    "_get_best_trial_id",
)


class ServerStorage(RDBStorage):
    """Cut before its COMMIT is sent, a transaction is done again; if the answer is lost, the server is asked.

    Optuna takes any lost connection for a transaction that failed. After a lost answer that would make two trials of
    one, or refuse to end a trial that has ended.
    """

    def __init__(self, url: str, engine_kwargs: dict[str, Any]) -> None:
        super().__init__(url, engine_kwargs=engine_kwargs)
        self.scoped_session = scoped_session(sessionmaker(bind=self.engine, class_=_SureSession))


def end_when_idle(connection: Any) -> None:
    """Have a new connection's server end what its client left open, or it keeps the locks for hours."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_MS}")
    connection.commit()


class _SureSession(Session):
    """A session whose commit fails only if nothing was committed."""

    def commit(self) -> None:
        """Commit.

        Raises:
            SQLAlchemyError: nothing was committed.
            UnansweredError: the connection was cut, and whether it was cannot be found out.
        """
        self.flush()
        transaction = self.execute(_NUMBER).one()
        try:
            super().commit()
        except DBAPIError as error:
            if not error.connection_invalidated or transaction.number is None:
                raise
            self.rollback()
            if not _was_committed(self.get_bind().engine, transaction):
                raise


def _was_committed(engine: Engine, transaction: Row[Any]) -> bool:
    """What became of a transaction whose COMMIT was not answered; one that is still open is waited for.

    Raises:
        UnansweredError: the server does not know, or cannot be asked. One that was started anew may have given the
            number once more.
    """
    asked = {"number": transaction.number}
    give_up = time.monotonic() + 2 * _IDLE_MS / 1000
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            found = connection.execute(_OUTCOME, asked).one()
            while found.outcome == "in progress" and time.monotonic() < give_up:
                time.sleep(_PAUSE_SECONDS)
                found = connection.execute(_OUTCOME, asked).one()
    except SQLAlchemyError as error:
        raise UnansweredError("the server does not answer any more") from error
    if found.outcome not in ("committed", "aborted") or found.server_began != transaction.server_began:
        raise UnansweredError("the server does not know any more")
    return bool(found.outcome == "committed")


def _done_again(method: Callable[..., Any]) -> Callable[..., Any]:
    """One transaction, done again where its connection was cut and nothing committed."""

    @wraps(method)
    def done(*words: Any, **named: Any) -> Any:
        for _ in range(_TRIES - 1):
            try:
                return method(*words, **named)
            except StorageInternalError as error:
                if not _was_cut(error.__cause__):
                    raise
        return method(*words, **named)

    return done


def _was_cut(cause: BaseException | None) -> bool:
    """Whether a connection was lost, or what was lost with it was used on: Optuna tries some queries in two ways."""
    return isinstance(cause, PendingRollbackError) or (
        isinstance(cause, DBAPIError) and cause.connection_invalidated
    )


for _name in _TRANSACTIONS:
    setattr(ServerStorage, _name, _done_again(getattr(RDBStorage, _name)))
