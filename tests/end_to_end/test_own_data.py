"""A user's own pictures: a folder of class folders and a study file of a dozen lines, nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from PIL import Image
from sklearn.datasets import load_digits

from suite.study import read_study
from tests.conftest import ROOT
from tests.end_to_end.conftest import suite

STUDY = """
name = "mine"
[data]
name = "./pictures"
image_size = [16, 16]
[space]
filters = [4, 8]
depth = [1, 2]
[supernet]
epochs = 1
[search]
objectives = ["accuracy", "params"]
random_pool = 8
population = 4
generations = 1
[finalists]
count = 2
epochs = 2
choose = "one_se"
[final]
epochs = 1
"""
NAMES = ("null | *0*", "<b>one</b>", "$zwei_`2`$")


def test_the_study_in_the_readme_is_short_and_leaves_the_rest_as_in_cifar10(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(example.splitlines()) < 15
    (tmp_path / "leaves.toml").write_text(example)
    mine = read_study(tmp_path / "leaves.toml").model_dump(mode="json")
    known = read_study(ROOT / "studies" / "cifar10.toml").model_dump(mode="json")
    said = tomllib.loads(example)
    assert mine["data"] == {**known["data"], **said["data"]}
    for table in set(known) - {"name", "data"}:
        assert mine[table] == (known[table] if table == "seed" else {**known[table], **said.get(table, {})})


def write_pictures(folder: Path, counts: tuple[int, ...] = (80, 80, 80)) -> None:
    digits = load_digits()
    for label, (name, count) in enumerate(zip(NAMES, counts, strict=True)):
        (folder / name.replace("/", "∕")).mkdir(parents=True)
        for number, pixels in enumerate(digits.images[digits.target == label][:count]):
            picture = Image.fromarray((pixels * 15.9).astype("uint8")).resize((20, 18))
            picture.save(folder / name.replace("/", "∕") / f"{number}.png")


def test_from_a_folder_of_pictures_to_a_tested_winner(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures")
    (tmp_path / "mine.toml").write_text(STUDY)
    done = suite(
        "search", "mine.toml", "--run-dir", "run", cwd=tmp_path, SUITE_CACHE_DIR=str(tmp_path / "cache")
    )
    assert done.returncode == 0, done.stderr
    assert "Pictures: 240/240" in done.stderr, "those of the test are decoded too"
    assert "19 in val-A (val_search), 19 in val-B (val_choice) and 48 in the test" in done.stderr
    assert "fifth of it (48 pictures, split_seed = 0) was set aside as the test" in done.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["dataset"]["name"] == "pictures"
    assert sum(results["dataset"]["counts"].values()) == 240
    page = (tmp_path / "run" / "report" / "report.md").read_text()
    assert "<b>" not in page
    assert "null &#124; &#42;0&#42;" in page


def test_unequal_classes_are_warned_about_and_weighed(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", (90, 60, 20))
    (tmp_path / "mine.toml").write_text(STUDY)
    words = ("--set", "data.class_weights=balanced", "--run-dir", "run")
    done = suite("search", "mine.toml", *words, cwd=tmp_path, SUITE_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert "The classes are unequal: 72 training pictures of null" in done.stderr
    final = json.loads((tmp_path / "run" / "results" / "final.json").read_text())
    shares = [row[i] / sum(row) for i, row in enumerate(final["confusion"])]
    assert final["balanced_accuracy"] == pytest.approx(sum(shares) / 3)
    page = (tmp_path / "run" / "report" / "report.md").read_text()
    assert f"**Balanced accuracy {100 * final['balanced_accuracy']:.2f} %**" in page
    assert "4 to 18 test pictures" in page
    exported = suite("export", "run", "--output", "model", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"Balanced accuracy on the test pictures: {final['balanced_accuracy']:.2%}" in card


def test_a_folder_with_one_class_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "only").mkdir(parents=True)
    Image.new("L", (16, 16)).save(tmp_path / "pictures" / "only" / "0.png")
    (tmp_path / "mine.toml").write_text(STUDY)
    done = suite("search", "mine.toml", cwd=tmp_path, SUITE_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 2
    assert "class" in done.stderr
    assert not (tmp_path / "runs").exists()
