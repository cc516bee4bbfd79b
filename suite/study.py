"""The study file: a TOML that says which data, which space, how to search; validated into StudySettings."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from suite.errors import StudyFileError

Objective = Literal["accuracy", "loss", "latency", "params", "macs"]
StepRule = Literal["single-path"]
MethodName = Literal["evolution", "random"]

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, lt=0.5)]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
PositiveFloat = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Settings(BaseModel):
    """Base of every table of the study file: unknown keys refused, no coercion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DataSettings(Settings):
    """Which pictures, how they are split, and how they are augmented in training."""

    name: str = Field(min_length=1)
    split_seed: int = 0
    val_search: Fraction = 0.1
    val_choice: Fraction = 0.1
    image_size: tuple[Count, Count]
    augment: Literal["none", "crop", "flip-crop"] = "flip-crop"

    @field_validator("image_size", mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class SpaceSettings(Settings):
    """The choices of every gene; the space is all their combinations."""

    depth: tuple[Count, ...] = (2, 3, 4)
    filters: tuple[Count, ...] = (16, 32, 64)
    kernel: tuple[Count, ...] = (3, 5)
    pool: tuple[Literal["max", "avg"], ...] = ("max", "avg")
    fc_layers: tuple[Count, ...] = (1, 2)
    fc_units: tuple[Count, ...] = (128, 256, 512)
    norm: Literal["none", "batch"] = "none"
    dropout: Dropout = 0.5

    @field_validator("depth", "filters", "kernel", "pool", "fc_layers", "fc_units", mode="before")
    @classmethod
    def _choices(cls, value: object) -> object:
        if not isinstance(value, (list, tuple)):
            return value
        if not value:
            raise ValueError("no choices; give at least one")
        if len(set(map(repr, value))) != len(value):
            raise ValueError("a choice is listed twice; list each once")
        return tuple(value)

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernels: tuple[int, ...]) -> tuple[int, ...]:
        for kernel in kernels:
            if kernel % 2 == 0:
                raise ValueError(f'{kernel} is even, and "same" padding needs odd sizes; use 3 or 5, say')
        return kernels

    @field_validator("depth", "filters", "kernel", "fc_layers", "fc_units")
    @classmethod
    def _ascending(cls, choices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(choices))


class SupernetSettings(Settings):
    """How the shared weights are trained."""

    epochs: Count = 50
    learning_rate: PositiveFloat = 0.001
    batch_size: Count = 64
    step_rule: StepRule = "single-path"
    dropout: Dropout = 0.5


class Limits(Settings):
    """Hard limits a network must keep to; one that breaks max_params or max_macs is never evaluated."""

    max_params: Count | None = None
    max_macs: Count | None = None
    max_latency_ms: PositiveFloat | None = None


class SearchSettings(Settings):
    """Who proposes genomes, by what they are judged, and how many are paid for."""

    method: MethodName = "evolution"
    objectives: tuple[Objective, ...] = ("accuracy", "latency")
    score: Literal["accuracy", "loss"] = "loss"
    random_pool: Count = 200
    population: Annotated[int, Field(ge=2)] = 50
    generations: Annotated[int, Field(ge=0)] = 20
    crossover: Rate = 0.9
    mutation: Rate = 0.1
    limits: Limits = Limits()

    @field_validator("objectives", mode="before")
    @classmethod
    def _objectives(cls, value: object) -> object:
        if not isinstance(value, (list, tuple)):
            return value
        if not value:
            raise ValueError(f"no objectives; give at least one of {_listed(get_args(Objective))}")
        if len(set(map(repr, value))) != len(value):
            raise ValueError("an objective is listed twice; list each once")
        return tuple(value)

    @model_validator(mode="after")
    def _pool_feeds_population(self) -> SearchSettings:
        if self.random_pool < self.population:
            raise ValueError(
                f"random_pool ({self.random_pool}) is smaller than population ({self.population}); "
                "the first population is the best of the pool, so make the pool at least as large"
            )
        if "accuracy" in self.objectives and "loss" in self.objectives and self.score == "loss":
            raise ValueError(
                'objectives "accuracy" and "loss" are the same thing under score = "loss"; '
                'drop one, or set score = "accuracy"'
            )
        return self


class LatencySettings(Settings):
    """What one forward pass is timed on."""

    batch: Count = 1
    threads: Count = 1
    budget_ms: Annotated[int, Field(ge=10)] = 200


class FinalistSettings(Settings):
    """How many genomes are trained on their own, for how long, and how the winner is chosen on val-B."""

    count: Count = 5
    epochs: Count = 50
    seeds: Count = 1
    choose: str = "accuracy"

    @field_validator("choose")
    @classmethod
    def _choose(cls, rule: str) -> str:
        if rule in ("accuracy", "one_se"):
            return rule
        match = re.fullmatch(r"cheapest_above:(0?\.\d+|1\.0*|1|0)", rule)
        if not match:
            raise ValueError(
                f'{rule!r} is no rule; use "accuracy", "one_se", or "cheapest_above:0.75" '
                "(the cheapest network with at least that accuracy)"
            )
        return rule


class FinalSettings(Settings):
    """The fixed recipe by which the winner is fine-tuned on train + val."""

    epochs: Count = 10
    learning_rate: PositiveFloat = 0.0001


class StudySettings(Settings):
    """A whole study file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    data: DataSettings
    space: SpaceSettings = SpaceSettings()
    supernet: SupernetSettings = SupernetSettings()
    search: SearchSettings = SearchSettings()
    latency: LatencySettings = LatencySettings()
    finalists: FinalistSettings = FinalistSettings()
    final: FinalSettings = FinalSettings()

    @model_validator(mode="after")
    def _pooling_fits(self) -> StudySettings:
        side, deepest = min(self.data.image_size), max(self.space.depth)
        if side >> deepest < 1:
            raise ValueError(
                f"space.depth: {deepest} layers of 2x2 pooling shrink a picture of "
                f"{self.data.image_size[0]}x{self.data.image_size[1]} below 1x1; "
                f"use depths up to {side.bit_length() - 1}, or larger pictures (data.image_size)"
            )
        return self


def read_study(path: Path, overrides: Sequence[str] = ()) -> StudySettings:
    """Read and validate a study file, with `KEY=VALUE` overrides (dotted keys, TOML values) laid over it.

    Raises:
        StudyFileError: the file is missing or no TOML, or a key or value is refused.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyFileError("no such study file.", where=str(path), remedy=_known_studies(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyFileError(f"cannot be read: {error}.", where=str(path)) from None
    except tomllib.TOMLDecodeError as error:
        raise StudyFileError(f"is not valid TOML: {error}.", where=str(path)) from None
    for override in overrides:
        _lay_over(table, override)
    return validate_study(table, where=str(path))


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


def study_toml(settings: StudySettings) -> str:
    """The study as TOML text, every key written out; read_study gives the same settings back."""
    lines: list[str] = []
    tables: list[tuple[str, dict[str, Any]]] = []
    for key, value in settings.model_dump(mode="json").items():
        if isinstance(value, dict):
            tables.append((key, value))
        else:
            lines.append(f"{key} = {_toml_value(value)}")
    for name, table in tables:
        lines += ["", f"[{name}]", *(f"{key} = {_toml_value(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, dict):
        inside = ", ".join(f"{k} = {_toml_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inside} }}" if inside else "{}"
    return repr(value)


def _lay_over(table: dict[str, Any], override: str) -> None:
    """Set one `a.b=value` in nested tables; a value that is no TOML is taken as a plain string."""
    key, equals, text = override.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise StudyFileError(
            "is not KEY=VALUE.", where=f"--set {override}", remedy="For example: --set search.population=100"
        )
    try:
        parsed = tomllib.loads(f"value = {text}")
        value = parsed["value"] if len(parsed) == 1 else text
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for name in names[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise StudyFileError(f"{name} is a value, not a table.", where=f"--set {override}")
    table[names[-1]] = value


def _explain(fault: Any) -> str:
    """One pydantic fault as `key: value is wrong because ...; what is allowed`."""
    key = ".".join(str(part) for part in fault["loc"])
    kind, given, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{key}: unknown key{_nearest(fault['loc'])}."
    if kind == "missing":
        return f"{key}: is missing; add it."
    if kind == "value_error":
        return f"{key}: {context['error']}." if key else f"{context['error']}."
    if kind == "literal_error":
        return f"{key}: {given!r} is not allowed; use {context['expected']}."
    return f"{key}: {_shortened(given)} is not allowed: {fault['msg'].removeprefix('Input ')}."


def _nearest(location: tuple[int | str, ...]) -> str:
    """ ", did you mean X" for an unknown key, from the keys its table has."""
    model: Any = StudySettings
    for part in location[:-1]:
        model = model.model_fields[part].annotation
    known = list(model.model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}" if close else f"; known here are {_listed(known)}"


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _known_studies(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path("studies")
    known = sorted(str(file) for file in folder.glob("*.toml"))
    return f"There are {_listed(known)}." if known else "Give the path of a study file (TOML)."
