"""Optuna's own samplers as methods: the trial is asked for, its genes suggested, its values told, by Optuna itself.

Every gene is categorical, as most people would write it, and is asked for only where it is active.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from suite.methods.method import (
    G,
    Judgement,
    Problem,
    Proposal,
    Space,
    judgements_from_plain,
    judgements_to_plain,
    none_allowed,
)
from suite.space import Chromosome

_TRIES = 100  # proposals, for one that is allowed
_PARENTS = ":parent:"  # in names of study attributes of Optuna's


def tpe(seed: int) -> BaseSampler:
    """Tree-structured Parzen estimators over all genes together (Bergstra et al. 2011; multivariate, in groups)."""
    with warnings.catch_warnings(category=optuna.exceptions.ExperimentalWarning, action="ignore"):
        return TPESampler(seed=seed, multivariate=True, group=True)


def nsga2(seed: int, population: int = 50) -> BaseSampler:
    """Optuna's NSGA-II (Deb et al. 2002)."""
    return NSGAIISampler(seed=seed, population_size=population)


def uniform(seed: int) -> BaseSampler:
    """Optuna's random sampler: genes drawn evenly, repeats and all."""
    return RandomSampler(seed=seed)


class OptunaSampler(Generic[G]):
    """One of Optuna's samplers over the genes of a space, `batch` trials at a time.

    Samplers keep their random state to themselves, so there is a new one for each batch, from a seed of its own: a
    search that is gone on with then proposes what it would have proposed.
    """

    def __init__(
        self,
        problem: Problem[G],
        sampler: Callable[[int], BaseSampler],
        seed: int,
        *,
        batch: int,
        batches: int,
    ) -> None:
        self.generation = 0
        self._problem = problem
        self._sampler, self._seed = sampler, seed
        self._batch, self._batches = batch, batches
        self._judged: dict[G, Judgement] = {}
        self._study = self._new_study()
        self._asked: list[optuna.Trial] = []

    @property
    def done(self) -> bool:
        """Whether all batches were told."""
        return self.generation > self._batches

    @property
    def population(self) -> tuple[G, ...]:
        """The best of all judged, as many as a batch has."""
        ranked = sorted(self._judged.items(), key=lambda item: self._problem.badness(item[1]))
        return tuple(genome for genome, _ in ranked[: self._batch])

    def ask(self) -> list[Proposal[G]]:
        """As many trials as a batch has; fewer, or none, where nearly all that is suggested breaks the limits.

        Raises:
            StudyFileError: the whole first batch does.
        """
        self._study.sampler = self._sampler(self._seed + self.generation)
        asked = [found for _ in range(self._batch) if (found := self._allowed()) is not None]
        if not asked and not self._judged:
            raise none_allowed(_TRIES * self._batch)
        self._asked = [trial for trial, _ in asked]
        return [
            Proposal(self._problem.space.decode(chromosome), chromosome, "sampler") for _, chromosome in asked
        ]

    def tell(self, proposals: list[Proposal[G]], judged: Mapping[G, Judgement]) -> None:
        """Optuna is told the values, and how far beyond the limits; a failed evaluation is a failed trial."""
        for trial, proposal in zip(self._asked, proposals, strict=True):
            judgement = judged.get(proposal.genome)
            if judgement is None:
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                trial.set_constraint("violation", judgement.violation)
                self._study.tell(trial, list(judgement.values))
                self._judged[proposal.genome] = judgement
        self._asked = []
        self.generation += 1

    def state(self) -> dict[str, Any]:
        """Plain values from which `load` goes on."""
        trials = self._complete()
        return {
            "generation": self.generation,
            "seed": self._seed,
            "trials": [[t.params, list(t.values), t.system_attrs] for t in trials],
            "parents": self._parents({t._trial_id: place for place, t in enumerate(trials)}),
            "judged": judgements_to_plain(self._judged),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was taken."""
        self.generation, self._seed = state["generation"], state["seed"]
        self._judged = judgements_from_plain(self._problem.space, state["judged"])
        self._study = self._new_study()
        choices = {gene.name: CategoricalDistribution(gene.choices) for gene in self._problem.space.genes}
        for params, values, system_attrs in state["trials"]:
            self._study.add_trial(
                create_trial(
                    params=params,
                    distributions={name: choices[name] for name in params},
                    values=values,
                    system_attrs=system_attrs,
                )
            )
        ids = [trial._trial_id for trial in self._complete()]
        for generation, parents in state.get("parents", {}).items():  # states of older suites have none
            self._study._storage.set_study_system_attr(
                self._study._study_id, generation, [ids[place] for place in parents]
            )

    def _complete(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def _parents(self, place: Mapping[int, int]) -> dict[str, list[int]]:
        """What NSGA-II keeps of each generation's parents, as places among the trials that are complete.

        It goes by them in the order of the trials, but by those that it has to choose again in that of the choice.
        """
        kept = self._study._storage.get_study_system_attrs(self._study._study_id)
        return {name: [place[i] for i in kept[name]] for name in kept if _PARENTS in name}

    def _new_study(self) -> optuna.Study:
        return optuna.create_study(
            directions=directions(self._problem.weights), sampler=self._sampler(self._seed)
        )

    def _allowed(self) -> tuple[optuna.Trial, Chromosome] | None:
        for _ in range(_TRIES):
            trial = self._study.ask()
            chromosome = suggest_chromosome(trial, self._problem.space)
            if self._problem.allowed(self._problem.space.decode(chromosome)):
                return trial, chromosome
            self._study.tell(trial, state=TrialState.FAIL)
        return None


def directions(weights: Sequence[float]) -> list[StudyDirection]:
    """Which way each objective is better, in Optuna's words."""
    return [StudyDirection.MAXIMIZE if weight > 0 else StudyDirection.MINIMIZE for weight in weights]


def suggest_chromosome(trial: optuna.Trial, space: Space[G]) -> Chromosome:
    """A chromosome by the trial's sampler; counts come before the genes that they make active."""
    chromosome = [0] * len(space.genes)
    for place, gene in enumerate(space.genes):
        if gene.name in space.active_genes(space.decode(chromosome)):
            chromosome[place] = gene.choices.index(trial.suggest_categorical(gene.name, gene.choices))
    return tuple(chromosome)
