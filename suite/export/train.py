"""A network of the space that the run did not train, trained as its winner was, so that it is worth exporting."""

from __future__ import annotations

import hashlib
import random
import shlex
from pathlib import Path
from typing import Any

from suite.clean_stop import clean_stop
from suite.cnn import StandaloneCNN
from suite.data import find_data
from suite.device import device_facts
from suite.errors import RunDirectoryError
from suite.evaluation import evaluate
from suite.latency import measure
from suite.progress import Display
from suite.reference_networks import as_trained
from suite.references import RunToMatch, run_to_match
from suite.references.train import WINNER, alone_training, fine_tuning
from suite.run_directory import RunDirectory
from suite.space import Genome
from suite.training import train_to_end
from suite.used_study import used_study
from suite.winner import PHASE as FINAL


def train_as_winner(run: RunDirectory, genome: Genome, data_dir: Path | None, display: Display) -> None:
    """Train a network alone and fine-tune it, once; its weights and its accuracy on val-B are kept in the run.

    The accuracy is that before the fine-tuning, which takes val-B in. The test stays shut: it is opened for networks
    that were declared before. The winner, and a network that was trained before, are left as they are.

    Raises:
        RunDirectoryError: another process has the run, or its study.toml or its data are not what it was run with.
        DataError: the pictures cannot be found.
        DeviceError: this machine lacks the run's device.
        TrainingError: a loss is no longer a number.
        OutOfMemoryError: a batch needs too much.
        StoppedError: the disk is full.
    """
    if genome.text == (run.read_result(FINAL) or {}).get("genome"):
        return
    if not _is_trained(run, genome):
        place = find_data(used_study(run).data, data_dir)
        with run.locked(), clean_stop(run.path, str(run.path), "the same command"):
            if not _is_trained(run, genome):  # nor by who had the run until now
                run.write_result(_name(genome), _trained(run_to_match(run, place), genome, display))
    for checkpoint in _checkpoints(genome):
        run.drop_checkpoint(checkpoint)


def trained_before(run: RunDirectory, genome: Genome) -> dict[str, Any] | None:
    """What `train_as_winner` found of a network; None if it did not train it."""
    return run.read_result(_name(genome))


def read_trained(run: RunDirectory, network: StandaloneCNN, result: dict[str, Any]) -> None:
    """Load its weights into a network of its genome.

    Raises:
        RunDirectoryError: they are missing, or not what was written.
    """
    genome = network.genome
    if not _is_trained(run, genome):
        raise RunDirectoryError(
            "is missing or damaged.",
            where=str(run.path / _weights_file(genome)),
            remedy=f"Train it again: suite export {shlex.quote(str(run.path))} --genome {genome.text} --train",
        )
    run.read_weights(_weights_file(genome), network, result["sha256"])


def _trained(match: RunToMatch, genome: Genome, display: Display) -> dict[str, Any]:
    """The result, once the weights are written."""
    study, network = match.study, as_trained(WINNER, genome, match.study)
    alone, tuned = _checkpoints(genome)
    training = alone_training(match, network, study.seed)
    log = train_to_end(training, alone, "Training", match.run, display)
    on_choice = evaluate(training.network, match.data, match.data.val_choice, match.device)
    training = fine_tuning(match, network, training.network, study.seed)
    tuned_log = train_to_end(training, tuned, "Fine-tuning", match.run, display)
    rng = random.Random(study.seed)
    (latency,) = measure([training.network], match.space.shape, study.latency, match.device, rng)
    return {
        "genome": genome.text,
        "seed": study.seed,
        "sha256": match.run.write_weights(_weights_file(genome), training.network),
        "train_loss": log["train_loss"],
        "fine_tuning": tuned_log["train_loss"],
        "seconds": log["seconds"] + tuned_log["seconds"],
        "val_accuracy": on_choice.accuracy,
        "val_loss": on_choice.loss,
        "latency": latency.to_json(),
        "device": device_facts(match.device).to_json(),
    }


def _is_trained(run: RunDirectory, genome: Genome) -> bool:
    """Whether the result is there, and the weights are those it is of."""
    result, file = trained_before(run, genome), run.path / _weights_file(genome)
    return (
        result is not None
        and file.is_file()
        and hashlib.sha256(file.read_bytes()).hexdigest() == result["sha256"]
    )


def _name(genome: Genome) -> str:
    """Of the result."""
    return f"trained-{genome.text}"


def _weights_file(genome: Genome) -> str:
    return f"model/trained/{genome.text}.safetensors"


def _checkpoints(genome: Genome) -> tuple[str, str]:
    """Names of the two trainings' checkpoints."""
    return _name(genome), f"{_name(genome)}-tuned"
