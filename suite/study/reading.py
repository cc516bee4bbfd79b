"""From a TOML file to StudySettings, or to one paragraph that names every fault in it."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from suite.errors import StudyFileError
from suite.study.settings import StudySettings, shortened

# Besides TOMLDecodeError, itself a ValueError: bytes that are no UTF-8, numbers and nestings past Python's limits.
_NO_TOML = (ValueError, RecursionError)
# What pydantic says in Python's words, in TOML's.
_IN_TOML = {"tuple_type": "should be a list", "model_type": "should be a table"}


def read_study(path: Path, overrides: Sequence[str] = ()) -> StudySettings:
    """Read and validate a study file, with `KEY=VALUE` overrides (dotted keys, TOML values) laid over it.

    Raises:
        StudyFileError: the file is missing or no TOML, or a key or value is refused.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # with the mark that Windows puts first
    except FileNotFoundError:
        raise StudyFileError("no such study file.", where=str(path), remedy=_known_studies(path)) from None
    except IsADirectoryError:
        raise StudyFileError(
            "is a folder, and no study file.",
            where=str(path),
            remedy='For pictures in it, write a study file with data.name = "FOLDER" (README, "Your own pictures").',
        ) from None
    except OSError as error:
        raise StudyFileError(f"cannot be read: {error.strerror or error}.", where=str(path)) from None
    except _NO_TOML as error:
        raise StudyFileError(f"is not valid TOML: {error}.", where=str(path)) from None
    for override in overrides:
        _lay_over(table, override)
    return validate_study(table, where=" --set ".join([str(path), *map(_cut, overrides)]))


def validate_study(table: Mapping[str, Any], *, where: str) -> StudySettings:
    """Validate a study given as nested tables; `where` names it in errors.

    Raises:
        StudyFileError: with file, key, value and what is allowed, for every fault at once.
    """
    try:
        return StudySettings.model_validate(table)
    except ValidationError as error:
        faults = "\n  ".join(_explain(fault) for fault in error.errors())
        count = error.error_count()
        lead = "" if count == 1 else f"{count} faults:\n  "
        raise StudyFileError(lead + faults, where=where) from None


def _lay_over(table: dict[str, Any], override: str) -> None:
    """Set one `a.b=value` in nested tables; a value that is no TOML is taken as a plain string."""
    key, equals, text = override.partition("=")
    names = [name.strip() for name in key.split(".")]
    if not equals or not all(names):
        raise StudyFileError(
            "is not KEY=VALUE.",
            where=f"--set {_cut(override)}",
            remedy="For example: --set search.population=100",
        )
    try:
        parsed = tomllib.loads(f"value = {text}")
        value = parsed["value"] if len(parsed) == 1 else text
    except _NO_TOML:
        value = text.strip()
    for name in names[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise StudyFileError(f"{_cut(name)} is a value, not a table.", where=f"--set {_cut(override)}")
    table[names[-1]] = value


def _explain(fault: Any) -> str:
    """One pydantic fault as `key: value is wrong because ...; what is allowed`."""
    key = _cut(".".join(str(part) for part in fault["loc"]))
    kind, given, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{key}: unknown key{_nearest(fault['loc'])}."
    if kind == "missing":
        return f"{key}: is missing; add it."
    if kind == "value_error":
        return f"{key}: {context['error']}." if key else f"{context['error']}."
    if kind == "literal_error":
        return f"{key}: {shortened(given)} is not allowed; use {context['expected']}."
    allowed = _IN_TOML.get(kind) or re.sub(r"^\w+ should ", "should ", fault["msg"])
    return f"{key}: {shortened(given)} is not allowed: {allowed}."


def _nearest(location: tuple[int | str, ...]) -> str:
    """ ", did you mean X" for an unknown key, from the keys its table has."""
    model: Any = StudySettings
    for part in location[:-1]:
        model = model.model_fields[part].annotation
    known = list(model.model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}" if close else f"; known here are {_listed(known)}"


def _cut(text: str) -> str:
    """A user's own text, as much of it as tells which it is."""
    return text if len(text) <= 200 else text[:197] + "..."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _known_studies(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path("studies")
    known = sorted(str(file) for file in folder.glob("*.toml"))
    return f"There are {_listed(known)}." if known else "Give the path of a study file (TOML)."
