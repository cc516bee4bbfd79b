"""A user's own pictures: a folder of class folders, the README's study file and its commands, as they stand."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageDraw

from suite.study import read_study
from tests.conftest import ROOT
from tests.end_to_end.conftest import needs_onnx, suite

SECTION = (ROOT / "README.md").read_text().partition("\n### Your own pictures\n")[2].partition("\n#")[0]
(STUDY,) = re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL)
COMMANDS = re.findall(r"^ {4}suite (.+?)(?:  +#.*)?$", SECTION, re.MULTILINE)
SHORTER = (
    "space.depth=[1, 2]",
    "space.filters=[4, 8]",
    "space.fc_units=[8, 16]",
    "supernet.epochs=2",
    "supernet.batch_size=16",
    "supernet.learning_rate=0.01",
    "search.random_pool=8",
    "search.population=4",
    "search.generations=1",
    "finalists.count=2",
    "finalists.epochs=10",
    "final.epochs=1",
)
NAMES = ("null | *0*", "<b>one<∕b>", "$zwei_`2`$")  # a real slash would part folders
COLOURS = ((200, 60, 40), (60, 170, 60), (70, 80, 200))


class Followed(NamedTuple):
    """Where the README's commands were typed, what `suite search` said, and the run it made."""

    folder: Path
    said: str
    run: Path


def draw(label: int, number: int, size: tuple[int, int] = (40, 36)) -> Image.Image:
    """A leaf of its class's colour, somewhere on speckled ground; the same one for the same number."""
    rng = np.random.default_rng((label, number))
    width, height = size
    picture = Image.fromarray(rng.integers(0, 120, (height, width, 3), dtype=np.uint8))
    left, top = (int(rng.integers(1, side // 3)) for side in size)
    shade = tuple(int(value + rng.integers(-30, 31)) for value in COLOURS[label])
    ImageDraw.Draw(picture).ellipse((left, top, left + width // 2, top + height // 2), fill=shade)
    return picture


def write_pictures(folder: Path, counts: Sequence[int]) -> None:
    for label, (name, count) in enumerate(zip(NAMES, counts, strict=True)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            draw(label, number).save(folder / name / f"{number}.png")


def write_study(folder: Path) -> None:
    (folder / "leaves.toml").write_text(STUDY)


def typed(folder: Path, *words: object) -> str:
    """What `suite WORDS` says in a folder, first on stdout and then on stderr, once it has ended well."""
    done = suite(*words, cwd=folder, SUITE_CACHE_DIR=str(folder / "cache"))
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def shorter(*overrides: str) -> list[str]:
    return [word for override in (*SHORTER, *overrides) for word in ("--set", override)]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """The README's `suite doctor` and `suite search`, the latter made shorter."""
    folder = tmp_path_factory.mktemp("own")
    write_pictures(folder / "leaves", (90, 90, 90))
    write_study(folder)
    typed(folder, *COMMANDS[0].split())
    said = typed(folder, *COMMANDS[1].split(), *shorter())
    (run,) = (folder / "runs" / "leaves").iterdir()
    return Followed(folder, said, run)


@pytest.fixture(scope="module")
def exported(followed: Followed) -> Path:
    """What the README's `suite export` wrote."""
    needs_onnx()
    return followed.folder / typed(followed.folder, *COMMANDS[2].split()).splitlines()[0]


def test_the_study_in_the_readme_is_short_and_leaves_the_rest_as_in_cifar10(tmp_path: Path) -> None:
    assert len(STUDY.splitlines()) < 15
    write_study(tmp_path)
    mine = read_study(tmp_path / "leaves.toml").model_dump(mode="json")
    known = read_study(ROOT / "studies" / "cifar10.toml").model_dump(mode="json")
    said = tomllib.loads(STUDY)
    assert mine["data"] == {**known["data"], **said["data"]}
    for table in set(known) - {"name", "data"}:
        assert mine[table] == (known[table] if table == "seed" else {**known[table], **said.get(table, {})})


def test_the_readme_leads_from_a_study_file_to_a_classed_picture() -> None:
    assert [command.split()[0] for command in COMMANDS] == ["doctor", "search", "export", "predict"]


def test_from_a_folder_of_pictures_to_a_tested_winner(followed: Followed) -> None:
    assert "Pictures: 270/270" in followed.said, "those of the test are decoded too"
    assert "fifth of it (54 pictures, split_seed = 0) was set aside as the test" in followed.said
    results = json.loads((followed.run / "results.json").read_text())
    assert results["dataset"]["name"] == "leaves"
    assert sum(results["dataset"]["counts"].values()) == 270
    assert results["test"]["eval_accuracy"] > 0.9, "they differ in colour"
    page = (followed.run / "report" / "report.md").read_text()
    assert "<b>" not in page
    assert "null &#124; &#42;0&#42;" in page


def test_few_pictures_are_warned_about_with_the_standard_error(followed: Followed) -> None:
    warning = (
        "Few pictures to judge by: 22 in val-A (val_search), 22 in val-B (val_choice) and 54 in the test. "
        "An accuracy of 90 % there has a standard error of 6.4, 6.4 and 4.1 points."
    )
    assert warning in followed.said
    assert "The classes are unequal" not in followed.said


def test_the_winner_classes_a_picture_as_the_readme_says(followed: Followed) -> None:
    draw(1, 1000).save(followed.folder / "picture.png")
    command, model, picture = COMMANDS[3].split()
    assert Path(model).parent == Path("runs", "leaves")
    assert typed(followed.folder, command, followed.run, picture).startswith(f"picture.png\t{NAMES[1]} ")


def test_the_onnx_model_says_what_the_export_predicts(exported: Path, tmp_path: Path) -> None:
    import onnxruntime

    pictures = {f"{label}-{n}.png": draw(label, 1000 + n, (32, 32)) for label in range(3) for n in range(5)}
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    rows = json.loads(typed(tmp_path, "predict", exported, *pictures, "--json"))
    assert [row["file"] for row in rows] == list(pictures)
    assert [row["class"] for row in rows] == [NAMES[int(name[0])] for name in pictures]

    session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    pixels = np.stack([np.asarray(picture).transpose(2, 0, 1) for picture in pictures.values()])
    (logits,) = session.run(None, {"pictures": pixels})
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    classes = json.loads((exported / "config.json").read_text())["classes"]
    assert [row["class"] for row in rows] == [classes[place] for place in chances.argmax(1)]
    assert [row["probability"] for row in rows] == pytest.approx(chances.max(1), abs=1e-5)


def test_unequal_classes_are_warned_about_and_weighed(tmp_path: Path) -> None:
    write_pictures(tmp_path / "leaves", (90, 60, 20))
    write_study(tmp_path)
    said = typed(tmp_path, *COMMANDS[1].split(), *shorter("data.class_weights=balanced"), "--run-dir", "run")
    assert "The classes are unequal: 72 training pictures of null" in said
    final = json.loads((tmp_path / "run" / "results" / "final.json").read_text())
    shares = [row[i] / sum(row) for i, row in enumerate(final["confusion"])]
    assert final["balanced_accuracy"] == pytest.approx(sum(shares) / 3)
    page = (tmp_path / "run" / "report" / "report.md").read_text()
    assert f"**Balanced accuracy {100 * final['balanced_accuracy']:.2f} %**" in page
    assert "4 to 18 test pictures" in page
    typed(tmp_path, "export", "run", "--output", "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"Balanced accuracy on the test pictures: {final['balanced_accuracy']:.2%}" in card


def test_a_folder_with_one_class_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leaves" / "only").mkdir(parents=True)
    draw(0, 0).save(tmp_path / "leaves" / "only" / "0.png")
    write_study(tmp_path)
    done = suite(*COMMANDS[1].split(), cwd=tmp_path, SUITE_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 2
    assert "class" in done.stderr
    assert not (tmp_path / "runs").exists()
