"""Standalone accuracy predicted from what costs nothing and, if wanted, from what the supernet says.

What was tried, leave-one-out, every setting found without the network left out; inputs are the features and both
scores, each network was trained once for 10 epochs; tau-b and root mean square error in points. CIFAR-10 (10,000
pictures, 60 networks that spread by 3.5 points): Bayesian ridge 0.69 and 1.60, ridge with generalised
cross-validation 0.69 and 1.63, a Gaussian process of a linear and a squared exponential kernel 0.73 and 1.39, of the
latter alone 0.74 and 1.35. Digits (41 networks, 9.5 points): 0.62 and 6.9, 0.62 and 6.9, 0.62 and 6.5, 0.62 and 6.4.
Bayesian ridge is kept for its speed, 1 ms against 20 ms a fit, as intervals and curves take thousands of fits. Every
gene as an input of its own pays with many networks (CIFAR-10: 0.76 and 1.28, fitted to 59) and harms with few
(digits, fitted to 24: 0.60 falls to 0.47; CIFAR-10, fitted to 15: 0.58 as without), and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import BayesianRidge
from sklearn.preprocessing import StandardScaler

from suite.fidelity.features import features
from suite.space import Genome, SearchSpace

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Predictor:
    """A linear model of standardised inputs.

    Bayesian ridge regression (MacKay 1992, "Bayesian interpolation"): how strong the prior and the noise are is what
    is likeliest for the networks fitted, so that no setting ever sees a network that is held out.
    """

    scaler: StandardScaler
    ridge: BayesianRidge

    def predict(self, inputs: Values) -> Values:
        """(M,) accuracies for inputs (M, F)."""
        predicted: Values = self.ridge.predict(self.scaler.transform(inputs))
        return predicted


def inputs_of(space: SearchSpace, genomes: Sequence[Genome], loss: Values, accuracy: Values) -> Values:
    """(N, F + 2): `features`, then the supernet's loss and accuracy, (N,) each."""
    return np.column_stack([features(space, genomes), loss, accuracy])


def fit_predictor(inputs: Values, truth: Values) -> Predictor:
    """Fit to networks of inputs (N, F) and known accuracies (N,)."""
    scaler = StandardScaler().fit(inputs)
    return Predictor(scaler, BayesianRidge().fit(scaler.transform(inputs), truth))
