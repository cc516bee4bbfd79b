"""How a network is trained by itself: the recipe that finalists, truth tables and reference networks share."""

from __future__ import annotations

import torch

from suite.cnn import StandaloneCNN
from suite.data import Data
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.training import Recipe, Training


def standalone_training(
    study: StudySettings,
    space: SearchSpace,
    genome: Genome,
    data: Data,
    device: torch.device,
    seed: int,
    *,
    start: StandaloneCNN | None = None,
    epochs: int | None = None,
    pictures: int | None = None,
) -> Training:
    """A training before its first step: the supernet's recipe, weights drawn from the seed or those of `start`.

    It runs for `epochs` (the finalists', if None) on the first `pictures` of train (all, if None), which are a fair
    sample: a split's order is random.
    """
    recipe = alone_recipe(study, epochs)
    network = start or StandaloneCNN(space, genome).draw(torch.Generator().manual_seed(seed))
    return Training(network, data, data.train.part(0, pictures), recipe, seed, device)


def alone_recipe(study: StudySettings, epochs: int | None = None) -> Recipe:
    """How a network is first trained: for `epochs` (the finalists', if None) by the supernet's recipe."""
    return Recipe(
        epochs or study.finalists.epochs,
        study.supernet.learning_rate,
        study.supernet.batch_size,
        study.data.augment,
    )


def fine_tuning_recipe(study: StudySettings) -> Recipe:
    """How it is then trained on, on all training pictures, before it is tested."""
    return Recipe(
        study.final.epochs, study.final.learning_rate, study.supernet.batch_size, study.data.augment
    )
