"""One process on a run directory at a time, and who that is."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock

from suite.atomic import written
from suite.errors import RunDirectoryError

LOCK = ".lock"
HOLDER = ".lock-holder.json"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the operating system lets go of it when the process dies.

    Raises:
        RunDirectoryError: another process holds it, or one of another machine did and never let go; names it.
    """
    lock, holder = filelock.FileLock(folder / LOCK, timeout=0), folder / HOLDER
    try:
        lock.acquire()
    except filelock.Timeout:
        raise RunDirectoryError(
            f"is in use by {_read(holder)}.",
            where=str(folder),
            remedy="Wait for it or stop it, or give another --run-dir.",
        ) from None
    try:
        _check_not_elsewhere(holder)
        with written(holder) as file:
            file.write(json.dumps(vars(_Holder.here())).encode())
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)
    finally:
        lock.release()


@dataclass(frozen=True)
class _Holder:
    """The process that holds a folder."""

    pid: int
    host: str
    since: str

    @classmethod
    def here(cls) -> _Holder:
        """This process."""
        return cls(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


def _read(holder: Path) -> _Holder | str:
    """Who is written down as the holder."""
    try:
        return _Holder(**json.loads(holder.read_bytes()))
    except (OSError, ValueError, TypeError):
        return "another process"


def _check_not_elsewhere(path: Path) -> None:
    """A lock that was free says nothing of other machines: not every file system passes locks on to them."""
    holder = _read(path)
    if isinstance(holder, _Holder) and holder.host != socket.gethostname():
        raise RunDirectoryError(
            f"is or was in use by {holder}; whether that still runs cannot be seen from {socket.gethostname()}.",
            where=str(path.parent),
            remedy=f"If it does not, delete {path} and try again.",
        )
