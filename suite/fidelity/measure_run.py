"""A run's supernet measured: the truth table filled, then the run's scores held against it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from suite.data import Data, Place
from suite.fidelity.draw import draw_networks
from suite.fidelity.favourites import favourites
from suite.fidelity.longer_truth import longer_truths
from suite.fidelity.measure_supernet import measure_supernet
from suite.fidelity.train_truth import Wanted, train_truth
from suite.fidelity.truth_table import Drawn, open_table, read_table, regime_of
from suite.fidelity.truth_worker import Job
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.storage_url import storage_url
from suite.study import StudySettings
from suite.supernet import Scorer

PHASE = "fidelity"
_ORDER: tuple[Drawn, ...] = ("uniform", "winner", "top")


@dataclass(frozen=True)
class Asked:
    """What a user asked for."""

    networks: int
    seeds: int
    epochs: int
    train_images: int
    top: int
    truth: Path
    storage: str | None
    place: Place
    device: str

    def options(self) -> dict[str, int]:
        """What decides on the trainings, by the names of the command's options."""
        return {
            "networks": self.networks,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "train_images": self.train_images,
            "top": self.top,
        }


def measure_run(
    study: StudySettings,
    space: SearchSpace,
    scorer: Scorer,
    data: Data,
    run: RunDirectory,
    asked: Asked,
    display: Display,
) -> dict[str, Any]:
    """Train what the truth table lacks, then measure; returns results/fidelity.json.

    Raises:
        FidelityError: the table there is of another regime, or damaged.
        TrainingError: a training failed.
        StorageError: a training's trial is not what was recorded.
    """
    pictures = min(asked.train_images, len(data.train))
    regime = regime_of(study, data.provenance.sha256, asked.epochs, pictures)
    table = open_table(regime, asked.truth)
    job = Job(
        study,
        asked.epochs,
        pictures,
        asked.place,
        scorer.device.type,
        storage_url(run, asked.storage),
        f"{study.name}/{run.run_id}/{regime.name}",
        run,
    )
    path = train_truth(_wanted(study, space, run, asked), table, asked.truth, space, job, display)
    table = read_table(path)  # as it is written, so that the next call finds the very same
    rng = np.random.default_rng(study.seed)
    with display.phase("Rankings", 1) as phase:
        result = {
            "asked": asked.options(),
            "walked_before": run.read_result("oracle") is not None,  # favourites are of the whole space then
            "table": regime.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            **measure_supernet(scorer, data, space, table, rng),
            "longer_truths": longer_truths(table, asked.truth, rng),
        }
        phase.finish(1)
    run.write_result(PHASE, result)
    return result


def _wanted(study: StudySettings, space: SearchSpace, run: RunDirectory, asked: Asked) -> list[Wanted]:
    """Seed by seed, so that a table that was stopped has whole rankings; then the winner, favourites last."""
    networks: dict[Genome, Drawn] = dict.fromkeys(draw_networks(space, asked.networks), "uniform")
    final = run.read_result("final")
    if final is not None:
        networks.setdefault(space.parse(final["genome"]), "winner")
    for genome in favourites(study, space, run, asked.top) if asked.top else []:
        networks.setdefault(genome, "top")
    return sorted(
        (Wanted(genome, seed, drawn) for genome, drawn in networks.items() for seed in range(asked.seeds)),
        key=lambda want: (_ORDER.index(want.drawn), want.seed),
    )
