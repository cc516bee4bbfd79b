"""A folder of data: what kind it is, parquet files or class folders, and its files by split."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PICTURE_ENDINGS = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".bmp",
        ".gif",
        ".webp",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
    ]  # what Pillow reads everywhere
)
_SPLITS = {  # by how words of a name begin
    "train": ("train",),
    "test": ("test",),
    "neither": ("val", "eval", "holdout"),
}
_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>\d+)-of-(?P<count>\d+)\.parquet$")


@dataclass(frozen=True)
class Holding:
    """What a folder holds: files by split ("train", and "test" if there is one)."""

    kind: Literal["parquet", "folder"]
    files: Mapping[str, tuple[Path, ...]]


def look_into(folder: Path) -> Holding | str:
    """What data a folder holds, or in a few words why it holds none."""
    try:
        if not folder.is_dir():
            return "not there" if not folder.exists() else "not a folder"
        return _parquet_in(folder) or _class_folders_in(folder) or _why_nothing(folder)
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _parquet_in(folder: Path) -> Holding | str | None:
    """Parquet files of the folder or, as in many hub repositories, of its one folder that has some."""
    files = _parquet_files(folder)
    if not files:
        inner = [found for sub in _folders(folder) if (found := _parquet_files(sub))]
        if len(inner) > 1:
            names = ", ".join(found[0].parent.name for found in inner)
            return f"parquet files in several folders ({names}); name one of them"
        files = inner[0] if inner else []
    if not files:
        return None
    missing = _missing_shard(files)
    if missing:
        return f"incomplete: {missing} is missing"
    by_split: dict[str, list[Path]] = {}
    for file in files:
        by_split.setdefault(_split_of(file), []).append(file)
    train, test = (tuple(by_split.get(split, ())) for split in ("train", "test"))
    train = train or tuple(by_split.get("any", ()))
    if not train:
        return "parquet files, but none for training (train*.parquet)"
    return Holding("parquet", {"train": train, **({"test": test} if test else {})})


def _split_of(file: Path) -> str:
    """By the first word of its name that says it, in `pets_test-1.parquet` as in `test.parquet`; else "any"."""
    for word in re.findall("[a-z]+", file.stem.lower()):
        for split, beginnings in _SPLITS.items():
            if word.startswith(beginnings):
                return split
    return "any"


def _class_folders_in(folder: Path) -> Holding | None:
    """FOLDER/<class>/<picture>, or FOLDER/train/<class>/<picture> with or without FOLDER/test."""
    train, test = _pictures(folder / "train"), _pictures(folder / "test")
    if train:
        return Holding("folder", {"train": train, **({"test": test} if test else {})})
    pictures = _pictures(folder)
    return Holding("folder", {"train": pictures}) if pictures else None


def _why_nothing(folder: Path) -> str:
    if _pictures_directly_in(folder):
        return "pictures, but not in class folders (FOLDER/<class>/*.png)"
    return "neither parquet files nor class folders with pictures"


def _pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures one level down, sorted by class and file name."""
    if not folder.is_dir():
        return ()
    return tuple(picture for sub in _folders(folder) for picture in _pictures_directly_in(sub))


def _pictures_directly_in(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not e.name.startswith(".") and _is_readable(e)]
    return [folder / name for name in sorted(names) if os.path.splitext(name)[1].lower() in PICTURE_ENDINGS]


def _is_readable(entry: os.DirEntry[str]) -> bool:
    """Whether reading it ends: a pipe or a device may never. A broken link counts, so that it is complained of."""
    return entry.is_file() or not os.path.exists(entry)


def _folders(folder: Path) -> list[Path]:
    return sorted(sub for sub in folder.iterdir() if sub.is_dir() and not sub.name.startswith("."))


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.glob("*.parquet") if f.is_file() and not f.name.startswith("."))


def _missing_shard(files: Iterable[Path]) -> str | None:
    """The first file of a `train-00000-of-00002.parquet` series that is not there."""
    names = {f.name for f in files}
    for name in sorted(names):
        shard = _SHARD.match(name)
        if not shard:
            continue
        width = len(shard["number"])
        for number in range(int(shard["count"])):
            expected = f"{shard['stem']}-{number:0{width}d}-of-{shard['count']}.parquet"
            if expected not in names:
                return expected
    return None
