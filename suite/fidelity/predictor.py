"""Standalone accuracy predicted from what costs nothing and, if wanted, from what the supernet says.

What was tried, leave-one-out, every setting found without the network left out; inputs are the features and both
scores, each network was trained once for 10 epochs; tau-b and root mean square error in points. CIFAR-10 (10,000
pictures, 60 networks that spread by 3.5 points): Bayesian ridge 0.69 and 1.60, ridge with generalised
cross-validation 0.69 and 1.63, a Gaussian process of a linear and a squared exponential kernel 0.73 and 1.39, of the
latter alone 0.74 and 1.35. Digits (41 networks, 9.5 points): 0.62 and 6.9, 0.62 and 6.9, 0.62 and 6.5, 0.62 and 6.4.
Bayesian ridge is kept for its speed, 1 ms against 20 ms a fit, as intervals and curves take thousands of fits. Every
gene as an input of its own pays with many networks (CIFAR-10: 0.76 and 1.28, fitted to 59) and harms with few
(digits, fitted to 24: 0.60 falls to 0.47; CIFAR-10, fitted to 15: 0.58 as without), and is left out.

What a point of the supernet's loss is worth differs from depth to depth, so their product is an input too. Against
the mean of two trainings (CIFAR-10, 60 networks), mean over nine supernets of the ablation, tau fitted to 9, 15, 24
and 59 networks: features alone 0.43, 0.62, 0.66 and 0.67; with the scores 0.49, 0.63, 0.68 and 0.70; with the product
0.55, 0.68, 0.73 and 0.76, better with each of the nine. The like product of FC count adds nothing (0.61 and 0.70
fitted to 15 and 59), both together no more than depth's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from suite.fidelity.features import FEATURES, features
from suite.space import Genome, SearchSpace

if TYPE_CHECKING:
    from sklearn.linear_model import BayesianRidge
    from sklearn.preprocessing import StandardScaler

Values = NDArray[np.float64]

_DEPTH, _LOSS = FEATURES.index("depth"), len(FEATURES)  # their places in `inputs_of`


@dataclass(frozen=True)
class Predictor:
    """A linear model of standardised inputs and, where there are scores, of depth times the supernet's loss.

    Bayesian ridge regression (MacKay 1992, "Bayesian interpolation"): how strong the prior and the noise are is what
    is likeliest for the networks fitted, so that no setting ever sees a network that is held out.
    """

    scaler: StandardScaler
    ridge: BayesianRidge

    def predict(self, inputs: Values) -> Values:
        """(M,) accuracies for inputs (M, F)."""
        predicted: Values = self.ridge.predict(_terms(self.scaler.transform(inputs)))
        return predicted


def inputs_of(space: SearchSpace, genomes: Sequence[Genome], loss: Values, accuracy: Values) -> Values:
    """(N, F + 2): `features`, then the supernet's loss and accuracy, (N,) each."""
    return np.column_stack([features(space, genomes), loss, accuracy])


def fit_predictor(inputs: Values, truth: Values) -> Predictor:
    """Fit to networks of inputs (N, F) and known accuracies (N,)."""
    from sklearn.linear_model import BayesianRidge  # late: two seconds that most commands do without
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(inputs)
    return Predictor(scaler, BayesianRidge().fit(_terms(scaler.transform(inputs)), truth))


def _terms(standardised: Values) -> Values:
    """(N, F) inputs with scores become (N, F + 1): depth times loss is added."""
    if standardised.shape[1] <= _LOSS:
        return standardised
    return np.column_stack([standardised, standardised[:, _DEPTH] * standardised[:, _LOSS]])
