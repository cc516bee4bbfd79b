"""What was measured: every kept piece of every study, and the sides set side by side at each budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.wall_clock.plan import PLAN_FILE
from benchmarks.wall_clock.sides import OPTUNA, OURS, RIVALS
from suite.run_directory import RunDirectory
from suite.study import StudySettings, validate_study

Values = NDArray[np.float64]

SURE = 0.05  # two-sided error of calling one side better
_ENOUGH = 3  # seeds, to call one side better at all


@dataclass(frozen=True)
class Side:
    """One side at one budget, over seeds."""

    minutes: Values  # (seeds,) from the beginning to the fine-tuned network, which is then tested
    accuracy: Values  # (seeds,) on the test pictures


@dataclass(frozen=True)
class Lead:
    """By how much we are ahead of a rival, paired by seed."""

    values: Values  # (seeds,) of accuracy

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(self.values.mean())

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean is, with 95 % confidence, by Student's t; None of one seed."""
        count = len(self.values)
        if count < 2:
            return None
        reach = stats.t.ppf(1 - SURE / 2, count - 1) * float(self.values.std(ddof=1)) / np.sqrt(count)
        return self.mean - reach, self.mean + reach

    @property
    def sure(self) -> bool:
        """Whether who is ahead is no chance; never of fewer than three seeds."""
        if self.interval is None or len(self.values) < _ENOUGH:
            return False
        low, high = self.interval
        return low > 0 or high < 0


Piece = dict[str, Any]


@dataclass(frozen=True)
class AtBudget:
    """All sides at one budget, from the same seeds."""

    minutes: float
    seeds: tuple[int, ...]
    ours: Side
    rivals: Mapping[str, Side]  # those that have a piece of each of the seeds
    laid_out: Sequence[Piece]  # (seeds,) of our side

    def ahead_of(self, rival: str) -> Lead:
        """By how much we are."""
        return Lead(self.ours.accuracy - self.rivals[rival].accuracy)


@dataclass(frozen=True)
class Race:
    """One study's pieces on one machine."""

    name: str  # of the study, and what tells its settings and machine from others
    file: str  # of the study
    overrides: Sequence[str]  # laid over it
    study: StudySettings
    notes: Sequence[str]  # on the pictures
    device: dict[str, Any]
    test_pictures: int
    pieces: Mapping[str, Sequence[Piece]]  # by side

    @property
    def budgets(self) -> list[AtBudget]:
        """Every budget that we and Optuna have a seed of, the shortest first."""
        places = {side: _by_place(pieces) for side, pieces in self.pieces.items()}
        both = sorted(places[OURS].keys() & places[OPTUNA].keys())
        return [
            _at_budget(budget, [seed for minutes, seed in both if minutes == budget], places)
            for budget in sorted({minutes for minutes, _ in both})
        ]


def read_races(folder: Path) -> list[Race]:
    """Every race as far as it has come; those without a pair of pieces are left out."""
    folders = [RunDirectory(path.parent) for path in sorted(folder.glob(f"*/{PLAN_FILE}"))]
    return [race for race in map(_race, folders) if race.budgets]


def minutes_of(piece: Piece) -> float:
    """From the beginning to the fine-tuned network."""
    return float(piece["chosen_after"] + piece["fine_tuning"]) / 60


def _race(kept: RunDirectory) -> Race:
    plan = kept.read_json(PLAN_FILE) or {}
    pieces = {side: list(_pieces(kept, side)) for side in (OURS, *RIVALS)}
    pictures = {
        round(piece["test"]["eval_runtime"] * piece["test"]["eval_samples_per_second"])
        for piece in pieces[OURS]
    }
    study = validate_study(plan["study"], where=str(kept.path / PLAN_FILE))
    return Race(
        name=kept.path.name,
        file=plan["file"],
        overrides=plan["overrides"],
        study=study,
        notes=plan["notes"],
        device=plan["device"],
        test_pictures=max(pictures, default=0),
        pieces=pieces,
    )


def _pieces(kept: RunDirectory, side: str) -> Iterator[Piece]:
    for path in sorted((kept.path / side).glob("*.json")):
        yield kept.read_json(f"{side}/{path.name}") or {}


_Places = Mapping[tuple[float, int], Piece]


def _by_place(pieces: Sequence[Piece]) -> _Places:
    """By minutes and seed."""
    return {(piece["minutes"], piece["seed"]): piece for piece in pieces}


def _at_budget(minutes: float, seeds: Sequence[int], places: Mapping[str, _Places]) -> AtBudget:
    here = {
        side: [pieces[minutes, seed] for seed in seeds if (minutes, seed) in pieces]
        for side, pieces in places.items()
    }
    complete = {side: _side(here[side]) for side in RIVALS if len(here[side]) == len(seeds)}
    return AtBudget(minutes, tuple(seeds), _side(here[OURS]), complete, here[OURS])


def _side(pieces: Sequence[Piece]) -> Side:
    accuracy = [piece["test"]["eval_accuracy"] for piece in pieces]
    return Side(np.array([minutes_of(piece) for piece in pieces]), np.array(accuracy))
