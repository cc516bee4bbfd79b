"""The ablation file: a study, and cells that each override some of its keys."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from suite.errors import StudyFileError
from suite.study import StudySettings, read_study

Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...], Field(min_length=1)]


class _Cell(BaseModel, extra="forbid", frozen=True):
    overrides: tuple[str, ...]
    seeds: Seeds


class _File(BaseModel, extra="forbid", frozen=True):
    study: str
    truth: str
    minutes: Annotated[tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], Field(min_length=1)]
    seeds: Seeds
    cells: Annotated[dict[str, tuple[str, ...] | _Cell], Field(min_length=1)]


@dataclass(frozen=True)
class Cell:
    """One setting of the table: its name, what it overrides, and the study that results, trained from each seed."""

    name: str
    overrides: tuple[str, ...]
    study: StudySettings
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Ablation:
    """A whole ablation file."""

    name: str
    truth: str  # the truth table's name
    minutes: tuple[float, ...]  # of training, ascending: each supernet is read after each
    cells: tuple[Cell, ...]


def read_ablation(path: Path) -> Ablation:
    """Read and validate an ablation file; a cell's overrides are written as after `--set`.

    A cell with seeds of its own is written as `{ overrides = [...], seeds = [...] }`.

    Raises:
        StudyFileError: the file is missing, is no TOML, or a key, a value or an override is refused.
    """
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise StudyFileError(f"is no ablation file: {_in_words(error)}.", where=str(path)) from None
    base = path.parent / file.study
    tables = {
        name: cell if isinstance(cell, _Cell) else _Cell(overrides=cell, seeds=file.seeds)
        for name, cell in file.cells.items()
    }
    cells = tuple(
        Cell(name, cell.overrides, read_study(base, cell.overrides), cell.seeds)
        for name, cell in tables.items()
    )
    first = cells[0].study
    for cell in cells:
        if (cell.study.data, cell.study.space) != (first.data, first.space):
            raise StudyFileError(
                "has another data set or space than the first cell, so no truth fits both.",
                where=f"{path}: cells.{cell.name}",
            )
    return Ablation(path.stem, file.truth, tuple(sorted(set(file.minutes))), cells)


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return str(getattr(error, "strerror", None) or error)
