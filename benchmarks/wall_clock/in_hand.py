"""The network that a search has in hand when its time is over, fine-tuned and tested as a run's winner is."""

from __future__ import annotations

from collections.abc import Mapping
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


def noted_before(folder: RunDirectory) -> dict[str, Any] | None:
    """What `note` wrote before a stop: the search is over then, and its network may have been tested."""
    return folder.read_result(_NOTED)


def note(
    run: RunDirectory, space: SearchSpace, in_hand: InHand | None, minutes: float, took: Mapping[str, Any]
) -> dict[str, Any]:
    """Keep a network as a chosen finalist is kept, which is what can be fine-tuned and tested; and what it `took`.

    Raises:
        SearchError: nothing is in hand.
    """
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
        "took": dict(took),
    }
    run.write_result(_NOTED, noted)
    return noted


def finish(
    noted: Mapping[str, Any],
    study: StudySettings,
    space: SearchSpace,
    data: Data,
    device: torch.device,
    folder: RunDirectory,
    display: Display,
) -> dict[str, Any]:
    """Fine-tune and test what was noted; returns the part of a piece that says what it took and how it went."""
    final = folder.read_result(FINAL) or finish_winner(
        study, space, dict(noted), data, device, folder, display
    )
    folder.drop_checkpoint(FINAL)
    return {
        **noted["took"],
        "fine_tuning": final["seconds"],
        "genome": final["genome"],
        "epochs_behind": noted["epochs"],
        "val_accuracy": noted["val_accuracy"],
        "test": final["test"],
    }
