"""What a score holds against kinds of networks: how far it over-ranks each, and what taking that off would gain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from suite.fidelity.measures import Values, estimate, taus
from suite.normal_scores import BLOM, normal_scores
from suite.space import Genome

KINDS: dict[str, Callable[[Genome], int]] = {
    "depth": lambda genome: len(genome.convs),
    "FC layers": lambda genome: len(genome.fcs),
    "first filters": lambda genome: genome.convs[0].filters,
}


def biases(genomes: Sequence[Genome], scores: Values, truth: Values, weights: Values) -> list[dict[str, Any]]:
    """For each of KINDS: the mean error of its groups, and the tau gained without it; plain values, for JSON.

    An error is how much better a network, (N,), stands by its score than by its truth, both as normal scores of
    ranks, so in standard deviations. To correct a network, its group's error is that of the others in it. `weights`
    (R, N) are bootstrap resamples.
    """
    standing = normal_scores(scores, BLOM)
    errors = standing - normal_scores(truth, BLOM)
    before = taus(scores, truth, weights)
    found = []
    for kind, group_of in KINDS.items():
        groups = np.array([group_of(genome) for genome in genomes])
        gain = estimate(taus(standing - _of_others(errors, groups), truth, weights) - before)
        offsets = {str(group): float(errors[groups == group].mean()) for group in np.unique(groups)}
        found.append({"kind": kind, "offsets": offsets, "gain": gain and asdict(gain)})
    return found


def _of_others(errors: Values, groups: Values) -> Values:
    """(N,) the mean error of each network's group without itself; 0 where it is alone."""
    same = groups[:, None] == groups[None, :]
    np.fill_diagonal(same, val=False)
    means: Values = same @ errors / np.maximum(same.sum(axis=1), 1)
    return means
