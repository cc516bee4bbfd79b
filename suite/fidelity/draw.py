"""Which networks a truth table trains: drawn once, whatever any supernet thinks of them."""

from __future__ import annotations

import itertools
import random

from suite.space import Genome, SearchSpace

_SEED = 0  # never a run's own: every supernet of a data set is measured on the same networks
_MOST = 2_000  # draws a depth


def draw_networks(space: SearchSpace, count: int) -> list[Genome]:
    """Distinct networks, depths in turn, FC counts drawn evenly within each, and evenly what is left to choose.

    A smaller count is a larger one's beginning. Drawn evenly over the whole space, nine in ten would be of the
    greatest depth. Fewer than `count`, if there are no more.
    """
    of_depths = [_of_depth(space, int(depth)) for depth in space.conv_stage.count.choices]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*of_depths))
    return list(itertools.islice((genome for genome in turns if genome is not None), count))


def _of_depth(space: SearchSpace, depth: int) -> list[Genome]:
    """Networks of one depth in a random order of its own, each once; at most as many as a table will ever need."""
    rng = random.Random(f"{_SEED} {depth}")
    tries = (space.sample(rng, depth=depth) for _ in range(_MOST))
    return list(dict.fromkeys(tries))
