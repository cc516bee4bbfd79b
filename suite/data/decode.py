"""Place -> pictures: whole data sets as uint8 arrays, decoded once and kept in the cache."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from suite.data import picture
from suite.data.cache import (
    FORMAT_VERSION,
    Array,
    default_cache_folder,
    files_sha256,
    new_array,
    read_cached,
    write_manifest,
)
from suite.data.places import Place, in_hub_cache
from suite.errors import DISK_ERRORS, DataError, StoppedError

if TYPE_CHECKING:
    from suite.data.table import Rows, Table

Progress = Callable[[int, int], None]
"""Called now and then with (pictures done, pictures in all)."""
Facts = dict[str, list[str]]

# As on the hub; the IDX files name none.
FASHION_CLASSES = (
    *("T - shirt / top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_EVERY = 20  # pictures between two calls of progress: a camera's take a tenth of a second each
_MOST_BAD = 10  # pictures named at once; there is no end to a folder of something else
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, eq=False)
class Pictures:
    """A data set decoded: by split, pictures (N, C, H, W) uint8 and labels (N,) int64."""

    pictures: Mapping[str, NDArray[np.uint8]]
    labels: Mapping[str, NDArray[np.int64]]
    classes: tuple[str, ...]
    sha256: str  # of the source's files
    notes: tuple[str, ...]


def decode_pictures(
    place: Place,
    image_size: tuple[int, int],
    *,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Pictures:
    """Decode a data set to pictures of one size, or take it from the cache if that was done before.

    Raises:
        DataError: a file, picture or label is damaged or missing, a split is empty, or there is one class only;
            or the cache folder cannot be written.
        StoppedError: the cache's disk is full.
    """
    if place.kind == "digits":
        return _digits(image_size)
    home = cache_dir or default_cache_folder()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if place.kind == "hub":  # what its files are is known only after loading
            with _opened(place, home) as table:
                downloaded = in_hub_cache(place.name, whole=False)
                if not isinstance(downloaded, Place) or set(downloaded.files) != set(table.splits):
                    fill = partial(_fill_from_table, table, size=image_size, progress=progress)
                    return _through_cache(home, _table_sha256(table), image_size, fill)
            place = downloaded  # as it is found from now on: by its files, it is the same then
        fill = partial(_fill, place, size=image_size, progress=progress)
        return _through_cache(home, source_sha256(place), image_size, fill)
    except OSError as error:
        kind = StoppedError if error.errno in DISK_ERRORS else DataError
        raise kind(
            f"cannot be written: {error.strerror or error}.",
            where=f"the cache of decoded pictures, {home}",
            remedy="Make room, or set SUITE_CACHE_DIR to a folder that can be written.",
        ) from error


def source_sha256(place: Place) -> str:
    """The checksum of a place's files; the same files elsewhere have the same one.

    Raises:
        DataError: a file cannot be read, or its name is not UTF-8.
    """
    named = {}
    for split, files in place.files.items():
        for file in files:
            _check_is_text(file)
            inside = f"{file.parent.name}/{file.name}" if place.kind == "folder" else file.name
            named[f"{split}/{inside}"] = file
    return files_sha256(named)


def _check_is_text(file: Path) -> None:
    """A file system may hold names of any bytes; tables and reports hold UTF-8 only."""
    try:
        str(file).encode()
    except UnicodeEncodeError:
        raise DataError(
            "its name, or that of a folder it is in, is not UTF-8.", where=str(file), remedy="Rename it."
        ) from None


def _through_cache(home: Path, sha256: str, size: tuple[int, int], fill: Callable[[Path], Facts]) -> Pictures:
    """What the cache has of a source, after `fill(folder)` has put it there if need be."""
    folder = home / f"{sha256[:20]}-{size[0]}x{size[1]}-v{FORMAT_VERSION}"
    found = read_cached(folder)
    if found is None:
        folder.mkdir(exist_ok=True)
        write_manifest(folder, {"source_sha256": sha256, **fill(folder)})
        found = read_cached(folder)
    if found is None:
        raise OSError(f"{folder} does not read back as it was written")
    arrays, manifest = found
    splits = [split for split in ("train", "test") if f"{split}-labels" in arrays]
    return Pictures(
        {split: arrays[f"{split}-pictures"] for split in splits},
        {split: arrays[f"{split}-labels"] for split in splits},
        tuple(manifest["classes"]),
        sha256,
        tuple(manifest["notes"]),
    )


def _fill(place: Place, folder: Path, size: tuple[int, int], progress: Progress | None) -> Facts:
    """Decode a place's files into a folder of the cache; returns what the manifest is to say of them."""
    if place.kind == "idx":
        return _fill_from_idx(place, folder, size)
    with _opened(place, folder.parent) as table:
        return _fill_from_table(table, folder, size, progress)


def _opened(place: Place, scratch: Path) -> AbstractContextManager[Table]:
    from suite.data.table import (
        open_table,  # late: `datasets` takes 3 s to import, and the cache does without it
    )

    return open_table(place, scratch)


def _fill_from_table(table: Table, folder: Path, size: tuple[int, int], progress: Progress | None) -> Facts:
    channels = 1 if all(_all_grey(rows) for rows in table.splits.values()) else 3
    total = sum(len(rows.labels) for rows in table.splits.values())
    done = jpegs = other_sizes = other_proportions = 0
    bad: list[tuple[str, str]] = []
    for split, rows in table.splits.items():
        _save(folder / f"{split}-labels.npy", rows.labels)
        shape = (len(rows.labels), channels, *size)
        with new_array(folder / f"{split}-pictures.npy", shape, np.uint8) as append:
            for row, encoded in enumerate(rows):
                try:
                    decoded = picture.pixels(encoded, channels)
                except picture.FAULTS as error:  # the others are looked at too, so that one mending is enough
                    bad.append((rows.where(row), str(error).rstrip(".")))
                    if len(bad) == _MOST_BAD:
                        break
                    continue
                append(picture.resized(decoded, size))
                height, width = decoded.shape[1:]
                other_sizes += (height, width) != size
                other_proportions += height * size[1] != width * size[0]
                jpegs += encoded.startswith(_JPEG)
                done += 1
                if progress and (done % _EVERY == 0 or done == total):
                    progress(done, total)
            if bad:
                raise _bad_pictures(bad)
    return {
        "classes": list(table.classes),
        "notes": _notes(total, jpegs, other_sizes, size, other_proportions),
    }


def _notes(total: int, jpegs: int, other_sizes: int, size: tuple[int, int], squeezed: int = 0) -> list[str]:
    notes = []
    if jpegs:
        which = "The pictures" if jpegs == total else f"{jpegs} of {total} pictures"
        notes.append(
            f"{which} come from JPEG files: the pixels are lossily compressed, so accuracies are not exactly "
            "comparable with those on uncompressed originals."
        )
    if other_sizes:
        which = "All" if other_sizes == total else f"{other_sizes} of {total}"
        how = f", {squeezed:,} of them out of their proportions" if squeezed else ""
        notes.append(f"{which} pictures were resized to {size[0]}x{size[1]}{how}.")
    return notes


def _all_grey(rows: Rows) -> bool:
    for encoded in rows:
        try:
            if not picture.is_grey(encoded):
                return False
        except picture.FAULTS:  # named with all others when they are decoded
            continue
    return True


def _bad_pictures(bad: Sequence[tuple[str, str]]) -> DataError:
    """One error for all of them, each (where, why); `_MOST_BAD` of them may not be all."""
    (where, why), *others = bad
    if not others:
        return DataError(
            f"its picture cannot be decoded: {why}.", where=where, remedy="Replace it, or leave it out."
        )
    named = "".join(f"\n  - {other}: {reason}" for other, reason in others)
    more = "\n  - and perhaps more; the rest was not looked at" if len(bad) == _MOST_BAD else ""
    return DataError(
        f"its picture cannot be decoded: {why}. Nor can these:{named}{more}\n ",
        where=where,
        remedy="Replace them, or leave them out.",
    )


def _fill_from_idx(place: Place, folder: Path, size: tuple[int, int]) -> Facts:
    resized = 0
    for split, (pictures_file, labels_file) in place.files.items():
        pictures, labels = _idx(pictures_file, 3), _idx(labels_file, 1)
        if len(pictures) != len(labels) or labels.max(initial=0) >= len(FASHION_CLASSES):
            raise DataError("does not fit the pictures beside it.", where=str(labels_file))
        _save(folder / f"{split}-labels.npy", labels.astype(np.int64))
        _save(folder / f"{split}-pictures.npy", picture.resized(pictures[:, None], size))
        resized += len(pictures) if pictures.shape[1:] != size else 0
    return {"classes": list(FASHION_CLASSES), "notes": _notes(resized, 0, resized, size)}


def _idx(file: Path, dimensions: int) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes: magic 0, 0, 8, dimensions; sizes as big-endian int32; the values."""
    try:
        content = gzip.decompress(file.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot be unpacked: {error}.", where=str(file), remedy="Install it again."
        ) from None
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:start], dtype=">i4").tolist())
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) - start != np.prod(shape, dtype=np.int64):
        raise DataError("is not a whole IDX file.", where=str(file), remedy="Install it again.")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _digits(size: tuple[int, int]) -> Pictures:
    from sklearn.datasets import load_digits  # late: the other data sets do without it

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # 0..16 as they come
    labels = digits.target.astype(np.int64)
    sha256 = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    pictures = np.ascontiguousarray(picture.resized(images[:, None], size))
    notes = _notes(len(labels), 0, len(labels) if size != (8, 8) else 0, size)
    return Pictures({"train": pictures}, {"train": labels}, tuple("0123456789"), sha256, tuple(notes))


def _table_sha256(table: Table) -> str:
    """A checksum of what a table holds, for a source that has no files of its own."""
    total = hashlib.sha256("\0".join(table.classes).encode())
    for split, rows in table.splits.items():
        total.update(f"\n{split}\0".encode() + rows.labels.tobytes())
        for encoded in rows:
            total.update(hashlib.sha256(encoded).digest())
    return total.hexdigest()


def _save(path: Path, values: Array) -> None:
    with new_array(path, values.shape, values.dtype.type) as append:
        append(values)
