"""Before a run starts: what it will do, and about how long each phase takes."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch

from suite.data import Data
from suite.fitness import needs_latency, within_size_limits
from suite.halving import racing_epochs
from suite.methods import evaluations_at_most
from suite.space import Genome, SearchSpace
from suite.standalone import standalone_training
from suite.study import StudySettings
from suite.subnet_clock import ANCHORS, MOST_TOGETHER
from suite.supernet import Scorer, Supernet, new_training
from suite.training import Training
from suite.wording import roughly

_STEPS = 25
_DRAWN = 16  # networks
_TRAINED_ALONE = 4  # of them, from the cheapest to the dearest; what others take lies between
_TRIES = 50  # to draw one that the study's limits allow
_DEAR = 1 / 4  # of them: finalists are dear, 31 s an epoch on CIFAR-10 where any network took 12 s
_SCORED = 32  # networks together, or as many as a generation has
_WARM_UP = 1.1  # of what timing a network is given
_RECORDING_SECONDS = 0.02  # a trial on SQLite; `suite bench recording` measures it


@dataclass(frozen=True)
class Pace:
    """What was measured on this machine, in seconds."""

    supernet_epoch: float
    alone: Sequence[tuple[int, float]]  # MACs of networks drawn, the cheapest first, and their epoch on train
    evaluation: float  # one genome: scored, timed, recorded
    larger: float = 1.0  # all training pictures, as a multiple of train
    walk: float = 0.0  # of the whole space, where the method needs it
    networks: float = math.inf  # in the space: none is evaluated twice

    def finalist_epoch(self, most_macs: int | None) -> float:
        """Of the dear ones among the networks of at most so many MACs, on average."""
        seconds = [seconds for macs, seconds in self.alone if most_macs is None or macs <= most_macs]
        seconds = seconds or [self.alone[0][1]]
        return statistics.fmean(seconds[-math.ceil(_DEAR * len(seconds)) :])


@dataclass(frozen=True)
class Forecast:
    """About how many seconds each phase takes."""

    supernet: float
    search: float
    finalists: float
    final: float

    @property
    def total(self) -> float:
        """All phases."""
        return self.supernet + self.search + self.finalists + self.final


def measure_pace(
    study: StudySettings,
    space: SearchSpace,
    data: Data,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> Pace:
    """Time a few steps of each kind, on throw-away networks; seconds in all, with `progress(done, total)` between."""
    say = progress or (lambda done, total: None)
    genomes = _drawn(study, space)
    ranks = np.linspace(0, len(genomes) - 1, _TRAINED_ALONE).round().astype(int)
    kinds = 2 + len(ranks)
    supernet_training = new_training(study, space, data, device)
    supernet_step = seconds_per_step(supernet_training)
    say(1, kinds)
    steps = []
    for rank in ranks:
        training = standalone_training(study, space, genomes[rank], data, device, study.seed)
        steps.append(seconds_per_step(training) * training.steps_per_epoch)
        say(1 + len(steps), kinds)
    macs = [space.macs(genome) for genome in genomes]
    epochs = np.interp(macs, [macs[rank] for rank in ranks], steps)
    assert isinstance(supernet_training.network, Supernet)
    pace = Pace(
        supernet_epoch=supernet_step * supernet_training.steps_per_epoch,
        alone=tuple(zip(macs, map(float, epochs), strict=True)),
        evaluation=_seconds_per_evaluation(study, supernet_training.network, data, device),
        larger=len(data.all_training) / len(data.train),
        walk=_seconds_per_walk(space, supernet_training.network, data, device)
        if study.search.method == "exhaustive"
        else 0.0,
        networks=space.size,
    )
    say(kinds, kinds)
    return pace


def forecast(study: StudySettings, pace: Pace) -> Forecast:
    """Seconds per phase."""
    search, finalists = study.search, study.finalists
    an_epoch = pace.finalist_epoch(search.limits.max_macs)
    racing = finalists.seeds * racing_epochs(finalists.epochs, finalists.count, finalists.stop)
    return Forecast(
        supernet=pace.supernet_epoch * study.supernet.epochs,
        search=pace.walk + pace.evaluation * min(pace.networks, evaluations_at_most(search)),
        finalists=an_epoch * racing,
        final=an_epoch * pace.larger * study.final.epochs,
    )


def plan_in_words(study: StudySettings, size: int, pictures: int, device: str, expected: Forecast) -> str:
    """What a search of a space of `size` networks will do, phase by phase, and about how long each takes."""
    search, finalists = study.search, study.finalists
    evaluated = size if search.method == "exhaustive" else min(size, evaluations_at_most(search))
    up_to = "up to " if finalists.stop == "early" else ""
    rows = [
        ("supernet", f"{study.supernet.epochs} epochs of {pictures} pictures", expected.supernet),
        ("search", f"{search.method}, up to {evaluated:,} of {size:,} networks", expected.search),
        (
            "finalists",
            f"{finalists.count} networks, {up_to}{finalists.epochs} epochs each",
            expected.finalists,
        ),
        ("final", f"fine-tuning ({study.final.epochs} epochs), one test", expected.final),
        ("in all", "", expected.total),
    ]
    lines = [f"  {name:<10} {what:<44} about {roughly(seconds)}" for name, what, seconds in rows]
    return "\n".join([f"Study {study.name}, seed {study.seed}, on {device}:", *lines])


def seconds_per_step(training: Training) -> float:
    """Of a training that is thrown away afterwards; the median, as the first step of each shape pays for set-up."""
    spent = []
    for _ in range(_STEPS):
        start = time.perf_counter()
        training.run_steps(1)
        if training.device.type == "cuda":
            torch.cuda.synchronize()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def _drawn(study: StudySettings, space: SearchSpace) -> list[Genome]:
    """Networks that the study may search, the cheapest first; the same for all seeds."""
    rng = random.Random(0)
    genomes = [space.sample(rng) for _ in range(_DRAWN)]
    more = (space.sample(rng) for _ in range(_DRAWN * _TRIES))
    allowed = (genome for genome in chain(genomes, more) if within_size_limits(study, space, genome))
    return sorted(list(islice(allowed, _DRAWN)) or genomes, key=space.macs)


def _seconds_per_walk(space: SearchSpace, supernet: Supernet, data: Data, device: torch.device) -> float:
    """Of val-A and val-B, extrapolated from a few pictures."""
    few = min(8, len(data.val_search))
    scorer = Scorer(supernet, data, device)
    tree = scorer.tree(list(space))
    start = time.perf_counter()
    for _ in scorer.blocks(tree, data.val_search.part(0, few)):
        pass
    return (time.perf_counter() - start) * (len(data.val_search) + len(data.val_choice)) / few


def _seconds_per_evaluation(
    study: StudySettings, supernet: Supernet, data: Data, device: torch.device
) -> float:
    """Scoring extrapolated from some pictures, timing by its budget, recording by its known cost."""
    rng = random.Random(study.seed)
    genomes = [supernet.space.sample(rng) for _ in range(min(_SCORED, study.search.per_generation))]
    scorer, every = Scorer(supernet, data, device), len(data.val_search)
    few, more = min(250, every), min(750, every)
    scorer.score(genomes, data.val_search.part(0, 8))  # what is paid once a process
    spent = []
    for pictures in (few, more):
        start = time.perf_counter()
        scorer.score(genomes, data.val_search.part(0, pictures))
        spent.append(time.perf_counter() - start)
    # What is paid once a call, such as taking weights out, is most of what a few pictures cost.
    a_picture = max(0.0, spent[1] - spent[0]) / (more - few) if more > few else 0.0
    scoring = (spent[1] + a_picture * (every - more)) / len(genomes)
    a_network = study.latency.budget_ms / 1000 * _WARM_UP
    anchors = 1 + ANCHORS / min(MOST_TOGETHER, study.search.per_generation)
    timing = a_network * anchors if needs_latency(study) else 0.0
    return scoring + timing + _RECORDING_SECONDS
