"""Successive rejection: networks see picture after picture, and those surely dominated see no more of them.

Time and again, each network is compared, picture by picture, with the best smaller ones, and left out once it is
worse beyond doubt than one that has no more parameters, and than one that has no more MACs. Beyond doubt: a paired
bound for pictures drawn without replacement (Student's t of losses, the sign test of right and wrong), corrected for
all pairs of networks, as rivals are chosen by the pictures seen, and for all comparisons (Bonferroni).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from suite.data import Split
from suite.shortlist.arrays import as_arrays, as_tensors
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
class Terms:
    """On what terms networks are left out, and when there is an end of it.

    Only float32, which is exact, comes to the last picture; any other dtype needs a `slack`.
    """

    risk: float  # of losing any network of the front
    dtype: torch.dtype = torch.float32
    slack: float = 0.0  # the most by which the dtype can mislead about the difference of two means
    enough: float = 0.0  # networks, no more than which it is content to leave


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


class Rejection:
    """Round after round of the networks that another round left, from the first picture on.

    It can be kept and gone on with wherever pictures were added: blocks of pictures, on which sums depend a little,
    begin there anyway.
    """

    def __init__(self, contest: Contest, before: Round, terms: Terms) -> None:
        self.last = before
        self.rounds: list[dict[str, int]] = []
        # Seen once it comes to as many pictures as `before`, which may have been misled.
        self.widest_shift = 0.0
        self.seconds = 0.0  # of all executions
        self._contest, self._before, self._terms = contest, before, terms
        self._stops = stops(len(contest.split))[: None if terms.dtype == torch.float32 else -1]
        self._tally = Tally(len(before.left))
        self._walked = before.left  # those that the walk is planned for, some of them left out since

    @property
    def pictures(self) -> int:
        """How many were seen."""
        return self._tally.pictures

    @property
    def done(self) -> bool:
        """Whether there is no further round."""
        return len(self.rounds) == len(self._stops) or self.last.keep.sum() <= self._terms.enough

    def go_on(self) -> Iterator[bool]:
        """To its end; says each time pictures were added whether a round ended with them."""
        clock, before = time.monotonic(), self.seconds
        for round_ended in self._additions():
            self.seconds = before + time.monotonic() - clock
            yield round_ended

    def state(self) -> dict[str, Any]:
        """All that a checkpoint has to hold: little where a round ended."""
        return {
            "last": as_tensors(vars(self.last)),
            "rounds": self.rounds,
            "widest_shift": self.widest_shift,
            "seconds": self.seconds,
            "tally": self._tally.state(),
            "walked": torch.from_numpy(self._walked),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier execution's state."""
        self.last = Round(**as_arrays(state["last"]))
        self.rounds = state["rounds"]
        self.widest_shift = state["widest_shift"]
        self.seconds = state["seconds"]
        self._tally.load(state["tally"])
        self._walked = state["walked"].numpy()

    def _additions(self) -> Iterator[bool]:
        contest, tally = self._contest, self._tally
        walked: NDArray[np.int64] | None = None
        while not self.done:
            if walked is not self._walked:
                walked, tree = self._walked, self._tree()
            rows, stop = np.searchsorted(walked, self.last.left), self._stops[len(self.rounds)]
            for badness in scored(contest, tree, contest.split.part(tally.pictures, stop), rows):
                tally.add(badness)
                if tally.pictures < stop:
                    yield False
            self._end_round()
            yield True

    def _end_round(self) -> None:
        tally, alive, number = self._tally, self.last.left, len(self.rounds) + 1
        prices, pictures = self._contest.prices[alive], len(self._contest.split)
        each = self._terms.risk / (number * (number + 1)) / len(self._contest.genomes) ** 2  # in all: `risk`
        keep = ~tally.surely_dominated(
            prices, pictures, each, self._terms.slack, by_loss=self._contest.by_loss
        )
        self.last = Round(tally.pictures, alive, tally.means, keep)
        self.rounds.append(self.last.facts())
        if tally.pictures == self._before.pictures:
            self.widest_shift = widest_shift(self._before, self.last)
        tally.keep(keep, rivals_among(self.last.means[keep], prices[keep]))
        if keep.sum() < _WORTH_A_PLAN * len(self._walked):
            self._walked = self.last.left

    def _tree(self) -> PrefixTree:
        genomes = [self._contest.genomes[i] for i in self._walked]
        return self._contest.scorer.tree(genomes, most_pictures=_SCORED_TOGETHER, dtype=self._terms.dtype)


def widest_shift(before: Round, after: Round) -> float:
    """The most that two networks' shifts between two rounds differ by, of those that both saw, on equal pictures."""
    _, old, new = np.intersect1d(before.networks, after.networks, assume_unique=True, return_indices=True)
    return float(np.ptp(before.means[old] - after.means[new]))


def scored(
    contest: Contest, tree: PrefixTree, part: Split, rows: NDArray[np.int64]
) -> Iterator[NDArray[np.float32]]:
    """(rows, n) the badness of some of the tree's networks, on a few pictures after the other: whole blocks."""
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
