"""Pictures classed from the command line: what the network says in the run, whatever form they come in."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite.data import Data, find_data, open_data
from suite.export import Classifier, load_model
from suite.run_directory import RunDirectory
from suite.study import read_study
from tests.end_to_end.conftest import suite


@pytest.fixture(scope="module")
def data(finished: Path) -> Data:
    """The run's own pictures."""
    study = read_study(finished / "study.toml")
    return open_data(study.data, find_data(study.data))


@pytest.fixture(scope="module")
def model(finished: Path) -> Classifier:
    """The run's winner."""
    return load_model(finished)


def _expected(model: Classifier, data: Data, number: int) -> tuple[str, float]:
    """The class and its probability, by the path that training took."""
    said = model.network(data.normalise(data.val_choice.pictures[number : number + 1])).softmax(1)[0]
    return model.classes[int(said.argmax())], float(said.detach().max())


def _picture(data: Data, number: int) -> Image.Image:
    return Image.fromarray(data.val_choice.pictures[number, 0].numpy())


def _predict(finished: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return suite("predict", finished, *words, cwd=finished.parent)


def test_files_and_folders_in_order(finished: Path, model: Classifier, data: Data, tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    names = ["folder/a.png", "folder/deep/b.PNG", "single.bmp"]
    for number, name in enumerate(names):
        _picture(data, number).save(tmp_path / name)
    (tmp_path / "folder" / "notes.txt").write_text("no picture")
    (tmp_path / "folder" / ".hidden.png").write_text("no picture")
    done = _predict(finished, tmp_path / "single.bmp", tmp_path / "folder", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [row["file"] for row in said] == [str(tmp_path / name) for name in (names[2], names[0], names[1])]
    for row, number in zip(said, (2, 0, 1), strict=True):
        label, probability = _expected(model, data, number)
        assert (row["class"], row["probability"]) == (label, pytest.approx(probability, abs=1e-6))
        assert "top" not in row


def test_the_three_likeliest(finished: Path, model: Classifier, data: Data, tmp_path: Path) -> None:
    _picture(data, 0).save(tmp_path / "0.png")
    (row,) = json.loads(_predict(finished, tmp_path / "0.png", "--json", "--top", "3").stdout)
    chances = [entry["probability"] for entry in row["top"]]
    assert (len(chances), chances) == (3, sorted(chances, reverse=True))
    done = _predict(finished, tmp_path / "0.png", "--top", "3")
    file, *classes = done.stdout.rstrip("\n").split("\t")
    assert file == str(tmp_path / "0.png")
    assert classes == [f"{entry['class']} {entry['probability']:.1%}" for entry in row["top"]]


def test_odd_pictures_are_what_they_show(
    finished: Path, model: Classifier, data: Data, tmp_path: Path
) -> None:
    """The same picture in other modes; its pixels, and so its class, stay."""
    grey = _picture(data, 0)
    deep = Image.fromarray(np.asarray(grey, dtype=np.uint16) * 257)
    forms = {
        "rgba": grey.convert("RGBA"),
        "palette": grey.quantize(256),
        "sixteen": deep,
        "rgb": grey.convert("RGB"),
    }
    for name, form in forms.items():
        form.save(tmp_path / f"{name}.png")
    grey.resize((160, 160), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    done = _predict(finished, tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    label, probability = _expected(model, data, 0)
    assert {row["class"] for row in json.loads(done.stdout)} == {label}
    assert [row["probability"] for row in json.loads(done.stdout) if "large" not in row["file"]] == (
        [pytest.approx(probability, abs=1e-3)] * 4
    )


def test_a_broken_picture_is_said_and_the_rest_goes_on(finished: Path, data: Data, tmp_path: Path) -> None:
    _picture(data, 0).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    _picture(data, 1).save(tmp_path / "c.png")
    (tmp_path / "d.png").write_text("no picture")
    done = _predict(finished, tmp_path, tmp_path / "missing.png")
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 2)
    assert f"{tmp_path / 'b.png'}: cannot be read as a picture" in done.stderr
    assert (
        f"{tmp_path / 'd.png'}: cannot be read as a picture: it is no picture of a known kind" in done.stderr
    )
    assert f"{tmp_path / 'missing.png'}: cannot be read as a picture: No such file" in done.stderr
    assert "Traceback" not in done.stderr
    rows = json.loads(_predict(finished, tmp_path, "--json").stdout)
    assert ["error" in row for row in rows] == [False, True, False, True]


def test_an_exported_folder_says_the_same(finished: Path, data: Data, tmp_path: Path) -> None:
    _picture(data, 0).save(tmp_path / "0.png")
    assert suite("export", finished, "--output", tmp_path / "model", cwd=tmp_path).returncode == 0
    done = suite("predict", tmp_path / "model", tmp_path / "0.png", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, _predict(finished, tmp_path / "0.png").stdout)


@pytest.mark.parametrize(
    ("model", "images", "said"),
    [
        ("empty", "empty", "empty: is neither a run nor what suite export wrote"),
        ("nowhere", "empty", "nowhere: is not there"),
        (".", "empty", "It holds runs; the latest of them is "),
        ("run", "empty", "empty: holds no pictures"),
        ("unfinished", "empty", "has no winner yet"),
    ],
)
def test_wrong_use_is_said(model: str, images: str, said: str, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    unfinished = RunDirectory.create(tmp_path / "unfinished")
    unfinished.write_json("run.json", RunDirectory(finished).read_json("run.json") or {})
    (unfinished.path / "study.toml").write_bytes((finished / "study.toml").read_bytes())
    (tmp_path / "run").symlink_to(finished)
    done = suite("predict", model, images, cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert said in done.stderr
