"""Optuna's journal file: an entry is in it whole or not at all, and a dead process holds no lock on it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import filelock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

_BLOCK = 4096
_BEGINNING = b'{"op_code":'  # of each entry


def open_journal(path: Path) -> JournalStorage:
    """The journal at a path; a new one, if nothing is there.

    Raises:
        OSError: it cannot be read or made.
        ValueError: it is damaged, or no journal.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_first_entry(path)
    try:
        storage = JournalStorage(_WholeEntries(path, _SystemLock(path)))
        _check_last_entry(path)
        return storage
    except OSError:
        raise
    except Exception as error:  # Optuna believes what it reads, and so fails in any way
        raise ValueError(f"no journal: {error!r}") from None


class _SystemLock(BaseJournalFileLock):
    """A lock that the operating system lets go of with its process; Optuna's own is waited for, half a minute."""

    def __init__(self, path: Path) -> None:
        self._lock = filelock.FileLock(path.with_name(f"{path.name}.flock"))

    def acquire(self) -> bool:
        """Wait for it; a holder may take it again."""
        self._lock.acquire()
        return True

    def release(self) -> None:
        """Let go of it."""
        self._lock.release()


class _WholeEntries(JournalFileBackend):
    """The file; what a kill or a full disk cut short is taken off, or the next entry would be glued to it."""

    def __init__(self, path: Path, lock: BaseJournalFileLock) -> None:
        super().__init__(str(path), lock)
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries for good.

        Raises:
            OSError: they could not be written, and are not there.
        """
        self._lock.acquire()
        try:
            whole = _end_of_last_line(self._path)
            os.truncate(self._path, whole)
            try:
                super().append_logs(logs)
            except OSError:
                os.truncate(self._path, whole)
                raise
        finally:
            self._lock.release()


def _check_first_entry(path: Path) -> None:
    """Whatever else is in a file without a line's end would be taken for an entry cut short, and taken off.

    Raises:
        ValueError: the file does not begin as a journal does.
    """
    if path.is_file():
        with path.open("rb") as file:
            first = file.read(len(_BEGINNING))
        if not _BEGINNING.startswith(first):
            raise ValueError("it is some other file, not a journal of Optuna's")


def _check_last_entry(path: Path) -> None:
    """Optuna takes a last entry that it cannot read for one that is still being written, until another follows.

    Raises:
        ValueError: it is whole, and damaged.
    """
    end = _end_of_last_line(path)
    with path.open("rb") as file:
        lines = file.read(end).splitlines()
    if lines:
        json.loads(lines[-1])


def _end_of_last_line(path: Path) -> int:
    """Where the last line that has an end ends."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
