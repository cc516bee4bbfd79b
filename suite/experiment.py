"""The whole arrow line, phase by phase: data to supernet to search to finalists to the tested winner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import torch

from suite.choice import (
    candidates_of_each_depth,
    choose_candidates,
    choose_winner,
    costs,
    is_feasible,
    supernet_quality,
)
from suite.data import Data
from suite.fidelity.predicted import find_truth, predict_promising
from suite.fidelity.truth_table import TRUTH
from suite.finalist import checkpoint_name
from suite.finalists import PHASE as FINALISTS
from suite.finalists import train_finalists
from suite.fitness import Fitness, criteria, within_size_limits
from suite.latency_model import PHASE as LATENCY_MODEL
from suite.oracle import PHASE as ORACLE
from suite.oracle import best_of_space, score_space
from suite.progress import Display
from suite.recorded_trials import check_there, recorded_genomes
from suite.results import seconds_by_phase, write_results, write_trials_csv
from suite.run_directory import RunDirectory
from suite.search import PHASE as SEARCH
from suite.search import search
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer, train_supernet
from suite.supernet.training import PHASE as SUPERNET
from suite.time_left import TimeBudget, fit_finalists, fit_fine_tuning
from suite.trials import Trials, open_storage, study_of_trainings
from suite.winner import PHASE as FINAL
from suite.winner import finish_winner


def run_experiment(
    study: StudySettings,
    data: Data,
    device: torch.device,
    storage_url: str,
    run: RunDirectory,
    display: Display,
    budget: TimeBudget | None = None,
) -> dict[str, Any]:
    """Run every phase that has no result yet; returns results.json. Call it again to go on after a stop.

    Under a time budget, `study` is already shortened to it, and its finalists are fitted to what is left of it.

    Raises:
        StorageError: trials of a finished phase are gone, or not what was recorded.
    """
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    storage = open_storage(storage_url, display.say)
    name = f"{study.name}/{run.run_id}"

    # Before anything is paid for: from here on the name is this run's, in whatever storage.
    trials = Trials(storage, f"{name}/search", space, criteria(study), run.token)

    supernet = train_supernet(study, space, data, device, run, display)
    scorer = Scorer(supernet, data, device, run=run)

    searched = run.read_result(SEARCH)
    if searched is not None:
        _check_recorded(trials.study, searched["evaluated"])
    else:
        fitness = Fitness(study, space, supernet, scorer, data.val_search, device)
        best, walked = _best_of_space(study, space, scorer, data, run, display)

        def allowed(genome: Genome) -> bool:
            return within_size_limits(study, space, genome)

        searched = search(study, space, fitness, trials, run, allowed, display, best, walked)

    trained = run.read_result(FINALISTS)
    if trained is not None:
        trainings = study_of_trainings(storage, f"{name}/finalists", owner=run.token)
        _check_recorded(trainings, trained["finalists"])
    else:
        candidates = _candidates(study, searched, space, scorer, data, run)
        if budget is not None:
            spent = sum(seconds_by_phase(run).values())
            study = fit_finalists(study, budget, spent, candidates, space, data, device, run, display)
        trained = train_finalists(
            study, space, candidates, scorer, data, device, storage, f"{name}/finalists", run, display
        )

    tested = run.read_result(FINAL)
    if tested is None:
        winner = choose_winner(study, trained, costs(searched))
        if budget is not None:
            study = fit_fine_tuning(study, budget, winner, trained, data, run, display)
        tested = finish_winner(study, space, winner, data, device, run, display)
    # Of finished phases, should a stop have come before they dropped their own.
    begun = len(trained["finalists"]) + len(trained.get("failed", []))
    for phase in (SUPERNET, SEARCH, FINAL, *map(checkpoint_name, range(begun))):
        run.drop_checkpoint(phase)

    write_trials_csv(storage, f"{name}/search", run)
    return write_results(study, run)


def _check_recorded(trials: optuna.Study, rows: Sequence[dict[str, Any]]) -> None:
    """Refuse a study that lacks trials of what a finished phase has in its result."""
    check_there(trials, recorded_genomes(trials), [row["genome"] for row in rows])


def _best_of_space(
    study: StudySettings,
    space: SearchSpace,
    scorer: Scorer,
    data: Data,
    run: RunDirectory,
    display: Display,
) -> tuple[list[Genome], dict[str, float]]:
    """What the exhaustive method proposes, and the seconds of judging the space first; nothing for any other."""
    if study.search.method != "exhaustive":
        return [], {}
    walk = run.read_result(ORACLE)
    every = {"val_search": len(data.val_search), "val_choice": len(data.val_choice)}
    if walk is None or walk["pictures"] != every:  # `suite oracle` may have walked on a few, after a stop
        walk = score_space(study, space, scorer, data, run, display)
    scoring, timing = float(walk["seconds"]), float((run.read_result(LATENCY_MODEL) or {})["seconds"])
    return best_of_space(study, space, run), {"scoring": scoring, "timing": timing, "total": scoring + timing}


def _candidates(
    study: StudySettings,
    searched: dict[str, Any],
    space: SearchSpace,
    scorer: Scorer,
    data: Data,
    run: RunDirectory,
) -> list[Genome]:
    """The candidates, chosen once: their checkpoints go by their numbers."""
    chosen = run.read_result("candidates")
    if chosen is None:
        choose = _by_prediction if study.finalists.candidates == "predicted" else _by_supernet
        chosen = choose(study, searched, space, scorer, data)
        run.write_result("candidates", chosen)
    return [space.parse(text) for text in chosen["genomes"]]


def _by_supernet(
    study: StudySettings, searched: dict[str, Any], space: SearchSpace, scorer: Scorer, data: Data
) -> dict[str, Any]:
    quality = supernet_quality(study, searched, space, scorer, data)
    genomes = candidates_of_each_depth(study, searched, quality)
    return {"genomes": [genome.text for genome in genomes]}


def _by_prediction(
    study: StudySettings, searched: dict[str, Any], space: SearchSpace, scorer: Scorer, data: Data
) -> dict[str, Any]:
    """Of all that was evaluated; the table's name and sha256 are kept with the choice."""
    rows = [row for row in searched["evaluated"] if is_feasible(row)]
    pool = [space.parse(row["genome"]) for row in rows]
    loss, accuracy = (np.array([row[of] for row in rows]) for of in ("val_loss", "val_accuracy"))
    table = find_truth(study, data.provenance.sha256, TRUTH)
    promising = predict_promising(space, pool, (loss, accuracy), table, scorer, data)
    genomes = choose_candidates(searched, promising.accuracy, promising.reaching, study.finalists.count)
    return {
        "genomes": [genome.text for genome in genomes],
        "predicted": [promising.accuracy[genome] for genome in genomes],
        "table": promising.table,
        "sha256": promising.sha256,
        "trainings": promising.trainings,
        "training_seconds": promising.seconds,
    }
