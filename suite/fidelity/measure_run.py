"""A run's supernet measured: the truth table filled, then the run's scores held against it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from suite.data import Place, open_data
from suite.data.begun_on import check_begun_on
from suite.device import open_device
from suite.fidelity.draw import draw_networks
from suite.fidelity.train_truth import Wanted, train_truth
from suite.fidelity.truth_table import open_table, regime_of
from suite.fidelity.truth_worker import Job
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import space_of_run
from suite.study import read_study
from suite.trials import storage_url


@dataclass(frozen=True)
class Asked:
    """What a user asked for."""

    networks: int
    seeds: int
    epochs: int
    train_images: int
    truth: Path
    storage: str | None
    place: Place
    device: str


def measure_run(run: RunDirectory, asked: Asked, display: Display) -> Path:
    """Train what the truth table lacks; returns the table's path.

    Raises:
        FidelityError: the table there is of another regime, or a training failed.
        RunDirectoryError: the run was begun on other data.
    """
    with run.locked():
        study = read_study(run.path / "study.toml")
        open_device(asked.device)
        data = open_data(study.data, asked.place)
        check_begun_on(run, data)
        space = space_of_run(study.space, run.read_json("run.json") or {})
        pictures = min(asked.train_images, len(data.train))
        regime = regime_of(study, data.provenance.sha256, asked.epochs, pictures)
        table = open_table(regime, asked.truth)
        wanted = [
            Wanted(genome, seed, "uniform")
            for seed in range(asked.seeds)
            for genome in draw_networks(space, asked.networks)
        ]
        job = Job(
            study,
            asked.epochs,
            pictures,
            asked.place,
            asked.device,
            storage_url(run, asked.storage),
            f"{study.name}/{run.run_id}/{regime.name}",
            run,
        )
        return train_truth(wanted, table, asked.truth, space, job, display)
