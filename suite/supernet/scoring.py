"""A set of genomes in, what the supernet says of each: mean cross-entropy and correct count on a split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from suite.data import Data, Split
from suite.space import Genome
from suite.supernet.prefix_tree import BlockScore, PrefixTree
from suite.supernet.weights import Supernet

CALIBRATION_PICTURES = 1_000
_FEWEST_PICTURES, _MOST_PICTURES = 8, 128
ROWS = 512  # nodes x pictures computed at once: large products that stay in the cache


@dataclass(frozen=True)
class Score:
    """One subnet on one split."""

    loss: float  # mean cross-entropy, summed in float64 in picture order
    correct: int
    pictures: int

    @property
    def accuracy(self) -> float:
        """Fraction of pictures classed right."""
        return self.correct / self.pictures


class Scorer:
    """Scores subnets of one supernet; under batch norm, with statistics from the first training pictures.

    On a CPU, blocks of pictures are shared among as many threads as torch has, one block to a thread: a block's
    products are too small to be worth splitting.
    """

    def __init__(self, supernet: Supernet, data: Data, device: torch.device) -> None:
        self._supernet = supernet.to(device).eval()
        self._data = data
        self._device = device

    def score(
        self,
        genomes: Sequence[Genome],
        split: Split,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Score]:
        """The score of each genome on a split, in the order given; `progress` is told pictures done and in all."""
        distinct = list(dict.fromkeys(genomes))
        if not distinct:
            return []
        block = pictures_per_block(len(distinct))
        tree = PrefixTree(self._supernet, distinct, most_nodes=max(1, ROWS // block))
        if self.calibration is not None:
            tree.calibrate(self.calibration)
        loss_sums = torch.zeros(len(distinct), dtype=torch.float64)
        correct = torch.zeros(len(distinct), dtype=torch.int64)
        done = 0
        for scored in self._blocks(tree, split, block):
            loss_sums += scored.loss_sums.cpu()
            correct += scored.correct.cpu()
            done = min(done + block, len(split))
            progress(done, len(split))
        scores = {
            genome: Score(loss / len(split), int(right), len(split))
            for genome, loss, right in zip(distinct, loss_sums.tolist(), correct.tolist(), strict=True)
        }
        return [scores[genome] for genome in genomes]

    @property
    def calibration(self) -> Tensor | None:
        """(N, C, H, W) normalised training pictures for batch norm's statistics; None without batch norm."""
        if self._supernet.space.norm == "none":
            return None
        pictures = self._data.train.pictures[:CALIBRATION_PICTURES].to(self._device)
        return self._data.normalise(pictures)

    def _blocks(self, tree: PrefixTree, split: Split, block: int) -> Iterator[BlockScore]:
        """The blocks' scores in picture order, whichever thread finished first."""

        def score(start: int) -> BlockScore:
            pictures = split.pictures[start : start + block].to(self._device)
            labels = split.labels[start : start + block].to(self._device)
            return tree.score_block(self._data.normalise(pictures), labels)

        starts = range(0, len(split), block)
        threads = torch.get_num_threads()
        if self._device.type != "cpu" or threads == 1:
            yield from map(score, starts)
            return
        # A thread's own setting: each computes its blocks alone, and the caller's stays as it was.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(score, starts)
        torch.set_num_threads(threads)


def pictures_per_block(genomes: int) -> int:
    """Few genomes share little, so they are given more pictures at once; the whole space gets the fewest."""
    return max(_FEWEST_PICTURES, min(_MOST_PICTURES, 131_072 // genomes))
