"""What was measured: every kept piece of every study, and both sides set side by side at each budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.wall_clock.plan import PLAN_FILE
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


@dataclass(frozen=True)
class AtBudget:
    """All sides at one budget, from the same seeds."""

    minutes: float
    seeds: tuple[int, ...]
    ours: Side
    theirs: Side
    by_hand: Side | None  # None until each of the seeds has its piece
    epochs: Mapping[str, tuple[int, ...]]  # (seeds,) of our side, by phase
    early: int  # seeds whose finalists stopped early
    most_macs: tuple[int | None, ...]  # (seeds,) that our side searched; None where it was not limited

    @property
    def ahead(self) -> Lead:
        """Of the rival."""
        return Lead(self.ours.accuracy - self.theirs.accuracy)

    @property
    def ahead_of_hand(self) -> Lead | None:
        """Of the network that was made and trained by hand."""
        return None if self.by_hand is None else Lead(self.ours.accuracy - self.by_hand.accuracy)


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
    ours: Sequence[dict[str, Any]]
    theirs: Sequence[dict[str, Any]]
    by_hand: Sequence[dict[str, Any]]

    @property
    def budgets(self) -> list[AtBudget]:
        """Every budget that we and the rival have a seed of, the shortest first."""
        ours, theirs, by_hand = map(_by_place, (self.ours, self.theirs, self.by_hand))
        both = sorted(ours.keys() & theirs.keys())
        return [
            _at_budget(budget, [seed for minutes, seed in both if minutes == budget], ours, theirs, by_hand)
            for budget in sorted({minutes for minutes, _ in both})
        ]


def read_races(folder: Path) -> list[Race]:
    """Every race as far as it has come; those without a pair of pieces are left out."""
    folders = [RunDirectory(path.parent) for path in sorted(folder.glob(f"*/{PLAN_FILE}"))]
    return [race for race in map(_race, folders) if race.budgets]


def _race(kept: RunDirectory) -> Race:
    plan = kept.read_json(PLAN_FILE) or {}
    ours, theirs, by_hand = (list(_pieces(kept, side)) for side in ("ours", "theirs", "by-hand"))
    pictures = {
        round(piece["test"]["eval_runtime"] * piece["test"]["eval_samples_per_second"]) for piece in ours
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
        ours=ours,
        theirs=theirs,
        by_hand=by_hand,
    )


def _pieces(kept: RunDirectory, side: str) -> Iterator[dict[str, Any]]:
    for path in sorted((kept.path / side).glob("*.json")):
        yield kept.read_json(f"{side}/{path.name}") or {}


_Places = Mapping[tuple[float, int], dict[str, Any]]


def _by_place(pieces: Sequence[dict[str, Any]]) -> _Places:
    """By minutes and seed."""
    return {(piece["minutes"], piece["seed"]): piece for piece in pieces}


def _at_budget(
    minutes: float, seeds: Sequence[int], ours: _Places, theirs: _Places, by_hand: _Places
) -> AtBudget:
    one, other = ([side[minutes, seed] for seed in seeds] for side in (ours, theirs))
    hand = [by_hand[minutes, seed] for seed in seeds if (minutes, seed) in by_hand]
    return AtBudget(
        minutes,
        tuple(seeds),
        _side(one),
        _side(other),
        _side(hand) if len(hand) == len(seeds) else None,
        _epochs(one),
        sum(piece.get("stop") == "early" for piece in one),  # pieces of older suites: none, and not limited
        tuple(piece.get("max_macs") for piece in one),
    )


def _side(pieces: Sequence[dict[str, Any]]) -> Side:
    seconds = [piece["chosen_after"] + piece["fine_tuning"] for piece in pieces]
    accuracy = [piece["test"]["eval_accuracy"] for piece in pieces]
    return Side(np.array(seconds) / 60, np.array(accuracy))


def _epochs(pieces: Sequence[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    return {phase: tuple(piece["epochs"][phase] for piece in pieces) for phase in pieces[0]["epochs"]}
