"""What was measured: every kept piece of every study, and both sides set side by side at each budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.wall_clock.plan import FOLDERS, PLAN_FILE
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
class AtBudget:
    """Both sides at one budget, from the same seeds."""

    minutes: float
    seeds: tuple[int, ...]
    ours: Side
    theirs: Side

    @property
    def ahead(self) -> Values:
        """(seeds,) accuracy by which we are ahead of the rival."""
        return self.ours.accuracy - self.theirs.accuracy

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean of `ahead` is, with 95 % confidence, by Student's t; None of one seed."""
        count, mean = len(self.ahead), float(self.ahead.mean())
        if count < 2:
            return None
        reach = stats.t.ppf(1 - SURE / 2, count - 1) * float(self.ahead.std(ddof=1)) / np.sqrt(count)
        return mean - reach, mean + reach

    @property
    def winner(self) -> str | None:
        """`ours` or `theirs`, if it is no chance; None of fewer than three seeds."""
        if self.interval is None or len(self.seeds) < _ENOUGH:
            return None
        low, high = self.interval
        return "ours" if low > 0 else "theirs" if high < 0 else None


@dataclass(frozen=True)
class Race:
    """One study's pieces."""

    name: str  # of the study, and what tells its settings from others
    file: str  # of the study
    study: StudySettings
    notes: Sequence[str]  # on the pictures
    device: dict[str, Any]
    test_pictures: int
    ours: Sequence[dict[str, Any]]
    theirs: Sequence[dict[str, Any]]

    @property
    def budgets(self) -> list[AtBudget]:
        """Every budget that both sides have a seed of, the shortest first."""
        ours = {(piece["minutes"], piece["seed"]): piece for piece in self.ours}
        theirs = {(piece["minutes"], piece["seed"]): piece for piece in self.theirs}
        both = sorted(ours.keys() & theirs.keys())
        return [
            _at_budget(budget, [(seed, ours[m, seed], theirs[m, seed]) for m, seed in both if m == budget])
            for budget in sorted({minutes for minutes, _ in both})
        ]


def read_races(runs: Path) -> list[Race]:
    """Every study's race as far as it has come; those without a pair of pieces are left out."""
    folders = [RunDirectory(path.parent) for path in sorted(runs.glob(f"{FOLDERS}/{PLAN_FILE}"))]
    return [race for race in map(_race, folders) if race.budgets]


def _race(kept: RunDirectory) -> Race:
    plan = kept.read_json(PLAN_FILE) or {}
    ours, theirs = (list(_pieces(kept, side)) for side in ("ours", "theirs"))
    pictures = {
        round(piece["test"]["eval_runtime"] * piece["test"]["eval_samples_per_second"]) for piece in ours
    }
    study = validate_study(plan["study"], where=str(kept.path / PLAN_FILE))
    name = kept.path.name.removeprefix(FOLDERS.rstrip("*"))
    return Race(
        name=name,
        file=plan["file"],
        study=study,
        notes=plan["notes"],
        device=plan["device"],
        test_pictures=max(pictures, default=0),
        ours=ours,
        theirs=theirs,
    )


def _pieces(kept: RunDirectory, side: str) -> Iterator[dict[str, Any]]:
    for path in sorted((kept.path / side).glob("*.json")):
        piece = kept.read_json(f"{side}/{path.name}") or {}
        if "minutes" in piece:  # older ones of the rival's were of several budgets
            yield piece


def _at_budget(minutes: float, pairs: Sequence[tuple[int, dict[str, Any], dict[str, Any]]]) -> AtBudget:
    seeds, ours, theirs = zip(*pairs, strict=True)
    return AtBudget(minutes, seeds, _side(ours), _side(theirs))


def _side(pieces: Sequence[dict[str, Any]]) -> Side:
    seconds = [piece["chosen_after"] + piece["fine_tuning"] for piece in pieces]
    accuracy = [piece["test"]["eval_accuracy"] for piece in pieces]
    return Side(np.array(seconds) / 60, np.array(accuracy))
