"""Where a study's pictures are: built in, a folder, a system copy, the hub's cache, or the hub.

Runs before anything slow is imported (neither torch nor `datasets` here), so that missing data is said at once.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from suite.data import hub
from suite.data.folders import look_into
from suite.errors import DataError
from suite.study import DataSettings

Kind = Literal["digits", "parquet", "folder", "idx", "hub-cache", "hub"]

SYSTEM_FOLDERS = {"fashion_mnist": Path("/usr/share/datasets/fashion-mnist")}  # Debian: dataset-fashion-mnist


@dataclass(frozen=True)
class Place:
    """Where a data set is: its kind, the files of each split, and words for people."""

    kind: Kind
    name: str
    files: Mapping[str, tuple[Path, ...]]
    source: str


def find_data(settings: DataSettings, data_dir: Path | None = None) -> Place:
    """Find the study's data set; `data_dir` comes before the variable SUITE_DATA_DIR.

    Raises:
        DataError: it is nowhere; lists every place looked in, and what to do.
    """
    if data_dir is not None and not os.path.isdir(data_dir):
        raise DataError("no such folder.", where=f"--data {data_dir}", remedy="Give a folder that is there.")
    looked = []
    for where, answer in _lookups(settings.name, data_dir):
        if isinstance(answer, Place):
            return answer
        looked.append(f"{where}: {answer}")
    raise DataError(
        "is in none of the places looked in:" + "".join(f"\n  - {line}" for line in looked) + "\n ",
        where=f'data.name = "{settings.name}"' if len(settings.name) <= 200 else "data.name",
        remedy=_remedy(settings.name),
    )


def _lookups(name: str, data_dir: Path | None) -> Iterator[tuple[str, Place | str]]:
    """(where, what was found or why not), in the order of preference, each looked at only when asked for."""
    if name == "digits":
        yield "scikit-learn", Place("digits", name, {}, "the digits of scikit-learn (built in)")
    if _is_path(name):
        yield "own folder", _in_own_folder(name)
        return
    yield _in_data_folder(name, data_dir)
    yield "own folder", _in_own_folder(name)
    if name in SYSTEM_FOLDERS:
        yield "system copy", _in_system_folder(name)
    yield "Hugging Face cache", in_hub_cache(name, whole=True)
    yield "Hugging Face hub", _on_hub(name)
    # What has no test pictures may be a download that was cut off, as long as the hub could be asked.
    if isinstance(place := in_hub_cache(name, whole=name in hub.REPOSITORIES), Place):
        yield "Hugging Face cache, training pictures only", place


def _is_path(name: str) -> bool:
    """Whether a name is written like a path; `owner/name` could be the hub's as well, so it is not."""
    separators = {os.sep, os.altsep or os.sep}
    return name.startswith((".", "~")) or (not hub.is_repository(name) and any(s in name for s in separators))


def _in_own_folder(name: str) -> Place | str:
    try:
        return _in_folder(Path(name).expanduser())
    except RuntimeError:
        return f"{name}: there is no such home directory"


def _in_folder(folder: Path, name: str | None = None) -> Place | str:
    holding = look_into(folder)
    if isinstance(holding, str):
        return f"{_shown(folder)}: {holding}"
    words = "parquet files" if holding.kind == "parquet" else "class folders"
    own = name or folder.resolve().name
    return Place(holding.kind, own, holding.files, f"{words} in {_shown(folder)}")


def _in_data_folder(name: str, data_dir: Path | None) -> tuple[str, Place | str]:
    if data_dir is not None:
        return "--data", _in_folder(data_dir / name, name)
    base = os.environ.get("SUITE_DATA_DIR")
    if not base:
        return "SUITE_DATA_DIR", "not set"
    return "SUITE_DATA_DIR", _in_folder(Path(base).expanduser() / name, name)


def _in_system_folder(name: str) -> Place | str:
    """The original IDX files, as a distribution's package installs them."""
    folder = SYSTEM_FOLDERS[name]
    files = {
        split: tuple(folder / f"{stem}-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1"))
        for split, stem in (("train", "train"), ("test", "t10k"))
    }
    missing = [file.name for pair in files.values() for file in pair if not file.is_file()]
    if len(missing) == 4:
        return f"{folder}: not there"
    if missing:
        return f"{folder}: {', '.join(missing)} missing"
    return Place("idx", name, files, f"IDX files in {folder}")


def in_hub_cache(name: str, *, whole: bool) -> Place | str:
    """A data set that was downloaded from the hub earlier, or why not; if `whole`, only one with test pictures."""
    if not hub.is_repository(name):
        return "not looked into: this is no name of the hub's"
    home = f"{_shown(hub.cache_folder())}: "
    versions = hub.snapshots(name)
    if not versions:
        return f"{home}no {hub.repository(name)}"
    why = ""
    for snapshot in versions:
        holding = look_into(snapshot)
        if isinstance(holding, str):
            why = why or holding
        elif holding.kind == "parquet" and ("test" in holding.files or not whole):
            source = (
                f"{hub.repository(name)} of the Hugging Face hub, downloaded earlier ({snapshot.name[:8]})"
            )
            return Place("hub-cache", name, holding.files, source)
    return f"{home}{hub.repository(name)} is there, but {why or 'not whole'}"


def _on_hub(name: str) -> Place | str:
    if not hub.is_repository(name):
        return "not asked: this is no name of the hub's"
    variable = hub.offline()
    if variable:
        return f"not asked: {variable} is set"
    address = f"{hub.shown_endpoint()}/datasets/{hub.repository(name)}"
    why = hub.why_not(name)
    return Place("hub", name, {}, address) if why is None else f"{address}: {why}"


def _remedy(name: str) -> str:
    known = ["digits", *hub.REPOSITORIES]
    if _is_path(name):
        return (
            "Make it a folder of class folders (FOLDER/<class>/*.png) or of train*.parquet and test*.parquet."
        )
    close = [] if name in known else difflib.get_close_matches(name, known, n=1)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    package = ", install Debian's dataset-fashion-mnist" if name in SYSTEM_FOLDERS else ""
    own = "" if name in known else " A folder of your own pictures is written as a path, such as ./leaves."
    return (
        f"{hint}Set SUITE_DATA_DIR (or --data) to a folder that holds {name}/train-00000-of-00001.parquet and "
        f'{name}/test-00000-of-00001.parquet{package}, go online once, or use data.name = "digits" (built in).'
        f"{own}"
    )


def _shown(path: Path) -> str:
    """The path for people, without the name of the home directory's owner."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
