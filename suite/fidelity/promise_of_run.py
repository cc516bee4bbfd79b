"""results/promise.json: what a run's supernet and a truth table let one say of networks that were never trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.fidelity.conformal import coverage, intervals_left_out, jackknife_plus
from suite.fidelity.counted_promise import counted_share
from suite.fidelity.features import FEATURES
from suite.fidelity.learning_curve import (
    Pairs,
    count_pairs,
    curve_sizes,
    predictions_held_out,
)
from suite.fidelity.measures import estimate, resamples
from suite.fidelity.predictor import Values, fit_predictor, inputs_of
from suite.fidelity.promise import top_share
from suite.oracle_table import Table, read_table, within
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import StudySettings

PHASE = "promise"
FEWEST = 20
_TO_KNOW_LUCK = 2  # trainings
COMPARED_AT = 15  # networks fitted to: what a user may be willing to train


@dataclass(frozen=True)
class Measured:
    """The networks of a truth table beside the supernet's scores of them on val-A."""

    genomes: list[Genome]
    loss: Values  # (N,)
    accuracy: Values  # (N,)
    truths: Values  # (N, S) accuracy on val-B of each training
    trained: dict[str, Values]  # (S,) of every network trained, however it was drawn, by genome text
    ceiling: float | None  # tau of a perfect ranking, simulated; None if each was trained once


def measured_of(fidelity: Mapping[str, Any], space: SearchSpace) -> Measured:
    """From results/fidelity.json, without what a supernet had picked, which is not drawn as the others are."""
    rows = [row for row in fidelity["rows"] if row["drawn"] == "uniform"]
    loss, accuracy, truths = (np.array([row[key] for row in rows]) for key in ("loss", "accuracy", "truth"))
    perfect = fidelity["perfect"]
    ceiling = perfect["against_mean"]["value"] if perfect else None
    trained = {row["genome"]: np.array(row["truth"]) for row in fidelity["rows"]}
    return Measured([space.parse(row["genome"]) for row in rows], loss, accuracy, truths, trained, ceiling)


def promise_of_run(run: RunDirectory, study: StudySettings, space: SearchSpace) -> dict[str, Any] | None:
    """Write and return results/promise.json, from results/fidelity.json; None if that tells too little.

    Too little are fewer than FEWEST networks, or networks that are all as good.

    What is said of the whole space is left out (None) unless the space was walked, and of the winner unless there is
    one. Seconds, also for a space of hundreds of thousands.
    """
    fidelity = run.read_result("fidelity")
    if fidelity is None:
        return None
    measured = measured_of(fidelity, space)
    if len(measured.genomes) < FEWEST or np.ptp(measured.truths.mean(axis=1)) == 0:
        return None
    inputs = inputs_of(space, measured.genomes, measured.loss, measured.accuracy)
    truth = measured.truths.mean(axis=1)
    result: dict[str, Any] = {
        "networks": len(truth),
        "seeds": measured.truths.shape[1],
        "epochs": fidelity["epochs"],
        "train_images": fidelity["train_images"],
        "ceiling": measured.ceiling,
        **_left_out(measured.genomes, inputs, truth),
        **_curves(measured, inputs, truth, study.seed),
        **_of_the_space(run, study, space, measured),
    }
    run.write_result(PHASE, result)
    return result


def likely_best(predicted: Values, intervals: Values, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows of the best predicted network, (M,), and of all whose interval, (M, 2), reaches it; the best first."""
    best = predicted[allowed].max(initial=-np.inf)
    (rows,) = np.nonzero(allowed & (intervals[:, 1] >= best))
    return rows[np.argsort(-predicted[rows], kind="stable")]


def _left_out(genomes: Sequence[Genome], inputs: Values, truth: Values) -> dict[str, Any]:
    """Each network predicted from all the others, with its interval."""
    predicted = truth - jackknife_plus(inputs, truth).errors
    intervals = intervals_left_out(inputs, truth)
    return {
        "mean_absolute_error": float(np.abs(truth - predicted).mean()),
        "coverage": coverage(intervals, truth),
        "rows": [
            {"genome": genome.text, "accuracy": true, "predicted": said, "low": low, "high": high}
            for genome, true, said, (low, high) in zip(
                genomes, truth.tolist(), predicted.tolist(), intervals.tolist(), strict=True
            )
        ],
    }


def _curves(measured: Measured, inputs: Values, truth: Values, seed: int) -> dict[str, Any]:
    """Tau out of sample: of the raw supernet, and of fits without and with its scores, by networks fitted to."""
    depths = [len(genome.convs) for genome in measured.genomes]
    weights = resamples(depths, np.random.default_rng(seed))

    def row(by: str, fitted: int, pairs: Pairs) -> dict[str, Any]:
        return {"by": by, "fitted": fitted, "tau": _plain(pairs.taus(weights))}

    rankings = [
        row("loss", 0, count_pairs(-measured.loss[None], truth)),
        row("accuracy", 0, count_pairs(measured.accuracy[None], truth)),
    ]
    for fitted in curve_sizes(len(truth)):
        without, having = (
            count_pairs(
                predictions_held_out(given, truth, depths, fitted, np.random.default_rng([seed, fitted])),
                truth,
            )
            for given in (inputs[:, : len(FEATURES)], inputs)
        )
        rankings += [row("features", fitted, without), row("features and scores", fitted, having)]
        if fitted == COMPARED_AT:
            gain = {"fitted": fitted, "tau": _plain(having.taus(weights) - without.taus(weights))}
    return {"rankings": rankings, "gain": gain}


def _plain(values: Values) -> dict[str, float | None] | None:
    """An estimate as JSON has it."""
    estimated = estimate(values)
    return None if estimated is None else asdict(estimated)


@dataclass(frozen=True)
class _Predicted:
    """Every network of a walked space."""

    table: Table
    place: dict[str, int]  # row by genome
    inputs: Values  # (M, F)
    accuracy: Values  # (M,)
    intervals: Values  # (M, 2)

    def said(self, row: int) -> dict[str, Any]:
        """What is predicted of one network, as JSON has it."""
        low, high = self.intervals[row].tolist()
        return {
            "genome": str(self.table["genome"][row]),
            "predicted": float(self.accuracy[row]),
            "low": low,
            "high": high,
        }


def _of_the_space(
    run: RunDirectory, study: StudySettings, space: SearchSpace, measured: Measured
) -> dict[str, Any]:
    """The likely best of a space that was walked, and what is promised of a winner."""
    if run.read_result("oracle") is None:
        return {"space": None, "winner": None}
    table = read_table(run)
    inputs = inputs_of(space, list(space), table["loss_val_search"], table["accuracy_val_search"])
    place = {text: row for row, text in enumerate(table["genome"])}
    # Fitted to the walk's own scores: it may have used fewer pictures.
    known, truth = inputs[[place[g.text] for g in measured.genomes]], measured.truths.mean(axis=1)
    accuracy, intervals = (
        fit_predictor(known, truth).predict(inputs),
        jackknife_plus(known, truth).intervals(inputs),
    )
    predicted = _Predicted(table, place, inputs, accuracy, intervals)
    reaching = likely_best(accuracy, intervals, _allowed(table, study))
    best = [predicted.said(int(row)) for row in reaching[: study.finalists.count]]
    final = run.read_result("final")
    return {
        "space": {"networks": len(accuracy), "reaching": len(reaching), "best": best},
        "winner": _promised(final["genome"], predicted, known, measured, study) if final else None,
    }


def _promised(
    genome: str, predicted: _Predicted, known: Values, measured: Measured, study: StudySettings
) -> dict[str, Any]:
    """The winner's prediction, and its place among the networks that keep to the study's limits on size."""
    limits, winner = study.search.limits, predicted.place[genome]
    kept = within(predicted.table, {"params": limits.max_params, "macs": limits.max_macs})
    kept[winner] = True
    row, rng = int(kept[:winner].sum()), np.random.default_rng(study.seed)
    top = top_share(known, measured.truths, predicted.inputs[kept], row, rng)
    return {
        **predicted.said(winner),
        "among": int(kept.sum()),
        "top": top,
        "counted": _counted(genome, predicted.table["genome"][kept], measured, rng),
    }


def _counted(
    genome: str, allowed: NDArray[np.str_], measured: Measured, rng: np.random.Generator
) -> dict[str, Any] | None:
    """Its place by counting the drawn networks that are better; None unless it was trained as they were, twice."""
    own = measured.trained.get(genome)
    if own is None or len(own) < _TO_KNOW_LUCK:
        return None
    among = np.isin([g.text for g in measured.genomes], allowed)
    truths, strata = measured.truths[among], [_stratum(g) for g in compress(measured.genomes, among)]
    sizes = Counter(_stratum(Genome.parse(text)) for text in allowed)
    return {
        "networks": int(among.sum()),
        "better": int(np.sum(truths.mean(axis=1) > own.mean())),
        "accuracy": float(own.mean()),
        "top": counted_share(truths, strata, sizes, own, rng),
    }


def _stratum(genome: Genome) -> tuple[int, int]:
    """Within which networks are drawn evenly: both counts are drawn before what hangs on them."""
    return len(genome.convs), len(genome.fcs)


def _allowed(table: Table, study: StudySettings) -> NDArray[np.bool_]:
    """(M,) which networks keep to the study's limits, the one on latency as far as latencies were predicted."""
    limits = study.search.limits
    most = {"params": limits.max_params, "macs": limits.max_macs, "latency_ms": limits.max_latency_ms}
    return within(table, {column: limit for column, limit in most.items() if column in table})
