"""From a run to an exported network: its winner, or any genome cut out of its supernet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from suite.cnn import StandaloneCNN
from suite.data import Data, find_data, open_data
from suite.data.begun_on import check_begun_on
from suite.errors import RunDirectoryError
from suite.export.card import SUBNET, WINNER, ModelFacts
from suite.export.folder import weights_of, write_export
from suite.oracle_table import TABLE_FILE, read_table
from suite.run_directory import RunDirectory
from suite.search import PHASE as SEARCH
from suite.space import Genome, SearchSpace, space_of_run
from suite.study import StudySettings, read_study
from suite.supernet import Scorer, load_supernet
from suite.winner import PHASE as FINAL
from suite.winner import WEIGHTS_FILE


@dataclass(frozen=True)
class Taken:
    """A network out of a run, and what is known of it."""

    network: StandaloneCNN
    source: str
    accuracies: dict[str, float]


def export_network(
    run: RunDirectory, genome_text: str | None, output: Path | None, data_dir: Path | None
) -> Path:
    """Export the winner, or the network of `genome_text`; returns the folder, <run>/model/<genome> by default.

    Pictures are opened only if something is needed of them: batch norm's statistics for a subnet, or the
    normalisation, which runs of older suites did not write down.

    Raises:
        RunDirectoryError: the run has no winner or no supernet yet, or was begun on other data.
        GenomeError: the genome is none of the study's space.
        DataError: pictures are needed and cannot be found.
        ExportError: the folder holds something else, or cannot be written.
    """
    study = read_study(run.path / "study.toml")
    facts_of_run = run.read_json("run.json") or {}
    dataset, space = facts_of_run["dataset"], space_of_run(study.space, facts_of_run)
    channels, height, width = space.shape

    @cache
    def data() -> Data:
        opened = open_data(study.data, find_data(study.data, data_dir))
        check_begun_on(run, opened)
        return opened

    taken = _take(run, study, space, genome_text, data)
    genome = taken.network.genome
    facts = ModelFacts(
        genome=genome.text,
        input_shape=(channels, height, width),
        classes=tuple(dataset["classes"]),
        mean=tuple(dataset["mean"] if "mean" in dataset else data().mean),
        std=tuple(dataset["std"] if "std" in dataset else data().std),
        norm=space.norm,
        params=space.parameters(genome),
        macs=space.macs(genome),
        source=taken.source,
        accuracies=taken.accuracies,
        study=study.name,
        run=run.run_id,
        sha256=hashlib.sha256(weights_of(taken.network)).hexdigest(),
    )
    folder = output or run.path / "model" / genome.text
    write_export(folder, taken.network, facts)
    return folder


def _take(
    run: RunDirectory,
    study: StudySettings,
    space: SearchSpace,
    genome_text: str | None,
    data: Callable[[], Data],
) -> Taken:
    """The winner, if no genome is named or it is the one; else a subnet."""
    final = run.read_result(FINAL)
    if genome_text is None and final is None:
        raise RunDirectoryError(
            "has no winner yet.",
            where=str(run.path),
            remedy="Let its search go on by --resume, or name a network by --genome.",
        )
    if final is not None and genome_text in (None, final["genome"]):
        return _winner(run, space, final)
    return _subnet(run, study, space, space.parse(genome_text or ""), data)


def _winner(run: RunDirectory, space: SearchSpace, final: dict[str, Any]) -> Taken:
    network = StandaloneCNN(space, space.parse(final["genome"]))
    run.read_weights(WEIGHTS_FILE, network, final["sha256"])
    return Taken(network, WINNER, {"test": final["test"]["eval_accuracy"]})


def _subnet(
    run: RunDirectory, study: StudySettings, space: SearchSpace, genome: Genome, data: Callable[[], Data]
) -> Taken:
    supernet = load_supernet(study, space, run)
    calibration = Scorer(supernet, data(), torch.device("cpu")).calibration if space.norm == "batch" else None
    return Taken(supernet.extract(genome, calibration), SUBNET, _known_accuracies(run, genome))


def _known_accuracies(run: RunDirectory, genome: Genome) -> dict[str, float]:
    """By the oracle on val-A and val-B, else by the search on val-A, else nothing."""
    if (run.path / TABLE_FILE).is_file():
        table = read_table(run)
        row = table["genome"].tolist().index(genome.text)
        return {name: float(table[f"accuracy_{name}"][row]) for name in ("val_search", "val_choice")}
    for row in (run.read_result(SEARCH) or {}).get("evaluated", []):
        if row["genome"] == genome.text and row["val_accuracy"] is not None:
            return {"val_search": row["val_accuracy"]}
    return {}
