"""results/promise.json, from a run that was measured, walked and has a winner, and from runs that lack some of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pyarrow as pa
import pytest

from suite.fidelity import learning_curve, promise
from suite.fidelity.draw import draw_networks
from suite.fidelity.promise_of_run import likely_best, measured_of, promise_of_run
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.sections.promise import section
from suite.report.style import STYLE, Figures
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings, validate_study
from tests.conftest import rewrite_oracle, tiny_table

CLASSES = 10


@pytest.fixture(autouse=True)
def _few_repeats(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(learning_curve, "REPEATS", 10)
    monkeypatch.setattr(promise, "_SIMULATIONS", 30)
    with matplotlib.rc_context(STYLE):
        yield


def study_with(limits: dict[str, Any]) -> StudySettings:
    return validate_study(tiny_table(search={"limits": limits}), where="tiny")


def space_for(study: StudySettings) -> SearchSpace:
    return SearchSpace(study.space, (1, 16, 16), CLASSES)


def accuracies(space: SearchSpace, texts: list[str]) -> np.ndarray:
    """What networks truly reach: better the more they compute."""
    macs = np.log2([space.macs(space.parse(text)) for text in texts])
    return 0.3 + 0.02 * macs


def measured_run(path: Path, study: StudySettings, networks: int = 24, seeds: int = 2) -> RunDirectory:
    """A run directory with a fidelity result whose supernet is right up to noise; the rest is up to the test."""
    run, space, rng = RunDirectory.create(path), space_for(study), np.random.default_rng(0)
    texts = [genome.text for genome in draw_networks(space, networks)]
    true = accuracies(space, texts)
    truths = true[:, None] + rng.normal(0, 0.002, (networks, seeds))
    rows = [
        {"genome": text, "drawn": "uniform", "loss": -accuracy, "accuracy": accuracy, "truth": truth}
        for text, accuracy, truth in zip(texts, true.tolist(), truths.tolist(), strict=True)
    ]
    picked = {"genome": texts[0], "drawn": "top", "loss": 9.0, "accuracy": 0.0, "truth": [0.0] * seeds}
    run.write_result(
        "fidelity",
        {
            "epochs": 3,
            "train_images": 500,
            "perfect": {"against_mean": {"value": 0.9}} if seeds > 1 else None,
            "rows": [*rows, picked],
        },
    )
    return run


def walk(run: RunDirectory, space: SearchSpace) -> list[str]:
    """Give the run an oracle that says what `measured_run` says; returns all networks, the truly best first."""
    genomes = list(space)
    texts = [genome.text for genome in genomes]
    true = accuracies(space, texts)
    columns = {
        "genome": texts,
        "params": [space.parameters(genome) for genome in genomes],
        "macs": [space.macs(genome) for genome in genomes],
        "loss_val_search": -true,
        "accuracy_val_search": true,
    }
    run.write_result("oracle", {"networks": len(texts)})
    rewrite_oracle(run, pa.table(columns))
    return [texts[row] for row in np.argsort(-true, kind="stable")]


def record_of(run: RunDirectory, study: StudySettings) -> RunRecord:
    """What the section needs of a record, and nothing else."""
    facts = {"dataset": {"picture_shape": [1, 16, 16], "classes": ["x"] * CLASSES}}
    nothing = dict.fromkeys(RunRecord.__dataclass_fields__)
    known = {"run": run, "study": study, "facts": facts, "promise": run.read_result("promise")}
    return RunRecord(**{**nothing, **known})


def shown(run: RunDirectory, study: StudySettings) -> Section | None:
    return section(record_of(run, study), Figures(run.path / "figures"))


def test_a_good_winner_of_a_walked_space_is_promised_to_be_good(tmp_path: Path) -> None:
    study = study_with({})
    run = measured_run(tmp_path / "run", study)
    best_first = walk(run, space_for(study))
    run.write_result("final", {"genome": best_first[2]})
    result = promise_of_run(run, study, space_for(study))
    assert result is not None
    assert result == {k: v for k, v in (run.read_result("promise") or {}).items() if k != "format_version"}
    assert (result["networks"], result["seeds"], result["ceiling"]) == (24, 2, 0.9)
    assert result["winner"]["among"] == len(best_first)
    assert result["winner"]["top"] < 0.1
    assert len(result["space"]["best"]) <= study.finalists.count
    assert result["space"]["best"][0]["genome"] in best_first[: len(best_first) // 5]
    for row in [result["winner"], *result["space"]["best"], *result["rows"]]:
        assert row["low"] < row["predicted"] < row["high"]
    text = shown(run, study)
    assert text is not None
    assert f"Among all {len(best_first):,} networks the winner is in the true top" in text.body
    assert (run.path / "figures" / "promise.png").stat().st_size > 10_000


def test_a_winner_trained_by_the_tables_recipe_is_placed_by_counting(tmp_path: Path) -> None:
    study = study_with({})
    run = measured_run(tmp_path / "run", study)
    best_first = walk(run, space_for(study))
    fidelity, (best,) = run.read_result("fidelity"), accuracies(space_for(study), best_first[:1])
    assert fidelity is not None
    row = {
        "genome": best_first[0],
        "drawn": "winner",
        "loss": 0.0,
        "accuracy": 0.0,
        "truth": [best, best + 0.01],
    }
    run.write_result("fidelity", fidelity | {"rows": [*fidelity["rows"], row]})
    run.write_result("final", {"genome": best_first[0]})
    result = promise_of_run(run, study, space_for(study))
    assert result is not None
    counted = result["winner"]["counted"]
    assert (counted["networks"], counted["better"]) == (24, 0)
    assert counted["accuracy"] == pytest.approx(best + 0.005)
    assert 0.05 < counted["top"] < 0.35  # four strata of six networks each
    text = shown(run, study)
    assert text is not None
    assert "trained by that recipe, 0 of 24 networks drawn evenly came out better" in text.body


def test_a_poor_winner_is_promised_less(tmp_path: Path) -> None:
    study = study_with({})
    run = measured_run(tmp_path / "run", study)
    best_first = walk(run, space_for(study))
    run.write_result("final", {"genome": best_first[len(best_first) // 2]})
    result = promise_of_run(run, study, space_for(study))
    assert result is not None
    assert 0.5 < result["winner"]["top"] < 0.8


def test_networks_beyond_the_limits_are_not_proposed_nor_compared(tmp_path: Path) -> None:
    study = study_with({"max_params": 1_500})
    space = space_for(study)
    run = measured_run(tmp_path / "run", study)
    small = [text for text in walk(run, space) if space.parameters(space.parse(text)) <= 1_500]
    run.write_result("final", {"genome": small[0]})
    result = promise_of_run(run, study, space)
    assert result is not None
    assert 0 < result["winner"]["among"] == len(small) < space.size
    assert {row["genome"] for row in result["space"]["best"]} <= set(small)


def test_without_a_walk_nothing_is_said_of_the_space(tmp_path: Path) -> None:
    study = study_with({})
    run = measured_run(tmp_path / "run", study, seeds=1)
    result = promise_of_run(run, study, space_for(study))
    assert result is not None
    assert (result["space"], result["winner"], result["ceiling"]) == (None, None, None)
    text = shown(run, study)
    assert text is not None
    assert "is predicted to within" in text.body
    assert "ceiling" not in text.body


def test_the_curve_has_every_size_with_and_without_scores(tmp_path: Path) -> None:
    study = study_with({})
    result = promise_of_run(measured_run(tmp_path / "run", study), study, space_for(study))
    assert result is not None
    by = [(row["by"], row["fitted"]) for row in result["rankings"]]
    fitted = [(name, size) for size in (9, 15, 18) for name in ("features", "features and scores")]
    assert by == [("loss", 0), ("accuracy", 0), *fitted]
    assert result["gain"]["fitted"] == 15


def test_too_few_networks_promise_nothing(tmp_path: Path) -> None:
    study = study_with({})
    run = measured_run(tmp_path / "few", study, networks=19)
    assert promise_of_run(run, study, space_for(study)) is None
    assert shown(run, study) is None
    assert promise_of_run(RunDirectory.create(tmp_path / "none"), study, space_for(study)) is None


def test_what_a_supernet_picked_is_not_fitted_to(tmp_path: Path) -> None:
    study = study_with({})
    fidelity = measured_run(tmp_path / "run", study).read_result("fidelity")
    assert fidelity is not None
    measured = measured_of(fidelity, space_for(study))
    assert len(measured.genomes) == 24
    assert measured.truths.min() > 0


def test_the_likely_best_are_those_whose_interval_reaches_the_best() -> None:
    predicted = np.array([0.5, 0.7, 0.6, 0.9, 0.65])
    intervals = np.column_stack([predicted - 0.1, [0.55, 0.8, 0.71, 0.99, 0.69]])
    allowed = np.array([True, True, True, False, True])
    assert likely_best(predicted, intervals, allowed).tolist() == [1, 2]
    assert not len(likely_best(predicted, intervals, np.zeros(5, dtype=np.bool_)))
