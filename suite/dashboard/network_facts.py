"""What a note says of a network, as names and values: how accurate, how fast, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from suite.accuracy_interval import accuracy_interval
from suite.errors import GenomeError
from suite.escaping import escaped
from suite.report.pictures import architecture_in_words
from suite.space import Genome, SearchSpace
from suite.wording import count, in_short, percent, plural, threads_in_words

Facts = list[tuple[str, str]]
"""Rows of a note's table; the values are Markdown."""

_MADE_BY = {
    "random": "drawn at random, as many of each depth",
    "crossover": "crossover of its parents",
    "mutation": "mutation: a gene of its parent moved",
    "crossover+mutation": "crossover of its parents, then mutation: a gene moved",
    "clone": "an unchanged copy of its parent",
    "neighbour": "a step away from its parent",
    "sampler": "Optuna's sampler",
    "exhaustive": "chosen from the whole space",
}


@dataclass(frozen=True)
class Searched:
    """The trials of a search, by genome: where a note leads to for parents."""

    study: int  # number of the Optuna study
    trials: Mapping[str, FrozenTrial]


def size_facts(genome: Genome, space: SearchSpace) -> Facts:
    """Layers with the shapes that they give, and what they cost."""
    size = f"{count(space.parameters(genome))}, {in_short(space.macs(genome))}"
    return [("Parameters, MACs", size), ("Layers", architecture_in_words(genome, space))]


def origin_facts(trial: FrozenTrial, space: SearchSpace, searched: Searched) -> Facts:
    """Who proposed it and when, and what it was made of; of a trial of the search."""
    attributes = trial.user_attrs
    origin = str(attributes.get("origin"))
    parents = [_parent(str(parent), space, searched) for parent in attributes.get("parents") or ()]
    return [
        ("Made by", _MADE_BY.get(origin, escaped(origin))),
        ("Generation", escaped(str(attributes.get("generation")))),
        ("Parents", ", ".join(parents) or "none"),
    ]


def accuracy_in_words(accuracy: float, pictures: int) -> str:
    """With how far it can be believed."""
    low, high = accuracy_interval(accuracy, pictures)
    return (
        f"{percent(accuracy)} (95 % interval {percent(low)} to {percent(high)}; {count(pictures)} pictures)"
    )


def latency_in_words(latency: Mapping[str, Any] | None) -> str:
    """The median and its spread, from what was recorded of a timing."""
    if latency is None:
        return "not measured"
    return (
        f"{latency['median_ms']:.3f} ms, the median (90 % within {latency['p90_ms']:.3f} ms, interquartile range "
        f"{latency['iqr_ms']:.3f} ms); batch {count(latency['batch'])}, "
        f"{threads_in_words(latency['threads'], latency['device'])}, "
        f"{escaped(latency['device'])}"
    )


def place_in_words(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """A finalist among the others; those that left the race stand behind all that outlasted them."""
    ahead = sum(_standing(other) > _standing(row) for other in rows)
    place = f"{ahead + 1} of {len(rows)}, by accuracy on val-B"
    return f"{place}; left the race after {plural(row['epochs'], 'epoch')}" if row["pruned"] else place


def _standing(row: Mapping[str, Any]) -> tuple[int, float, float]:
    return row["epochs"], row["val_accuracy"], -row["val_loss"]


def _parent(text: str, space: SearchSpace, searched: Searched) -> str:
    try:
        genome = space.parse(text).text
    except GenomeError:  # not what was recorded
        return escaped(text)
    trial = searched.trials.get(genome)
    if trial is None:
        return f"`{genome}`"
    return f"[`{genome}`](/dashboard/studies/{searched.study}/trials?numbers={trial.number})"
