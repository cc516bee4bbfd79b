"""Every key of the study file: its type, its default, and what is refused."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

Objective = Literal["accuracy", "loss", "latency", "params", "macs"]
StepRule = Literal["single-path", "sandwich", "tree"]
FirstFc = Literal["per-depth", "per-depth-and-count"]
Candidates = Literal["search", "predicted"]
Start = Literal["scratch", "supernet"]
Stop = Literal["late", "early"]
MethodName = Literal["evolution", "random", "local", "aging", "tpe", "nsga2", "exhaustive"]

# Where a number ends is where nobody would train: beyond, genomes have no text and spaces no size to print.
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Pixels = Annotated[int, Field(ge=1, le=4096)]
Filters = Annotated[int, Field(ge=1, le=4096)]
Kernel = Annotated[int, Field(ge=1, le=99)]
Units = Annotated[int, Field(ge=1, le=65_536)]
Layers = Annotated[int, Field(ge=1, le=12)]
Cost = Annotated[int, Field(ge=1, le=10**15)]
Rate = Annotated[float, Field(ge=0.0, le=1.0)]
Fraction = Annotated[float, Field(gt=0.0, lt=0.5)]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
PositiveFloat = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
MOST_SEED = 2**31 - 1
_MOST_CHOICES = 256


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
    if len(value) > _MOST_CHOICES:
        raise ValueError(f"lists {len(value)} choices; use {_MOST_CHOICES} at most")
    seen: set[str] = set()
    for choice in map(shortened, value):
        if choice in seen:
            raise ValueError(f"{choice} is listed twice; list it once")
        seen.add(choice)
    return value


def _odd(kernels: tuple[int, ...]) -> tuple[int, ...]:
    for kernel in kernels:
        if kernel % 2 == 0:
            raise ValueError(f'{kernel} is even, and "same" padding needs odd sizes; use 3 or 5, say')
    return kernels


def _written(name: str) -> str:
    """A name without characters that no file system or terminal should be handed."""
    for character in name:
        if unicodedata.category(character) == "Cc":
            raise ValueError(f"{shortened(name)} holds the control character {character!r}; take it out")
    return name


def _known_rule(rule: str) -> str:
    if rule not in ("accuracy", "one_se") and not re.fullmatch(r"cheapest_above:(0?\.\d+|1\.0*|1|0)", rule):
        raise ValueError(
            f'{shortened(rule)} is no rule; use "accuracy", "one_se", or "cheapest_above:0.75" '
            "(the cheapest network with at least that accuracy)"
        )
    return rule


Distinct = BeforeValidator(_distinct)
T = TypeVar("T")
Ascending = Annotated[tuple[T, ...], Distinct, AfterValidator(lambda choices: tuple(sorted(choices)))]


class Settings(BaseModel, extra="forbid", strict=True, frozen=True):
    """Base of every table of the study file: unknown keys refused, no coercion, immutable."""


class DataSettings(Settings):
    """Which pictures, how they are split, and how they are augmented and weighed in training."""

    name: Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_written)]
    split_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    val_search: Fraction = 0.1
    val_choice: Fraction = 0.1
    image_size: Annotated[tuple[Pixels, Pixels], BeforeValidator(_as_tuple)]
    augment: Literal["none", "crop", "flip-crop"] = "flip-crop"
    class_weights: Literal["none", "balanced"] = "none"


class SpaceSettings(Settings):
    """The choices of every gene; the space is all their combinations."""

    depth: Ascending[Layers] = (2, 3, 4)
    filters: Ascending[Filters] = (16, 32, 64)
    kernel: Annotated[Ascending[Kernel], AfterValidator(_odd)] = (3, 5)
    pool: Annotated[tuple[Literal["max", "avg"], ...], Distinct] = ("max", "avg")
    fc_layers: Ascending[Layers] = (1, 2)
    fc_units: Ascending[Units] = (128, 256, 512)
    norm: Literal["none", "batch"] = "none"
    dropout: Dropout = 0.5


class SupernetSettings(Settings):
    """How the shared weights are trained."""

    epochs: Count = 50
    learning_rate: PositiveFloat = 0.001
    batch_size: Count = 64
    step_rule: StepRule = "tree"
    dropout: Dropout = 0.5
    average: Decay = 0.999
    first_fc: FirstFc = "per-depth"


class Limits(Settings):
    """Hard limits a network must keep to; one that breaks max_params or max_macs is never evaluated."""

    max_params: Cost | None = None
    max_macs: Cost | None = None
    max_latency_ms: PositiveFloat | None = None


class SearchSettings(Settings):
    """Who proposes genomes, by what they are judged, and how many are paid for."""

    method: MethodName = "evolution"
    objectives: Annotated[tuple[Objective, ...], Distinct] = ("accuracy", "latency")
    score: Literal["accuracy", "loss"] = "loss"
    random_pool: Count = 200
    population: Annotated[int, Field(ge=2, le=1_000_000)] = 50
    offspring: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    generations: Annotated[int, Field(ge=0, le=1_000_000)] = 20
    crossover: Rate = 0.9
    mutation: Rate = 0.1
    preselection: Annotated[int, Field(ge=1, le=1_000)] = 1
    limits: Limits = Limits()

    @property
    def per_generation(self) -> int:
        """Genomes evaluated a generation, after the first."""
        return self.offspring or self.population

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
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    budget_ms: Annotated[int, Field(ge=10, le=600_000)] = 200


class FinalistSettings(Settings):
    """Which genomes are trained on their own, from what weights, how long, and how the winner is chosen on val-B.

    `stop` is when those behind leave: "early" trains one to the end, and is what a short time budget makes of "late".
    """

    count: Count = 5
    candidates: Candidates = "search"
    start: Start = "scratch"
    epochs: Count = 50
    stop: Stop = "late"
    seeds: Count = 1
    choose: Annotated[str, AfterValidator(_known_rule)] = "accuracy"

    def for_hashing(self) -> dict[str, Any]:
        """As JSON values; `stop` only where it is not "late", so that what older suites hashed is the same."""
        return self.model_dump(mode="json", exclude={"stop"} if self.stop == "late" else None)

    @model_validator(mode="after")
    def _rule_has_a_choice(self) -> FinalistSettings:
        if self.stop == "early" and self.choose != "accuracy":
            raise ValueError(
                f'stop = "early" leaves one finalist, and choose = "{self.choose}" weighs several; '
                'set stop = "late", or choose = "accuracy"'
            )
        return self


class FinalSettings(Settings):
    """The fixed recipe by which the winner is fine-tuned on train + val."""

    epochs: Count = 10
    learning_rate: PositiveFloat = 0.0001


class StudySettings(Settings):
    """A whole study file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
    seed: Annotated[int, Field(ge=0, le=MOST_SEED)] = 0
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


def shortened(value: object) -> str:
    """A value as Python writes it, cut to 80 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        return "what is there"
    return text if len(text) <= 80 else text[:77] + "..."
