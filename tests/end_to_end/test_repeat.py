"""How to repeat a run: the commands of the page, in order, are those that were given."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suite.report.record import RunRecord, read_record
from suite.report.sections import repeat
from suite.report.style import Figures
from suite.run_directory import RunDirectory
from tests.end_to_end.conftest import suite

SEARCH = "suite search study.toml --device cpu"
SEARCH_BY_TRUTH = "suite search RUN/study.toml --device cpu"  # which is looked for where a command is given


@pytest.fixture
def record(finished: Path) -> RunRecord:
    return read_record(RunDirectory(finished))


def commands(record: RunRecord) -> list[str]:
    """The lines of the page's one block of commands."""
    said = repeat.section(record, Figures(record.run.path))
    assert said is not None
    (block,) = re.findall(r"```\n(.*?)\n```", said.body, re.DOTALL)
    return str(block).split("\n")


def oracle_on(pictures: int) -> dict[str, Any]:
    """The tiny study has 216 pictures in each of both parts."""
    return {"pictures": {"val_search": pictures, "val_choice": pictures}}


def fidelity(**keys: Any) -> dict[str, Any]:
    asked = {"networks": 12, "seeds": 2, "epochs": 3, "train_images": 500, "top": 0}
    return {"asked": asked, "table": "digits-3x500", "walked_before": True, **keys}


def test_a_search_alone_is_one_command(record: RunRecord) -> None:
    assert commands(record) == [SEARCH]


def test_the_page_lists_what_was_given_afterwards(finished: Path, tmp_path: Path) -> None:
    run = RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))
    asked = ["--networks", 6, "--seeds", 1, "--epochs", 1, "--train-images", 64, "--top", 2]
    for words in (["fidelity", "run", *asked, "--truth", "truth"], ["oracle", "run", "--pictures", 50]):
        done = suite(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    told = [SEARCH_BY_TRUTH, f"suite fidelity {' '.join(map(str, asked))}", "suite oracle --pictures 50"]
    assert commands(read_record(run)) == told
    page = (run.path / "report" / "report.md").read_text()
    assert "\n".join(["```", *told, "```"]) in page
    assert "its truth table, `digits-1x64`, and trains only what is not there yet" in page


def test_each_command_has_its_place_and_its_words(record: RunRecord) -> None:
    whole = replace(record, oracle=oracle_on(216), fidelity=fidelity(), references={"seeds": [0, 1, 2]})
    trained = "suite fidelity --networks 12 --seeds 2 --epochs 3 --train-images 500"
    assert commands(whole) == [SEARCH_BY_TRUTH, "suite oracle", trained, "suite references --seeds 3"]
    measured_first = replace(whole, fidelity=fidelity(walked_before=False))
    assert commands(measured_first) == [
        SEARCH_BY_TRUTH,
        trained,
        "suite oracle",
        "suite references --seeds 3",
    ]


def test_an_exhaustive_search_is_its_own_walk(record: RunRecord) -> None:
    search = record.study.search.model_copy(update={"method": "exhaustive"})
    exhaustive = replace(record, study=record.study.model_copy(update={"search": search}))
    assert commands(replace(exhaustive, oracle=oracle_on(216))) == [SEARCH]
    assert commands(replace(exhaustive, oracle=oracle_on(40))) == [SEARCH, "suite oracle --pictures 40"]


def test_a_result_of_an_older_suite_says_what_it_can(record: RunRecord) -> None:
    old = {
        "networks": 60,
        "seeds": [0, 1],
        "epochs": 10,
        "train_images": 10_000,
        "favourites": {"networks": 20},
        "table": "cifar10-10x10000",
    }
    trained = "suite fidelity --networks 60 --seeds 2 --epochs 10 --train-images 10000 --top 20"
    assert commands(replace(record, oracle=oracle_on(216), fidelity=old)) == [
        SEARCH_BY_TRUTH,
        "suite oracle",
        trained,
    ]
