"""A network's place in its space, from nothing but how many of some networks drawn from it are better.

Per stratum (a depth with a number of FC layers), of n networks drawn evenly k are better; the share that is better
then is at most Beta(k + 1, n - k), the upper end of Clopper and Pearson's interval (1934) as a distribution. The
strata's shares are drawn from these together, weighted by how many networks each has. Nothing is assumed of the
space, and no supernet is needed.

What is compared are means of trainings, and luck is in both. The network's own is drawn anew each time, of the
variance that the table shows; that of the others makes more of them look better than one near the top, which promises
less. In NAS-Bench-Macro (Su et al. 2021; 60 networks known by two trainings, 400 draws) the promise was kept for the
best of five finalists 388 times, for any network 373 times, for the median 368 times; with five and ten times the
luck it was kept for these 384 and 386, 365 and 355, 344 and 344 times.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from suite.fidelity.conformal import LEVEL
from suite.fidelity.predictor import Values
from suite.fidelity.promise import seed_variance

_SIMULATIONS = 4_000

Stratum = TypeVar("Stratum", bound=Hashable)


def counted_share(
    truths: Values,
    strata: Sequence[Stratum],
    sizes: Mapping[Stratum, int],
    own: Values,
    rng: np.random.Generator,
) -> float:
    """The share x, such that a network is in the true best x of its space with confidence LEVEL.

    `truths` (N, S) are the accuracies of networks drawn evenly within `strata` (N,), `own` (S,) those of the network
    itself, trained alike; `sizes` says how many networks each stratum has. A stratum of which none was drawn counts
    as better. With one training each, luck is not known and is left out.
    """
    means = truths.mean(axis=1)
    mean = own.mean() + np.sqrt(seed_variance(truths)) * rng.standard_normal(_SIMULATIONS)
    better = np.zeros(_SIMULATIONS)
    for stratum, size in sizes.items():
        of_stratum = means[[each == stratum for each in strata]]
        better += size * _share(np.sum(of_stratum[:, None] > mean, axis=0), len(of_stratum), rng)
    return float(np.quantile(better / sum(sizes.values()), LEVEL))


def _share(better: Values, drawn: int, rng: np.random.Generator) -> Values:
    """Draws of a stratum's share that is better, (simulations,), when `better` of those drawn were."""
    some_worse = better < drawn
    shares = np.ones(len(better))
    shares[some_worse] = rng.beta(better[some_worse] + 1, drawn - better[some_worse])
    return shares
