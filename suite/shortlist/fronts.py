"""The exact fronts of the whole space in a fraction of the walk: networks surely dominated see no more pictures.

What is left in the end has seen every picture in float32, so its scores are exact. With a screen, bfloat16 leaves out
most networks first, and the exact walk begins with the others alone, from the first picture on.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from suite.data import Data, Split
from suite.oracle import scored_with
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.shortlist.rejection import Contest, Rejection, Round, Terms, everybody
from suite.shortlist.screen import screening
from suite.shortlist.walks import PHASE, Walks
from suite.space import SearchSpace
from suite.space_analysis import front
from suite.study import StudySettings
from suite.supernet import Scorer

PRICES = ("params", "macs")
_BOUNDS = 2  # their version: what others have left out is not gone on with
_RISK = 0.01  # that a network of the front is lost, over all comparisons


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
    Goes on from its checkpoint, if that was asked the same of the same supernet.
    """
    genomes = list(space)
    prices = np.array([[space.parameters(g), space.macs(g)] for g in genomes], dtype=np.int64)
    contest = Contest(
        scorer, genomes, prices, _shuffled(data.val_search, order), study.search.score == "loss"
    )
    asked = {**scored_with(study, run, scorer.device), "order": order, "screen": screen, "bounds": _BOUNDS}
    walks = Walks(contest, asked, run, display)
    exact, facts = _screened(walks) if screen else (_exactly(walks, "exact", everybody(contest), _RISK), {})
    result = {
        "networks": len(genomes),
        "pictures": len(contest.split),
        "order": order,
        "score": "loss" if contest.by_loss else "wrong",
        "threads": torch.get_num_threads(),
        "seconds": walks.seconds,
        **facts,
        "rounds": exact.rounds,
        "exact_seconds": exact.seconds,
        "fronts": {price: _front(contest, exact.last, column) for column, price in enumerate(PRICES)},
    }
    run.write_result(PHASE, result)
    run.drop_checkpoint(PHASE)
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


def _screened(walks: Walks) -> tuple[Rejection, dict[str, Any]]:
    """The exact walk of what a screen leaves, and the screen for the record.

    Should the networks left show that the slack was too small, the screen does not count: all are walked exactly.
    """
    contest, risk = walks.contest, _RISK / 3  # each for the slack, the screen and the exact walk
    slack = walks.slack(risk)
    screen = walks.to_the_end("screen", "Screen", everybody(contest), screening(contest, risk, slack))
    exact = _exactly(walks, "exact", screen.last, risk)
    seen = exact.widest_shift
    if seen > slack.value:
        exact = _exactly(walks, "all", everybody(contest), risk)
    facts = {
        "dtype": "bfloat16",
        "slack": asdict(slack),
        "seconds": {"slack": walks.slack_seconds, "walk": screen.seconds},
        "rounds": screen.rounds,
        "left": len(screen.last.left),
        "widest_shift_left": seen,
        "counts": seen <= slack.value,
    }
    return exact, {"screen": facts}


def _exactly(walks: Walks, name: str, before: Round, risk: float) -> Rejection:
    """The exact walk of the networks that a round left, from the first picture on."""
    return walks.to_the_end(name, "Shortlist", before, Terms(risk))


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
