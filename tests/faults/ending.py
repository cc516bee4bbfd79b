"""What a run ends with, however often it was killed: everything but times, read from its files and its storage."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from suite.data import read_ledger
from suite.fidelity.truth_table import read_table as read_truth
from suite.oracle_table import read_table
from suite.run_directory import RunDirectory
from suite.trials import open_storage
from suite.winner import LEDGER_FILE

_TIMES = {
    "seconds",
    "exact_seconds",
    "eval_runtime",
    "eval_samples_per_second",
    "eval_steps_per_second",
    "latency",
}


def ending(folder: Path, storage: str | None) -> dict[str, Any]:
    """By name, what must not depend on kills."""
    run = RunDirectory(folder / "run")
    results = {phase: _result(run, phase) for phase in ("supernet", "search", "finalists", "final")}
    table = read_table(run)
    truth = read_truth(next((folder / "truth").glob("*.csv")))
    cells = _result(RunDirectory(folder / "ablation"), "ablation")["cells"]
    return {
        "supernet weights": results["supernet"]["sha256"],
        "genomes and values": (results["search"]["evaluated"], results["search"]["generations"]),
        "front": results["search"]["front"],
        "finalists": results["finalists"],
        "winner": results["final"],
        "trials of the search": _trials(folder, storage, "search"),
        "trials of finalists": _trials(folder, storage, "finalists"),
        "oracle": [table[name].tolist() for name in sorted(table) if name != "latency_ms"],
        "oracle's pictures": [np.load(path).tolist() for path in sorted(run.path.glob("oracle_bits_*.npy"))],
        "shortlist": _result(run, "shortlist"),
        "references": _result(run, "references"),
        "tested": sorted({(entry.network, entry.seed) for entry in read_ledger(run.path / LEDGER_FILE)}),
        "truth table": [(r.genome, r.seed, r.epoch, r.val_loss, r.val_accuracy) for r in truth.readings],
        "trainings of the truth table": _done_once(folder, storage, "tiny/run/", "genome", "seed"),
        # Its clock is real: of its supernets, only which there are is the same.
        "cells": [(cell["name"], [seed["seed"] for seed in cell["seeds"]]) for cell in cells],
        "trainings of cells": _done_once(folder, storage, "ablations/", "cell", "seed"),
        "left over": _left_over(folder),
    }


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The names of what is not as expected."""
    return [name for name in expected if expected[name] != found[name]]


def _result(run: RunDirectory, phase: str) -> dict[str, Any]:
    result = run.read_result(phase)
    assert result is not None, f"{run.path} has no result of {phase}"
    timeless: dict[str, Any] = _without_times(result)
    return timeless


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(inner) for key, inner in value.items() if key not in _TIMES}
    if isinstance(value, list):
        return [_without_times(inner) for inner in value]
    return value


def _trials(folder: Path, storage: str | None, phase: str) -> list[Any]:
    """All of a phase's trials in order, with everything that is recorded but times."""
    study = optuna.load_study(
        study_name=f"tiny/run/{phase}", storage=open_storage(_url(folder, storage, "run"))
    )
    return [
        (t.number, t.state.name, t.values, t.params, t.intermediate_values, t.user_attrs)
        for t in study.get_trials()
    ]


def _done_once(folder: Path, storage: str | None, prefix: str, *names: str) -> list[Any]:
    """How often each training of a shared table is done, from its study's finished trials."""
    run = "ablation" if prefix.startswith("ablations") else "run"
    opened = open_storage(_url(folder, storage, run))
    others = {"tiny/run/search", "tiny/run/finalists"}
    (name,) = [n for n in optuna.get_all_study_names(opened) if n.startswith(prefix) and n not in others]
    trials = optuna.load_study(study_name=name, storage=opened).get_trials(states=(TrialState.COMPLETE,))
    return sorted(Counter(tuple(str(t.user_attrs[n]) for n in names) for t in trials).items())


def _url(folder: Path, storage: str | None, run: str) -> str:
    return storage or f"sqlite:///{folder / run / 'study.db'}"


def _left_over(folder: Path) -> list[str]:
    """Files that only a run under way has."""
    patterns = ("*/checkpoints/*", "**/.*.unfinished", "**/.lock-holder.json")
    return sorted(str(path.relative_to(folder)) for pattern in patterns for path in folder.glob(pattern))
