"""The rival's side of the race: one search as long as the longest budget, and what it had in hand at each."""

from __future__ import annotations

from collections.abc import Mapping
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
from suite.study import StudySettings
from suite.winner import PHASE as FINAL
from suite.winner import finish_winner

_NOTED = "noted"


def run_theirs(
    plan: Plan,
    moments: Mapping[float, float],
    seed: int,
    data: Data,
    device: torch.device,
    display: Display,
) -> None:
    """The rival's search, then each budget's network fine-tuned and tested as the winner is; its piece is then kept.

    `moments` has, for each budget in minutes, the seconds after which our run of that seed had chosen.

    Raises:
        SearchError: no network had an epoch behind it by then.
    """
    piece = theirs_piece(tuple(moments), seed)
    if plan.kept.read_json(piece) is not None:
        return
    folder = RunDirectory((plan.kept.path / piece).with_suffix(""))
    space = SearchSpace(plan.study.space, data.picture_shape, len(data.classes))
    budgets = sorted(moments, key=lambda minutes: moments[minutes])
    at = {minutes: RunDirectory(folder.path / f"{minutes:g}-minutes") for minutes in budgets}

    def note(moment: float, in_hand: InHand | None) -> None:
        for minutes in budgets:
            if moments[minutes] == moment:
                _note(at[minutes], space, in_hand, minutes)

    (folder.path / "checkpoints").mkdir(parents=True, exist_ok=True)
    with folder.locked():
        longest = plan.within(max(moments), seed)
        ends = tuple(sorted(set(moments.values())))
        took = Rival(longest, space, data, device, folder, ends, note).search(display)
        tested = {
            f"{minutes:g}": {
                "chosen_after": moments[minutes],
                **_finish(plan.within(minutes, seed), space, data, device, at[minutes], display),
            }
            for minutes in budgets
        }
    plan.kept.write_json(piece, {"seed": seed, **took, "at": tested})


def theirs_piece(budgets: tuple[float, ...], seed: int) -> str:
    """Where the piece of a search over these budgets is kept; its files are in the folder of that name."""
    return f"theirs/{'-'.join(f'{minutes:g}' for minutes in sorted(budgets))}-minutes-seed-{seed}.json"


def _note(run: RunDirectory, space: SearchSpace, in_hand: InHand | None, minutes: float) -> None:
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
    run.write_result(
        _NOTED,
        {
            "number": 0,
            "genome": in_hand.genome,
            "params": space.parameters(genome),
            "macs": space.macs(genome),
            "trial": in_hand.trial,
            "epochs": in_hand.epoch,
            "val_accuracy": in_hand.val_accuracy,
        },
    )


def _finish(
    study: StudySettings,
    space: SearchSpace,
    data: Data,
    device: torch.device,
    run: RunDirectory,
    display: Display,
) -> dict[str, Any]:
    """Fine-tune and test what was noted, unless that was done."""
    noted = run.read_result(_NOTED) or {}
    final = run.read_result(FINAL) or finish_winner(study, space, noted, data, device, run, display)
    run.drop_checkpoint(FINAL)
    return {
        "seconds": final["seconds"],
        "genome": final["genome"],
        "epochs": noted["epochs"],
        "val_accuracy": noted["val_accuracy"],
        "test": final["test"],
    }
