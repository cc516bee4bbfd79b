"""Shared pieces: small studies, spaces and pictures that every room's tests build on."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from suite.cli import main
from suite.oracle_table import TABLE_FILE
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings, validate_study
from tests.postgresql import Server, what_is_missing

ROOT = Path(__file__).parent.parent

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # a process a core already: more threads would wait for each other's core
    torch.set_num_threads(1)


_LONG = (  # files that take longest, so that no process is left with one of them at the end
    *(
        "faults",
        "run",
        "full_disk",
        "references",
        "oracle",
        "seeds",
        "onnx",
        "export",
        "api",
        "train_for_export",
    ),
    *(
        "own_data",
        "wall_clock",
        "shared_work",
        "trial_queue",
        "html_page",
        "dashboard_page",
        "benchmarks",
        "tabular",
    ),
    *(
        "bench_supernet",
        "screenshots",
        "predicted_finalists",
        "repeat",
        "fidelity",
        "shortlist",
        "prefix_tree",
    ),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, and whatever else as it was collected."""
    place = {f"test_{name}": number for number, name in enumerate(_LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(_LONG)))


def tiny_table(**tables: dict[str, Any]) -> dict[str, Any]:
    """A study that runs from data to report in seconds, as nested tables; keywords override keys of tables."""
    study: dict[str, Any] = {
        "name": "tiny",
        "data": {
            "name": "digits",
            "image_size": [16, 16],
            "augment": "crop",
            "val_search": 0.15,
            "val_choice": 0.15,
        },
        "space": {"depth": [1, 2], "filters": [4, 8], "kernel": [3, 5], "fc_units": [8, 16], "dropout": 0.1},
        "supernet": {"epochs": 2, "dropout": 0.1},
        "search": {"objectives": ["accuracy", "macs"], "random_pool": 12, "population": 6, "generations": 2},
        "latency": {"budget_ms": 10},
        "finalists": {"count": 3, "epochs": 4},
        "final": {"epochs": 1},
    }
    for name, keys in tables.items():
        study[name] = {**study[name], **keys}
    return study


def tiny_ablation(truth: str) -> str:
    """An ablation of the study of `tiny_table`, written to tiny.toml: two cells, a second each; as TOML."""
    return f"""study = "tiny.toml"
truth = "{truth}"
minutes = [0.02]
seeds = [0]
[cells]
"as it is" = []
"no dropout" = ["supernet.dropout=0"]
"""


@pytest.fixture
def tiny_study() -> StudySettings:
    """The study of `tiny_table`."""
    return validate_study(tiny_table(), where="tiny")


def space_of(shape: tuple[int, int, int] = (3, 32, 32), classes: int = 10, **choices: Any) -> SearchSpace:
    """A space of pictures of `shape`, cifar10's choices where none are given."""
    data = {"name": "x", "image_size": list(shape[1:])}
    study = validate_study({"name": "x", "data": data, "space": choices}, where="x")
    return SearchSpace(study.space, shape, classes)


def odd_space() -> SearchSpace:
    """A space in which nothing is as in cifar10's: sides, widths, a kernel of 1, one pool, three FC layers."""
    return space_of(
        (2, 18, 14),
        3,
        depth=[1, 3],
        filters=[5, 12],
        kernel=[1, 3, 7],
        pool=["avg"],
        fc_layers=[1, 2, 3],
        fc_units=[6, 9],
    )


def said(*words: object) -> tuple[int, str]:
    """What `suite WORDS` ends with, run in this process: its exit code and what it says on stderr."""
    argv, heard = sys.argv, io.StringIO()
    sys.argv = ["suite", *map(str, words)]
    try:
        with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(io.StringIO()):
            main()
        return 0, heard.getvalue()
    except SystemExit as end:
        return int(end.code or 0), heard.getvalue()
    finally:
        sys.argv = argv


def refusal(*words: object) -> str:
    """What is said of wrong use or input: exit code 2, in one paragraph, after the phases that were finished."""
    code, text = said(*words)
    assert code == 2, text
    text = re.sub(r"\A(\w[\w ]*: \d+/\d+ in .*\n)+", "", text)
    assert text.startswith("suite: ")
    first, *others = text.rstrip("\n").split("\n")
    assert all(line.startswith("  ") and line.strip() for line in others), text
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in "".join([first, *others])), text
    return text


def rewrite_json(path: Path, **values: Any) -> None:
    """Change values of a JSON file of a run as nothing should, its checksum taken off."""
    content = json.loads(path.read_text())
    content.pop("checksum", None)
    path.write_text(json.dumps({**content, **values}))


def rewrite_oracle(run: RunDirectory, table: pa.Table) -> None:
    """Put another table in the place of the oracle's, as if the oracle had written it."""
    path = run.path / TABLE_FILE
    pq.write_table(table, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    run.write_result("oracle", {**(run.read_result("oracle") or {}), "sha256": sha256})


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server of our own on loopback; skips where none can be started."""
    yield from _own_server()


@pytest.fixture
def mortal_postgresql() -> Iterator[Server]:
    """A server that may be stopped: nobody else uses it."""
    yield from _own_server()


def _own_server() -> Iterator[Server]:
    if missing := what_is_missing():
        pytest.skip(missing)
    # Not in pytest's folder: another session of pytest closes it to all but root, the server's user among them.
    with tempfile.TemporaryDirectory(prefix="suite-postgresql-") as folder:
        server = Server.start(Path(folder))
        yield server
        if server.runs:
            server.stop()


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty storage of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    if request.param == "journal":
        return f"journal:{tmp_path / 'study.log'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded source of tensors."""
    return torch.Generator().manual_seed(0)
