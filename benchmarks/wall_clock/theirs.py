"""Optuna's sides of the race: a search within a budget, and what it has in hand then, fine-tuned and tested."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.wall_clock.in_hand import InHand, run_side
from benchmarks.wall_clock.ours import Ours
from benchmarks.wall_clock.plan import Plan
from benchmarks.wall_clock.rival import Rival
from benchmarks.wall_clock.sides import OPTUNA, OPTUNA_SHORT
from suite.data import Data
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.used_study import with_epochs

TRIALS = {OPTUNA: 1.0, OPTUNA_SHORT: 1 / 3}  # how long, as a part of a finalist's epochs


def run_theirs(
    side: str,
    plan: Plan,
    minutes: float,
    ours: Ours,
    seed: int,
    data: Data,
    device: torch.device,
    display: Display,
) -> None:
    """The search of one of `TRIALS`, then its network fine-tuned and tested as the winner is; its piece is then kept.

    It has as many seconds as our run of that budget and seed took until it had chosen, trains a network for that part
    of the epochs that it gave a finalist, and fine-tunes for as many.
    """
    epochs = max(1, round(TRIALS[side] * ours.finalist_epochs))
    study = with_epochs(plan.asked(seed), epochs, ours.final_epochs)

    def search(space: SearchSpace, folder: RunDirectory) -> tuple[dict[str, Any], InHand | None]:
        return Rival(study, space, data, device, folder, ours.chosen_after).search(display)

    run_side(side, plan, minutes, ours, study, data, device, display, search)
