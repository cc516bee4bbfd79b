"""The network that a search has in hand when its time is over, fine-tuned and tested as a run's winner is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from benchmarks.wall_clock.ours import Ours
from benchmarks.wall_clock.plan import UNKNOWN_CODE, Plan, code_of_race, piece_name
from suite.data import Data
from suite.finalist import checkpoint_name
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings
from suite.winner import PHASE as FINAL
from suite.winner import finish_winner

NO_NETWORK = "none"
_NOTED = "noted"


@dataclass(frozen=True)
class InHand:
    """A network after an epoch."""

    genome: str
    trial: int
    epoch: int = 0
    val_accuracy: float = 0.0
    network: dict[str, torch.Tensor] = field(default_factory=dict)  # its weights then, if it was the best

    def with_weights_of(self, network: nn.Module) -> InHand:
        """The same with a copy of the network's weights as they are now."""
        weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
        return replace(self, network=weights)


Search = Callable[[SearchSpace, RunDirectory], tuple[Mapping[str, Any], InHand | None]]
"""A side's own part of the race, in a space and a folder: what it took, and what is in hand when its time is over."""


def run_side(
    side: str,
    plan: Plan,
    minutes: float,
    ours: Ours,
    study: StudySettings,
    data: Data,
    device: torch.device,
    display: Display,
    search: Search,
) -> None:
    """Search, then fine-tune and test what is in hand as the winner is; the piece is then kept, and not made again.

    Where no network had an epoch behind it by then, the side is worth what guessing is.
    """
    piece = piece_name(side, minutes, study.seed)
    if plan.pieces.read_json(piece) is not None:
        return
    folder = RunDirectory((plan.runs.path / piece).with_suffix(""))
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    (folder.path / "checkpoints").mkdir(parents=True, exist_ok=True)
    of_side = {"minutes": minutes, "seed": study.seed, "chosen_after": ours.chosen_after}
    with folder.locked():
        noted = folder.read_result(_NOTED)  # the search is over then, and its network may have been tested
        if noted is None:
            took, in_hand = search(space, folder)
            if in_hand is None:
                plan.pieces.write_json(piece, {**of_side, **took, **_nothing(len(data.classes))})
                return
            noted = _note(folder, space, in_hand, took)
        final = folder.read_result(FINAL) or finish_winner(study, space, noted, data, device, folder, display)
        folder.drop_checkpoint(FINAL)
    plan.pieces.write_json(
        piece,
        {
            **of_side,
            **noted["took"],
            "code": noted.get("code", UNKNOWN_CODE),
            "fine_tuning": final["seconds"],
            "genome": final["genome"],
            "epochs_behind": noted["epochs"],
            "val_accuracy": noted["val_accuracy"],
            "test": final["test"],
        },
    )


def _nothing(classes: int) -> dict[str, Any]:
    """The piece of a side that has no network."""
    return {
        "code": code_of_race(),
        "fine_tuning": 0.0,
        "genome": NO_NETWORK,
        "epochs_behind": 0,
        "val_accuracy": 1 / classes,
        "test": {"eval_accuracy": 1 / classes, "epoch": 0.0},
    }


def _note(run: RunDirectory, space: SearchSpace, in_hand: InHand, took: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a network as a chosen finalist is kept, which is what can be fine-tuned and tested; and what it `took`."""
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
        "code": code_of_race(),
        "took": dict(took),
    }
    run.write_result(_NOTED, noted)
    return noted
