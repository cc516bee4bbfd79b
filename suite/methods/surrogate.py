"""What a network is worth, guessed from those judged so far, before it is paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from suite.methods.method import G, Judgement, Space


class Surrogate(Generic[G]):
    """Bayesian ridge regression (MacKay 1992) of each objective on which choice each active gene takes.

    Milliseconds to fit to a thousand networks. A forest and a Gaussian process on the same inputs found the best of
    NAS-Bench-Macro no sooner (12 seeds, budget 200), at twice the time and more.
    """

    def __init__(self, space: Space[G], judged: Mapping[G, Judgement]) -> None:
        from sklearn.linear_model import BayesianRidge  # late: two seconds that most runs do without

        self._space = space
        self._places = {
            (gene.name, choice): place
            for place, (gene, choice) in enumerate(
                (gene, choice) for gene in space.genes for choice in gene.choices
            )
        }
        inputs = self._inputs(list(judged))
        values = np.array([judgement.values for judgement in judged.values()])
        self._ridges = [BayesianRidge().fit(inputs, column) for column in values.T]
        violation = np.array([max(0.0, judgement.violation) for judgement in judged.values()])
        self._limits = (
            [BayesianRidge().fit(inputs, column) for column in (violation, violation > 0)]
            if violation.any()
            else []
        )

    def judgements(self, genomes: Sequence[G]) -> list[Judgement]:
        """As guessed, in the order of the genomes; limits count as kept where that is the more likely."""
        inputs = self._inputs(genomes)
        values = np.column_stack([ridge.predict(inputs) for ridge in self._ridges])
        violations = np.zeros(len(genomes))
        if self._limits:
            amount, broken = (ridge.predict(inputs) for ridge in self._limits)
            violations = np.where(broken > 0.5, np.maximum(amount, np.finfo(float).tiny), 0.0)
        return [
            Judgement(tuple(row), violation)
            for row, violation in zip(values.tolist(), violations.tolist(), strict=True)
        ]

    def _inputs(self, genomes: Sequence[G]) -> NDArray[np.float64]:
        """(N, all choices of all genes): 1 where a genome has taken it."""
        inputs = np.zeros((len(genomes), len(self._places)))
        for row, genome in enumerate(genomes):
            for gene in self._space.active_genes(genome).items():
                inputs[row, self._places[gene]] = 1
        return inputs
