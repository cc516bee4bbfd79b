"""Training the shared weights, epoch by epoch, by the study's step rule."""

from __future__ import annotations

import hashlib

import torch
from safetensors.torch import load as read_safetensors
from safetensors.torch import save as to_safetensors

from suite.data import Data
from suite.errors import RunDirectoryError
from suite.progress import Display
from suite.run_directory import RunDirectory, write_atomically
from suite.space import SearchSpace
from suite.study import StudySettings
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
    done = run.read_result(PHASE)
    if done is not None:
        return load_supernet(study, space, run, done["sha256"]).to(device)

    training = new_training(study, space, data, device)
    log = train_to_end(training, PHASE, "Supernet", run, display)
    weights = to_safetensors(training.network.state_dict())
    write_atomically(run.path / _WEIGHTS, weights)
    run.write_result(PHASE, {**log, "sha256": hashlib.sha256(weights).hexdigest()})
    run.drop_checkpoint(PHASE)
    assert isinstance(training.network, Supernet)
    return training.network.eval()


def load_supernet(study: StudySettings, space: SearchSpace, run: RunDirectory, sha256: str) -> Supernet:
    """The stored supernet of a run.

    Raises:
        RunDirectoryError: the file is missing, or is not what was written.
    """
    path = run.path / _WEIGHTS
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RunDirectoryError(
            "is missing or damaged.",
            where=str(path),
            remedy="Delete results/supernet.json to train the supernet again, or begin a new run.",
        )
    supernet = Supernet(space, study.supernet.dropout)
    supernet.load_state_dict(read_safetensors(content))
    return supernet.eval()


def new_training(study: StudySettings, space: SearchSpace, data: Data, device: torch.device) -> Training:
    """A training of freshly drawn shared weights, before its first step; its network is the Supernet."""
    settings = study.supernet
    supernet = Supernet(space, settings.dropout).draw(torch.Generator().manual_seed(study.seed))
    step_rule = STEP_RULES[settings.step_rule]
    recipe = Recipe(settings.epochs, settings.learning_rate, settings.batch_size, study.data.augment)
    return Training(
        supernet,
        data,
        data.train,
        recipe,
        study.seed,
        device,
        loss=lambda pictures, labels, rng: step_rule(supernet, pictures, labels, rng),
    )
