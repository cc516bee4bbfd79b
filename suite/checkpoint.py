"""One checkpoint on the disk: whole or not there, with its checksum and format, and the good one before it."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from suite.atomic import sync_folder, written
from suite.errors import RunDirectoryError

_VERSION = 1
_HEAD = re.compile(rb"nas-suite checkpoint (\d+)\n([0-9a-f]{64})\n")  # version, sha256 of what follows


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state of tensors and plain values; the one before stays beside it.

    The new one is on the disk before anything is renamed, so that a full disk costs nothing that was there.
    """
    import torch

    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    body = buffer.getbuffer()
    newer, previous = path.with_suffix(".newer"), path.with_suffix(".previous")
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(newer) as file:
        file.write(f"nas-suite checkpoint {_VERSION}\n{hashlib.sha256(body).hexdigest()}\n".encode())
        file.write(body)
    if path.exists():
        os.replace(path, previous)
    os.replace(newer, path)
    sync_folder(path.parent)


def load(path: Path) -> dict[str, Any] | None:
    """The last good state, or None if there is none; a damaged one gives way to the one before.

    Raises:
        RunDirectoryError: there are checkpoints and none is whole, or it is of a format that is not read here.
    """
    previous = path.with_suffix(".previous")
    candidates = [candidate for candidate in (path, previous) if candidate.exists()]
    for candidate in candidates:
        state = _read(candidate)
        if state is not None:
            if candidate == previous:  # or the next to be saved would put a damaged one in its place
                os.replace(previous, path)
            return state
    if candidates:
        raise RunDirectoryError(
            "is damaged, and so is the one before it.",
            where=str(path),
            remedy="Delete both to do this phase again from its start.",
        )
    return None


def drop(path: Path) -> None:
    """Forget a checkpoint, and the one before it."""
    for suffix in (".newer", ".previous", path.suffix):
        path.with_suffix(suffix).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    """What `save` wrote; None if it is damaged.

    Raises:
        RunDirectoryError: it is whole, and of another format.
    """
    import torch

    content = path.read_bytes()
    head = _HEAD.match(content)
    if head is None:
        return None
    body = content[head.end() :]
    if hashlib.sha256(body).hexdigest().encode() != head[2]:
        return None
    if int(head[1]) != _VERSION:
        raise RunDirectoryError(
            f"has format version {int(head[1])}; this suite reads {_VERSION}.",
            where=str(path),
            remedy="Go on with the suite that wrote it, or begin a new run.",
        )
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(body), weights_only=True, map_location="cpu")
    except (UnpicklingError, RuntimeError, EOFError, ValueError):  # whole, but not what `save` writes
        return None
    return state
