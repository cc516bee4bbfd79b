"""Training the shared weights, epoch by epoch, by the study's step rule."""

from __future__ import annotations

import torch

from suite.data import Data
from suite.errors import RunDirectoryError
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings
from suite.supernet.slice_adam import SliceAdam
from suite.supernet.step_rules import STEP_RULES
from suite.supernet.weights import Supernet
from suite.training import Recipe, Training, train_to_end

PHASE = "supernet"
_WEIGHTS = "supernet.safetensors"


def train_supernet(
    study: StudySettings,
    space: SearchSpace,
    data: Data,
    device: torch.device,
    run: RunDirectory,
    display: Display,
) -> Supernet:
    """The trained supernet: as stored if it is done, else trained on from its checkpoint.

    Raises:
        TrainingError: the loss is no longer a number.
        RunDirectoryError: the stored weights are damaged.
    """
    if run.read_result(PHASE) is not None:
        return load_supernet(study, space, run).to(device)

    training = new_training(study, space, data, device)
    log = train_to_end(training, PHASE, "Supernet", run, display)
    sha256 = run.write_weights(_WEIGHTS, training.network)
    run.write_result(PHASE, {**log, "sha256": sha256})
    run.drop_checkpoint(PHASE)
    assert isinstance(training.network, Supernet)
    return training.network.eval()


def load_supernet(study: StudySettings, space: SearchSpace, run: RunDirectory) -> Supernet:
    """The stored supernet of a run.

    Raises:
        RunDirectoryError: it is not trained yet, or the file is missing or not what was written.
    """
    trained = run.read_result(PHASE)
    if trained is None:
        raise RunDirectoryError(
            "has no trained supernet yet.", where=str(run.path), remedy="Let its search go on: --resume"
        )
    supernet = new_supernet(study, space)
    run.read_weights(_WEIGHTS, supernet, trained["sha256"])
    return supernet.eval()


def new_supernet(study: StudySettings, space: SearchSpace) -> Supernet:
    """The supernet a study describes, its weights not drawn yet."""
    return Supernet(space, study.supernet.dropout, study.supernet.first_fc)


def new_training(study: StudySettings, space: SearchSpace, data: Data, device: torch.device) -> Training:
    """A training of freshly drawn shared weights, before its first step; its network is the Supernet."""
    settings = study.supernet
    supernet = new_supernet(study, space).draw(torch.Generator().manual_seed(study.seed))
    step_rule = STEP_RULES[settings.step_rule]
    recipe = Recipe(
        settings.epochs,
        settings.learning_rate,
        settings.batch_size,
        study.data.augment,
        settings.average,
    )
    weights = data.class_weights_on(device)
    return Training(
        supernet,
        data,
        data.train,
        recipe,
        study.seed,
        device,
        loss=lambda pictures, labels, rng: step_rule(supernet, pictures, labels, rng, weights),
        adam=SliceAdam,
    )
