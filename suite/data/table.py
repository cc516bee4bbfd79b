"""A data set as a table, read through Hugging Face `datasets`: encoded pictures, labels, class names."""

from __future__ import annotations

import bisect
import itertools
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from suite.data import hub
from suite.data.places import Place
from suite.errors import DISK_ERRORS, DataError

_PICTURE_NAMES = ("image", "img")
_LABEL_NAMES = ("label", "labels", "fine_label", "class", "target")


@dataclass(frozen=True)
class Rows:
    """The rows of one split: labels (N,) int64, and the encoded picture of each row, one after the other."""

    labels: NDArray[np.int64]
    column: Any  # a pyarrow column of {bytes, path}
    where: Callable[[int], str]

    def __iter__(self) -> Iterator[bytes]:
        for row, value in enumerate(self.column):
            picture = value.as_py() or {}
            yield picture.get("bytes") or self._read(picture.get("path"), row)

    def _read(self, path: str | None, row: int) -> bytes:
        if not path:
            return b""
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise DataError(
                f"its picture {path} cannot be read: {error.strerror}.", where=self.where(row)
            ) from None


@dataclass(frozen=True)
class Table:
    """The rows of each split, and the names of the classes."""

    splits: Mapping[str, Rows]
    classes: tuple[str, ...]


@contextmanager
def open_table(place: Place, scratch: Path) -> Iterator[Table]:
    """Open a place's table for as long as the block runs; `scratch` is a folder for the copy `datasets` makes.

    Raises:
        DataError: a file is damaged, a column is missing, or a label is none of the classes.
        OSError: the copy's disk is full.
    """
    with _silent(), tempfile.TemporaryDirectory(dir=scratch, prefix=".datasets-") as copies:
        if place.kind == "folder":
            yield _checked(_folder_table(place), place)
            return
        counts = {split: [_row_count(file) for file in files] for split, files in place.files.items()}
        for split, rows in counts.items():
            _check_not_empty(split, sum(rows), place)
        try:
            loaded = _load(place, counts, copies)
        except Exception as error:  # datasets raises a dozen kinds for one damaged or odd file
            raise _of_the_disk(error) or _unreadable(place, error) from error
        yield _checked(_table(place, loaded, counts), place)


def _folder_table(place: Place) -> Table:
    """Class folders: the class is the folder's name.

    Not by the "imagefolder" builder: it drops the labels when a metadata.csv lies about, and takes 0.3 ms a file.
    """
    names = sorted({file.parent.name for file in place.files["train"]})
    strange = {file.parent.name for files in place.files.values() for file in files} - set(names)
    if strange:
        raise DataError(
            f"its test part has the class {min(strange)!r}, which the training part has not.",
            where=place.source,
            remedy="Give both parts the same class folders.",
        )
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=names)})
    splits = {}
    for split, files in place.files.items():
        columns = {"image": [str(f) for f in files], "label": [names.index(f.parent.name) for f in files]}
        dataset = datasets.Dataset.from_dict(columns, features=features)
        labels = dataset.data.column("label").to_numpy().astype(np.int64)
        splits[split] = Rows(labels, dataset.data.column("image"), lambda row, files=files: str(files[row]))  # type: ignore[misc]
    return Table(splits, tuple(names))


def _load(place: Place, counts: Mapping[str, Sequence[int]], copies: str) -> dict[str, Any]:
    if place.kind == "hub":
        repository = hub.repository(place.name)
        if Path(repository).exists() or find_spec(
            f"datasets.packaged_modules.{repository.replace('/', ':')}"
        ):
            raise ValueError(
                "a folder here, or a file format, has the same name, and would be loaded in its place"
            )
        loaded = datasets.load_dataset(repository)
        if "train" not in loaded:
            raise ValueError(f"no split is called train; there are {', '.join(loaded)}")
        return {split: loaded[split] for split in ("train", "test") if split in loaded}
    # By the builder's name and our own list of files: offline, a bare name may be answered from an old cache.
    files = {
        split: [escape(str(file)) for file, rows in zip(files, counts[split], strict=True) if rows]
        for split, files in place.files.items()  # without files of no rows, which its builder cannot read
    }
    return dict(datasets.load_dataset("parquet", data_files=files, cache_dir=copies))


def _table(place: Place, loaded: Mapping[str, Any], counts: Mapping[str, Sequence[int]]) -> Table:
    train = loaded["train"]
    picture, label = _columns(train, place)
    splits = {}
    for split, dataset in loaded.items():
        where = _namer(place, split, counts)
        labels = _labels(dataset.data.column(label), where)
        if place.kind == "parquet":
            _check_embedded(dataset.data.column(picture), where)
        splits[split] = Rows(labels, dataset.data.column(picture), where)
    feature = train.features[label]
    named = isinstance(feature, datasets.ClassLabel)
    return Table(splits, tuple(feature.names) if named else _numbered_classes(splits["train"], place))


def _check_embedded(column: Any, where: Callable[[int], str]) -> None:
    """The checksum of a parquet file says nothing of pictures that it only names: they could change unnoticed."""
    lacks, named = pc.is_null(pc.struct_field(column, "bytes")), pc.is_valid(pc.struct_field(column, "path"))
    row = pc.index(pc.and_(lacks, named), value=True).as_py()
    if row >= 0:
        raise DataError(
            "its picture is named and not held, so that nobody would notice if it changed.",
            where=where(row),
            remedy="Embed the pictures, as `to_parquet` of Hugging Face datasets does, or give class folders.",
        )


def _columns(dataset: Any, place: Place) -> tuple[str, str]:
    """The names of the picture column and the label column, found by type and then by name.

    Raises:
        DataError: there is none; lists the columns.
    """
    features = dataset.features
    schema = dataset.data.schema
    pictures = [
        n for n, f in features.items() if isinstance(f, datasets.Image) or _is_picture(schema.field(n).type)
    ]
    labels = [n for n, f in features.items() if isinstance(f, datasets.ClassLabel)]
    labels = labels or [
        n for n in _LABEL_NAMES if n in features and pa.types.is_integer(schema.field(n).type)
    ]
    found = []
    for what, names, preferred in (("picture", pictures, _PICTURE_NAMES), ("label", labels, _LABEL_NAMES)):
        if not names:
            columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
            raise DataError(
                f"has no {what} column; its columns are {columns}.",
                where=place.source,
                remedy="Pictures are a column of type datasets.Image, labels a ClassLabel, or integers called label.",
            )
        found.append(next((n for n in preferred if n in names), names[0]))
    return found[0], found[1]


def _is_picture(kind: pa.DataType) -> bool:
    """Whether a column looks like datasets.Image to one who knows only parquet: {bytes: binary, path: string}."""
    return pa.types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"}


def _labels(column: Any, where: Callable[[int], str]) -> NDArray[np.int64]:
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError("has no label.", where=where(row), remedy="Remove the row, or label it.")
    return np.asarray(column.to_numpy()).astype(np.int64)


def _numbered_classes(train: Rows, place: Place) -> tuple[str, ...]:
    """Class names for bare integers: the numbers, which have to be 0 to n - 1."""
    numbers = np.unique(train.labels[train.labels >= 0])
    if len(numbers) and numbers[-1] != len(numbers) - 1:
        raise DataError(
            f"its {len(numbers)} classes are numbered from {numbers[0]} to {numbers[-1]}.",
            where=place.source,
            remedy=f"Number them from 0 to {len(numbers) - 1}, without gaps.",
        )
    return tuple(str(number) for number in numbers)


def _checked(table: Table, place: Place) -> Table:
    for split, rows in table.splits.items():
        _check_not_empty(split, len(rows.labels), place)
        _check_labels(rows, table.classes)
    if len(table.classes) < 2:
        raise DataError(
            f"has only one class, {table.classes[0]}; a classifier needs two or more.",
            where=place.source,
            remedy="Add pictures of another class.",
        )
    return table


def _check_not_empty(split: str, rows: int, place: Place) -> None:
    if not rows:
        raise DataError(
            f"its {split} part is empty.",
            where=place.source,
            remedy="Put pictures into it, or take it away.",
        )


def _check_labels(rows: Rows, classes: Sequence[str]) -> None:
    wrong = np.flatnonzero((rows.labels < 0) | (rows.labels >= len(classes)))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"its label is {rows.labels[row]}, and labels go from 0 to {len(classes) - 1}.",
            where=rows.where(row),
            remedy="Number the classes from 0 without gaps, and leave unlabelled pictures out.",
        )


def _namer(place: Place, split: str, counts: Mapping[str, Sequence[int]]) -> Callable[[int], str]:
    """What names row N of a split for people: its file, and its row there counted from 0."""
    if split not in counts:
        return lambda row: f"{place.source}, {split}, row {row}"
    starts = [0, *itertools.accumulate(counts[split])]

    def where(row: int) -> str:
        number = bisect.bisect_right(starts, row) - 1
        return f"{place.files[split][number]}, row {row - starts[number]}"

    return where


def _row_count(file: Path) -> int:
    try:
        return int(pq.ParquetFile(file).metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"is not a whole parquet file: {_first_line(error)}",
            where=str(file),
            remedy="Get it again, and compare its size or checksum with the source's.",
        ) from None


def _unreadable(place: Place, error: Exception) -> DataError:
    """What `datasets` could not read, put down to the file at fault where there is one."""
    for file in itertools.chain(*place.files.values()):
        try:
            for _ in pq.ParquetFile(file).iter_batches(256):
                pass
        except (pa.ArrowException, OSError) as fault:
            remedy = "Get it again, and compare its checksum with the source's."
            return DataError(f"is damaged: {_first_line(fault)}", where=str(file), remedy=remedy)
    return DataError(f"cannot be loaded: {_first_line(error.__cause__ or error)}", where=place.source)


def _of_the_disk(error: BaseException | None) -> OSError | None:
    """What a disk answered, if it is the reason why nothing could be loaded."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            return error
        error = error.__cause__ or error.__context__
    return None


def _first_line(error: BaseException) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text if text.endswith(".") else text + "."


@contextmanager
def _silent() -> Iterator[None]:
    """Keep the progress bars and log lines of `datasets` away: the suite has its own display and errors."""
    barless, level = datasets.are_progress_bars_disabled(), datasets.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        datasets.logging.set_verbosity(level)
        if not barless:
            datasets.enable_progress_bars()
