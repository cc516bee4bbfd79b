"""The exact front of the whole space in a fraction of the walk: networks that are surely dominated see no more pictures.

Successive rejection over pictures in random order. After each round a network is compared with the best that is no
larger, picture by picture, and left out once it is worse beyond doubt, both among those with no more parameters and
among those with no more MACs. Beyond doubt: a paired normal bound for pictures drawn without replacement, corrected
for the number of networks, rivals and rounds (Bonferroni), so that a network of the front is lost once in a hundred
shortlists. What stays has seen every picture, so its score is exact.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from suite.data import Data, Split
from suite.pareto import pareto_front
from suite.progress import Display, Phase
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer

PHASE = "shortlist"
PRICES = ("params", "macs")
_FIRST_ROUND = 96  # pictures; every round doubles what was seen
_RISK = 0.01
_MOST_BYTES = 1 << 29  # of scores kept, per picture and network


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
    alive = np.arange(len(genomes))
    badness = np.empty((len(genomes), 0), dtype=np.float32)
    rounds: list[dict[str, Any]] = []
    with display.phase("Shortlist", len(split)) as phase:
        while badness.shape[1] < len(split):
            seen = badness.shape[1]
            stop = _next_stop(seen, len(split), len(alive))
            part = Split(split.pictures[seen:stop], split.labels[seen:stop])
            badness = np.hstack([badness, _scored([genomes[i] for i in alive], part, scorer, by_loss, phase, seen)])
            number = len(rounds) + 1
            risk = _RISK / (number * (number + 1)) / len(genomes)  # sums up to _RISK over all rounds and networks
            keep = ~surely_dominated(badness, prices[alive], len(split), risk)
            rounds.append({"pictures": stop, "networks": len(alive), "left": int(keep.sum())})
            alive, badness = alive[keep], badness[keep]
            phase.update(stop, f"{len(alive):,} networks left")
        phase.finish(len(split), f"{len(alive):,} of {len(genomes):,} networks left")
    means = badness.mean(axis=1, dtype=np.float64)
    result = {
        "networks": len(genomes),
        "pictures": len(split),
        "order": order,
        "seconds": time.monotonic() - began,
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "fronts": {
            price: _front([genomes[i].text for i in alive], means, prices[alive, column], by_loss)
            for column, price in enumerate(PRICES)
        },
    }
    run.write_result(PHASE, result)
    return result


def surely_dominated(
    badness: NDArray[np.float32], prices: NDArray[np.int64], pictures: int, risk: float
) -> NDArray[np.bool_]:
    """(S,) whether each network is worse, under every price, than one that costs no more.

    `badness` is (S, n): of each network on each of n pictures out of `pictures`, drawn at random without replacement;
    `prices` is (S, P). `risk` is that of one network to be called dominated wrongly, whoever its rival.
    """
    dominated = np.ones(len(badness), dtype=bool)
    means = badness.mean(axis=1, dtype=np.float64)
    for price in prices.T:
        rivals = _best_that_costs_no_more(means, price)
        dominated &= _surely_worse(badness, rivals, pictures, risk / len(np.unique(rivals)))
    return dominated


def _best_that_costs_no_more(means: NDArray[np.float64], price: NDArray[np.int64]) -> NDArray[np.int64]:
    """(S,) the index of the least mean among networks of at most the same price; its own, if none is better."""
    order = np.lexsort((means, price))
    ordered = means[order]
    leads = np.flatnonzero(ordered == np.minimum.accumulate(ordered))
    place = leads[np.searchsorted(leads, np.arange(len(order)), side="right") - 1]
    rivals = np.empty_like(order)
    rivals[order] = order[place]
    return rivals


def _surely_worse(
    badness: NDArray[np.float32], rivals: NDArray[np.int64], pictures: int, risk: float
) -> NDArray[np.bool_]:
    """(S,) whether each row's mean over all pictures is above its rival's, by the pictures seen."""
    count = badness.shape[1]
    quantile = stats.norm.isf(risk)
    worse = np.zeros(len(badness), dtype=bool)
    for start in range(0, len(badness), 4_096):  # so that the differences take little memory
        rows = slice(start, start + 4_096)
        difference = badness[rows] - badness[rivals[rows]]
        error = difference.std(axis=1, ddof=1) * math.sqrt((1 - count / pictures) / count)
        worse[rows] = difference.mean(axis=1, dtype=np.float64) > quantile * error
    return worse


def _scored(
    genomes: Sequence[Genome], part: Split, scorer: Scorer, by_loss: bool, phase: Phase, seen: int
) -> NDArray[np.float32]:
    """(S, n) cross-entropy of each genome on each picture, or 1 for a wrong answer."""
    tree = scorer.tree(genomes)
    columns = np.empty((len(genomes), len(part)), dtype=np.float32)
    done = 0
    for block in scorer.blocks(tree, part, bits=not by_loss, losses=by_loss):
        kept = block.losses if by_loss else block.bits
        assert kept is not None
        columns[:, done : done + block.pictures] = kept.cpu() if by_loss else ~kept.cpu()
        done += block.pictures
        phase.update(seen + done, f"{len(genomes):,} networks")
    return columns


def _next_stop(seen: int, pictures: int, networks: int) -> int:
    """Twice as many pictures as were seen, while what they say fits in memory; all, once few networks are left."""
    affordable = _MOST_BYTES // (4 * networks)
    if pictures <= affordable and seen >= pictures // 4:
        return pictures
    return min(pictures, max(2 * seen, _FIRST_ROUND), max(affordable, seen + 64))


def _shuffled(split: Split, order: int) -> Split:
    index = torch.randperm(len(split), generator=torch.Generator().manual_seed(order))
    return Split(split.pictures[index], split.labels[index])


def _front(
    texts: Sequence[str], means: NDArray[np.float64], price: NDArray[np.int64], by_loss: bool
) -> list[dict[str, Any]]:
    """Best first."""
    values = {text: (float(mean), float(p)) for text, mean, p in zip(texts, means, price, strict=True)}
    score = "loss" if by_loss else "wrong"
    return [
        {"genome": text, score: values[text][0], "price": int(values[text][1])}
        for text in pareto_front(values, (-1.0, -1.0))
    ]
