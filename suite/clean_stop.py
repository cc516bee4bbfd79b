"""What becomes of work whose disk is full or whose database is gone: one paragraph that says how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import SQLAlchemyError

from suite.errors import DISK_ERRORS, StoppedError, StorageError, UnansweredError


@contextmanager
def clean_stop(folder: Path | str, storage: str, remedy: str) -> Iterator[None]:
    """Work in a run's folder that records in `storage` (as it may be shown).

    Raises:
        StoppedError: the disk or the database did not take what was to be kept; `remedy` says how to go on.
        StorageError: the database's file is damaged.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        reason = _reason(error)
        if "malformed" in reason or "not a database" in reason:  # SQLite's words
            raise StorageError(
                f"is damaged: {reason}.", where=storage, remedy="Restore the file, or begin a new run."
            ) from None
        raise StoppedError(
            f"could not be written or read: {reason}.",
            where=storage,
            remedy=f"Nothing that was recorded is lost. Once it is back, go on: {remedy}",
        ) from None
    except UnansweredError as error:
        raise StoppedError(
            f"was cut off in the middle of a COMMIT, and {error}: the last entry may be there or not.",
            where=storage,
            remedy=f"Nothing before it is lost. Once the server is back, go on: {remedy}",
        ) from None
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        raise StoppedError(
            f"could not be written: {error.strerror}.",
            where=str(error.filename or folder),
            remedy=f"What was finished is kept. Once there is room, go on: {remedy}",
        ) from None


def _reason(error: BaseException) -> str:
    """The driver's own words, in one line; SQLAlchemy's repeat the statement and its values."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    driver = getattr(cause, "orig", None) or cause
    lines = str(driver).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(driver).__name__
