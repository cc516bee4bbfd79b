"""What the pictures seen so far say of each network, and which networks are dominated by it beyond doubt."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from suite.shortlist.arrays import as_arrays, as_tensors
from suite.space_analysis import front

_MOST_RIVALS = 128
_ROUNDING = 1e-5  # of sums of float32 products, relative
_OF_PAIRS = {"_own_sums", "_squares", "_products"}  # large, and nothing until pictures are paired


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
            theirs = relative[self._rivals].T
            for rows in _slices(len(relative)):
                self._products[rows] += relative[rows] @ theirs

    def keep(self, rows: NDArray[np.bool_], rivals: NDArray[np.int64]) -> None:
        """Go on with some of the networks, and name the rivals among them."""
        self._sums = self._sums[rows]
        del self._products  # before its successor is made: the largest there is
        self._name(rivals)

    def surely_dominated(
        self,
        prices: NDArray[np.int64],
        pictures: int,
        risk: float,
        slack: float = 0.0,
        *,
        by_loss: bool = True,
    ) -> NDArray[np.bool_]:
        """(S,) whether each network is, under every price, worse than a rival that costs no more.

        `prices` is (S, P), `pictures` the number there are in all; `risk` is that of calling one network worse than
        one rival wrongly. Worse is by more than `slack`: how far the badness seen may mislead about two networks'
        means. Once all pictures were seen, nothing is a matter of chance, and every network is a rival.
        """
        if self.pictures == pictures:
            return _dominated(self.means, prices)
        dominated = np.zeros(len(prices), dtype=bool)
        if len(self._rivals):
            surely_worse = (
                partial(self._by_mean, float(stats.t.isf(risk, self._paired - 1)))
                if by_loss
                else partial(self._by_count, _most_by_chance(self._paired, risk))
            )
            for rows in _slices(len(prices)):
                worse = surely_worse(rows, pictures, slack)
                dearer = prices[rows, None, :] >= prices[None, self._rivals, :]
                dominated[rows] = np.all(np.any(worse[:, :, None] & dearer, axis=1), axis=1)
        return dominated

    def state(self) -> dict[str, Any]:
        """All of it, for a checkpoint: little right after rivals were named, since nothing is paired yet."""
        left_out = set() if self._paired else _OF_PAIRS
        return as_tensors({name: value for name, value in vars(self).items() if name not in left_out})

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier tally's state."""
        self.__dict__.update(as_arrays(state))
        if not self._paired:
            self._name(self._rivals)

    def _name(self, rivals: NDArray[np.int64]) -> None:
        self._rivals = rivals
        self._paired = 0
        self._own_sums = np.zeros(len(self._sums), dtype=np.float32)
        self._squares = np.zeros(len(self._sums), dtype=np.float32)
        self._products = np.zeros((len(self._sums), len(rivals)), dtype=np.float32)

    def _by_mean(self, quantile: float, rows: slice, pictures: int, slack: float) -> NDArray[np.bool_]:
        """(rows, R) whether the mean over all pictures is above the rival's, by a paired t bound on those seen."""
        means, paired, rivals = self.means, self._paired, self._rivals
        first = self._own_sums[rows, None].astype(np.float64) - self._own_sums[None, rivals]
        squares = self._squares[rows, None].astype(np.float64) + self._squares[None, rivals]
        spread = squares - 2 * self._products[rows] - first**2 / paired
        # Twins differ by less than float32 can tell, which must not pass for no spread at all.
        variance = np.maximum(spread, _ROUNDING * squares) / (paired - 1)
        error = np.sqrt(variance * (1 / self.pictures - 1 / pictures))
        worse: NDArray[np.bool_] = means[rows, None] - means[None, rivals] > quantile * error + slack
        return worse

    def _by_count(
        self, most: NDArray[np.float64], rows: slice, pictures: int, slack: float
    ) -> NDArray[np.bool_]:
        """(rows, R) the same of right and wrong, by the exact sign test on pictures since the rivals were named.

        Two networks may well have agreed on all pictures seen, and a t bound would take that for certainty. Of those
        that only one has wrong, no more than half are the network's if it is no worse: drawn without replacement they
        spread less than the binomial says (Hoeffding 1963). What the slack may have added comes off them first.
        `most` (paired + 1,) of so many may be one network's by chance.
        """
        rivals, misled = self._rivals, math.ceil(slack * pictures)
        more_wrong = self._own_sums[rows, None].astype(np.float64) - self._own_sums[None, rivals]
        squares = self._squares[rows, None].astype(np.float64) + self._squares[None, rivals]
        only_one_wrong = squares - 2 * self._products[rows]
        alone_wrong = np.rint((only_one_wrong + more_wrong) / 2).astype(np.int64) - misled
        tried = np.maximum(np.rint(only_one_wrong).astype(np.int64) - misled, 0)
        worse: NDArray[np.bool_] = alone_wrong > most[tried]
        return worse


def _most_by_chance(pictures: int, risk: float) -> NDArray[np.float64]:
    """(pictures + 1,) the most heads of so many tosses of a coin that more than `risk` of all tosses exceed or reach.

    By the lower tail, which is the same and has tiny risks exactly.
    """
    tosses = np.arange(pictures + 1)
    most: NDArray[np.float64] = tosses - stats.binom.ppf(risk, tosses, 0.5)
    return most


def _slices(networks: int) -> Iterator[slice]:
    """All of them, a few thousand at a time, so that what is compared takes little memory."""
    for start in range(0, networks, 4_096):
        yield slice(start, start + 4_096)


def rivals_among(means: NDArray[np.float64], prices: NDArray[np.int64]) -> NDArray[np.int64]:
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
