"""Files that appear whole or not at all, also when the machine stops in the middle."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_UNFINISHED = ".unfinished"


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it is on the disk under `path` when the block ends well, and never there in part."""
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}{_UNFINISHED}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def is_unfinished(path: Path) -> bool:
    """Whether this is a file that was being written when its process was killed, to judge by its name."""
    return path.name.startswith(".") and path.name.endswith(_UNFINISHED)


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk too: without it, a file that was renamed may not be found there."""
    if os.name != "posix":  # Windows has no fsync of folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
