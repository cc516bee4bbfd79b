"""The study file: a TOML that says which data, which space, how to search; validated into StudySettings."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError, model_validator

from suite.errors import StudyFileError

Objective = Literal["accuracy", "loss", "latency", "params", "macs"]
StepRule = Literal["single-path", "sandwich", "tree"]
FirstFc = Literal["per-depth", "per-depth-and-count"]
MethodName = Literal["evolution", "random", "exhaustive"]

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, lt=0.5)]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
PositiveFloat = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

# Besides TOMLDecodeError, itself a ValueError: bytes that are no UTF-8, numbers and nestings past Python's limits.
_NO_TOML = (ValueError, RecursionError)
# What pydantic says in Python's words, in TOML's.
_IN_TOML = {"tuple_type": "should be a list", "model_type": "should be a table"}


def _as_tuple(value: object) -> object:
    """TOML's lists become tuples; anything else is left for the types to refuse."""
    return tuple(value) if isinstance(value, list) else value


def _distinct(value: object) -> object:
    """A tuple that is not empty and names nothing twice."""
    value = _as_tuple(value)
    if not isinstance(value, tuple):
        return value
    if not value:
        raise ValueError("is empty; give at least one")
    for place, choice in enumerate(value):
        if repr(choice) in map(repr, value[:place]):
            raise ValueError(f"{_shortened(choice)} is listed twice; list it once")
    return value


def _odd(kernels: tuple[int, ...]) -> tuple[int, ...]:
    for kernel in kernels:
        if kernel % 2 == 0:
            raise ValueError(f'{kernel} is even, and "same" padding needs odd sizes; use 3 or 5, say')
    return kernels


def _known_rule(rule: str) -> str:
    if rule not in ("accuracy", "one_se") and not re.fullmatch(r"cheapest_above:(0?\.\d+|1\.0*|1|0)", rule):
        raise ValueError(
            f'{rule!r} is no rule; use "accuracy", "one_se", or "cheapest_above:0.75" '
            "(the cheapest network with at least that accuracy)"
        )
    return rule


Distinct = BeforeValidator(_distinct)
Ascending = AfterValidator(lambda choices: tuple(sorted(choices)))
Counts = Annotated[tuple[Count, ...], Distinct, Ascending]


class Settings(BaseModel, extra="forbid", strict=True, frozen=True):
    """Base of every table of the study file: unknown keys refused, no coercion, immutable."""


class DataSettings(Settings):
    """Which pictures, how they are split, and how they are augmented in training."""

    name: str = Field(min_length=1)
    split_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    val_search: Fraction = 0.1
    val_choice: Fraction = 0.1
    image_size: Annotated[tuple[Count, Count], BeforeValidator(_as_tuple)]
    augment: Literal["none", "crop", "flip-crop"] = "flip-crop"


class SpaceSettings(Settings):
    """The choices of every gene; the space is all their combinations."""

    depth: Counts = (2, 3, 4)
    filters: Counts = (16, 32, 64)
    kernel: Annotated[Counts, AfterValidator(_odd)] = (3, 5)
    pool: Annotated[tuple[Literal["max", "avg"], ...], Distinct] = ("max", "avg")
    fc_layers: Counts = (1, 2)
    fc_units: Counts = (128, 256, 512)
    norm: Literal["none", "batch"] = "none"
    dropout: Dropout = 0.5


class SupernetSettings(Settings):
    """How the shared weights are trained."""

    epochs: Count = 50
    learning_rate: PositiveFloat = 0.001
    batch_size: Count = 64
    step_rule: StepRule = "single-path"
    dropout: Dropout = 0.5
    average: Decay = 0.0
    first_fc: FirstFc = "per-depth"


class Limits(Settings):
    """Hard limits a network must keep to; one that breaks max_params or max_macs is never evaluated."""

    max_params: Count | None = None
    max_macs: Count | None = None
    max_latency_ms: PositiveFloat | None = None


class SearchSettings(Settings):
    """Who proposes genomes, by what they are judged, and how many are paid for."""

    method: MethodName = "evolution"
    objectives: Annotated[tuple[Objective, ...], Distinct] = ("accuracy", "latency")
    score: Literal["accuracy", "loss"] = "loss"
    random_pool: Count = 200
    population: Annotated[int, Field(ge=2)] = 50
    generations: Annotated[int, Field(ge=0)] = 20
    crossover: Rate = 0.9
    mutation: Rate = 0.1
    limits: Limits = Limits()

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
    choose: Annotated[str, AfterValidator(_known_rule)] = "accuracy"


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
    except OSError as error:
        raise StudyFileError(f"cannot be read: {error}.", where=str(path)) from None
    except _NO_TOML as error:
        raise StudyFileError(f"is not valid TOML: {error}.", where=str(path)) from None
    for override in overrides:
        _lay_over(table, override)
    return validate_study(table, where=" --set ".join([str(path), *overrides]))


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
    names = [name.strip() for name in key.split(".")]
    if not equals or not all(names):
        raise StudyFileError(
            "is not KEY=VALUE.", where=f"--set {override}", remedy="For example: --set search.population=100"
        )
    try:
        parsed = tomllib.loads(f"value = {text}")
        value = parsed["value"] if len(parsed) == 1 else text
    except _NO_TOML:
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
        return f"{key}: {_shortened(given)} is not allowed; use {context['expected']}."
    allowed = _IN_TOML.get(kind) or re.sub(r"^\w+ should ", "should ", fault["msg"])
    return f"{key}: {_shortened(given)} is not allowed: {allowed}."


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
