"""The winner: fine-tuned on train + val by the fixed recipe, then tested once, through the sealed test."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import torch

from suite.cnn import StandaloneCNN
from suite.data import Data, WrittenChoice, read_ledger
from suite.data.dataset import are_unequal
from suite.errors import RunDirectoryError
from suite.evaluation import Outcome, evaluate
from suite.finalist import checkpoint_name
from suite.latency import measure
from suite.progress import Display
from suite.reference_networks import NAMES, SEEDS
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.standalone import fine_tuning_recipe
from suite.study import LatencySettings, StudySettings
from suite.telling_pictures import write_telling_pictures
from suite.training import Training, train_to_end

PHASE = "final"
CHOICE_FILE = "results/choice.json"
WEIGHTS_FILE = "model/winner.safetensors"
LEDGER_FILE = "results/test_ledger.jsonl"
_TEST_BATCH = 250


def finish_winner(
    study: StudySettings,
    space: SearchSpace,
    winner: dict[str, Any],
    data: Data,
    device: torch.device,
    run: RunDirectory,
    display: Display,
) -> dict[str, Any]:
    """Fine-tune, write the choice down, test once, time the network; returns results/final.json.

    `winner` is its row of results/finalists.json.
    """
    training = _fine_tuning(study, space, winner, data, device, run)
    log = train_to_end(training, PHASE, "Fine-tuning", run, display)
    network = training.network
    assert isinstance(network, StandaloneCNN)

    sha256 = run.write_weights(WEIGHTS_FILE, network)
    choice = WrittenChoice(
        genome=winner["genome"],
        seeds=tuple(range(study.seed, study.seed + SEEDS)),
        recipe={
            "finalists": study.finalists.for_hashing(),
            "final": study.final.model_dump(mode="json"),
        },
        declared=("winner", *NAMES),  # trained later, by `suite references`, if at all
    )
    choice.write(run.path / CHOICE_FILE)
    test = data.open_test(run.path / CHOICE_FILE, run.path / LEDGER_FILE)
    why = "the one test of the chosen, fine-tuned network"
    if read_ledger(run.path / LEDGER_FILE):
        why = "again, as a stop came between the test and its record"
    pictures = test.pictures_for("winner", study.seed, why)
    clock = time.perf_counter()
    outcome = evaluate(network, data, pictures, device, batch=_TEST_BATCH)
    runtime = time.perf_counter() - clock

    result = {
        "genome": winner["genome"],
        "sha256": sha256,
        "params": winner["params"],
        "macs": winner["macs"],
        "seconds": log["seconds"],
        "fine_tuning": log["train_loss"],
        "test": _test_fields(outcome, runtime, winner["epochs"] + study.final.epochs),
        "balanced_accuracy": outcome.balanced_accuracy,
        "confusion": outcome.confusion(len(data.classes)),
        "classes": list(data.classes),
        "predicted": outcome.predicted.tolist(),
        "wrong": outcome.wrong,
        "confidences": outcome.confidences.numpy().round(4).tolist(),
        "telling": write_telling_pictures(run, outcome, pictures),
        "latency": _latencies(network, study, space, device),
    }
    run.write_result(PHASE, result)
    return result


def _fine_tuning(
    study: StudySettings,
    space: SearchSpace,
    winner: dict[str, Any],
    data: Data,
    device: torch.device,
    run: RunDirectory,
) -> Training:
    """The fine-tuning before its first step: the finalist's weights, of its first seed, under a fresh Adam."""
    network = StandaloneCNN(space, space.parse(winner["genome"]))
    finalist = run.load_checkpoint(checkpoint_name(winner["number"]))
    if finalist is None or finalist["genome"] != winner["genome"]:
        raise RunDirectoryError(
            f"the checkpoint of finalist {winner['number']} ({winner['genome']}) is gone.",
            where=str(run.path),
            remedy="Delete results/finalists.json to train the finalists again.",
        )
    network.load_state_dict(finalist["trainings"][0]["network"])
    return Training(network, data, data.all_training, fine_tuning_recipe(study), study.seed, device)


def _test_fields(outcome: Outcome, runtime: float, epochs: int) -> dict[str, float]:
    """The test in the fields that the Hugging Face Trainer made common."""
    pictures = len(outcome.labels)
    return {
        "eval_loss": outcome.loss,
        "eval_accuracy": outcome.accuracy,
        "eval_runtime": runtime,
        "eval_samples_per_second": pictures / runtime,
        "eval_steps_per_second": -(-pictures // _TEST_BATCH) / runtime,
        "epoch": float(epochs),
    }


def _latencies(
    network: StandaloneCNN, study: StudySettings, space: SearchSpace, device: torch.device
) -> dict[str, Any]:
    """The study's own latency, and batch 64 on all threads beside it."""
    return {
        name: measure([network], space.shape, settings, device, random.Random(study.seed))[0].to_json()
        for name, settings in (("objective", study.latency), ("batch_64_all_threads", throughput(study)))
    }


def balanced_accuracy(final: Mapping[str, Any]) -> float | None:
    """Of results/final.json, where accuracy says little of small classes; None where all are about as large.

    Results of older suites have none.
    """
    sizes = [sum(row) for row in final["confusion"]]
    return final.get("balanced_accuracy") if are_unequal(sizes) else None


def throughput(study: StudySettings) -> LatencySettings:
    """What is timed beside the study's own latency: batch 64 on all threads."""
    return LatencySettings(
        batch=64, threads=torch.get_num_threads(), budget_ms=max(study.latency.budget_ms, 200)
    )
