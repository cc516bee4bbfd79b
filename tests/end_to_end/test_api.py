"""The suite from Python: what `import suite` offers, and the scripts in examples/."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import suite as package
from suite import load, read_run, run_study
from suite.data import find_data, open_data
from suite.errors import RunDirectoryError, StudyFileError
from suite.run_directory import RunDirectory
from suite.study import read_study
from tests.conftest import ROOT, tiny_table
from tests.end_to_end.conftest import ENVIRONMENT, python, write_study


def test_importing_the_package_is_light() -> None:
    script = "import sys, suite; assert 'torch' not in sys.modules; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, check=True)


def test_every_name_offered_is_there() -> None:
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'searches'"):
        _ = package.searches  # type: ignore[attr-defined]


def test_a_study_is_run_and_read(tmp_path: Path) -> None:
    run = run_study(
        write_study(tmp_path), ["search.generations=1"], run_dir=tmp_path / "run", device="cpu", quiet=True
    )
    again = read_run(tmp_path / "run")
    assert again == run
    assert run.report.is_file()
    assert run.study.search.generations == 1
    assert set(run.front) <= set(run.evaluated)
    assert run.results["winner"]["genome"] == run.model().genome.text


def test_a_run_that_is_not_finished_cannot_be_read(finished: Path, tmp_path: Path) -> None:
    unfinished = RunDirectory.create(tmp_path / "run")
    unfinished.write_json("run.json", RunDirectory(finished).read_json("run.json") or {})
    with pytest.raises(RunDirectoryError, match="is not finished"):
        read_run(tmp_path / "run")


def test_a_wrong_study_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="no such study file"):
        run_study(tmp_path / "none.toml", run_dir=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_loaded_network_takes_bytes_and_numbers(finished: Path) -> None:
    model, study = load(finished), read_study(finished / "study.toml")
    data = open_data(study.data, find_data(study.data))
    pictures = data.val_choice.pictures[:5]
    expected = model.network(data.normalise(pictures))
    assert torch.equal(model(pictures), expected)
    assert torch.allclose(model(pictures / 255), expected, atol=1e-5)
    assert torch.allclose(model.probabilities(pictures), expected.softmax(1))


def _example(name: str, *words: object, cwd: Path) -> str:
    done = python(ROOT / "examples" / f"{name}.py", *words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_that_searches(tmp_path: Path) -> None:
    (tmp_path / "studies").symlink_to(ROOT / "studies")
    tables = {name: keys for name, keys in tiny_table().items() if isinstance(keys, dict)}
    words = [
        f"{name}.{key}={str(value).lower() if isinstance(value, bool) else repr(value)}"
        for name, keys in tables.items()
        for key, value in keys.items()
    ]
    printed = _example("search_digits", *words, cwd=tmp_path)
    assert printed.startswith("Winner ")
    (report,) = (tmp_path / "runs").glob("digits/*/report/report.md")
    assert f"Report {report}" in printed


def test_the_example_that_reads_a_run(finished: Path) -> None:
    front = read_run(finished).front
    printed = _example("read_run", finished, cwd=finished.parent)
    assert f"{len(front)} on the front" in printed
    assert all(network.genome in printed for network in front)


def test_the_example_that_classes_pictures(finished: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (20, 20)).save(tmp_path / "black.png")
    printed = _example("classify", finished, tmp_path / "black.png", cwd=tmp_path)
    assert printed.startswith(f"{tmp_path / 'black.png'}: ")
    assert "A white picture: " in printed


@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_the_examples_of_a_document_run_as_they_stand(document: str, tmp_path: Path) -> None:
    """One after the other; the digits' study is a tiny one."""
    from PIL import Image

    examples = re.findall(r"^```python\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "studies").mkdir()
    write_study(tmp_path / "studies").rename(tmp_path / "studies" / "digits.toml")
    Image.new("L", (20, 20)).save(tmp_path / "picture.png")
    done = python("-c", "\n".join(examples), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = read_run(*(tmp_path / "runs" / "tiny").iterdir())
    assert run.results["winner"]["genome"] in done.stdout
    assert run.model().predict(tmp_path / "picture.png").label in done.stdout


def test_every_name_offered_is_in_the_document_of_the_api() -> None:
    text = (ROOT / "docs" / "python.md").read_text()
    functions = [name for name in package.__all__ if name.islower() and not name.startswith("_")]
    assert all(f"from suite import {name}\n" in text for name in functions)
    fields = [*dataclasses.fields(package.Run), *dataclasses.fields(package.Network)]
    assert [field.name for field in fields if f"`{field.name}`" not in text] == []


def test_the_notebook_runs_from_its_first_cell_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat, nbclient = (pytest.importorskip(package) for package in ("nbformat", "nbclient"))
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(ROOT / "examples" / "digits.ipynb", as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in cells)  # what it prints is made by who runs it
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):  # nothing of the user's own
        monkeypatch.setenv(variable, str(tmp_path / variable))
    kernel = {**ENVIRONMENT, "IPYTHONDIR": str(tmp_path / "IPYTHONDIR")}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(
        env=kernel, cwd=str(tmp_path)
    )
    outputs = [output for cell in cells for output in cell.outputs]
    said = "".join(output.text for output in outputs if output.get("name") == "stdout")
    assert "271,296 networks; three of them:" in said
    assert "of the test pictures" in said
    assert "It says 7" in said
    assert Path(said.splitlines()[-1]).is_file()
    assert [output for output in outputs if "image/png" in output.get("data", {})], "the front is plotted"
