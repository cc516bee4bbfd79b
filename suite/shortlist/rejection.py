"""Successive rejection: networks see picture after picture, and those surely dominated see no more of them.

Time and again, each network is compared, picture by picture, with the best smaller ones, and left out once it is
worse beyond doubt than one that has no more parameters, and than one that has no more MACs. Beyond doubt: a paired
t bound for pictures drawn without replacement, corrected for the number of networks, rivals and comparisons
(Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from suite.data import Split
from suite.progress import Phase
from suite.shortlist.tally import Tally, rivals_among
from suite.space import Genome
from suite.supernet import Scorer
from suite.supernet.prefix_tree import PrefixTree

_FIRST_STOP = 64  # pictures after which the first rivals are named
_GROWTH = 1.5  # from one stop to the next
_ADDED_TOGETHER = 16  # pictures
_WORTH_A_PLAN = 0.4  # share of a walk's networks left, below which a walk of these alone is quicker
_SCORED_TOGETHER = 64  # pictures at most, as each network's score of each is kept until it is added


@dataclass(frozen=True)
class Contest:
    """Who is compared, by what, and on which pictures, in the order they are seen."""

    scorer: Scorer
    genomes: Sequence[Genome]
    prices: NDArray[np.int64]  # (S, P)
    split: Split
    by_loss: bool  # badness is cross-entropy; else 1 for a wrong answer


@dataclass(frozen=True)
class Round:
    """What one stop saw: networks by their numbers, their mean badness so far, and which of them go on."""

    pictures: int
    networks: NDArray[np.int64]  # (A,)
    means: NDArray[np.float64]  # (A,)
    keep: NDArray[np.bool_]  # (A,)

    @property
    def left(self) -> NDArray[np.int64]:
        """The networks that go on."""
        return self.networks[self.keep]

    def facts(self) -> dict[str, int]:
        """For the record."""
        return {"pictures": self.pictures, "networks": len(self.networks), "left": int(self.keep.sum())}


def everybody(contest: Contest) -> Round:
    """Before the first picture."""
    count = len(contest.genomes)
    return Round(0, np.arange(count), np.zeros(count), np.ones(count, dtype=bool))


def reject(
    contest: Contest,
    networks: NDArray[np.int64],
    risk: float,
    phase: Phase,
    dtype: torch.dtype = torch.float32,
    slack: float = 0.0,
) -> Iterator[Round]:
    """Round after round of some of the networks, from the first picture on.

    `risk` is that of losing any network of the front. Only float32, which is exact, comes to the last picture; any
    other dtype needs a `slack`, the most by which it can mislead about the difference of two means.
    """
    alive, tally, pictures = networks, Tally(len(networks)), len(contest.split)
    walked, tree = alive, _tree(contest, alive, dtype)
    for number, stop in enumerate(stops(pictures)[: None if dtype == torch.float32 else -1], 1):
        if len(alive) < _WORTH_A_PLAN * len(walked):
            walked, tree = alive, _tree(contest, alive, dtype)
        rows = np.searchsorted(walked, alive)
        for badness in scored(contest, tree, contest.split.part(tally.pictures, stop), rows):
            tally.add(badness)
            phase.update(tally.pictures, f"{len(alive):,} networks left")
        each = risk / (number * (number + 1)) / len(contest.genomes)  # over rounds and networks: `risk`
        keep = ~tally.surely_dominated(contest.prices[alive], pictures, each, slack)
        yield Round(stop, alive, tally.means, keep)
        alive = alive[keep]
        tally.keep(keep, rivals_among(tally.means[keep], contest.prices[alive]))


def scored(
    contest: Contest, tree: PrefixTree, part: Split, rows: NDArray[np.int64]
) -> Iterator[NDArray[np.float32]]:
    """(rows, n) the badness of some of the tree's networks, on a few pictures after the other."""
    waiting: list[NDArray[np.float32]] = []
    by_loss = contest.by_loss
    for block in contest.scorer.blocks(tree, part, bits=not by_loss, losses=by_loss):
        kept = block.losses if by_loss else block.bits
        assert kept is not None
        badness = (kept if by_loss else ~kept).cpu().numpy().astype(np.float32, copy=False)
        waiting.append(badness[rows])
        if sum(some.shape[1] for some in waiting) >= _ADDED_TOGETHER:
            yield np.hstack(waiting)
            waiting.clear()
    if waiting:
        yield np.hstack(waiting)


def stops(pictures: int) -> list[int]:
    """After how many pictures networks are compared; the last is all of them."""
    found, stop = [], float(_FIRST_STOP)
    while stop < 0.9 * pictures:
        found.append(round(stop))
        stop *= _GROWTH
    return [*found, pictures]


def _tree(contest: Contest, networks: NDArray[np.int64], dtype: torch.dtype) -> PrefixTree:
    genomes = [contest.genomes[i] for i in networks]
    return contest.scorer.tree(genomes, most_pictures=_SCORED_TOGETHER, dtype=dtype)
