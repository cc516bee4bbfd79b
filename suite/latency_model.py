"""The latency of every network of the space, predicted from a few hundred that were timed.

A network's time is a sum over its layers, and a layer's a sum of costs per unit of work: per multiply-accumulate,
per output element, and per call, each of its own for every position and kernel size; pooling per element for
every kind; FC layers per weight and per call. No cost is negative, and all are fitted at once by non-negative
least squares of relative errors. Weight bytes say nothing new: at one position, they go with the MACs.

What was tried (CIFAR-10's space, 300 networks of 0.30 to 1.51 ms, 200 ms each, batch 1, one thread of an AMD EPYC;
five folds; relative error of the networks left out, median / 90th percentile; timing the same networks again
differs by 1.3 / 3.2 %): these costs 1.9 / 4.9 %, by ridge regression 1.9 / 4.8 %; a table entry per layer, by ridge
regression, 1.7 / 4.4 %; polynomials of the genes 1.7 / 4.7 %; a Gaussian process of the genes 1.5 / 4.3 %; gradient
boosting 4.3 / 11.3 %. A few tenths are not worth a model that cannot be read.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import spearmanr

from suite.blocks import ConvLayer, Layer, Shape
from suite.device import device_facts
from suite.latency import Latency, timed_on
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import LatencySettings, StudySettings
from suite.subnet_clock import SubnetClock
from suite.supernet import Supernet

PHASE = "latency_model"
COUNT = 300
_FEWEST = 60
_FOLDS = 5
_ROUNDS = 4

Milliseconds = NDArray[np.float64]
Round = dict[Genome, Latency]


@dataclass(frozen=True)
class LatencyModel:
    """Costs per unit of work: what a network's layers amount to is its latency."""

    space: SearchSpace
    costs_ms: Mapping[str, float]  # by the names that `work` gives

    def predict(self, genomes: Sequence[Genome]) -> Milliseconds:
        """(N,) ms of one forward pass; runs of layers that genomes share are priced once."""

        @cache
        def priced(layers: tuple[Layer, ...], shape: Shape) -> tuple[float, Shape]:
            done, output_shape = _work_of_run(layers, shape)
            return self._cost_ms(done), output_shape

        predictions = np.empty(len(genomes))
        for row, genome in enumerate(genomes):
            convs_ms, maps = priced(genome.convs, self.space.shape)
            fcs_ms, (features,) = priced(genome.fcs, maps)
            classifier_ms = self._cost_ms(_work_of_classifier(features, self.space.classes))
            predictions[row] = convs_ms + fcs_ms + classifier_ms
        return predictions

    def _cost_ms(self, work: Mapping[str, float]) -> float:
        # What no timed network had to do costs nothing that is known.
        return sum(amount * self.costs_ms.get(name, 0.0) for name, amount in work.items())


@dataclass(frozen=True)
class HeldOut:
    """How far predictions are off for networks that the model was not fitted to."""

    median_relative_error: float
    p90_relative_error: float
    mean_absolute_error_ms: float
    spearman: float | None  # None where all predictions or all times are one


def model_latency(
    study: StudySettings,
    space: SearchSpace,
    supernet: Supernet,
    device: torch.device,
    run: RunDirectory,
    display: Display,
    count: int | None = None,
) -> LatencyModel:
    """Time `count` networks, write results/latency_model.json, and fit the model to them.

    By default 300, or a quarter of a small space.

    Networks that were timed on this machine before are not timed again.
    """
    count = min(space.size, count or min(COUNT, max(_FEWEST, space.size // 4)))
    result = run.read_result(PHASE)
    here = {"device": timed_on(device), "machine": device_facts(device).name, "networks": count}
    if result is None or any(result.get(name, value) != value for name, value in here.items()):
        clock = SubnetClock(supernet, device, run)
        result = _time_and_judge(study, space, clock, device, run, display, count)
        run.write_result(PHASE, result)
        run.drop_checkpoint(PHASE)
    genomes = [space.parse(row["genome"]) for row in result["measured"]]
    return fit_latency(space, genomes, np.array([row["median_ms"] for row in result["measured"]]))


def draw_for_timing(space: SearchSpace, count: int, rng: random.Random) -> list[Genome]:
    """`count` distinct genomes, depth by depth in turn and genes drawn evenly; the whole space if it is smaller."""
    if count >= space.size:
        return list(space)
    drawn: dict[Genome, None] = {}
    depths = itertools.cycle(space.settings.depth)
    while len(drawn) < count:  # a depth that has no more networks is made up for by the others
        drawn[space.sample(rng, depth=next(depths))] = None
    return list(drawn)


def time_networks(
    genomes: Sequence[Genome],
    clock: SubnetClock,
    settings: LatencySettings,
    rng: random.Random,
    progress: Callable[[int], None] = lambda done: None,
    rounds: Sequence[Round] = (),
    keep: Callable[[Sequence[Round]], None] = lambda rounds: None,
) -> list[Latency]:
    """Time each genome's subnet for the study's budget in all, in rounds; the median over the rounds.

    Only fifty networks are timed side by side, and a machine's speed drifts: on two cores of an AMD EPYC, whole
    fifties of one timing of 40 s moved by up to 16 % against each other. Anchors take most of that off; what is left
    differs by network. So they are mixed anew in every round, and each network meets the machine at several moments.
    `progress` is told how many networks' worth is behind us, and `keep` is given the rounds so far; `rounds` are
    those of before.
    """
    per_round = settings.model_copy(update={"budget_ms": settings.budget_ms // _ROUNDS})
    done, mixing = list(rounds), [rng.getrandbits(64) for _ in range(_ROUNDS)]
    for number in range(len(done), _ROUNDS):  # after a stop too, a round has a mixture of its own
        of_round = random.Random(mixing[number])
        mixed = of_round.sample(genomes, len(genomes))
        before = number * len(genomes)
        latencies = clock.time(
            mixed,
            per_round,
            of_round,
            lambda behind, before=before: progress((before + behind) // _ROUNDS),  # type: ignore[misc]
        )
        done.append(dict(zip(mixed, latencies, strict=True)))
        keep(done)
    return [_over_rounds([one[genome] for one in done]) for genome in genomes]


def fit_latency(space: SearchSpace, genomes: Sequence[Genome], milliseconds: Milliseconds) -> LatencyModel:
    """The model of `milliseconds`, (N,), timed on `genomes`."""
    works = [work(space, genome) for genome in genomes]
    names = sorted(set().union(*works))
    amounts = np.array([[done.get(name, 0.0) for name in names] for done in works])
    # In units of the greatest amount, and relative to the time, so that no column and no network outweighs.
    scale = amounts.max(axis=0)
    costs, _ = nnls(amounts / scale / milliseconds[:, None], np.ones(len(genomes)), maxiter=100 * len(names))
    return LatencyModel(space, dict(zip(names, (costs / scale).tolist(), strict=True)))


def predicted_held_out(
    space: SearchSpace, genomes: Sequence[Genome], milliseconds: Milliseconds, seed: int
) -> Milliseconds:
    """(N,) predictions, each by a model fitted to the four fifths that the genome is not in."""
    predictions = np.empty(len(genomes))
    for fold in np.array_split(np.random.default_rng(seed).permutation(len(genomes)), _FOLDS):
        rest = np.setdiff1d(np.arange(len(genomes)), fold)
        model = fit_latency(space, [genomes[i] for i in rest], milliseconds[rest])
        predictions[fold] = model.predict([genomes[i] for i in fold])
    return predictions


def held_out(predicted: Milliseconds, measured: Milliseconds) -> HeldOut:
    """The errors of held-out predictions, (N,) ms each."""
    off = np.abs(predicted - measured)
    relative = off / measured
    varied = np.ptp(predicted) > 0 and np.ptp(measured) > 0
    return HeldOut(
        float(np.median(relative)),
        float(np.quantile(relative, 0.9)),
        float(off.mean()),
        float(spearmanr(predicted, measured).statistic) if varied else None,
    )


def work(space: SearchSpace, genome: Genome) -> dict[str, float]:
    """What a forward pass has to do, by kind: the amounts that `LatencyModel.costs_ms` prices."""
    convs, maps = _work_of_run(genome.convs, space.shape)
    fcs, (features,) = _work_of_run(genome.fcs, maps)
    return {**convs, **fcs, **_work_of_classifier(features, space.classes)}


def _work_of_run(layers: Sequence[Layer], shape: Shape) -> tuple[dict[str, float], Shape]:
    """The work of consecutive layers of one kind, none of whose names another position has; and their output."""
    done: dict[str, float] = {}
    for position, layer in enumerate(layers, start=1):
        done |= _work_of_layer(layer, position, shape)
        shape = layer.output_shape(shape)
    return done, shape


def _work_of_layer(layer: Layer, position: int, shape: Shape) -> dict[str, float]:
    if isinstance(layer, ConvLayer):
        name, outputs = f"conv{position}.k{layer.kernel}", layer.filters * shape[1] * shape[2]
        return {
            f"{name}.macs": layer.macs(shape),
            f"{name}.outputs": outputs,
            f"{name}.calls": 1,
            f"conv{position}.{layer.pool}.elements": outputs,
        }
    return {f"fc{position}.weights": layer.macs(shape), f"fc{position}.calls": 1}


def _work_of_classifier(features: int, classes: int) -> dict[str, float]:
    return {"classifier.weights": features * classes}


def _over_rounds(rounds: Sequence[Latency]) -> Latency:
    return replace(
        rounds[0],
        median_ms=median(r.median_ms for r in rounds),
        p90_ms=median(r.p90_ms for r in rounds),
        iqr_ms=median(r.iqr_ms for r in rounds),
        forwards=sum(r.forwards for r in rounds),
        scale=median(r.scale for r in rounds),
    )


def _time_and_judge(
    study: StudySettings,
    space: SearchSpace,
    clock: SubnetClock,
    device: torch.device,
    run: RunDirectory,
    display: Display,
    count: int,
) -> dict[str, Any]:
    """results/latency_model.json: every timing, the noise floor, and the held-out error (None of too few).

    Goes on from the rounds in its checkpoint, if they are of the same networks on the same machine.
    """
    rng, machine = random.Random(study.seed), device_facts(device).name
    genomes = draw_for_timing(space, count, rng)
    with display.phase("Latency of the space", len(genomes), "networks") as phase:
        same = {"machine": machine, "networks": [genome.text for genome in genomes]}
        before, seconds_before = _of_before(run, space, same)
        began = time.monotonic() - seconds_before  # had it not been stopped since

        def keep(rounds: Sequence[Round]) -> None:
            plain = [{g.text: latency.to_json() for g, latency in one.items()} for one in rounds]
            run.save_checkpoint(PHASE, {**same, "rounds": plain, "seconds": time.monotonic() - began})

        timed = time_networks(
            genomes,
            clock,
            study.latency,
            rng,
            lambda done: phase.update(done, "timing"),
            before,
            keep,
        )
        floor = clock.noise_floor_ms(study.latency, rng)
        error = _judged(space, genomes, timed, study.seed)
        note = f"predictions off by {error.median_relative_error:.1%} in the median" if error else ""
        phase.finish(len(genomes), note)
    return {
        "networks": len(genomes),
        "device": timed_on(device),
        "machine": machine,
        "batch": study.latency.batch,
        "threads": study.latency.threads,
        "seconds": time.monotonic() - began,
        "noise_floor_ms": floor,
        "held_out": asdict(error) if error else None,
        "measured": [
            {"genome": genome.text, "median_ms": t.median_ms, "p90_ms": t.p90_ms, "iqr_ms": t.iqr_ms}
            for genome, t in zip(genomes, timed, strict=True)
        ],
    }


def _of_before(run: RunDirectory, space: SearchSpace, same: Mapping[str, Any]) -> tuple[list[Round], float]:
    """Rounds of the same networks on the same machine that a stop left, and the seconds they took."""
    checkpoint = run.load_checkpoint(PHASE)
    if checkpoint is None or any(checkpoint.get(name) != value for name, value in same.items()):
        return [], 0.0
    rounds = [
        {space.parse(text): Latency(**latency) for text, latency in one.items()}
        for one in checkpoint["rounds"]
    ]
    return rounds, float(checkpoint.get("seconds", 0.0))  # once not kept


def _judged(
    space: SearchSpace, genomes: Sequence[Genome], timed: Sequence[Latency], seed: int
) -> HeldOut | None:
    """The held-out error; None of fewer than two networks a fold, which is then a space timed as a whole."""
    if len(genomes) < 2 * _FOLDS:
        return None
    measured = np.array([t.median_ms for t in timed])
    return held_out(predicted_held_out(space, genomes, measured, seed), measured)
