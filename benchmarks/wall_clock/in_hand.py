"""The network that a search has in hand when its time is over, fine-tuned and tested as a run's winner is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from suite.data import Data
from suite.errors import SearchError
from suite.finalists import checkpoint_name
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings
from suite.winner import PHASE as FINAL
from suite.winner import finish_winner

_NOTED = "noted"


@dataclass(frozen=True)
class InHand:
    """A network after an epoch."""

    genome: str
    trial: int
    epoch: int = 0
    val_accuracy: float = 0.0
    network: dict[str, torch.Tensor] = field(default_factory=dict)  # its weights then, if it was the best


def finish(
    in_hand: InHand | None,
    minutes: float,
    study: StudySettings,
    space: SearchSpace,
    data: Data,
    device: torch.device,
    folder: RunDirectory,
    display: Display,
) -> dict[str, Any]:
    """Fine-tune and test what is in hand; returns the part of a piece that says how that went.

    Raises:
        SearchError: nothing is in hand.
    """
    noted = folder.read_result(_NOTED) or _note(folder, space, in_hand, minutes)
    final = folder.read_result(FINAL) or finish_winner(study, space, noted, data, device, folder, display)
    folder.drop_checkpoint(FINAL)
    return {
        "fine_tuning": final["seconds"],
        "genome": final["genome"],
        "epochs_behind": noted["epochs"],
        "val_accuracy": noted["val_accuracy"],
        "test": final["test"],
    }


def _note(run: RunDirectory, space: SearchSpace, in_hand: InHand | None, minutes: float) -> dict[str, Any]:
    """Keep a network as a chosen finalist is kept, which is what can be fine-tuned and tested."""
    if in_hand is None:
        raise SearchError(
            f"within {minutes:g} minutes, no network had an epoch behind it.",
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
