"""ONNX exports: they say what torch says, are timed beside it, and a front is timed elsewhere and re-ranked by it."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from suite.data import find_data, open_data
from suite.errors import ConversionError
from suite.export import Classifier, load_exported, onnx_file
from suite.export.front import TIMER
from suite.run_directory import RunDirectory
from suite.study import read_study
from tests.conftest import ROOT, refusal
from tests.end_to_end.conftest import needs_onnx, python, suite

SCRIPT = ROOT / "suite" / "export" / TIMER


@pytest.fixture(scope="module")
def run(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A copy of the finished run."""
    return RunDirectory(Path(shutil.copytree(finished, tmp_path_factory.mktemp("onnx") / "run")))


@pytest.fixture(scope="module")
def exported(run: RunDirectory) -> Path:
    """The winner, as ONNX too."""
    needs_onnx()
    done = suite("export", run.path, "--onnx", cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    return run.path.parent / done.stdout.strip()


@pytest.fixture(scope="module")
def front(run: RunDirectory) -> Path:
    """The front with its timer, timed here."""
    needs_onnx()
    done = suite("export", run.path, "--front", "--timer", cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    assert f"python3 front/{TIMER}; then here: suite ask {run.path} --timings timings.json" in done.stderr
    folder = run.path.parent / done.stdout.strip()
    timed = python(folder / TIMER, "--budget-ms", "5", cwd=Path("/"), PYTHONPATH="")
    assert timed.returncode == 0, timed.stderr
    return folder


class TestOneNetwork:
    """`suite export --onnx`."""

    def test_it_classes_the_pictures_of_val_b_as_torch_does(self, run: RunDirectory, exported: Path) -> None:
        import onnxruntime

        study = read_study(run.path / "study.toml")
        pictures = open_data(study.data, find_data(study.data)).val_choice.pictures
        session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
        (entry,), (result,) = session.get_inputs(), session.get_outputs()
        assert (entry.name, entry.type, entry.shape) == ("pictures", "tensor(uint8)", ["batch", 1, 16, 16])
        assert (result.name, result.shape) == ("logits", ["batch", 10])
        (said,) = session.run(None, {"pictures": pictures.numpy()})
        with torch.inference_mode():
            expected = load_exported(exported)(pictures).numpy()
        facts = json.loads((exported / "onnx.json").read_text())
        assert np.abs(said - expected).max() < 1e-5
        assert facts["max_difference"] < 1e-5
        assert (facts["pictures"], facts["other_classes"], facts["opset"]) == (len(pictures), 0, 20)
        assert (said.argmax(1) == expected.argmax(1)).all()

    def test_both_are_timed_and_the_card_says_so(self, exported: Path) -> None:
        facts = json.loads((exported / "onnx.json").read_text())
        card = (exported / "README.md").read_text()
        for name in ("onnxruntime", "torch"):
            timing = facts[name]
            assert (timing["batch"], timing["threads"]) == (1, 1)
            assert 0 < timing["median_ms"] <= timing["p90_ms"]
            assert f"| {timing['median_ms']:.3f} | {timing['p90_ms']:.3f} | {timing['iqr_ms']:.3f} |" in card
            assert facts["versions"][name] in card
        assert f"within {facts['max_difference']:.1e} of torch's, the classes all the same" in card

    def test_both_times_are_said_at_once(self, run: RunDirectory, tmp_path: Path) -> None:
        needs_onnx()
        done = suite("export", run.path, "--onnx", "--output", "said", cwd=tmp_path)
        assert done.stdout == "said\n"
        facts = json.loads((tmp_path / "said" / "onnx.json").read_text())
        runtime, eager = (facts[name]["median_ms"] for name in ("onnxruntime", "torch"))
        assert "ONNX: 2/2 in " in done.stderr
        assert f"{runtime:.3f} ms a picture, torch {eager:.3f} ms ({eager / runtime:.1f} times" in done.stderr

    def test_it_holds_no_path_of_this_machine(self, exported: Path) -> None:
        content = (exported / "model.onnx").read_bytes()
        assert not [path for path in (str(ROOT), sys.prefix, "site-packages") if path.encode() in content]

    def test_exported_again_without_it_there_is_none(self, exported: Path, tmp_path: Path) -> None:
        run = RunDirectory(exported.parent.parent)
        copy = Path(shutil.copytree(exported, tmp_path / "copy"))
        assert suite("export", run.path, "--output", copy, cwd=tmp_path).returncode == 0
        assert {path.name for path in copy.iterdir()} == {"README.md", "config.json", "model.safetensors"}
        assert "ONNX" not in (copy / "README.md").read_text()

    def test_batch_norm_is_folded_and_agrees(self, generator: torch.Generator) -> None:
        needs_onnx()
        classifier = Classifier(
            "8k3max-8k5avg-fc8", [3, 16, 16], ["a", "b", "c"], [0.5] * 3, [0.2] * 3, "batch"
        )
        classifier.network.draw(generator)
        for block in classifier.network.convs:
            block.norm.running_mean.normal_(generator=generator)  # type: ignore[union-attr, operator]
        pictures = torch.randint(0, 256, (7, 3, 16, 16), dtype=torch.uint8, generator=generator)
        content = onnx_file.onnx_bytes(classifier.eval())
        agreement = onnx_file.compare(content, classifier, pictures)
        assert (agreement.pictures, agreement.other_classes) == (7, 0)
        assert agreement.max_difference < 1e-4
        classifier.network.classifier.bias.data.add_(1)
        with pytest.raises(ConversionError, match="is off by 1"):
            onnx_file.compare(content, classifier, pictures)


class TestFront:
    """`suite export --front --timer`, time_models.py, and `suite ask --timings`."""

    def test_every_network_of_the_front_is_there(self, run: RunDirectory, front: Path) -> None:
        searched = run.read_result("search")
        assert searched is not None
        genomes = [row["genome"] for row in searched["front"]]
        files = {f"{genome}.onnx" for genome in genomes} | {"models.json", TIMER, "timings.json"}
        assert {path.name for path in front.iterdir()} == files
        models = json.loads((front / "models.json").read_text())["models"]
        assert [model["genome"] for model in models] == genomes
        assert all(model["max_difference"] < 1e-3 and model["pictures"] > 0 for model in models)
        assert {model["other_classes"] for model in models} == {0}

    def test_the_times_are_read_back(self, run: RunDirectory, front: Path) -> None:
        timings = json.loads((front / "timings.json").read_text())
        assert timings["noise_floor_ms"] >= 0
        assert {"name", "machine", "onnxruntime", "threads"} <= set(timings["device"])
        for row in timings["timings"]:
            assert 0 < row["median_ms"] <= row["p90_ms"]
        done = suite("ask", run.path, "--timings", front / "timings.json", cwd=run.path.parent)
        assert done.returncode == 0, done.stderr
        assert "The search's front by its time on" in done.stdout

    def test_it_is_exported_again_in_its_place_only(
        self, run: RunDirectory, front: Path, tmp_path: Path
    ) -> None:
        copy = Path(shutil.copytree(front, tmp_path / "front"))
        assert suite("export", run.path, "--front", "--output", copy, cwd=tmp_path).returncode == 0
        (copy / "models.json").write_text('{"run": "another"}')
        done = suite("export", run.path, "--front", "--output", copy, cwd=tmp_path)
        assert (done.returncode, "holds something else already" in done.stderr) == (2, True)


def test_the_timer_needs_an_old_python_and_two_packages() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names} | {
        node.module for node in imports if isinstance(node, ast.ImportFrom)
    }
    outside = {str(name) for name in names} - sys.stdlib_module_names
    assert outside == {"numpy", "onnxruntime"}


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", "pass"], check=False, capture_output=True).returncode == 0


def test_an_older_python_that_is_here_compiles_the_timer(tmp_path: Path) -> None:
    found = filter(None, (shutil.which(f"python3.{minor}") for minor in (8, 9, 10)))
    old = next((python for python in found if _runs(python)), None)
    if old is None:
        pytest.skip("no Python 3.8, 3.9 or 3.10 runs here")
    copy = tmp_path / TIMER
    copy.write_bytes(SCRIPT.read_bytes())
    for package in (
        "numpy",
        "onnxruntime",
    ):  # stands in for what an old Python may not have: only names are needed
        (tmp_path / f"{package}.py").write_text("__version__ = '0'\nuint8 = float32 = None\n")
    done = subprocess.run([old, copy, "--help"], check=False, capture_output=True, text=True)
    assert (done.returncode, "--budget-ms" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("words", [["--onnx"], ["--front", "--timer"]])
def test_without_the_packages_it_says_what_to_install(
    words: list[str], finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "find_spec", lambda package: None if package == "onnxscript" else package)
    said = refusal("export", finished, *words)
    assert "needs onnxscript" in said
    assert '[export]"' in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--front", "--genome", "4k3max-fc8"], "--front: has a form and networks of its own"),
        (["--front", "--onnx"], "--front: has a form and networks of its own"),
        (["--timer"], "--timer: times a front"),
    ],
)
def test_what_does_not_go_together_is_said(words: list[str], said: str, finished: Path) -> None:
    assert said in refusal("export", finished, *words)


class Timed:
    """A handmade timings.json of the run's front."""

    def __init__(self, run: RunDirectory, folder: Path) -> None:
        searched = run.read_result("search")
        assert searched is not None
        self.path = folder / "timings.json"
        self.front: list[dict[str, Any]] = searched["front"]  # best first
        self.value: dict[str, Any] = {
            "format_version": 1,
            "study": "tiny",
            "run": run.run_id,
            "device": {"name": "Toaster \x1b[31m", "onnxruntime": "1.2", "threads": 1},
            "noise_floor_ms": 0.01,
            "timings": [
                {"genome": row["genome"], "median_ms": 9.0 - number, "p90_ms": 9.5, "iqr_ms": 0.1}
                for number, row in enumerate(self.front)
            ],
        }

    def write(self, **changes: Any) -> Path:
        self.path.write_text(json.dumps({**self.value, **changes}))
        return self.path


@pytest.fixture
def timed(run: RunDirectory, tmp_path: Path) -> Timed:
    timed = Timed(run, tmp_path)
    assert len(timed.front) >= 3, "the tests below need a front of some length"
    return timed


def _asked(run: RunDirectory, timings: Path, *words: str) -> str:
    done = suite("ask", run.path, "--timings", timings, *words, cwd=run.path.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _shown(printed: str) -> list[str]:
    return [line.split()[0] for line in printed.splitlines() if " ms" in line and "-fc" in line.split()[0]]


class TestTimings:
    """`suite ask --timings`, with times of our own making."""

    def test_the_front_there_comes_best_first(self, run: RunDirectory, timed: Timed) -> None:
        printed = _asked(run, timed.write(), "--top", "99")
        assert _shown(printed) == [row["genome"] for row in timed.front]
        assert "on Toaster \ufffd[31m (ONNX Runtime 1.2, 1 thread)" in printed.splitlines()[0]
        assert (
            printed.splitlines()[-1]
            == f"  suite export {run.path} --genome {timed.front[0]['genome']} --train"
        )
        assert "9.000 ms" in printed

    def test_what_is_slower_and_worse_there_leaves_the_front(self, run: RunDirectory, timed: Timed) -> None:
        timed.value["timings"][1]["median_ms"] = 50.0
        printed = _asked(run, timed.write(), "--top", "99")
        slow = timed.front[1]["genome"]
        assert slow not in _shown(printed)
        assert f"Not on the front there, as another is as good and as fast: {slow}." in printed

    def test_differences_in_the_noise_are_ties(self, run: RunDirectory, timed: Timed) -> None:
        for number, row in enumerate(timed.value["timings"]):
            row["median_ms"] = 9.0 - 0.0001 * number
        assert _shown(_asked(run, timed.write())) == [timed.front[0]["genome"]]

    def test_limits_are_on_the_time_there(self, run: RunDirectory, timed: Timed) -> None:
        printed = _asked(run, timed.write(), "--max-latency", "8ms")
        assert _shown(printed)[0] == timed.front[1]["genome"]
        assert "within --max-latency 8ms" in printed
        assert "no network of the front is within --max-latency 1us" in refusal(
            "ask", run.path, "--timings", timed.path, "--max-latency", "1us"
        )

    def test_what_was_not_timed_is_named(self, run: RunDirectory, timed: Timed) -> None:
        left_out = timed.value["timings"].pop()
        assert f"Not timed there: {left_out['genome']}." in _asked(run, timed.write())

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"run": "another"}, "is of the run tiny/another."),
            ({"study": "big"}, "is of the run big/"),
            ({"format_version": 2}, "has format version 2"),
            ({"timings": []}, "times no network"),
            (
                {"timings": [{"genome": "64k3max-fc8", "median_ms": 1, "p90_ms": 1, "iqr_ms": 0}]},
                "times 64k3max-fc8",
            ),
            ({"timings": [{"genome": "64k3max-fc8"}]}, "is damaged"),
            ({"timings": [{"genome": [], "median_ms": 1, "p90_ms": 1, "iqr_ms": 0}]}, "is damaged"),
            ({"timings": [{"genome": "a", "median_ms": 0, "p90_ms": 1, "iqr_ms": 0}]}, "is damaged"),
            ({"timings": [{"genome": "a", "median_ms": "1", "p90_ms": 1, "iqr_ms": 0}]}, "is damaged"),
            ({"noise_floor_ms": float("nan")}, "is damaged"),
            ({"noise_floor_ms": None}, "is damaged"),
            ({"device": "a toaster"}, "is damaged"),
            ({"timings": None}, "is damaged"),
        ],
    )
    def test_other_files_are_refused(
        self, changes: dict[str, Any], said: str, run: RunDirectory, timed: Timed
    ) -> None:
        assert said in refusal("ask", run.path, "--timings", timed.write(**changes))

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
    def test_what_is_no_such_file_is_refused(self, content: bytes, run: RunDirectory, timed: Timed) -> None:
        timed.path.write_bytes(content)
        assert "is damaged" in refusal("ask", run.path, "--timings", timed.path)
        timed.path.unlink()
        assert "cannot be read: No such file" in refusal("ask", run.path, "--timings", timed.path)

    def test_an_unfinished_search_has_no_front(self, run: RunDirectory, timed: Timed, tmp_path: Path) -> None:
        copy = Path(shutil.copytree(run.path, tmp_path / "run"))
        (copy / "results" / "search.json").unlink()
        assert "has no finished search yet" in refusal("ask", copy, "--timings", timed.write())
