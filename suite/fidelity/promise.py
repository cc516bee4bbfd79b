"""What may be promised of a network among all of its space, once few were trained and all were scored.

True accuracies of all networks are simulated together, and the winner's place among them is looked up. Each time, as
many networks as were trained are drawn from these with replacement (the bootstrap: Efron and Tibshirani 1993), and
the predictor is fitted anew: what is not known of it, say of the worth of a supernet's point, moves all networks at
once. To this is added what the predictor misses in each network by itself, drawn from its errors for the networks
that were not drawn, once their variance is rid of that of the seeds (training luck, which is not the network's own).

Assumed is that these errors are alike in all networks and independent of each other, and that nothing but scores and
features led to the winner. It is in fact the best of trained finalists, which can only place it higher. What does
harm is a predictor that is bent the wrong way where the winner stands, beyond all networks trained. Where the linear
predictor is right, the promise is kept: in 185 of 200 simulated spaces for the best by prediction, in 183 for any (40
networks of 1,000 known, as in the tests). Where it is not, it is kept less often: in NAS-Bench-Macro (Su et al. 2021:
6,561 networks really trained; 60 of them known, with a simulated score of tau 0.38, in 100 draws) 83 times for the
best by prediction, 72 times for the best by the score, 88 times for any.

Six other ways were tried there on 25 to 150 draws each: coefficients drawn from their posterior; with that, errors of
networks with near predictions, squares as inputs, or both; a Gaussian process's posterior, and its bootstrap. None
held 90 % for both the best by prediction and the best by the score.
"""

from __future__ import annotations

import numpy as np

from suite.fidelity.conformal import LEVEL
from suite.fidelity.predictor import Values, fit_predictor

_SIMULATIONS = 500


def top_share(known: Values, truths: Values, inputs: Values, row: int, rng: np.random.Generator) -> float:
    """The share x, such that network `row` of inputs (M, F) is in the true best x of all M with confidence LEVEL.

    `known` (N, F) are the inputs of networks trained, `truths` (N, S) the accuracies of each training. With one
    training each, the luck of seeds is not known and stays among what is the network's own, which promises less.
    """
    truth, of_seeds, shares = truths.mean(axis=1), seed_variance(truths), np.empty(_SIMULATIONS)
    for i in range(_SIMULATIONS):
        drawn = rng.integers(len(known), size=len(known))
        left = np.setdiff1d(np.arange(len(known)), drawn)
        predictor = fit_predictor(known[drawn], truth[drawn])
        own = _own(truth[left] - predictor.predict(known[left]), of_seeds)
        true = predictor.predict(inputs) + own[rng.integers(len(own), size=len(inputs))]
        shares[i] = np.mean(true >= true[row])
    return float(np.quantile(shares, LEVEL, method="higher"))


def seed_variance(truths: Values) -> float:
    """Of the mean of S trainings, from their accuracies (N, S); 0 if that cannot be known."""
    seeds = truths.shape[1]
    return float(truths.var(axis=1, ddof=1).mean()) / seeds if seeds > 1 else 0.0


def _own(errors: Values, of_seeds: float) -> Values:
    """Errors (K,) drawn together to the variance they would have without luck."""
    found = float(np.mean(errors**2))
    drawn_together: Values = errors * np.sqrt(max(0.0, 1 - of_seeds / found))
    return drawn_together
