"""A screen in bfloat16 ahead of the exact walk: most networks are left out by cheaper products, with wider bounds.

bfloat16 shifts the mean badness of each network a little. What two networks' shifts differ by could make the worse
seem the better, so a screen asks for a gap wider than any two shifts can be apart: its slack, measured beforehand on
networks of every depth, both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from suite.shortlist.rejection import Contest, Terms, scored
from suite.space import Genome

_NETWORKS = 300
_PICTURES = 300
_APART = 3  # t deviations; 2 would do for normal shifts
_ENOUGH = 1 / 64  # share of the networks that a screen is content to leave


@dataclass(frozen=True)
class Slack:
    """How far apart two networks' shifts can be, and what says so."""

    value: float
    deviation: float  # of the shifts measured
    widest: float  # difference of two of them
    networks: int
    pictures: int


def screening(contest: Contest, risk: float, slack: Slack) -> Terms:
    """On what terms a screen leaves networks out: until few are left."""
    return Terms(risk, torch.bfloat16, slack.value, enough=_ENOUGH * len(contest.genomes))


def measure_slack(contest: Contest, risk: float) -> Slack:
    """The slack of a contest's screen, from its first pictures and a few hundred of its networks."""
    part = contest.split.part(0, _PICTURES)
    some = spread_evenly(contest.genomes, _NETWORKS)
    exact, rough = (_means(contest, some, dtype) for dtype in (torch.float32, torch.bfloat16))
    return slack_of(rough - exact, len(part), len(contest.genomes), risk)


def slack_of(shifts: NDArray[np.float64], pictures: int, networks: int, risk: float) -> Slack:
    """What shifts (M,) of mean badness say of the difference between any two of all networks.

    Were shifts normal, a network not measured would lie within t deviations of the measured mean (a prediction
    interval), with t such that all do, but for `risk`; so no two would be more than 2 t deviations apart. Their tails
    are heavier than that, so the slack is 3 t. The deviation is that over a few pictures, which holds the chance of
    their choice as well, and so is greater than that of means over all pictures.
    """
    measured, freedom = len(shifts), max(1, len(shifts) - 1)
    deviation = float(np.sqrt(np.square(shifts - shifts.mean()).sum() / freedom))
    quantile = float(stats.t.isf(risk / (2 * networks), freedom))
    value = _APART * quantile * deviation * (1 + 1 / measured) ** 0.5
    return Slack(value, deviation, float(np.ptp(shifts)), measured, pictures)


def spread_evenly(genomes: Sequence[Genome], count: int) -> NDArray[np.int64]:
    """(M,) numbers of about `count` networks: as many of each depth and FC count, evenly spaced in the space."""
    kinds = np.array([(len(genome.convs), len(genome.fcs)) for genome in genomes])
    _, kind_of = np.unique(kinds, axis=0, return_inverse=True)
    groups = [np.flatnonzero(kind_of == kind) for kind in range(kind_of.max() + 1)]
    each = max(1, count // len(groups))
    picked = [
        group[np.linspace(0, len(group) - 1, min(each, len(group))).round().astype(int)] for group in groups
    ]
    return np.sort(np.concatenate(picked))


def _means(contest: Contest, networks: NDArray[np.int64], dtype: torch.dtype) -> NDArray[np.float64]:
    """(M,) the mean badness of some networks on the first pictures."""
    tree = contest.scorer.tree([contest.genomes[i] for i in networks], dtype=dtype)
    part = contest.split.part(0, _PICTURES)
    blocks = scored(contest, tree, part, np.arange(len(networks)))
    sums = [badness.sum(axis=1, dtype=np.float64) for badness in blocks]
    means: NDArray[np.float64] = np.sum(sums, axis=0) / len(part)
    return means
