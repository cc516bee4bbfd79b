"""results.json and trials.csv: what a run found, assembled from its phases for people and programs."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.storages import BaseStorage

from suite.references import PHASE as REFERENCES
from suite.references.rows import summary
from suite.run_directory import RunDirectory, write_atomically
from suite.study import StudySettings

PHASES = ("supernet", "search", "finalists", "final")  # in the order of a run


def write_results(study: StudySettings, run: RunDirectory) -> dict[str, Any]:
    """Assemble and write results.json from the phases that are done."""
    facts = run.read_json("run.json") or {}
    searched, final = (run.read_result(phase) or {} for phase in ("search", "final"))
    seconds = seconds_by_phase(run)
    search_seconds = seconds["supernet"] + seconds["search"] + seconds["finalists"]
    result: dict[str, Any] = {
        "study": study.name,
        "run": run.run_id,
        "seed": study.seed,
        "dataset": facts.get("dataset", {}),
        "search": {
            "method": study.search.method,
            "evaluations": searched.get("evaluations", 0),
            "unique_genomes": len(searched.get("evaluated", [])),
            "seconds": {**seconds, "total": sum(seconds.values())},
        },
        "references": summary(run.read_result(REFERENCES), search_seconds),
    }
    if final:
        result["winner"] = {
            "genome": final["genome"],
            "params": final["params"],
            "macs": final["macs"],
            "latency_ms": _latency_fields(final["latency"]["objective"]),
        }
        result["test"] = final["test"]
    run.write_json("results.json", result)
    return result


def seconds_by_phase(run: RunDirectory) -> dict[str, float]:
    """What each phase took; 0 of those that are not done."""
    supernet, searched, trained, final = (run.read_result(phase) or {} for phase in PHASES)
    return {
        "supernet": supernet.get("seconds", 0.0),
        "search": searched.get("seconds", {}).get("total", 0.0),
        "finalists": trained.get("seconds", 0.0),
        "final": final.get("seconds", 0.0),
    }


def seconds_before_generations(search: dict[str, Any]) -> float:
    """Of a search: the exhaustive method's judging of the whole space, which is no generation; otherwise nothing."""
    return float(search["seconds"]["total"] - sum(of["seconds"]["total"] for of in search["generations"]))


def write_trials_csv(storage: BaseStorage, study_name: str, run: RunDirectory) -> None:
    """Every trial of a phase as a row of trials.csv."""
    frame = optuna.load_study(study_name=study_name, storage=storage).trials_dataframe()
    frame.columns = [str(column).removeprefix("user_attrs_") for column in frame.columns]
    system = [column for column in frame.columns if column.startswith("system_attrs_")]
    write_atomically(run.path / "trials.csv", frame.drop(columns=system).to_csv(index=False).encode())


def _latency_fields(latency: dict[str, Any]) -> dict[str, Any]:
    return {
        "median": latency["median_ms"],
        "p90": latency["p90_ms"],
        "iqr": latency["iqr_ms"],
        "batch": latency["batch"],
        "threads": latency["threads"],
        "device": latency["device"],
    }
