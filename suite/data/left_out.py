"""What lies in a data set's folders and is no part of it: what is not read should not pass for fewer pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from suite.data.folders import Holding, look_into
from suite.data.places import Place
from suite.escaping import one_line
from suite.wording import first_of, plural

_NAMED = 3  # of each kind, and the number of the others


def left_out(place: Place) -> tuple[str, ...]:
    """Notes on what is beside the files that are read, and on folders without pictures; none for the hub's."""
    if place.kind == "parquet":
        return _splits_beside(_parquets_beside(place))
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
    return (*notes, *_splits_beside(_folders_beside({folder.parent for folder in classes})))


def _folders_beside(roots: AbstractSet[Path]) -> list[Path]:
    """Folders with class folders of their own beside train/, such as val/."""
    if not any(root.name == "train" for root in roots):
        return []
    beside = {path for root in roots for path in _seen(root.parent) if path.is_dir()} - roots
    return sorted(path for path in beside if isinstance(look_into(path), Holding))


def _parquets_beside(place: Place) -> list[Path]:
    read = {file for files in place.files.values() for file in files}
    folders = {file.parent for file in read}
    return sorted(p for folder in folders for p in _seen(folder) if p.suffix == ".parquet" and p not in read)


def _splits_beside(paths: Sequence[Path]) -> tuple[str, ...]:
    if not paths:
        return ()
    names = first_of([one_line(path.name) for path in paths], _NAMED)
    return (f"Left out: {names}. Nothing but train and test is read; what to choose on is taken from train.",)


def _seen(folder: Path) -> list[Path]:
    return sorted(folder / name for name in os.listdir(folder) if not name.startswith("."))


def _some(paths: Sequence[Path], what: str) -> str:
    """Such as `5 files (cat/a.heic, cat/b.heic, cat/c.heic and 2 more)`."""
    names = [one_line(f"{path.parent.name}/{path.name}") for path in paths]
    return f"{plural(len(paths), what)} ({first_of(names, _NAMED)})"
