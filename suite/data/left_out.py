"""What lies in a data set's folders and is no part of it: unread formats should not pass for fewer pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from suite.data.places import Place
from suite.escaping import one_line
from suite.wording import first_of, plural

_NAMED = 3  # of each kind, and the number of the others


def left_out(place: Place) -> tuple[str, ...]:
    """Notes on what is beside the pictures of class folders, and on folders without any; none for other places."""
    if place.kind != "folder":
        return ()
    pictures = {picture for files in place.files.values() for picture in files}
    classes = {picture.parent for picture in pictures}
    strays: list[Path] = []
    bare: list[Path] = []
    for root in sorted({folder.parent for folder in classes}):
        beside = [path for path in _seen(root) if path not in classes]
        bare += [path for path in beside if path.is_dir()]
        strays += [path for path in beside if not path.is_dir()]
        strays += [path for folder in sorted(classes) if folder.parent == root for path in _seen(folder)]
    strays = [path for path in strays if path not in pictures]
    notes = []
    if strays:
        notes.append(f"Left out, as no picture by its name or its place: {_some(strays, 'file')}.")
    if bare:
        notes.append(f"Left out, as there is no picture in it: {_some(bare, 'folder')}.")
    return tuple(notes)


def _seen(folder: Path) -> list[Path]:
    return sorted(folder / name for name in os.listdir(folder) if not name.startswith("."))


def _some(paths: Sequence[Path], what: str) -> str:
    """Such as `5 files (cat/a.heic, cat/b.heic, cat/c.heic and 2 more)`."""
    names = [one_line(f"{path.parent.name}/{path.name}") for path in paths]
    return f"{plural(len(paths), what)} ({first_of(names, _NAMED)})"
