"""Spaces whose truth is known: linear in the inputs, an own part of each network, and luck of the seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from suite.fidelity.predictor import Values

OWN, SEED = 0.010, 0.006  # standard deviations


@dataclass(frozen=True)
class Simulated:
    """A space, and the networks of it that were trained."""

    inputs: Values  # (M, F)
    true: Values  # (M,) what infinitely many trainings would average
    drawn: NDArray[np.int64]  # (N,) rows
    truths: Values  # (N, S)

    @property
    def known(self) -> tuple[Values, Values]:
        """Inputs (N, F) and mean accuracies (N,) of the networks trained."""
        return self.inputs[self.drawn], self.truths.mean(axis=1)


def simulated(seed: int, *, networks: int = 1_000, trained: int = 40, inputs: int = 5) -> Simulated:
    """A space drawn by a seed; each network trained is trained twice."""
    rng = np.random.default_rng(seed)
    given = rng.normal(size=(networks, inputs))
    true = 0.7 + given @ rng.normal(0, 0.01, inputs) + rng.normal(0, OWN, networks)
    drawn = rng.choice(networks, trained, replace=False)
    return Simulated(given, true, drawn, true[drawn, None] + rng.normal(0, SEED, (trained, 2)))
