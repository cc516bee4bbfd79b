"""Optuna's storage in SQLite or on a server: what is recorded stays, and a server that went away is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from optuna.storages import RDBStorage
from optuna.storages._rdb.models import BaseModel
from sqlalchemy import create_engine, event, inspect
from sqlalchemy.engine import URL, Dialect, Engine

from suite.storages.server import ServerStorage, end_when_idle

PATIENCE_SECONDS = 60.0
"""How long a database that was open is waited for, once it does not answer."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0  # seconds between two tries, each twice the one before
_LIBPQ = {"connect_timeout": 10, "keepalives_idle": 20, "keepalives_interval": 5, "tcp_user_timeout": 30_000}


def open_database(url: URL, say: Callable[[str], None]) -> RDBStorage:
    """The storage of a URL that names its driver; `say` is told when the database is waited for.

    Raises:
        SQLAlchemyError, ImportError, RuntimeError, ValueError: it cannot be opened.
    """
    sqlite, postgresql = (url.get_backend_name() == name for name in ("sqlite", "postgresql"))
    options: dict[str, Any] = {"timeout": PATIENCE_SECONDS} if sqlite else {}  # for others' locks
    if sqlite:
        _make_all_tables_or_none(url, options)
    if url.get_driver_name() in ("psycopg", "psycopg2"):
        options = {name: value for name, value in _LIBPQ.items() if name not in url.query}
    storage = (ServerStorage if postgresql else RDBStorage)(
        url.render_as_string(hide_password=False),
        engine_kwargs={"connect_args": options, "pool_pre_ping": not sqlite},
    )
    if sqlite:
        _keep_a_log_ahead(storage.engine)
    else:
        patience = _Patience(say, end_when_idle if postgresql else lambda connection: None)
        event.listen(storage.engine, "do_connect", patience.connect)
        storage.engine.dispose()  # of the connections that were made before
    return storage


def _make_all_tables_or_none(url: URL, options: dict[str, Any]) -> None:
    """Make Optuna's tables in a new SQLite file, in one transaction.

    Optuna makes them one by one, and never an index of a table that is there: a file from the middle of it would take
    two studies of one name.
    """
    # The driver begins no transaction by itself then, and so does not end ours before each table.
    engine = create_engine(url, connect_args={**options, "isolation_level": None})
    try:
        with engine.connect() as connection:
            if not inspect(connection).get_table_names():
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                BaseModel.metadata.create_all(connection)
                connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


def _keep_a_log_ahead(engine: Engine) -> None:
    """Put a SQLite file into the mode in which a trial is recorded fastest, with nothing lost if the power fails.

    `suite bench recording` measures the modes. Over 150 trials in turn, ext4, two cores of an Intel Xeon, other work
    running; median ms a trial, in two rounds: DELETE 42.6 and 42.5, TRUNCATE 44.0 and 44.0, PERSIST 40.0 and 43.0,
    WAL 24.0 and 24.0; WAL with synchronous=NORMAL, which may lose the last trials to a power cut, 21.3 and 21.0. A
    file keeps its mode. Where a file system has no shared memory, SQLite stays with the mode it has.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


class _Patience:
    """Connects again to a database that went away: pauses grow, and the end of patience is the end.

    A connection that died before it is used is found out (`pool_pre_ping`); one that dies in use is for `server`.
    """

    def __init__(self, say: Callable[[str], None], prepare: Callable[[Any], None]) -> None:
        self._say = say
        self._prepare = prepare  # a new connection
        self._deadline: float | None = None  # while it is away

    def connect(self, dialect: Dialect, record: object, words: list[Any], options: dict[str, Any]) -> Any:
        """A connection; SQLAlchemy's own way, tried until patience ends."""
        if self._deadline is None:
            self._deadline = time.monotonic() + PATIENCE_SECONDS
        pause = _FIRST_PAUSE
        while True:
            try:
                connection = dialect.connect(*words, **options)
                self._prepare(connection)
            except dialect.loaded_dbapi.OperationalError:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    raise
                if pause == _FIRST_PAUSE:
                    self._say(f"The database does not answer; trying again for {left:.0f} s.")
                time.sleep(min(pause, left))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._deadline = None
                return connection
