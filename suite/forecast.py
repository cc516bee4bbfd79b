"""Before a run starts: what it will do, about how long each phase takes, and how to fit it into a time budget."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from suite.data import Data
from suite.fitness import needs_latency
from suite.halving import racing_epochs
from suite.methods import evaluations_at_most
from suite.space import SearchSpace
from suite.standalone import standalone_training
from suite.study import StudySettings
from suite.subnet_clock import ANCHORS, MOST_TOGETHER
from suite.supernet import Scorer, Supernet, new_training
from suite.training import Training
from suite.used_study import with_epochs
from suite.wording import roughly

_STEPS = 25
_DRAWN = 16  # networks
_TRAINED_ALONE = (
    4  # of them, the dearest, as finalists are: 31 s an epoch on CIFAR-10, where any of them took 12 s
)
_SCORED = 32  # networks together, or as many as a generation has
# A supernet's order gains little by its time, which finalists make more of: on CIFAR-10 four times as much gives 0.06
# of Kendall's tau, where a finalist of ten epochs has 5 points on one of four (benchmarks/RANKING.md).
_SUPERNET_POWER = 1.5
_WARM_UP = 1.1  # of what timing a network is given
_RECORDING_SECONDS = 0.02  # a trial on SQLite; `suite bench recording` measures it


@dataclass(frozen=True)
class Pace:
    """What was measured on this machine, in seconds."""

    supernet_epoch: float
    standalone_epoch: float
    evaluation: float  # one genome: scored, timed, recorded
    all_training_epoch: float
    walk: float = 0.0  # of the whole space, where the method needs it


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
    genomes = [space.sample(random.Random(study.seed + i)) for i in range(_DRAWN)]
    dear = sorted(genomes, key=space.macs, reverse=True)[:_TRAINED_ALONE]
    kinds = 2 + _TRAINED_ALONE
    supernet_training = new_training(study, space, data, device)
    supernet_step = seconds_per_step(supernet_training)
    say(1, kinds)
    steps = []
    for genome in dear:
        steps.append(seconds_per_step(standalone_training(study, space, genome, data, device, study.seed)))
        say(1 + len(steps), kinds)
    standalone_step = sum(steps) / len(steps)
    batch = study.supernet.batch_size
    assert isinstance(supernet_training.network, Supernet)
    pace = Pace(
        supernet_epoch=supernet_step * supernet_training.steps_per_epoch,
        standalone_epoch=standalone_step * supernet_training.steps_per_epoch,
        evaluation=_seconds_per_evaluation(study, supernet_training.network, data, device),
        all_training_epoch=standalone_step * (len(data.all_training) // batch),
        walk=_seconds_per_walk(space, supernet_training.network, data, device)
        if study.search.method == "exhaustive"
        else 0.0,
    )
    say(kinds, kinds)
    return pace


def forecast(study: StudySettings, pace: Pace) -> Forecast:
    """Seconds per phase."""
    search, finalists = study.search, study.finalists
    return Forecast(
        supernet=pace.supernet_epoch * study.supernet.epochs,
        search=pace.walk + pace.evaluation * evaluations_at_most(search),
        finalists=pace.standalone_epoch * finalists.seeds * racing_epochs(finalists.epochs, finalists.count),
        final=pace.all_training_epoch * study.final.epochs,
    )


def fit_to_budget(study: StudySettings, pace: Pace, seconds: float) -> StudySettings:
    """The study with epochs and generations shortened by one factor, the supernet's by a power of it, until it fits.

    Nothing goes below one epoch and no generation; a budget too small even for that gets that.
    """
    shortest, longest = 0.0, 1.0
    if forecast(study, pace).total <= seconds:
        return study
    for _ in range(30):
        middle = (shortest + longest) / 2
        fits = forecast(_shortened(study, middle), pace).total <= seconds
        shortest, longest = (middle, longest) if fits else (shortest, middle)
    return _shortened(study, shortest)


def plan_in_words(study: StudySettings, size: int, pictures: int, device: str, expected: Forecast) -> str:
    """What a search of a space of `size` networks will do, phase by phase, and about how long each takes."""
    search, finalists = study.search, study.finalists
    evaluated = size if search.method == "exhaustive" else min(size, evaluations_at_most(search))
    rows = [
        ("supernet", f"{study.supernet.epochs} epochs of {pictures} pictures", expected.supernet),
        ("search", f"{search.method}, up to {evaluated:,} of {size:,} networks", expected.search),
        ("finalists", f"{finalists.count} networks, {finalists.epochs} epochs each", expected.finalists),
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


def _shortened(study: StudySettings, factor: float) -> StudySettings:
    def epochs(whole: int) -> int:
        return max(1, int(whole * factor))

    of_supernet = max(1, round(study.supernet.epochs * factor**_SUPERNET_POWER))
    pool = max(study.search.population, int(study.search.random_pool * max(factor, 0.25)))
    searched = study.model_copy(
        update={
            "supernet": study.supernet.model_copy(update={"epochs": of_supernet}),
            "search": study.search.model_copy(
                update={"generations": int(study.search.generations * factor), "random_pool": pool}
            ),
        }
    )
    return with_epochs(searched, epochs(study.finalists.epochs), epochs(study.final.epochs))


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
    """Scoring extrapolated from a few pictures, timing by its budget, recording by its known cost."""
    few = min(250, len(data.val_search))
    part = data.val_search.part(0, few)
    rng = random.Random(study.seed)
    genomes = [supernet.space.sample(rng) for _ in range(min(_SCORED, study.search.per_generation))]
    scorer = Scorer(supernet, data, device)
    scorer.score(genomes, part.part(0, 8))  # what is paid once
    start = time.perf_counter()
    scorer.score(genomes, part)
    scoring = (time.perf_counter() - start) / len(genomes) * len(data.val_search) / few
    a_network = study.latency.budget_ms / 1000 * _WARM_UP
    anchors = 1 + ANCHORS / min(MOST_TOGETHER, study.search.per_generation)
    timing = a_network * anchors if needs_latency(study) else 0.0
    return scoring + timing + _RECORDING_SECONDS
