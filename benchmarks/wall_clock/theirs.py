"""The rival's side of the race: a search within a budget, and what it has in hand then, fine-tuned and tested."""

from __future__ import annotations

import torch

from benchmarks.wall_clock.in_hand import finish, note, noted_before
from benchmarks.wall_clock.ours import Ours
from benchmarks.wall_clock.plan import Plan, code_of_race
from benchmarks.wall_clock.rival import Rival
from suite.data import Data
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.used_study import with_epochs


def run_theirs(
    plan: Plan,
    minutes: float,
    ours: Ours,
    seed: int,
    data: Data,
    device: torch.device,
    display: Display,
) -> None:
    """The rival's search, then its network fine-tuned and tested as the winner is; its piece is then kept.

    It has as many seconds as our run of that budget and seed took until it had chosen, trains a network for as many
    epochs as that a finalist, and fine-tunes for as many.

    Raises:
        SearchError: no network had an epoch behind it by then.
    """
    piece = theirs_piece(minutes, seed)
    if plan.pieces.read_json(piece) is not None:
        return
    folder = RunDirectory((plan.runs.path / piece).with_suffix(""))
    study = with_epochs(plan.asked(seed), ours.finalist_epochs, ours.final_epochs)
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    (folder.path / "checkpoints").mkdir(parents=True, exist_ok=True)
    with folder.locked():
        noted = noted_before(folder)
        if noted is None:
            took, in_hand = Rival(study, space, data, device, folder, ours.chosen_after).search(display)
            noted = note(folder, space, in_hand, minutes, took)
        finished = finish(noted, study, space, data, device, folder, display)
    plan.pieces.write_json(
        piece,
        {
            "minutes": minutes,
            "seed": seed,
            "code": code_of_race(),
            "chosen_after": ours.chosen_after,
            **finished,
        },
    )


def theirs_piece(minutes: float, seed: int) -> str:
    """Where the piece of a budget and a seed is kept; its files are in the folder of that name among the runs."""
    return f"theirs/{minutes:g}-minutes-seed-{seed}.json"
