"""The rival's side of the race: a search within a budget, and what it has in hand then, fine-tuned and tested."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.wall_clock.plan import Plan
from benchmarks.wall_clock.rival import InHand, Rival
from suite.data import Data
from suite.errors import SearchError
from suite.finalists import checkpoint_name
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.winner import PHASE as FINAL
from suite.winner import finish_winner

_NOTED = "noted"


def run_theirs(
    plan: Plan,
    minutes: float,
    chosen_after: float,
    seed: int,
    data: Data,
    device: torch.device,
    display: Display,
) -> None:
    """The rival's search, then its network fine-tuned and tested as the winner is; its piece is then kept.

    It has as many seconds as our run of that budget and seed took until it had chosen.

    Raises:
        SearchError: no network had an epoch behind it by then.
    """
    piece = theirs_piece(minutes, seed)
    if plan.kept.read_json(piece) is not None:
        return
    folder = RunDirectory((plan.kept.path / piece).with_suffix(""))
    study = plan.within(minutes, seed)
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    (folder.path / "checkpoints").mkdir(parents=True, exist_ok=True)
    with folder.locked():
        took, in_hand = Rival(study, space, data, device, folder, chosen_after).search(display)
        noted = folder.read_result(_NOTED) or _note(folder, space, in_hand, minutes)
        final = folder.read_result(FINAL) or finish_winner(study, space, noted, data, device, folder, display)
        folder.drop_checkpoint(FINAL)
    plan.kept.write_json(
        piece,
        {
            "minutes": minutes,
            "seed": seed,
            **took,
            "chosen_after": chosen_after,
            "fine_tuning": final["seconds"],
            "genome": final["genome"],
            "epochs_behind": noted["epochs"],
            "val_accuracy": noted["val_accuracy"],
            "test": final["test"],
        },
    )


def theirs_piece(minutes: float, seed: int) -> str:
    """Where the piece of a budget and a seed is kept; its files are in the folder of that name."""
    return f"theirs/{minutes:g}-minutes-seed-{seed}.json"


def _note(run: RunDirectory, space: SearchSpace, in_hand: InHand | None, minutes: float) -> dict[str, Any]:
    """Keep a network as a chosen finalist is kept, which is what can be fine-tuned and tested."""
    if in_hand is None:
        raise SearchError(
            f"within {minutes:g} minutes, no network of the rival's had an epoch behind it.",
            where="suite bench wall-clock",
            remedy="Give longer --budgets.",
        )
    genome = space.parse(in_hand.genome)
    run.save_checkpoint(
        checkpoint_name(0), {"genome": in_hand.genome, "trainings": [{"network": in_hand.network}]}
    )
    noted = {
        "number": 0,
        "genome": in_hand.genome,
        "params": space.parameters(genome),
        "macs": space.macs(genome),
        "trial": in_hand.trial,
        "epochs": in_hand.epoch,
        "val_accuracy": in_hand.val_accuracy,
    }
    run.write_result(_NOTED, noted)
    return noted
