"""From a run to an exported network: its winner, one trained since, or any genome cut out of its supernet."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from suite.cnn import StandaloneCNN
from suite.data import Data, find_data, open_data
from suite.data.begun_on import check_begun_on
from suite.errors import RunDirectoryError
from suite.export.card import BEFORE_TUNING, SUBNET, TRAINED, WINNER, Measured, ModelFacts, licence_of
from suite.export.classifier import Classifier
from suite.export.folder import check_folder, weights_of, write_export
from suite.export.measured import measured_of_winner, timed
from suite.export.onnx_file import examine, onnx_bytes
from suite.export.train import read_trained, train_as_winner, trained_before
from suite.oracle_table import read_table
from suite.progress import Display
from suite.run_directory import RunDirectory, searched_on
from suite.search import PHASE as SEARCH
from suite.space import Genome, space_of_run
from suite.study import read_study
from suite.supernet import Scorer, Supernet, load_supernet
from suite.winner import PHASE as FINAL
from suite.winner import WEIGHTS_FILE


@dataclass(frozen=True)
class Taken:
    """A network out of a run, and what is known of it."""

    classifier: Classifier
    source: str
    accuracies: dict[str, float]
    test_pictures: int
    measured: Measured


class NetworksOfRun:
    """All networks of a run's space; the supernet and the pictures are opened when something is needed of them."""

    def __init__(self, run: RunDirectory, data_dir: Path | None) -> None:
        self.run = run
        self.study = read_study(run.path / "study.toml")
        self.run_facts = run.read_json("run.json") or {}
        self.dataset: dict[str, Any] = self.run_facts["dataset"]
        self.space = space_of_run(self.study.space, self.run_facts)
        self._data_dir = data_dir

    @cached_property
    def data(self) -> Data:
        """The pictures the run was begun on.

        Raises:
            DataError: they cannot be found.
            RunDirectoryError: the run was begun on others.
        """
        opened = open_data(self.study.data, find_data(self.study.data, self._data_dir))
        check_begun_on(self.run, opened)
        return opened

    def take(self, genome_text: str | None) -> Taken:
        """The winner, if no genome is named or it is the one; else the network as it was trained since, or a subnet.

        Raises:
            RunDirectoryError: the run has no winner, or no supernet, yet.
            GenomeError: the genome is none of the study's space.
        """
        final = self.run.read_result(FINAL)
        if genome_text is None:
            if final is None:
                raise RunDirectoryError(
                    "has no winner yet.",
                    where=str(self.run.path),
                    remedy="Let its search go on (suite search ... --resume); suite export --genome takes others "
                    "now.",
                )
            return self._winner(final)
        genome = self.space.parse(genome_text)
        if final is not None and genome.text == final["genome"]:
            return self._winner(final)
        trained = trained_before(self.run, genome)
        return self.subnet(genome) if trained is None else self._trained(genome, trained)

    def subnet(self, genome: Genome) -> Taken:
        """A network with the supernet's weights.

        Raises:
            RunDirectoryError: the run has no supernet yet.
        """
        network = self._supernet.extract(genome, self._calibration)
        accuracies = self._known_accuracies(genome)
        return Taken(self._classifier(network), SUBNET, accuracies, 0, self._measured_in_search(genome))

    def facts(self, taken: Taken) -> ModelFacts:
        """What is said of a network beside its weights."""
        classifier = taken.classifier
        mean, std = self._normalisation
        return ModelFacts(
            genome=classifier.genome.text,
            input_shape=classifier.input_shape,
            classes=classifier.classes,
            mean=mean,
            std=std,
            norm=self.space.norm,
            params=self.space.parameters(classifier.genome),
            macs=self.space.macs(classifier.genome),
            source=taken.source,
            accuracies=taken.accuracies,
            study=self.study.name,
            run=self.run.run_id,
            sha256=hashlib.sha256(weights_of(classifier)).hexdigest(),
            test_pictures=taken.test_pictures,
            dataset=(self.dataset["name"], self.dataset["source"], licence_of(self.study.data.name)),
            notes=(*self.dataset["notes"], *self.dataset["warnings"]),
        )

    @cached_property
    def _normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation, which runs of older suites did not write down."""
        if "mean" in self.dataset:
            return tuple(self.dataset["mean"]), tuple(self.dataset["std"])
        return self.data.mean, self.data.std

    @cached_property
    def _supernet(self) -> Supernet:
        return load_supernet(self.study, self.space, self.run)

    @cached_property
    def _calibration(self) -> Tensor | None:
        """Training pictures for batch norm's statistics."""
        if self.space.norm != "batch":
            return None
        return Scorer(self._supernet, self.data, torch.device("cpu")).calibration

    def _winner(self, final: dict[str, Any]) -> Taken:
        network = StandaloneCNN(self.space, self.space.parse(final["genome"]))
        self.run.read_weights(WEIGHTS_FILE, network, final["sha256"])
        accuracy = {"test": final["test"]["eval_accuracy"]}
        measured = measured_of_winner(final, self.run_facts)
        return Taken(self._classifier(network), WINNER, accuracy, len(final["predicted"]), measured)

    def _trained(self, genome: Genome, result: dict[str, Any]) -> Taken:
        network = StandaloneCNN(self.space, genome)
        read_trained(self.run, network, result)
        accuracy = {BEFORE_TUNING: result["val_accuracy"]}
        measured = Measured(latency=timed(result["latency"], result["device"]))
        return Taken(self._classifier(network), TRAINED, accuracy, 0, measured)

    @cached_property
    def _searched(self) -> dict[str, dict[str, Any]]:
        """What the search said of each genome it evaluated."""
        return {row["genome"]: row for row in (self.run.read_result(SEARCH) or {}).get("evaluated", [])}

    def _known_accuracies(self, genome: Genome) -> dict[str, float]:
        """By the oracle on all of val-A and val-B, else by the search on val-A, else nothing."""
        walk, counts = self.run.read_result("oracle"), self.dataset["counts"]
        if walk is not None and all(walk["pictures"][name] == counts[name] for name in walk["pictures"]):
            table = read_table(self.run)
            row = table["genome"].tolist().index(genome.text)
            return {name: float(table[f"accuracy_{name}"][row]) for name in ("val_search", "val_choice")}
        accuracy = self._searched.get(genome.text, {}).get("val_accuracy")
        return {} if accuracy is None else {"val_search": accuracy}

    def _measured_in_search(self, genome: Genome) -> Measured:
        median_ms = self._searched.get(genome.text, {}).get("latency_ms")
        if median_ms is None:
            return Measured()
        settings = self.study.latency
        latency = {"median_ms": median_ms, "batch": settings.batch, "threads": settings.threads}
        machine = searched_on(self.run.read_result(SEARCH) or {}, self.run_facts)
        return Measured(latency=timed(latency, {**self.run_facts["device"], "name": machine}))

    def _classifier(self, network: StandaloneCNN) -> Classifier:
        mean, std = self._normalisation
        shape, classes = list(self.space.shape), list(self.dataset["classes"])
        text = network.genome.text
        classifier = Classifier(text, shape, classes, list(mean), list(std), self.space.norm)
        classifier.network.load_state_dict(network.state_dict())
        return classifier.eval()


def export_network(
    run: RunDirectory,
    genome_text: str | None,
    output: Path | None,
    data_dir: Path | None,
    display: Display,
    *,
    onnx: bool,
    train: bool = False,
) -> Path:
    """Export the winner, or the network of `genome_text`; returns the folder, <run>/model/<genome> by default.

    With `train`, that network is first trained as the winner was, if it is not yet.

    With `onnx` as an ONNX file too, held against torch on the pictures of val-B. Without, pictures are opened only
    for batch norm's statistics of a subnet, and for the normalisation where an older suite did not write it down.

    Raises:
        RunDirectoryError: the run has no winner or no supernet yet, or was begun on other data.
        GenomeError: the genome is none of the study's space.
        DataError: pictures are needed and cannot be found.
        ExportError: the folder holds something else, or cannot be written.
        ConversionError: the ONNX file says something else than torch.
    """
    networks = NetworksOfRun(run, data_dir)
    if train and genome_text is not None:
        genome = networks.space.parse(genome_text)
        check_folder(output or run.path / "model" / genome.text, run.run_id, genome.text)  # hours before
        train_as_winner(run, genome, data_dir, display)
    taken = networks.take(genome_text)
    if taken.source == SUBNET:
        display.say("Its weights are the supernet's, shared and not its own: --train trains it first.")
    facts, classifier = networks.facts(taken), taken.classifier
    converted = None
    if onnx:
        with display.phase("ONNX", 2) as phase:
            content = onnx_bytes(classifier)
            phase.update(1, "held against torch, and timed")
            budget_ms = max(networks.study.latency.budget_ms, 200)  # a search times many, this is one
            converted = (content, examine(content, classifier, networks.data.val_choice.pictures, budget_ms))
            phase.finish(2, converted[1].in_words())
    folder = output or run.path / "model" / facts.genome
    write_export(folder, classifier, facts, converted, taken.measured)
    return folder
