"""Which networks a truth table, together with a run's supernet, promises most of: the finalists of `predicted`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from suite.data import Data
from suite.errors import FidelityError
from suite.fidelity.conformal import jackknife_plus
from suite.fidelity.measures import mean_truth
from suite.fidelity.predictor import Values, fit_predictor, inputs_of
from suite.fidelity.promise_of_run import FEWEST, likely_best
from suite.fidelity.truth_table import TruthTable, read_table
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer


@dataclass(frozen=True)
class Promising:
    """Networks by predicted accuracy, and those whose 90 % interval reaches the best of them."""

    accuracy: dict[Genome, float]
    reaching: frozenset[Genome]
    table: str
    sha256: str  # of the table's CSV
    trainings: int  # in the table
    seconds: float  # that these took


def find_truth(study: StudySettings, sha256: str, folder: Path) -> Path:
    """The table of the study's pictures, splits and space with most trainings.

    Raises:
        FidelityError: there is none with at least FEWEST networks.
    """
    tables = {}
    for path in sorted(folder.glob("*.json")):
        with suppress(FidelityError):  # damaged, or some other file: another may fit
            tables[path] = read_table(path)
    fitting = [path for path, table in tables.items() if _fits(table, study, sha256)]
    if not fitting:
        raise FidelityError(
            f"has no truth table of these pictures and this space with at least {FEWEST} networks, by which "
            'finalists.candidates = "predicted" would go.',
            where=str(folder),
            remedy='Make one by "suite fidelity" on an earlier run, or use candidates = "search".',
        )
    return max(fitting, key=lambda path: np.prod([len(side) for side in tables[path].rectangle()]))


def predict_promising(
    space: SearchSpace,
    genomes: Sequence[Genome],
    scores: tuple[Values, Values],
    table_path: Path,
    scorer: Scorer,
    data: Data,
) -> Promising:
    """Predict what each of N genomes reaches by itself, given the supernet's losses and accuracies on val-A, (N,)."""
    table = read_table(table_path)
    networks, seeds = table.rectangle()
    trained = [space.parse(text) for text in networks]
    known_scores = scorer.score(trained, data.val_search)
    loss, accuracy = (np.array([getattr(score, of) for score in known_scores]) for of in ("loss", "accuracy"))
    truths = table.values(networks, seeds)
    known, truth = inputs_of(space, trained, loss, accuracy), mean_truth(truths)
    inputs = inputs_of(space, genomes, *scores)
    predicted = fit_predictor(known, truth).predict(inputs)
    intervals = jackknife_plus(known, truth).intervals(inputs)
    reaching = likely_best(predicted, intervals, np.ones(len(genomes), dtype=bool))
    return Promising(
        dict(zip(genomes, predicted.tolist(), strict=True)),
        frozenset(genomes[row] for row in reaching),
        table.regime.name,
        hashlib.sha256(table_path.with_suffix(".csv").read_bytes()).hexdigest(),
        truths.size,
        float(table.values(networks, seeds, of="seconds").sum()),
    )


def _fits(table: TruthTable, study: StudySettings, sha256: str) -> bool:
    regime = table.regime
    same = (regime.sha256, regime.space, regime.data) == (sha256, study.space, study.data)
    return same and len(table.rectangle()[0]) >= FEWEST
