"""A set of genomes in, what the supernet says of each: mean cross-entropy and correct count on a split."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import TypeVar

import torch
from torch import Tensor

from suite.data import Data, Split
from suite.errors import OutOfMemoryError
from suite.memory import give_back, too_little_memory
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.supernet.prefix_tree import BlockScore, PrefixTree
from suite.supernet.weights import Supernet

CALIBRATION_PICTURES = 1_000
_CALIBRATION_BYTES = 1 << 29  # of the widest maps, of which there are a few at once
MEMORY = 1 << 30
"""Bytes that the activations of a walk may take, all threads together."""

BLOCK_FILE = "block.json"
MOST_PICTURES = 192
_ROWS = 1_024  # nodes x pictures computed at once: products large enough for idle units to be worth skipping
_COPIES = 8  # of a layer's maps before pooling that a walk holds at most, those of other depths included

_Result = TypeVar("_Result")


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

    Sums depend a little on the size of blocks. With a `run`, it is recorded there and stays, halvings for want of
    memory included.
    """

    def __init__(
        self,
        supernet: Supernet,
        data: Data,
        device: torch.device,
        *,
        memory: int = MEMORY,
        run: RunDirectory | None = None,
    ) -> None:
        self.supernet = supernet.to(device).eval()
        self._data = data
        self.device = device
        self.run = run
        threads = torch.get_num_threads() if device.type == "cpu" else 1
        self.block = most_at_once(supernet.space, memory // threads)
        recorded = run.read_json(BLOCK_FILE) if run is not None else None
        self.pin_block(self.block if recorded is None else MostAtOnce(recorded["pictures"], recorded["rows"]))
        self.calibration = self._calibration_pictures()

    def pin_block(self, block: MostAtOnce) -> None:
        """Compute so much at once from now on, in later executions of the run too."""
        self.block = block
        if self.run is not None:
            self.run.write_json(BLOCK_FILE, asdict(block))

    def until_it_fits(self, work: Callable[[], _Result]) -> _Result:
        """The result of work that scores, done again with blocks of half the size as long as memory runs out.

        Raises:
            OutOfMemoryError: it does so with the smallest blocks, or for statistics, which take no less by them.
        """
        while True:
            try:
                return work()
            except OutOfMemoryError as error:
                if self.block == _LEAST or error.where == _STATISTICS:
                    raise
                self.pin_block(self.block.halved())
                give_back(self.device)

    def score(
        self,
        genomes: Sequence[Genome],
        split: Split,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Score]:
        """The score of each genome on a split, in the order given; `progress` is told pictures done and in all.

        Raises:
            OutOfMemoryError: even the smallest blocks need too much.
        """
        distinct = list(dict.fromkeys(genomes))
        if not distinct:
            return []

        def score() -> list[Score]:  # all of it by blocks of one size, so that it can be repeated
            sums = ScoreSums(len(distinct))
            for scored in self.blocks(self.tree(distinct), split):
                sums.add(scored)
                progress(sums.pictures, len(split))
            return sums.scores()

        scores = dict(zip(distinct, self.until_it_fits(score), strict=True))
        return [scores[genome] for genome in genomes]

    def tree(
        self,
        genomes: Sequence[Genome],
        *,
        most_pictures: int = MOST_PICTURES,
        dtype: torch.dtype = torch.float32,
    ) -> PrefixTree:
        """The walk for distinct genomes, its batch norm statistics taken; in bfloat16 it is a screen.

        Raises:
            OutOfMemoryError: there is too little memory for the statistics.
        """
        pictures = min(self.block.pictures, most_pictures)
        tree = PrefixTree(self.supernet, genomes, rows=self.block.rows, most_pictures=pictures, dtype=dtype)
        if self.calibration is not None:
            with too_little_memory(
                f"look at {len(self.calibration)} pictures at once",
                where=_STATISTICS,
                remedy='Free memory and let the same command go on, or begin a run with space.norm = "none".',
            ):
                tree.calibrate(self.calibration)
        return tree

    def blocks(
        self,
        tree: PrefixTree,
        split: Split,
        *,
        start: int = 0,
        bits: bool = False,
        losses: bool = False,
    ) -> Iterator[BlockScore]:
        """The scores of block after block of pictures, in picture order, whichever thread finished first.

        `start` is the first picture of a block: what an earlier walk has not reached. `bits` and `losses` ask for
        what each picture said as well.

        Raises:
            OutOfMemoryError: blocks of this size need too much.
        """
        block = tree.pictures

        def score(first: int) -> BlockScore:
            with _memory_for(self.block):
                pictures = split.pictures[first : first + block].to(self.device)
                labels = split.labels[first : first + block].to(self.device)
                return tree.score_block(self._data.normalise(pictures), labels, bits=bits, losses=losses)

        starts = range(start, len(split), block)
        threads = torch.get_num_threads()
        if self.device.type != "cpu" or threads == 1:
            yield from map(score, starts)
            return
        try:
            with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                yield from _in_order(pool, score, starts, ahead=2 * threads)
        finally:  # in part that is a thread's setting, in part the process's
            torch.set_num_threads(threads)

    def _calibration_pictures(self) -> Tensor | None:
        """(N, C, H, W) normalised training pictures for batch norm's statistics; None without batch norm."""
        if self.supernet.space.norm == "none":
            return None
        _, height, width = self.supernet.space.shape
        widest = 4 * max(self.supernet.space.settings.filters) * height * width
        count = max(1, min(CALIBRATION_PICTURES, _CALIBRATION_BYTES // widest))
        return self._data.normalise(self._data.train.pictures[:count].to(self.device))


class ScoreSums:
    """What blocks of pictures add up to, in picture order."""

    def __init__(self, genomes: int) -> None:
        self.pictures = 0
        self.loss_sums = torch.zeros(genomes, dtype=torch.float64)
        self.correct = torch.zeros(genomes, dtype=torch.int64)

    def add(self, block: BlockScore) -> None:
        """Take a block's sums in."""
        self.pictures += block.pictures
        self.loss_sums += block.loss_sums.cpu()
        self.correct += block.correct.cpu()

    def scores(self) -> list[Score]:
        """The score of each genome, in order."""
        return [
            Score(loss / self.pictures, right, self.pictures)
            for loss, right in zip(self.loss_sums.tolist(), self.correct.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class MostAtOnce:
    """How much a walk may compute at once."""

    pictures: int
    rows: int  # nodes times pictures, behind the first layer

    def halved(self) -> MostAtOnce:
        """Half of it, and never nothing."""
        return MostAtOnce(max(1, self.pictures // 2), max(1, self.rows // 2))

    def at_most(self, other: MostAtOnce) -> MostAtOnce:
        """The smaller of each."""
        return MostAtOnce(min(self.pictures, other.pictures), min(self.rows, other.rows))


_LEAST = MostAtOnce(1, 1)
_STATISTICS = "the statistics of batch norm"


def most_at_once(space: SearchSpace, memory: int) -> MostAtOnce:
    """What fits in `memory` bytes of activations, and is not more than pays."""
    _, height, width = space.shape
    maps = 4 * _COPIES * max(space.settings.filters) * height * width  # bytes a row before the first pooling
    features = 4 * 2 * max(space.settings.fc_units) * len(space.settings.filters)
    return MostAtOnce(
        max(1, min(MOST_PICTURES, memory // maps)), max(1, min(_ROWS, memory // max(maps // 4, features)))
    )


def _in_order(
    pool: ThreadPoolExecutor, score: Callable[[int], BlockScore], starts: Sequence[int], ahead: int
) -> Iterator[BlockScore]:
    """Results in the order of `starts`, with at most `ahead` of them waiting, so that memory stays bounded."""
    waiting: deque[Future[BlockScore]] = deque()
    for first in starts:
        waiting.append(pool.submit(score, first))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _memory_for(block: MostAtOnce) -> AbstractContextManager[None]:
    return too_little_memory(
        f"score networks, {block.pictures} pictures and {block.rows} rows at once",
        where="evaluation",
        remedy="Free memory, give a smaller --memory where there is one, or search a smaller space.",
    )
