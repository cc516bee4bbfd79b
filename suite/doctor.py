"""What this machine has for the suite, what it lacks, and what to install or set: `suite doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import suite
from suite.data.cache import default_cache_folder
from suite.data.hub import REPOSITORIES
from suite.data.left_out import left_out
from suite.data.places import find_data
from suite.device import device_facts, open_device
from suite.errors import DataError, StorageError, SuiteError
from suite.finding import Finding
from suite.own_code import code_in_words, own_code
from suite.packages import optional, required
from suite.run_directory import RUNS
from suite.storage_url import shown_url, sqlite_url
from suite.study import DataSettings, StudySettings
from suite.trials import open_storage, reach_server
from suite.wording import count, plural

OLDEST_PYTHON = (3, 11)
_CHECKOUT = Path(suite.__file__).parent.parent / "noxfile.py"  # where it is, tests can be run
_GIB = 1 << 30
_LITTLE_DISK, _FEW_DISK = 0.5 * _GIB, 3 * _GIB  # a run takes some 100 MB, decoded CIFAR-10 as much again
_BUSY = 0.5  # of the cores, by others, on average over the last minute


def examine(
    data_dir: Path | None = None, storage: str | None = None, study: StudySettings | None = None
) -> Iterator[Finding]:
    """Everything, one after the other; nothing is changed, and nothing is left behind.

    Of data, what the study names; without one, what the suite knows by name.
    """
    yield _python()
    yield Finding("This suite", "good", f"{suite.__version__}, {code_in_words(own_code().to_json())}")
    yield from required()
    yield from _device()
    yield _threads()
    yield _load()
    if study is None:
        yield from (_data(name, data_dir) for name in ("digits", *REPOSITORIES))
    else:
        yield from _data_of(study, data_dir)
    yield _disk("runs", RUNS)
    yield _disk("picture cache", default_cache_folder())
    yield _sqlite()
    if storage is not None:
        yield _storage(storage)
    yield from optional(left_out=frozenset() if _CHECKOUT.is_file() else frozenset({"dev"}))


def _python() -> Finding:
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "bad", f"{found}; {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed.")
    return Finding("Python", "good", found)


def _device() -> Iterator[Finding]:
    yield Finding("CPU", "good", device_facts(open_device("cpu")).name)
    device = open_device("auto")
    if device.type == "cuda":
        yield Finding("GPU", "good", device_facts(device).name)
    else:
        yield Finding("GPU", "note", "none that this torch sees: everything runs and is timed on the CPU.")


def _threads() -> Finding:
    threads, cores = device_facts(open_device("cpu")).threads, os.cpu_count() or 1
    given = os.environ.get("OMP_NUM_THREADS")
    text = f"{threads} of {plural(cores, 'core')}" + (f", as OMP_NUM_THREADS={given} says" if given else "")
    if threads < cores and given:
        return Finding("Threads", "note", f"{text}: unset it, and training takes all of them.")
    return Finding("Threads", "good", f"{text}.")


def _load() -> Finding:
    if not hasattr(os, "getloadavg"):
        return Finding("Load", "note", "is not known on this system.")
    busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    text = f"{busy:.1f} of {cores} cores were busy in the last minute"
    if busy > _BUSY * cores:
        return Finding("Load", "note", f"{text}: latencies measured now would be too long.")
    return Finding("Load", "good", f"{text}.")


def _data(name: str, data_dir: Path | None) -> Finding:
    try:
        return Finding(
            f"Data: {name}", "good", find_data(DataSettings(name=name, image_size=(32, 32)), data_dir).source
        )
    except DataError as error:
        return Finding(f"Data: {name}", "note", f"is nowhere. {error.remedy}")


def _data_of(study: StudySettings, data_dir: Path | None) -> Iterator[Finding]:
    """Where a study's pictures are, and what of a folder are its classes; nothing is decoded."""
    subject = "Data: the study's"
    try:
        place = find_data(study.data, data_dir)
    except DataError as error:
        yield Finding(subject, "bad", f"{error.what} {error.remedy}")
        return
    if place.kind != "folder":
        yield Finding(subject, "good", place.source)
        return
    sizes = Counter(file.parent.name for files in place.files.values() for file in files)
    few, many = min(sizes.values()), max(sizes.values())
    text = f"{place.source}: {count(sizes.total())} pictures"
    if len(sizes) == 1:
        yield Finding(subject, "bad", f"{text}, of only 1 class; a classifier needs two or more.")
    else:
        yield Finding(subject, "good", f"{text}, of {len(sizes)} classes with {count(few)} to {count(many)}.")
    yield from (Finding(subject, "note", note) for note in left_out(place))


def _disk(what: str, folder: Path) -> Finding:
    """The room where a folder is, or would be made."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / _GIB:.1f} GiB free in {there}"
    if not os.access(there, os.W_OK):
        return Finding(f"Disk: {what}", "bad", f"{there} cannot be written to.")
    if free < _LITTLE_DISK:
        return Finding(f"Disk: {what}", "bad", f"{text}: a run would not fit.")
    return Finding(f"Disk: {what}", "note" if free < _FEW_DISK else "good", f"{text}.")


def _sqlite() -> Finding:
    """Whether trials can be recorded where runs are: some network drives cannot lock a database."""

    def record() -> str:
        with tempfile.TemporaryDirectory(dir=RUNS if RUNS.is_dir() else ".") as folder:
            open_storage(sqlite_url(Path(folder).absolute() / "trials.db"))
        return f"SQLite {sqlite3.sqlite_version} records trials here."

    return _tried("Storage: SQLite", record)


def _storage(url: str) -> Finding:
    def answer() -> str:
        return "answers." if reach_server(url) else "a file, made when it is first used."

    return _tried(f"Storage: {shown_url(url)}", answer)


def _tried(subject: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, "good", attempt())
    except (SuiteError, OSError) as error:
        said = f"{error.what} {error.remedy or ''}".strip() if isinstance(error, StorageError) else str(error)
        return Finding(subject, "bad", said)
