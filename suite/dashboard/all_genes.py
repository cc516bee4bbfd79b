"""Trials in which every gene has a value, as plots of several parameters need them.

A gene of a layer that a network lacks is no parameter of its trial, as Optuna has it of conditional parameters. Of
those, optuna-dashboard's parallel coordinates and importances leave out the gene, and its slices the trials.
"""

from __future__ import annotations

import copy

from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial

from suite.space import SearchSpace

ABSENT = "absent"
FIRST_NUMBER = 1_000_000_000
"""Added to the number of a search's Optuna study: that of the study with all genes. Databases count from 1."""


class AllGenes:
    """Fills trials of a space; finished ones, which stay as they are, only once."""

    def __init__(self, space: SearchSpace) -> None:
        always = _always_there(space)
        self._distributions = {
            gene.name: CategoricalDistribution(
                gene.choices if gene.name in always else (ABSENT, *gene.choices)
            )
            for gene in space.genes
        }
        self._filled: dict[int, FrozenTrial] = {}

    def fill(self, trial: FrozenTrial) -> FrozenTrial:
        """A copy whose params are all genes, in the space's order; the trial itself, if it is none of the space."""
        filled = self._filled.get(trial._trial_id)
        if filled is None:
            filled = self._copy(trial)
            if trial.state.is_finished():
                self._filled[trial._trial_id] = filled
        return filled

    def _copy(self, trial: FrozenTrial) -> FrozenTrial:
        params = {name: trial.params.get(name, ABSENT) for name in self._distributions}
        if not all(value in self._distributions[name].choices for name, value in params.items()):
            return trial
        filled = copy.copy(trial)
        filled.params, filled.distributions = params, dict(self._distributions)
        return filled


def _always_there(space: SearchSpace) -> frozenset[str]:
    """The genes that every network has: those of one with as few layers as there may be."""
    fewest = {stage.count.name: min(stage.count.choices) for stage in (space.conv_stage, space.fc_stage)}
    chromosome = [gene.choices.index(fewest.get(gene.name, gene.choices[0])) for gene in space.genes]
    return frozenset(space.active_genes(space.decode(chromosome)))
