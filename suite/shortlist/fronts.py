"""The exact fronts of the whole space in a fraction of the walk: networks surely dominated see no more pictures.

What is left in the end has seen every picture in float32, so its scores are exact. With a screen, bfloat16 leaves out
most networks first, and the exact walk begins with the others alone, from the first picture on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from suite.data import Data, Split
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.shortlist.rejection import Contest, Round, everybody, reject
from suite.shortlist.screen import run_screen, widest_shift
from suite.space import SearchSpace
from suite.space_analysis import front
from suite.study import StudySettings
from suite.supernet import Scorer

PHASE = "shortlist"
PRICES = ("params", "macs")
_RISK = 0.01  # that a network of the front is lost, over all comparisons


@dataclass(frozen=True)
class Walked:
    """An exact walk: its last round, and what the record says of it."""

    last: Round
    widest_shift: float  # that a screen before it is seen to have made
    facts: dict[str, Any]


def shortlist_space(
    study: StudySettings,
    space: SearchSpace,
    scorer: Scorer,
    data: Data,
    run: RunDirectory,
    display: Display,
    order: int = 0,
    *,
    screen: bool = False,
) -> dict[str, Any]:
    """The fronts of score against parameters and against MACs on val-A; returns results/shortlist.json.

    The score is the study's: cross-entropy, or the share of wrong answers. `order` seeds the order of the pictures.
    """
    genomes = list(space)
    prices = np.array([[space.parameters(g), space.macs(g)] for g in genomes], dtype=np.int64)
    contest = Contest(
        scorer, genomes, prices, _shuffled(data.val_search, order), study.search.score == "loss"
    )
    began = time.monotonic()
    everyone = everybody(contest)
    walked = _screened(contest, display) if screen else _exactly(contest, everyone, _RISK, display)
    result = {
        "networks": len(genomes),
        "pictures": len(contest.split),
        "order": order,
        "score": "loss" if contest.by_loss else "wrong",
        "threads": torch.get_num_threads(),
        "seconds": time.monotonic() - began,
        **walked.facts,
        "fronts": {price: _front(contest, walked.last, column) for column, price in enumerate(PRICES)},
    }
    run.write_result(PHASE, result)
    return result


def in_words(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    screen = result.get("screen")
    return "\n".join(
        [
            *([_screen_in_words(screen)] if screen else []),
            f"{result['networks']:,} networks on {result['pictures']:,} pictures in {result['seconds']:.0f} s; "
            f"{result['rounds'][-1]['networks']:,} of them saw every picture.",
            *(
                f"The exact front of {result['score']} against {price}, {len(front)} networks:\n"
                + "\n".join(f"  {row['score']:.4f}  {row['price']:>12,}  {row['genome']}" for row in front)
                for price, front in result["fronts"].items()
            ),
        ]
    )


def _screen_in_words(screen: dict[str, Any]) -> str:
    if not screen["counts"]:
        return (
            "The screen in bfloat16 misled by more than its slack and does not count: all was walked exactly."
        )
    pictures = screen["rounds"][-1]["pictures"] if screen["rounds"] else 0
    return (
        f"Screened in bfloat16 on {pictures:,} pictures in {sum(screen['seconds'].values()):.0f} s: "
        f"{screen['left']:,} networks were left to be walked exactly."
    )


def _screened(contest: Contest, display: Display) -> Walked:
    """The exact walk of what a screen leaves, and both for the record.

    Should the networks left show that the slack was too small, the screen does not count: all are walked exactly.
    """
    risk = _RISK / 3  # each for the slack, the screen and the exact walk
    screen = run_screen(contest, risk, display)
    walked = _exactly(contest, screen.last, risk, display)
    seen = walked.widest_shift
    if seen > screen.slack.value:
        walked = _exactly(contest, everybody(contest), risk, display)
    facts = {**screen.facts(), "widest_shift_left": seen, "counts": seen <= screen.slack.value}
    return Walked(walked.last, seen, {"screen": facts, **walked.facts})


def _exactly(contest: Contest, before: Round, risk: float, display: Display) -> Walked:
    """The exact walk of the networks that a round left, from the first picture on."""
    rounds, widest, began = [], 0.0, time.monotonic()
    with display.phase("Shortlist", len(contest.split), "pictures") as phase:
        for last in reject(contest, before.left, risk, phase):
            rounds.append(last.facts())
            if last.pictures == before.pictures:
                widest = widest_shift(before, last)
        phase.finish(len(contest.split), f"{len(last.left):,} of {len(contest.genomes):,} networks left")
    return Walked(last, widest, {"rounds": rounds, "exact_seconds": time.monotonic() - began})


def _shuffled(split: Split, order: int) -> Split:
    index = torch.randperm(len(split), generator=torch.Generator().manual_seed(order))
    return Split(split.pictures[index], split.labels[index])


def _front(contest: Contest, last: Round, column: int) -> list[dict[str, Any]]:
    """Best first: genome, its mean badness, and its price."""
    means, price = last.means[last.keep], contest.prices[last.left, column]
    return [
        {"genome": contest.genomes[last.left[row]].text, "score": float(means[row]), "price": int(price[row])}
        for row in front(means, price)
    ]
