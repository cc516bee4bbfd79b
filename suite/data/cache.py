"""The cache of decoded pictures: memory-mapped .npy files, written whole or not at all, checked when opened."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from suite.atomic import written
from suite.errors import DataError

FORMAT_VERSION = 1  # raise it when the same source would decode to other arrays
Array = NDArray[Any]
_MANIFEST = "manifest.json"


def default_cache_folder() -> Path:
    """SUITE_CACHE_DIR, else nas-suite in the user's cache folder."""
    if os.environ.get("SUITE_CACHE_DIR"):
        return Path(os.environ["SUITE_CACHE_DIR"]).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nas-suite"


def files_sha256(files: Mapping[str, Path]) -> str:
    """One checksum over files given by name: names, sizes and contents, in the order of the names.

    Raises:
        DataError: a file cannot be read.
    """
    total = hashlib.sha256()
    for name, path in sorted(files.items()):
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}.", where=str(path)) from None
        total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()


@contextmanager
def new_array(
    path: Path, shape: tuple[int, ...], dtype: type[np.generic]
) -> Iterator[Callable[[Array], None]]:
    """Hands out `append(values)`; the array appears under `path` when the block ends with it full, else not at all.

    Appended rather than filled in through a memory map, where a full disk would end the process (SIGBUS).
    """
    with written(path) as file:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        end = file.tell() + math.prod(shape) * np.dtype(dtype).itemsize
        yield lambda values: _append(file, values.astype(dtype, copy=False))
        if file.tell() != end:
            raise OSError(f"{path.name} ends at byte {file.tell()}, not {end}")


def write_manifest(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the manifest, with the checksum of each array beside it; last, since it says that all is there."""
    arrays = {path.name: _sha256(path) for path in sorted(folder.glob("*.npy"))}
    text = json.dumps({"format_version": FORMAT_VERSION, "arrays": arrays, **facts}, indent=1)
    with written(folder / _MANIFEST) as file:
        file.write(text.encode() + b"\n")


def read_cached(folder: Path) -> tuple[dict[str, Array], dict[str, Any]] | None:
    """The arrays by file name without ending, and the manifest; None if absent or in any way damaged."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest["format_version"] != FORMAT_VERSION:
            return None
        arrays = {}
        for name, expected in manifest["arrays"].items():
            if _sha256(folder / name) != expected:
                return None
            # Copy on write: the file is never changed through it, and torch wants a writable array.
            arrays[name.removesuffix(".npy")] = np.load(folder / name, mmap_mode="c")
        if not manifest.keys() >= {"classes", "notes", "source_sha256"}:
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return arrays, manifest


def _append(file: BinaryIO, values: Array) -> None:
    file.write(np.ascontiguousarray(values).data)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
