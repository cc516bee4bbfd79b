"""Files and names from others: nothing in them runs, and nothing they say is written elsewhere."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from suite.cli.app import app, main
from suite.data import Place, decode_pictures, find_data, hub
from suite.errors import DataError, ExportError, RunDirectoryError, StudyFileError
from suite.export import Classifier, ModelFacts, load_exported, write_export
from suite.export.card import WINNER
from suite.export.folder import weights_of
from suite.fidelity.truth_table import TruthTable, regime_of
from suite.oracle_table import read_table
from suite.run_directory import RunDirectory, new_run_path
from suite.space import Genome
from suite.study import DataSettings, validate_study
from tests.conftest import ROOT, refusal, rewrite_oracle, space_of, tiny_table

SOURCES = sorted([*(ROOT / "suite").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py"), ROOT / "noxfile.py"])
RUNS_WHAT_IT_READS = {
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "pickle",
    "cPickle",
    "jsonpickle",
    "yaml",
}


def dangers(source: str) -> Iterator[str]:
    """What in a source could run somebody else's code out of a file or a name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in RUNS_WHAT_IT_READS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in RUNS_WHAT_IT_READS:
            yield from (name.name for name in node.names if name.name != "UnpicklingError")
        elif isinstance(node, ast.Call):
            yield from _dangers_of_call(node)


def _dangers_of_call(call: ast.Call) -> Iterator[str]:
    said = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    name = ast.unparse(call.func)
    if name.endswith("torch.load") and said.get("weights_only") != "True":
        yield name
    if name.rpartition(".")[2] in ("read_pickle", "eval_str", "hub.load") or name in (
        "eval",
        "exec",
        "os.system",
    ):
        yield name
    for keyword, harmless in (("allow_pickle", "False"), ("trust_remote_code", "False"), ("shell", "False")):
        if said.get(keyword, "False") != harmless:
            yield f"{name}({keyword}={said[keyword]})"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_reads_what_could_run(path: Path) -> None:
    assert list(dangers(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "from joblib import load",
        "import torch\ntorch.load(file)",
        "import torch\ntorch.load(file, weights_only=False)",
        "import numpy as np\nnp.load(file, allow_pickle=True)",
        "def f(yes):\n    np.load(file, allow_pickle=yes)",
        "import pandas as pd\npd.read_pickle(file)",
        "datasets.load_dataset(name, trust_remote_code=True)",
        "subprocess.run(words, shell=True)",
        "eval(text)",
    ],
)
def test_a_source_that_could_is_seen(source: str) -> None:
    assert list(dangers(source))


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.mark),))


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """What a payload that ran would have left."""
    mark = tmp_path / "it-ran"
    yield mark
    assert not mark.exists()


def test_the_payload_does_run_where_pickle_is_read(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "it-ran")))
    assert (tmp_path / "it-ran").exists()


def pickled(payload: Payload, how: str) -> bytes:
    """The payload as the body of a file."""
    if how == "pickle":
        return pickle.dumps(payload)
    buffer = io.BytesIO()
    torch.save({"method": payload}, buffer, _use_new_zipfile_serialization=how == "torch")
    return buffer.getvalue()


@pytest.mark.parametrize("how", ["pickle", "torch", "torch of old"])
def test_a_malicious_checkpoint_is_refused(how: str, mark: Path, tmp_path: Path) -> None:
    """One whose checksum is right: anybody can make that."""
    run = RunDirectory.create(tmp_path / "run")
    run.save_checkpoint("search", {"good": 1})
    (path,) = (run.path / "checkpoints").iterdir()
    body = pickled(Payload(mark), how)
    head, _, _ = path.read_bytes().split(b"\n", 2)
    path.write_bytes(head + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    with pytest.raises(RunDirectoryError, match="is damaged"):
        run.load_checkpoint("search")


@pytest.mark.parametrize("how", ["pickle", "torch", "torch of old"])
def test_malicious_weights_are_refused(how: str, mark: Path, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    body = pickled(Payload(mark), how)
    (run.path / "supernet.safetensors").write_bytes(body)
    with pytest.raises(RunDirectoryError, match="holds no weights of this network"):
        run.read_weights("supernet.safetensors", nn.Linear(1, 1), hashlib.sha256(body).hexdigest())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    sha256 = run.write_weights("a.safetensors", nn.Linear(2, 2))
    with pytest.raises(RunDirectoryError, match="holds no weights of this network"):
        run.read_weights("a.safetensors", nn.Linear(3, 3), sha256)


def exported(folder: Path, classes: tuple[str, ...] = ("a", "b")) -> Genome:
    """An export of a network, its weights as they were drawn; returns its genome."""
    space, genome = space_of((1, 16, 16), 2), Genome.parse("16k3max-16k3max-fc128")
    pixels = ([0.5], [0.2])
    network = Classifier(genome.text, [1, 16, 16], list(classes), *pixels, "none")
    facts = ModelFacts(
        genome.text,
        (1, 16, 16),
        classes,
        *map(tuple, pixels),
        "none",
        space.parameters(genome),
        space.macs(genome),
        WINNER,
        {},
        "tiny",
        "run",
        hashlib.sha256(weights_of(network)).hexdigest(),
    )
    write_export(folder, network, facts)
    return genome


def test_a_malicious_export_is_refused(mark: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    genome = exported(folder)
    assert load_exported(folder).genome == genome
    body = pickled(Payload(mark), "torch")
    (folder / "model.safetensors").write_bytes(body)
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**said, "sha256": hashlib.sha256(body).hexdigest()}))
    with pytest.raises(ExportError, match="is missing or damaged"):
        load_exported(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", [1, 2]),
        ("classes", None),
        ("classes", ["a"] * 3),
        ("genome", 5),
        ("genome", "\x1b[31m"),
        ("input_shape", [1, 16]),
        ("input_shape", [1, 10**30, 16]),
        ("mean", ["a"]),
        ("std", []),
        ("norm", "<x>"),
        ("params", "many"),
        ("sha256", 5),
    ],
)
def test_an_export_whose_facts_are_none_is_refused(key: str, value: object, tmp_path: Path) -> None:
    exported(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**said, key: value}))
    assert "config.json: is missing or damaged" in refusal("predict", tmp_path, tmp_path)


def test_classes_that_a_terminal_would_obey_are_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(tmp_path, ("\x1b[31mred\x1b]0;title\x07", "[bold]b[/bold]\u202e"))
    Image.new("L", (16, 16)).save(tmp_path / "0.png")
    for words in (["--top", "2"], ["--top", "2", "--json"]):
        monkeypatch.setattr("sys.argv", ["suite", "predict", str(tmp_path), str(tmp_path / "0.png"), *words])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        shown = capsys.readouterr().out
        assert "[bold]b[/bold]" in shown
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_a_malicious_cache_is_made_anew(mark: Path, tmp_path: Path) -> None:
    from tests.data.conftest import noise

    for number in range(8):
        folder = tmp_path / "pets" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        noise(number).save(folder / f"{number}.png")
    place = find_data(DataSettings(name=str(tmp_path / "pets"), image_size=(8, 8)))
    first = decode_pictures(place, (8, 8), cache_dir=tmp_path / "cache")
    expected = {name: values.copy() for name, values in first.pictures.items()}
    (array,) = (tmp_path / "cache").glob("*/train-pictures.npy")
    np.save(array, np.array([Payload(mark)] * 8, dtype=object), allow_pickle=True)
    manifest = array.with_name("manifest.json")
    said = json.loads(manifest.read_text())
    said["arrays"][array.name] = hashlib.sha256(array.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(said))
    again = decode_pictures(place, (8, 8), cache_dir=tmp_path / "cache")
    assert np.array_equal(again.pictures["train"], expected["train"])


@pytest.mark.parametrize("word", ["<img src=x onerror=alert(1)>", "\x1b[31m", "a`b"])
def test_an_oracle_of_other_words_than_genomes_is_refused(word: str, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    for genome in ("4k3max-fc8", word):
        rewrite_oracle(run, pa.table({"genome": ["8k3max-fc8", genome]}))
        if genome != word:
            assert read_table(run)["genome"].tolist() == ["8k3max-fc8", genome]
    with pytest.raises(RunDirectoryError, match="is damaged"):
        read_table(run)


NO_NAMES = [
    *(
        "a/..",
        "../a",
        "a/b/c",
        "a//b",
        "/a",
        "a/",
        ".a",
        "-a",
        "a--b",
        "a..b",
        "a/b.git",
        "ü/b",
        "a b",
        "a?b",
        "a#b",
    ),
    *("a%2e", "a@b", "https://evil.example/a", "a" * 97, "", "a\n", "a:b", "a\\b", "a/b@main"),
]


class TestHubNames:
    """A study names a data set of the hub; no code comes with it."""

    @pytest.fixture(autouse=True)
    def _script_here(self, mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A loading script as hubs once had them, under the name asked for, in the folder we are in."""
        for name in ("me/pets", "pandas"):
            folder = tmp_path / "cwd" / name
            folder.mkdir(parents=True)
            script = f"import os\nos.mkdir({str(mark)!r})\n"
            (folder / f"{folder.name}.py").write_text(script)
            (folder / "train.pkl").write_bytes(pickle.dumps(Payload(mark)))
        monkeypatch.chdir(tmp_path / "cwd")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))

    @pytest.mark.parametrize("name", ["me/pets", "pandas", "csv"])
    def test_what_lies_here_under_that_name_is_not_taken_for_it(self, name: str) -> None:
        with pytest.raises(DataError, match="a folder here, or a file format, has the same name"):
            decode_pictures(Place("hub", name, {}, "the hub"), (8, 8))

    def test_the_library_would_not_run_a_script_either(self) -> None:
        with pytest.raises(RuntimeError, match="scripts are no longer supported"):
            datasets.load_dataset("./me/pets/pets.py")

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_what_is_no_name_is_never_asked_for(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr(hub, "why_not", lambda name: pytest.fail(f"the hub was asked for {name!r}"))
        assert not hub.is_repository(name)
        if name and name.isprintable():
            with pytest.raises(DataError, match="is in none of the places"):
                find_data(DataSettings(name=name, image_size=(8, 8)))

    @pytest.mark.parametrize(
        "name", ["mnist", "uoft-cs/cifar10", "zalando-datasets/fashion_mnist", "A_b.c/D-e.f_1", "a" * 96]
    )
    def test_a_name_is_one(self, name: str) -> None:
        assert hub.is_repository(name)

    @given(
        name=st.text(st.characters(codec="utf-8"), max_size=8)
        | st.text(alphabet="aB1_.-/~\\:%#?@\n", max_size=12)
    )
    @settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_a_name_is_a_path_of_its_own_on_the_hub_and_in_its_cache(self, name: str) -> None:
        if hub.is_repository(name):
            assert name.isascii()
            assert not set(name) & set("~\\:%#?@\n")
            assert all(part not in ("", ".", "..") for part in name.split("/"))
            assert name.count("/") <= 1


WORDS = (
    st.text(max_size=12)
    | st.text(alphabet="aB1_.-/~\\:", max_size=12)
    | st.sampled_from(["../x", "..", "a/b", "/etc"])
)


@given(name=WORDS, data=WORDS)
@settings(max_examples=300, deadline=None)
def test_no_name_of_a_study_leads_out_of_where_it_is_written(name: str, data: str) -> None:
    table = tiny_table(data={"name": data})
    try:
        study = validate_study({**table, "name": name}, where="drawn")
    except StudyFileError:
        return
    runs = Path("/somewhere/runs")
    path = new_run_path(runs, study.name)
    assert Path(os.path.normpath(path)).parent.parent == runs
    regime = regime_of(study, "0" * 64, 1, 1)
    assert Path(os.path.normpath(runs / f"{regime.name}.csv")).parent == runs
    assert len(regime.name) < 200


def test_a_truth_of_a_long_path_is_written(tmp_path: Path) -> None:
    study = validate_study(tiny_table(data={"name": "./" + "long/" * 200}), where="long")
    assert TruthTable(regime_of(study, "0" * 64, 1, 1)).write(tmp_path).parent == tmp_path


def test_the_command_line_prints_no_locals() -> None:
    assert not app.pretty_exceptions_show_locals
    assert not app.pretty_exceptions_enable
