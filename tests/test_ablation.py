"""Ablations: the file as people write it, supernets trained once each, and what the page concludes."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from suite.ablation.run import Asked, open_ablation, run_ablation
from suite.ablation.settings import Ablation, read_ablation
from suite.ablation.summary import summarise
from suite.ablation.worker import Job, train_cells
from suite.data.places import find_data
from suite.errors import FidelityError, StudyFileError
from suite.fidelity.draw import draw_networks
from suite.fidelity.truth_table import Reading, TruthTable, regime_of
from suite.progress import Display
from suite.report.ablation_page import publish_ablation, write_ablation_page
from suite.run_directory import RunDirectory
from suite.storage_url import storage_url
from suite.study import study_toml, validate_study
from suite.trials import open_storage
from tests.conftest import ROOT, space_of, tiny_table

DIGITS_SHA256 = "0b7e9c3202d7bcd255d6a19a238d3743bf5e320ba74812a6679958a017c55382"
QUIET = Display(quiet=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An ablation of two cells from two seeds over the tiny study, and a truth for it."""
    study = validate_study(tiny_table(), where="tiny")
    (tmp_path / "tiny.toml").write_text(study_toml(study))
    write_file(tmp_path, {"as it is": [], "no dropout": ["supernet.dropout=0"]})
    space = space_of((1, 16, 16), **study.space.model_dump(mode="json"))
    table = TruthTable(regime_of(study, DIGITS_SHA256, 1, 500))
    for place, genome in enumerate(draw_networks(space, 8)):
        table.add(
            Reading("uniform", genome.text, seed, 1, 1.0, 0.5 + place / 20 + seed / 100, 1.0)
            for seed in (0, 1)
        )
    table.write(tmp_path)
    return tmp_path


def write_file(folder: Path, cells: dict[str, list[str]], **keys: Any) -> Path:
    lines = {"study": "tiny.toml", "truth": "digits-1x500", "minutes": [0.01, 0.005], "seeds": [0, 1], **keys}
    text = "\n".join(f"{key} = {value!r}" for key, value in lines.items())
    path = folder / "small.toml"
    path.write_text(f"{text}\n[cells]\n" + "\n".join(f'"{name}" = {words}' for name, words in cells.items()))
    return path


def ablate(folder: Path) -> tuple[dict[str, Any], RunDirectory]:
    ablation = read_ablation(folder / "small.toml")
    run = open_ablation(folder / "run", ablation.name)
    asked = Asked(folder, find_data(ablation.cells[0].study.data), "cpu", None)
    return run_ablation(ablation, asked, run, QUIET), run


def test_every_ablation_of_the_suite_is_valid() -> None:
    files = sorted((ROOT / "studies" / "ablations").glob("*.toml"))
    assert files
    assert all(isinstance(read_ablation(file), Ablation) for file in files)


def test_cells_are_studies_with_keys_overridden(folder: Path) -> None:
    ablation = read_ablation(folder / "small.toml")
    assert ablation.minutes == (0.005, 0.01)
    assert [cell.name for cell in ablation.cells] == ["as it is", "no dropout"]
    assert [cell.study.supernet.dropout for cell in ablation.cells] == [0.1, 0.0]


@pytest.mark.parametrize(
    ("cells", "keys", "said"),
    [
        ({"a": ["supernet.drpout=0"]}, {}, "drpout"),
        ({"a": [], "b": ["space.depth=[1]"]}, {}, "cells.b"),
        ({}, {}, "cells"),
        ({"a": []}, {"minutes": [0]}, "minutes"),
        ({"a": []}, {"minutes": ["inf"]}, "minutes"),
        ({"a": []}, {"seeds": []}, "seeds"),
        ({"a": []}, {"seeds": [2**63]}, "seeds"),
        ({"a": []}, {"study": "nowhere.toml"}, "nowhere.toml"),
        ({"a": []}, {"sees": [1]}, "sees"),
    ],
)
def test_a_fault_in_the_file_is_named(
    folder: Path, cells: dict[str, list[str]], keys: dict[str, Any], said: str
) -> None:
    path = write_file(folder, cells, **keys)
    with pytest.raises(StudyFileError, match=said):
        read_ablation(path)


def test_a_cell_that_was_killed_goes_on_from_its_checkpoint(folder: Path) -> None:
    """Its trial failed with its process, and a new one with another number took its place."""
    write_file(folder, {"as it is": []}, seeds=[0])
    ablation = read_ablation(folder / "small.toml")
    run = open_ablation(folder / "run", ablation.name)
    space = space_of((1, 16, 16), **ablation.cells[0].study.space.model_dump(mode="json"))
    networks = tuple(genome.text for genome in draw_networks(space, 8))
    place = find_data(ablation.cells[0].study.data)
    job = Job(
        {c.name: c for c in ablation.cells},
        (0.005, 0.01),
        networks,
        place,
        "cpu",
        storage_url(run, None),
        "a",
        run,
    )
    study = optuna.create_study(storage=open_storage(job.storage), study_name="a", direction="maximize")
    waits = create_trial(
        state=TrialState.WAITING, user_attrs={"cell": "as it is", "seed": 0, "key": "k" * 64}
    )
    loaded: list[bool] = []

    def killed_in_training(phase: str, state: dict[str, Any]) -> None:
        RunDirectory.save_checkpoint(run, phase, state)
        raise KeyboardInterrupt

    for interrupted in (True, False):
        study.add_trial(waits)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("suite.ablation.worker._SECONDS_BETWEEN_CHECKPOINTS", 0)
            if interrupted:
                patch.setattr(run, "save_checkpoint", killed_in_training)
            load = run.load_checkpoint
            patch.setattr(
                run,
                "load_checkpoint",
                lambda phase, load=load: loaded.append(load(phase) is not None) or load(phase),
            )
            with pytest.raises(KeyboardInterrupt) if interrupted else nullcontext():
                train_cells(job)
    assert loaded == [False, True]
    assert not list((run.path / "checkpoints").iterdir())


def test_each_cell_is_trained_once_from_each_seed(folder: Path) -> None:
    first, run = ablate(folder)
    assert [cell["name"] for cell in first["cells"]] == ["as it is", "no dropout"]
    for cell in first["cells"]:
        assert [seed["seed"] for seed in cell["seeds"]] == [0, 1]
        for seed in cell["seeds"]:
            early, late = seed["readings"]
            assert 0.005 <= early["minutes"] < late["minutes"]
            assert early["steps"] < late["steps"]
            assert len(late["val_loss"]) == len(late["val_accuracy"]) == 8
            assert all(0 <= accuracy <= 1 for accuracy in [late["best_accuracy"], *late["val_accuracy"]])
    assert not list((run.path / "checkpoints").iterdir())

    again, _ = ablate(folder)
    assert again == first

    write_file(folder, {"as it is": [], "no dropout": ["supernet.dropout=0.3"]})
    changed, _ = ablate(folder)
    assert changed["cells"][0] == first["cells"][0]
    assert changed["cells"][1]["seeds"] != first["cells"][1]["seeds"]


def test_a_truth_of_other_pictures_is_refused(folder: Path) -> None:
    study = validate_study(tiny_table(), where="tiny")
    for file in folder.glob("digits-1x500.*"):
        file.unlink()
    TruthTable(regime_of(study, "0" * 64, 1, 500)).write(folder)
    with pytest.raises(FidelityError, match="other pictures"):
        ablate(folder)


def result_of(scores: dict[str, list[list[float]]]) -> dict[str, Any]:
    """Cells whose supernets, one a seed, give these accuracies to networks truly ever better."""
    space = space_of()
    networks = [genome.text for genome in draw_networks(space, 6)]
    truth = [[0.5 + place / 10 + 0.001 * seed for seed in (0, 1)] for place in range(6)]
    cells = [
        {
            "name": name,
            "overrides": [],
            "seeds": [
                {
                    "seed": seed,
                    "readings": [
                        {
                            "minutes": 2.0,
                            "steps": 100,
                            "val_loss": [0.0] * 6,
                            "val_accuracy": accuracies,
                            "best": networks[0],
                            "best_accuracy": 0.5,
                        }
                    ],
                }
                for seed, accuracies in enumerate(of_seeds)
            ],
        }
        for name, of_seeds in scores.items()
    ]
    device = {"name": "a machine", "torch": "2"}
    return {
        "name": "small",
        "truth": "t",
        "networks": networks,
        "truth_seeds": [0, 1],
        "truth_accuracy": truth,
        "minutes": [2.0],
        "device": device,
        "cells": cells,
    }


RISING = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
NEARLY = [0.2, 0.1, 0.3, 0.4, 0.5, 0.6]


def test_tau_is_that_of_the_scores_with_the_truth() -> None:
    summary = summarise(result_of({"right": [RISING, NEARLY], "wrong": [RISING[::-1]] * 2}))
    right, wrong = summary.cells
    assert right.score == "accuracy"
    np.testing.assert_allclose(right.marks[-1].tau["accuracy"], [1, 1 - 2 / 15])
    np.testing.assert_allclose(right.marks[-1].tau_one["accuracy"], [1, 1 - 2 / 15])
    np.testing.assert_allclose(wrong.marks[-1].tau["accuracy"], -1)
    assert np.isnan(right.marks[-1].tau["loss"]).all()
    assert summary.between_trainings == 1


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (
            {"base": [RISING[::-1], RISING[::-1]], "new": [RISING, NEARLY]},
            ["**new** ranks best", "new: surely better"],
        ),
        (
            {"base": [RISING, NEARLY], "new": [NEARLY, RISING]},
            ["**base** ranks best", "no cell surely differs"],
        ),
        ({"base": [NEARLY], "new": [RISING]}, ["**new** ranks best", "may be chance"]),
    ],
)
def test_the_page_says_which_cell_is_better_and_when_none_is(
    scores: dict[str, list[list[float]]], said: list[str], tmp_path: Path
) -> None:
    run = open_ablation(tmp_path / "run", "small")
    run.write_result("ablation", result_of(scores))
    page = write_ablation_page(run)
    assert all(words in page.read_text() for words in said)
    assert (page.parent / "figures" / "tau.png").stat().st_size > 1_000

    published = publish_ablation(run, tmp_path / "reports")
    assert published == tmp_path / "reports" / "ablation-small" / "report.md"
    assert published.read_text() == page.read_text()
    index = (tmp_path / "reports" / "README.md").read_text()
    assert "- [Ablation: small](ablation-small/report.md)\n" in index
    assert {file.name for file in published.parent.iterdir()} == {"report.md", "figures", "ablation.json"}
