"""The exact front of the whole space in a fraction of the walk: networks surely dominated see no more pictures.

Successive rejection over pictures in random order. Time and again, each network is compared, picture by picture, with
the best smaller ones, and left out once it is worse beyond doubt than one that has no more parameters, and than one
that has no more MACs. Beyond doubt: a paired t bound for pictures drawn without replacement, corrected for the
number of networks, rivals and comparisons (Bonferroni). What is left in the end has seen every picture, so its scores
are exact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from suite.data import Data, Split
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.space_analysis import front
from suite.study import StudySettings
from suite.supernet import Scorer
from suite.supernet.prefix_tree import PrefixTree

PHASE = "shortlist"
PRICES = ("params", "macs")
_FIRST_STOP = 64  # pictures after which the first rivals are named
_GROWTH = 1.5  # from one stop to the next
_RISK = 0.01  # that a network of the front is lost, over all comparisons
_MOST_RIVALS = 128
_ADDED_TOGETHER = 16  # pictures
_ROUNDING = 1e-5  # of sums of float32 products, relative
_WORTH_A_PLAN = 0.4  # share of a walk's networks left, below which a walk of these alone is quicker
_SCORED_TOGETHER = 64  # pictures at most, as each network's score of each is kept until it is added


def shortlist_space(
    study: StudySettings,
    space: SearchSpace,
    scorer: Scorer,
    data: Data,
    run: RunDirectory,
    display: Display,
    order: int = 0,
) -> dict[str, Any]:
    """The fronts of score against parameters and against MACs on val-A; returns results/shortlist.json.

    The score is the study's: cross-entropy, or the share of wrong answers. `order` seeds the order of the pictures.
    """
    genomes = list(space)
    prices = np.array([[space.parameters(g), space.macs(g)] for g in genomes], dtype=np.int64)
    split = _shuffled(data.val_search, order)
    by_loss = study.search.score == "loss"
    began = time.monotonic()
    alive, tally = np.arange(len(genomes)), Tally(len(genomes))
    walked, tree = alive, scorer.tree(genomes, most_pictures=_SCORED_TOGETHER)
    rounds: list[dict[str, Any]] = []
    with display.phase("Shortlist", len(split)) as phase:
        for stop in _stops(len(split)):
            if len(alive) < _WORTH_A_PLAN * len(walked):
                walked = alive
                tree = scorer.tree([genomes[i] for i in walked], most_pictures=_SCORED_TOGETHER)
            part = split.part(tally.pictures, stop)
            rows = np.searchsorted(walked, alive)
            for badness in _scored(scorer, tree, part, rows, by_loss=by_loss):
                tally.add(badness)
                phase.update(tally.pictures, f"{len(alive):,} networks left")
            number = len(rounds) + 1
            risk = _RISK / (number * (number + 1)) / len(genomes)  # in all, over rounds and networks: _RISK
            keep = ~tally.surely_dominated(prices[alive], len(split), risk)
            rounds.append({"pictures": stop, "networks": len(alive), "left": int(keep.sum())})
            alive = alive[keep]
            tally.keep(keep, _rivals(tally.means[keep], prices[alive]))
        phase.finish(len(split), f"{len(alive):,} of {len(genomes):,} networks left")
    texts = [genomes[i].text for i in alive]
    result = {
        "networks": len(genomes),
        "pictures": len(split),
        "order": order,
        "score": "loss" if by_loss else "wrong",
        "seconds": time.monotonic() - began,
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "fronts": {
            price: _front(texts, tally.means, prices[alive, column]) for column, price in enumerate(PRICES)
        },
    }
    run.write_result(PHASE, result)
    return result


def in_words(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    return "\n".join(
        [
            f"{result['networks']:,} networks on {result['pictures']:,} pictures in {result['seconds']:.0f} s; "
            f"{result['rounds'][-1]['networks']:,} of them saw every picture.",
            *(
                f"The exact front of {result['score']} against {price}, {len(front)} networks:\n"
                + "\n".join(f"  {row['score']:.4f}  {row['price']:>12,}  {row['genome']}" for row in front)
                for price, front in result["fronts"].items()
            ),
        ]
    )


class Tally:
    """Sums over the pictures seen so far: of each network's badness, and of its products with each rival's.

    Badness is cross-entropy, or 1 for a wrong answer. Means are over all pictures; what is known of the spread of
    differences is from the pictures since the rivals were named, so that no rival was chosen on them.
    """

    def __init__(self, networks: int) -> None:
        self.pictures = 0
        self._sums = np.zeros(networks)
        self._name(np.empty(0, dtype=np.int64))

    @property
    def means(self) -> NDArray[np.float64]:
        """(S,) the mean badness of each network."""
        return self._sums / self.pictures

    def add(self, badness: NDArray[np.float32]) -> None:
        """Take in (S, n): n more pictures."""
        self.pictures += badness.shape[1]
        self._sums += badness.sum(axis=1, dtype=np.float64)
        if len(self._rivals):
            # Taken from one rival's, what all pictures have in common is gone, and float32 is enough.
            relative = badness - badness[self._rivals[0]]
            self._paired += badness.shape[1]
            self._own_sums += relative.sum(axis=1)
            self._squares += np.square(relative).sum(axis=1)
            self._products += relative @ relative[self._rivals].T

    def keep(self, rows: NDArray[np.bool_], rivals: NDArray[np.int64]) -> None:
        """Go on with some of the networks, and name the rivals among them."""
        self._sums = self._sums[rows]
        self._name(rivals)

    def surely_dominated(self, prices: NDArray[np.int64], pictures: int, risk: float) -> NDArray[np.bool_]:
        """(S,) whether each network is, under every price, worse than a rival that costs no more.

        `prices` is (S, P), `pictures` the number there are in all; `risk` is that of calling one network dominated
        wrongly. Once all pictures were seen, nothing is a matter of chance, and every network is a rival.
        """
        if self.pictures == pictures:
            return _dominated(self.means, prices)
        dominated = np.zeros(len(prices), dtype=bool)
        if len(self._rivals):
            quantile = float(stats.t.isf(risk / len(self._rivals), self._paired - 1))
            for start in range(0, len(prices), 4_096):  # so that what is compared takes little memory
                rows = slice(start, start + 4_096)
                worse = self._surely_worse(rows, pictures, quantile)
                dearer = prices[rows, None, :] >= prices[None, self._rivals, :]
                dominated[rows] = np.all(np.any(worse[:, :, None] & dearer, axis=1), axis=1)
        return dominated

    def _name(self, rivals: NDArray[np.int64]) -> None:
        self._rivals = rivals
        self._paired = 0
        self._own_sums = np.zeros(len(self._sums), dtype=np.float32)
        self._squares = np.zeros(len(self._sums), dtype=np.float32)
        self._products = np.zeros((len(self._sums), len(rivals)), dtype=np.float32)

    def _surely_worse(self, rows: slice, pictures: int, quantile: float) -> NDArray[np.bool_]:
        """(rows, R) whether the mean over all pictures is above the rival's, by those seen."""
        means, paired, rivals = self.means, self._paired, self._rivals
        first = self._own_sums[rows, None].astype(np.float64) - self._own_sums[None, rivals]
        squares = self._squares[rows, None].astype(np.float64) + self._squares[None, rivals]
        spread = squares - 2 * self._products[rows] - first**2 / paired
        # Twins differ by less than float32 can tell, which must not pass for no spread at all.
        variance = np.maximum(spread, _ROUNDING * squares) / (paired - 1)
        error = np.sqrt(variance * (1 / self.pictures - 1 / pictures))
        worse: NDArray[np.bool_] = means[rows, None] - means[None, rivals] > quantile * error
        return worse


def _rivals(means: NDArray[np.float64], prices: NDArray[np.int64]) -> NDArray[np.int64]:
    """(R,) the networks on the front as it looks so far, under any price; evenly spread, if they are too many."""
    fronts = [front(means, price) for price in prices.T]
    rivals = np.unique(np.concatenate(fronts))
    spread = np.linspace(0, len(rivals) - 1, min(len(rivals), _MOST_RIVALS)).round().astype(np.int64)
    return rivals[spread]


def _dominated(means: NDArray[np.float64], prices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(S,) whether each network is on no front."""
    dominated = np.ones(len(means), dtype=bool)
    for price in prices.T:
        dominated[front(means, price)] = False
    return dominated


def _scored(
    scorer: Scorer, tree: PrefixTree, part: Split, rows: NDArray[np.int64], *, by_loss: bool
) -> Iterator[NDArray[np.float32]]:
    """(rows, n) the badness of some of the tree's networks, on a few pictures after the other."""
    waiting: list[NDArray[np.float32]] = []
    for block in scorer.blocks(tree, part, bits=not by_loss, losses=by_loss):
        kept = block.losses if by_loss else block.bits
        assert kept is not None
        badness = (kept if by_loss else ~kept).cpu().numpy().astype(np.float32, copy=False)
        waiting.append(badness[rows])
        if sum(some.shape[1] for some in waiting) >= _ADDED_TOGETHER:
            yield np.hstack(waiting)
            waiting.clear()
    if waiting:
        yield np.hstack(waiting)


def _stops(pictures: int) -> list[int]:
    """After how many pictures networks are compared; the last is all of them."""
    stops, stop = [], float(_FIRST_STOP)
    while stop < 0.9 * pictures:
        stops.append(round(stop))
        stop *= _GROWTH
    return [*stops, pictures]


def _shuffled(split: Split, order: int) -> Split:
    index = torch.randperm(len(split), generator=torch.Generator().manual_seed(order))
    return Split(split.pictures[index], split.labels[index])


def _front(
    texts: Sequence[str], means: NDArray[np.float64], price: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Best first: genome, its mean badness, and its price."""
    return [
        {"genome": texts[row], "score": float(means[row]), "price": int(price[row])}
        for row in front(means, price)
    ]
