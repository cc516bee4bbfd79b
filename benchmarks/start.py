"""What finalists gain by starting from the supernet's weights: `suite bench start [RUN]`.

Each finalist of the run is trained twice by the study's recipe, from weights drawn anew and from the supernet's,
epoch by epoch in turn: what an epoch takes is the same, so equal epochs are equal seconds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.data import find_data, open_data
from suite.device import open_device
from suite.evaluation import evaluate
from suite.progress import Display
from suite.run_directory import RunDirectory, finished_phase
from suite.space import space_of_run
from suite.standalone import standalone_training
from suite.study import read_study
from suite.supernet import Scorer, load_supernet

STARTS = ("scratch", "supernet")


def run(display: Display, directory: RunDirectory) -> dict[str, Any]:
    """Accuracy on val-B after every epoch of each finalist of a run, from each start.

    Raises:
        RunDirectoryError: its finalists are not trained yet.
    """
    finalists = finished_phase(directory, "finalists", "trained finalists")
    facts, study = directory.read_json("run.json") or {}, read_study(directory.path / "study.toml")
    space, device = space_of_run(study.space, facts), open_device("auto")
    data = open_data(study.data, find_data(study.data))
    scorer = Scorer(load_supernet(study, space, directory), data, device)
    genomes = [space.parse(row["genome"]) for row in finalists["finalists"]]
    curves: dict[str, dict[str, list[float]]] = {start: {g.text: [] for g in genomes} for start in STARTS}
    epochs = study.finalists.epochs
    with display.phase("Epochs", len(STARTS) * len(genomes) * epochs, "epochs") as phase:
        for genome in genomes:
            extracted = scorer.supernet.extract(genome, scorer.calibration)
            trainings = {
                start: standalone_training(
                    study,
                    space,
                    genome,
                    data,
                    device,
                    study.seed,
                    start=extracted if start == "supernet" else None,
                )
                for start in STARTS
            }
            for _ in range(epochs):
                for start, training in trainings.items():
                    training.run_epoch()
                    outcome = evaluate(training.network, data, data.val_choice, device)
                    curves[start][genome.text].append(outcome.accuracy)
                    phase.update(sum(len(c) for of in curves.values() for c in of.values()))
        phase.finish(len(STARTS) * len(genomes) * epochs)
    return {"run": directory.run_id, "study": study.name, "curves": curves}


def show(result: dict[str, Any]) -> str:
    """The result as lines of text: means over finalists, epoch by epoch, and how often the supernet's is ahead."""
    scratch, supernet = (np.array(list(result["curves"][start].values())) for start in STARTS)
    lines = [f"{result['study']}, {result['run']}: accuracy on val-B in %, mean of {len(scratch)} finalists"]
    lines.append(f"{'epoch':>5} {'scratch':>9} {'supernet':>9} {'gain':>7}   supernet ahead")
    for epoch, (one, other) in enumerate(zip(100 * scratch.T, 100 * supernet.T, strict=True), 1):
        ahead = f"{(other > one).sum()} of {len(one)}"
        lines.append(
            f"{epoch:>5} {one.mean():>9.2f} {other.mean():>9.2f} {(other - one).mean():>+7.2f}   {ahead}"
        )
    return "\n".join(lines)
