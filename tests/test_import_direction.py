"""The house: data flows one way, so a file imports only from rooms before its own; and files stay small."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import grimp
import pytest

from tests.conftest import ROOT

# A room is a file of suite/, or a folder with all its files. Rooms not built yet are in their place already.
# methods comes before trials, since a trial says who proposed its genome, and no method knows of trials.
ROOMS = (
    "errors",
    "escaping",
    "own_words",
    "wording",
    "recent_rate",
    "clean_stop",
    "atomic",
    "own_code",
    "study",
    "checkpoint",
    "run_lock",
    "run_directory",
    "run_facts",
    "used_study",
    "run_set",
    "oracle_table",
    "device",
    "memory",
    "progress",
    "data",
    "blocks",
    "space",
    "extremes",
    "cnn",
    "mlp",
    "weight_average",
    "evaluation",
    "training",
    "standalone",
    "supernet",
    "noise_floor",
    "latency",
    "subnet_clock",
    "fitness",
    "latency_model",
    "pareto",
    "paired_test",
    "accuracy_interval",
    "calibration",
    "normal_scores",
    "methods",
    "storages",
    "storage_url",
    "foreign_study",
    "recorded_trials",
    "trials",
    "trial_queue",
    "search",
    "oracle",
    "space_analysis",
    "shortlist",
    "choice_effects",
    "choice",
    "halving",
    "finalist",
    "finalists",
    "reference_networks",
    "telling_pictures",
    "winner",
    "references",
    "fidelity",
    "ablation",
    "forecast",
    "time_budget",
    "results",
    "time_left",
    "comparison",
    "experiment",
    "report",
    "ask",
    "export",
    "dashboard",
    "device_again",
    "code_again",
    "launch",
    "launch_measurements",
    "finding",
    "packages",
    "doctor",
    "seeds",
    "launch_references",
    "api",
    "cli",
)
PUBLIC = "api"  # whose names the package itself offers, late
LONGEST_FILE = 320
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "manager", "managers", "misc", "common"}


def without_a_place(modules: Iterable[str]) -> list[str]:
    """Modules whose room is not among ROOMS; the package itself and `python -m suite` stand apart."""
    return sorted(module for module in modules if _room(module) not in (*ROOMS, "", "__main__"))


def upstream(graph: grimp.ImportGraph) -> list[str]:
    """`importer imports imported` for every import that goes against the flow."""
    return [
        f"{importer} imports {imported}"
        for importer, imported in _imports(graph)
        if _place(imported) > _place(importer) and not ("." not in importer and _room(imported) == PUBLIC)
    ]


def _imports(graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            yield importer, imported


def _room(module: str) -> str:
    """`suite.data.cache` is in room `data`; the package itself in none."""
    return module.partition(".")[2].partition(".")[0]


def _place(module: str) -> int:
    """The package itself (its version) comes before all rooms, `python -m suite` after them."""
    return ("", *ROOMS, "__main__").index(_room(module))


@pytest.fixture(scope="module")
def house() -> grimp.ImportGraph:
    """Every import in suite/, those inside functions and `if TYPE_CHECKING` too."""
    return grimp.build_graph("suite", cache_dir=None)


def test_every_module_has_its_place(house: grimp.ImportGraph) -> None:
    assert not without_a_place(house.modules), (
        "give its room a place in ROOMS, between what it uses and its users"
    )


def test_no_file_imports_from_a_later_room(house: grimp.ImportGraph) -> None:
    assert len(list(_imports(house))) > 50
    assert not upstream(house)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("errors", "from planted.cli import main"),
        ("errors", "import planted.study"),
        ("errors", "def late():\n    from planted import study"),
        (
            "errors",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .study import StudySettings",
        ),
        ("__init__", "from planted.errors import SuiteError"),
        ("cli", "import planted.__main__"),
    ],
)
def test_an_import_against_the_flow_is_seen(
    file: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "planted"
    package.mkdir()
    for name in ("__init__", "__main__", "errors", "study", "cli"):
        (package / f"{name}.py").write_text("from planted import errors\n" if name == "study" else "")
    (package / f"{file}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    (seen,) = upstream(grimp.build_graph("planted", cache_dir=None))
    assert seen.startswith("planted imports" if file == "__init__" else f"planted.{file} imports")


def test_a_module_without_a_place_is_seen() -> None:
    modules = [
        "suite",
        "suite.__main__",
        "suite.study",
        "suite.data.cache",
        "suite.extras",
        "suite.more.thing",
    ]
    assert without_a_place(modules) == ["suite.extras", "suite.more.thing"]


def _files() -> list[Path]:
    return sorted((ROOT / "suite").rglob("*.py"))


def test_no_file_is_long() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in _files()}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE}


def test_every_file_is_named_for_what_it_is() -> None:
    names = [part for file in _files() for part in file.relative_to(ROOT / "suite").with_suffix("").parts]
    assert "study" in names
    assert not [name for name in names if set(name.split("_")) & EMPTY_WORDS]
