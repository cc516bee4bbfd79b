"""Genomes -> objective values: the supernet's score on val-A, sizes by arithmetic, timed inference.

An objective is added here and nowhere else: a line in OBJECTIVES, and its name in `study.Objective`.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import torch

from suite.data import Split
from suite.latency import Latency
from suite.noise_floor import rounded_to_floor
from suite.space import Genome, SearchSpace
from suite.study import Objective, StudySettings
from suite.subnet_clock import SubnetClock
from suite.supernet import Score, Scorer, Supernet


@dataclass(frozen=True)
class Evaluation:
    """All that was learned of one genome. A failed one says why and has no score."""

    genome: Genome
    params: int
    macs: int
    loss: float | None
    accuracy: float | None
    latency: Latency | None
    failure: str | None = None


@dataclass(frozen=True)
class Criterion:
    """How an objective is read off an evaluation, and which way is better."""

    metric: str  # the name shown in Optuna
    weight: float  # +1 to maximise, -1 to minimise, as DEAP has it
    value: Callable[[Evaluation, float], float | None]  # given the latency noise floor in ms


OBJECTIVES: dict[Objective, Criterion] = {
    "accuracy": Criterion("accuracy", +1.0, lambda e, floor: e.accuracy),
    "loss": Criterion("loss", -1.0, lambda e, floor: e.loss),
    "latency": Criterion(
        "latency_ms",
        -1.0,
        lambda e, floor: rounded_to_floor(e.latency.median_ms, floor) if e.latency else None,
    ),
    "params": Criterion("params", -1.0, lambda e, floor: float(e.params)),
    "macs": Criterion("macs", -1.0, lambda e, floor: float(e.macs)),
}


def criteria(study: StudySettings) -> tuple[Criterion, ...]:
    """The study's objectives in order; under score = "loss", accuracy is ranked by cross-entropy."""
    by_loss = study.search.score == "loss"
    return tuple(
        OBJECTIVES["loss" if name == "accuracy" and by_loss else name] for name in study.search.objectives
    )


def needs_latency(study: StudySettings) -> bool:
    """Whether anything in the search depends on timed inference."""
    return "latency" in study.search.objectives or study.search.limits.max_latency_ms is not None


def within_size_limits(study: StudySettings, space: SearchSpace, genome: Genome) -> bool:
    """Whether a genome keeps to max_params and max_macs; asked before anything is paid for it."""
    limits = study.search.limits
    return (limits.max_params is None or space.parameters(genome) <= limits.max_params) and (
        limits.max_macs is None or space.macs(genome) <= limits.max_macs
    )


def constraints(study: StudySettings, evaluation: Evaluation) -> dict[str, float]:
    """Limits by name: how far beyond each the evaluation is; 0 or less keeps it (Optuna's convention)."""
    limits = study.search.limits
    excess: dict[str, float] = {}
    if limits.max_params is not None:
        excess["max_params"] = float(evaluation.params - limits.max_params)
    if limits.max_macs is not None:
        excess["max_macs"] = float(evaluation.macs - limits.max_macs)
    if limits.max_latency_ms is not None and evaluation.latency is not None:
        excess["max_latency_ms"] = evaluation.latency.median_ms - limits.max_latency_ms
    return excess


@dataclass(frozen=True)
class Batch:
    """Genomes evaluated together, with the real time it took (local time, as Optuna keeps it)."""

    evaluations: list[Evaluation]
    started: datetime
    ended: datetime
    seconds: dict[str, float]  # scoring, timing


class Fitness:
    """Evaluates genomes with one supernet on one device."""

    def __init__(
        self,
        study: StudySettings,
        space: SearchSpace,
        supernet: Supernet,
        scorer: Scorer,
        split: Split,
        device: torch.device,
    ) -> None:
        self._study = study
        self._space = space
        self._scorer = scorer
        self._split = split
        self._clock = SubnetClock(supernet, device, scorer.run)

    def evaluate(
        self,
        genomes: Sequence[Genome],
        rng: random.Random,
        progress: Callable[[int, str], None] = lambda done, note: None,
        *,
        timed: Mapping[Genome, Latency | None] = MappingProxyType({}),
        keep: Callable[[Mapping[Genome, Latency], float], None] = lambda found, seconds: None,
    ) -> Batch:
        """Score all, then time all; the two never overlap. `progress` is told genomes done and what is done.

        Those `timed` before are scored in company, but not timed again. `keep` is given what was timed so far, now
        and then, and the seconds it took.
        """
        started, clock = datetime.now(), time.monotonic()
        scores = self._scorer.score(
            genomes, self._split, lambda done, total: progress(0, f"scored on {done}/{total} pictures")
        )
        scored = time.monotonic()
        latencies = dict(timed)
        if needs_latency(self._study):
            to_time = [genome for genome in genomes if genome not in timed]
            found = self._clock.time(
                to_time,
                self._study.latency,
                rng,
                lambda done: progress(done, "timing"),
                lambda first: keep(dict(zip(to_time, first, strict=False)), time.monotonic() - scored),
            )
            latencies |= dict(zip(to_time, found, strict=True))
        seconds = {"scoring": scored - clock, "timing": time.monotonic() - scored}
        evaluations = [
            self._evaluation(genome, score, latencies.get(genome))
            for genome, score in zip(genomes, scores, strict=True)
        ]
        return Batch(evaluations, started, datetime.now(), seconds)

    def noise_floor_ms(self, rng: random.Random) -> float:
        """The latency noise floor, measured on a network of middling size."""
        return self._clock.noise_floor_ms(self._study.latency, rng)

    def _evaluation(self, genome: Genome, score: Score, latency: Latency | None) -> Evaluation:
        params, macs = self._space.parameters(genome), self._space.macs(genome)
        if not math.isfinite(score.loss):
            reason = f"the supernet's loss is {score.loss}"
            return Evaluation(genome, params, macs, None, None, None, failure=reason)
        return Evaluation(genome, params, macs, score.loss, score.accuracy, latency)
