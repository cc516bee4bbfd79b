"""Standalone accuracy predicted from what costs nothing and, if wanted, from what the supernet says.

What was tried, leave-one-out, every setting found without the network left out; inputs are the features and both
scores, each network was trained once for 10 epochs; tau-b and root mean square error in points. CIFAR-10 (10,000
pictures, 30 networks that spread by 4.0 points): Bayesian ridge 0.77 and 1.52, ridge with generalised
cross-validation 0.76 and 1.62, a Gaussian process of a linear and a squared exponential kernel 0.78 and 1.56, of the
latter alone 0.73 and 1.56. Digits (41 networks, 9.5 points): 0.62 and 6.9, 0.62 and 6.9, 0.62 and 6.5, 0.62 and 6.4.
So few networks cannot tell them apart, and Bayesian ridge is the quickest, 1 ms against 20 ms a fit. Every gene as an
input of its own was worse on CIFAR-10 (0.69 and 2.02), better on digits (0.65 and 5.6), and is left out.
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
