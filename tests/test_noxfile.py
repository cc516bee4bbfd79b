"""The shared environment: made once, used at once, mended when cut off; and exit codes that come through nox."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from suite.cli import secret
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The noxfile, imported once: nox dislikes sessions that register again."""
    specification = importlib.util.spec_from_file_location("noxfile_under_test", ROOT / "noxfile.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def noxfile(module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The noxfile in a checkout of its own, whose pyproject.toml can be changed."""
    for name in ("noxfile.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


class Machine:
    """Stands for running commands: keeps them, makes what venv would make, fails those it is told to."""

    def __init__(self, noxfile: ModuleType, folder: Path) -> None:
        self.noxfile = noxfile
        self.folder = folder
        self.steps: list[str] = []
        self.said: list[str] = []
        self.failing: set[str] = set()
        self.cut_off_at: str | None = None

    def ready(self) -> Path:
        """What a session does first; the steps it took are left in `steps`."""
        self.steps, self.said = [], []
        return Path(self.noxfile.ready_environment(self.folder, self.run, self.said.append))

    def run(self, command: Sequence[str]) -> int:
        step = self._named(command)
        self.steps.append(step)
        if step == self.cut_off_at:
            raise KeyboardInterrupt
        if step in self.failing:
            return 1
        if step == "venv":
            assert command[0] == sys.executable
            self.put_python()
        else:
            assert command[0] == str(self.folder / self.noxfile.PYTHON)
        return 0

    def put_python(self) -> None:
        python = self.folder / self.noxfile.PYTHON
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text("an interpreter")

    def _named(self, command: Sequence[str]) -> str:
        if "venv" in command:
            return "venv"
        if "pip" in command:
            assert list(command[1:]) == ["-m", "pip", "install", "-e", f"{self.noxfile.ROOT}[dev]"]
            return "pip"
        return {self.noxfile.WORKS: "probe", self.noxfile.IMPORTS: "import"}[command[-1]]


@pytest.fixture
def machine(noxfile: ModuleType, tmp_path: Path) -> Machine:
    return Machine(noxfile, tmp_path / ".venv")


def test_without_an_environment_one_is_made_and_then_used_at_once(machine: Machine) -> None:
    python = machine.ready()
    assert machine.steps == ["venv", "pip", "import"]
    assert python == machine.folder / machine.noxfile.PYTHON
    (said,) = machine.said
    assert "few minutes" in said
    assert "6 GB" in said

    machine.ready()
    assert machine.steps == ["probe"]
    assert machine.said == []


def test_a_changed_pyproject_is_installed_in_place(machine: Machine, tmp_path: Path) -> None:
    machine.ready()
    (tmp_path / "pyproject.toml").write_text("# changed\n")
    machine.ready()
    assert machine.steps == ["probe", "pip", "import"]
    machine.ready()
    assert machine.steps == ["probe"]


@pytest.mark.parametrize("step", ["venv", "pip", "import"])
def test_a_first_install_cut_off_half_way_is_begun_again_from_nothing(machine: Machine, step: str) -> None:
    machine.cut_off_at = step
    with pytest.raises(KeyboardInterrupt):
        machine.ready()
    machine.cut_off_at = None
    half = machine.folder / "half-copied"
    half.write_text("a package")

    machine.ready()
    assert machine.steps[-3:] == ["venv", "pip", "import"]
    assert not half.exists()


def test_an_upgrade_cut_off_half_way_is_begun_again_from_nothing(machine: Machine, tmp_path: Path) -> None:
    machine.ready()
    (tmp_path / "pyproject.toml").write_text("# changed\n")
    machine.cut_off_at = "pip"
    with pytest.raises(KeyboardInterrupt):
        machine.ready()
    machine.cut_off_at = None
    machine.ready()
    assert machine.steps == ["probe", "venv", "pip", "import"]


def test_a_broken_interpreter_is_replaced(machine: Machine) -> None:
    machine.ready()
    machine.failing = {"probe"}
    machine.ready()
    assert machine.steps == ["probe", "venv", "pip", "import"]


def test_a_missing_interpreter_is_replaced(machine: Machine) -> None:
    machine.ready()
    (machine.folder / machine.noxfile.PYTHON).unlink()
    machine.ready()
    assert machine.steps == ["venv", "pip", "import"]


@pytest.mark.parametrize("step", ["venv", "pip", "import"])
def test_a_failed_step_is_said_and_leaves_no_good_stamp(machine: Machine, step: str) -> None:
    machine.failing = {step}
    with pytest.raises(machine.noxfile.EnvironmentFaultError, match="failed with exit code 1"):
        machine.ready()
    machine.failing = set()
    machine.ready()
    assert machine.steps[-3:] == ["venv", "pip", "import"]


class TestAnEnvironmentOfTheUsersOwn:
    """With a CPU build of torch in it, say: added to, never cleared."""

    @pytest.fixture
    def own(self, machine: Machine) -> Machine:
        machine.put_python()
        (machine.folder / "torch-cpu").write_text("a package")
        return machine

    @pytest.fixture(autouse=True)
    def _nothing_of_it_is_lost(self, own: Machine) -> Iterator[None]:
        yield
        assert (own.folder / "torch-cpu").exists()

    def test_is_completed(self, own: Machine) -> None:
        own.ready()
        assert own.steps == ["probe", "pip", "import"]
        own.ready()
        assert own.steps == ["probe"]

    def test_is_completed_again_after_a_cut_off(self, own: Machine) -> None:
        own.cut_off_at = "pip"
        with pytest.raises(KeyboardInterrupt):
            own.ready()
        own.cut_off_at = None
        own.ready()
        assert own.steps == ["probe", "pip", "import"]

    def test_is_refused_without_a_working_python(self, own: Machine) -> None:
        own.failing = {"probe"}
        with pytest.raises(own.noxfile.EnvironmentFaultError, match="no working Python"):
            own.ready()


def test_the_environment_that_nox_runs_in_is_not_pulled_from_under_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.ready()
    machine.failing = {"probe"}
    monkeypatch.setattr(sys, "prefix", str(machine.folder))
    with pytest.raises(machine.noxfile.EnvironmentFaultError, match="this nox runs in it"):
        machine.ready()
    assert (machine.folder / machine.noxfile.PYTHON).exists()


def test_the_probe_passes_here_and_fails_where_there_is_no_pip(noxfile: ModuleType) -> None:
    assert noxfile._call([sys.executable, "-c", noxfile.WORKS]) == 0
    assert noxfile._call([sys.executable, "-I", "-S", "-c", noxfile.WORKS]) != 0
    assert noxfile._call([str(ROOT / "no-such-python"), "-c", noxfile.WORKS]) == 127


def test_an_old_python_is_told_apart(noxfile: ModuleType) -> None:
    noxfile.require_python((3, 11))
    with pytest.raises(noxfile.EnvironmentFaultError, match=r"3\.11 or newer.*3\.10"):
        noxfile.require_python((3, 10))


@pytest.mark.parametrize(
    ("words", "run"),
    [
        ([], ["runs/digits/b"]),
        (["--run-dir", "elsewhere/x", "--quiet"], ["elsewhere/x"]),
        (["--quiet", "--run-dir=elsewhere/x"], ["elsewhere/x"]),
        (["--seeds", "3"], ["runs/digits/c-seeds"]),
        (["--resume", "--seeds=3"], ["runs/digits/c-seeds"]),
        (["--seeds", "3", "--run-dir", "elsewhere/x"], ["elsewhere/x"]),
        (["--set", "name=other", "--quiet"], ["runs/other/d"]),
        (["--set=name='other'"], ["runs/other/d"]),
    ],
)
def test_the_report_is_that_of_the_run_or_the_set_searched(
    noxfile: ModuleType, words: list[str], run: list[str]
) -> None:
    runs = {"digits/a": 1000, "digits/b": 2000, "digits/c": 1500, "other/d": 3000}
    sets = {"digits/a-seeds": 900, "digits/c-seeds": 1400, "other/d-seeds": 2900}
    marks = {f"{path}/run.json": begun for path, begun in runs.items()}
    marks |= {f"{path}/set.json": begun for path, begun in sets.items()}
    for path, begun in marks.items():
        file = noxfile.ROOT / "runs" / path
        file.parent.mkdir(parents=True)
        file.touch()
        os.utime(file, (begun, begun))
    assert noxfile.run_searched("digits", words) == [str(Path(word)) for word in run]


@pytest.mark.parametrize(
    "words",
    [
        ["search", "a.toml"],
        ["--storage", "journal:a", "--seed", "1", "--storage=postgresql://me:s3cret@host/db"],
        ["--storage"],
        ["--storage", "postgresql://host/db?password=s3cret"],
        ["--storage=postgresql://[me:s3cret@x", "word"],
        ["--storage=postgresql://me:s3/cr?et@x/db", "--storage", "postgresql://me@x:5432/db"],
        ["--storage=postgresql://[x"],
    ],
)
def test_storages_and_passwords_are_told_as_the_suite_tells_them(
    words: list[str], noxfile: ModuleType
) -> None:
    left, urls = secret.without_storage(words)
    assert noxfile.without_storage(words) == (left, urls)
    assert list(map(noxfile.has_password, urls)) == list(map(secret.has_password, urls))


SHELL_PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "$@" >> calls
[ -n "$SUITE_STORAGE" ] && echo "by $SUITE_STORAGE" >> calls
case "$*" in *" search "*) exit CODE;; esac
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
class TestSessions:
    """nox itself, over an environment whose Python only notes its words."""

    @pytest.fixture
    def checkout(self, noxfile: ModuleType) -> Path:
        root = Path(noxfile.ROOT)
        (root / "studies").mkdir()
        for name in ("digits", "cifar10", "cifar10-quick"):
            (root / "studies" / f"{name}.toml").touch()
        for study in ("digits", "cifar10", "cifar10-quick"):
            (root / "runs" / study / "1").mkdir(parents=True)
            (root / "runs" / study / "1" / "run.json").touch()
        python = root / ".venv" / noxfile.PYTHON
        python.parent.mkdir(parents=True)
        (root / ".venv" / noxfile.STAMP).write_text(f"nox {noxfile._wanted()}\n")
        return root

    def _nox(
        self, checkout: Path, *words: str, suite_exits: int = 0, **variables: str
    ) -> tuple[int, list[str], str]:
        """(nox's exit code, the suite's command lines, all that was printed)."""
        python = checkout / ".venv" / "bin" / "python"
        python.write_text(SHELL_PYTHON.replace("CODE", str(suite_exits)))
        python.chmod(0o755)
        command = [sys.executable, "-m", "nox", "-f", str(checkout / "noxfile.py"), "-s", *words]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(checkout), **variables}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        calls = checkout / "calls"
        return (
            done.returncode,
            calls.read_text().splitlines() if calls.exists() else [],
            done.stderr + done.stdout,
        )

    def test_a_search_is_followed_by_its_published_report(self, checkout: Path) -> None:
        code, calls, _ = self._nox(checkout, "search-cifar10", "--", "--resume", "--set", "seed=1")
        assert code == 0
        assert calls == [
            "-m suite search studies/cifar10.toml --resume --set seed=1",
            "-m suite report runs/cifar10/1 --publish",
        ]

    def test_quick_takes_the_short_study(self, checkout: Path) -> None:
        code, calls, _ = self._nox(checkout, "search-cifar10", "--", "--quick", "--seed", "2")
        assert code == 0
        assert calls == [
            "-m suite search studies/cifar10-quick.toml --seed 2",
            "-m suite report runs/cifar10-quick/1 --publish",
        ]

    def test_quick_is_refused_where_there_is_no_short_study(self, checkout: Path) -> None:
        code, calls, said = self._nox(checkout, "search-digits", "--", "--quick")
        assert code == 1
        assert calls == []
        assert "leave --quick out" in said

    @pytest.mark.parametrize("suite_exits", [1, 2, 130])
    def test_the_suites_exit_code_comes_through_without_a_traceback(
        self, checkout: Path, suite_exits: int
    ) -> None:
        code, calls, said = self._nox(checkout, "search-digits", suite_exits=suite_exits)
        assert code == suite_exits
        assert len(calls) == 1
        assert "Traceback" not in said

    def test_help_publishes_nothing(self, checkout: Path) -> None:
        code, calls, _ = self._nox(checkout, "search-digits", "--", "--help")
        assert code == 0
        assert calls == ["-m suite search studies/digits.toml --help"]

    @pytest.mark.parametrize("session", ["search-digits", "dashboard", "bench"])
    @pytest.mark.parametrize("words", [["--storage", "journal:a"], ["--storage=journal:a"]])
    def test_a_storage_goes_by_the_environment(self, session: str, words: list[str], checkout: Path) -> None:
        code, calls, said = self._nox(checkout, session, "--", *words, "word")
        assert code == 0
        assert calls[0].startswith("-m suite ")
        assert calls[0].endswith(" word")
        assert calls[1] == "by journal:a"
        assert "journal:a" not in said

    def test_several_storages_go_together(self, checkout: Path) -> None:
        _, calls, _ = self._nox(
            checkout, "bench", "--", "recording", "--storage=journal:a", "--storage", "journal:b"
        )
        assert calls == ["-m suite bench recording", "by journal:a journal:b"]

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://me:s3cret@host/db",
            "postgresql://host/db?password=s3cret",
            "postgresql://[me:s3cret@x",
        ],
    )
    def test_a_password_on_the_command_line_is_refused(self, url: str, checkout: Path) -> None:
        code, calls, said = self._nox(checkout, "dashboard", "--", "--storage", url)
        assert (code, calls) == (1, [])
        assert "by SUITE_STORAGE" in said
        assert "s3cret" not in said

    def test_the_other_sessions_hand_their_words_on(self, checkout: Path) -> None:
        contests = ("benchmark-tabular", "benchmark-supernet", "benchmark-wall-clock")
        for session in ("tests", "dashboard", "report", "bench", *contests):
            assert self._nox(checkout, session, "--", "word")[0] == 0
        assert self._nox(checkout, "lint")[0] == 0
        assert (checkout / "calls").read_text().splitlines() == [
            "-m pytest -n auto --dist loadfile --no-loadscope-reorder word",
            "-m suite dashboard word",
            "-m suite report word",
            "-m suite bench word",
            "-m suite bench tabular word",
            "-m suite bench supernet word",
            "-m suite bench wall-clock word",
            "-m ruff check .",
            "-m ruff format --check .",
            "-m mypy",
        ]

    def test_an_audit_without_a_network_says_so(self, checkout: Path, noxfile: ModuleType) -> None:
        code, calls, said = self._nox(checkout, "audit", https_proxy="http://127.0.0.1:1")
        assert (code, calls) == (1, [])
        assert f"{noxfile.ADVISORIES} does not answer" in said
        assert "Go online." in said
        assert "Traceback" not in said


def test_an_audit_is_asked_for_and_never_a_part_of_what_every_change_has_to_pass(module: ModuleType) -> None:
    assert "audit" not in (ROOT / ".ci" / "run").read_text()
    assert "audit" not in module.nox.options.sessions


def test_what_an_audit_found_is_told_apart_from_what_it_could_not_look_up(module: ModuleType) -> None:
    fault = {"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"], "aliases": [], "description": ""}
    packages = [
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [fault, {**fault, "id": "PYSEC-2", "fix_versions": []}]},
        {
            "name": "torch",
            "skip_reason": "Dependency not found on PyPI and could not be audited: torch (2+cpu)",
        },
    ]
    vulnerable, untold, told = module.findings(json.dumps({"dependencies": packages, "fixes": []}))
    assert vulnerable == ["bad 2: PYSEC-1, mended in 2.1, 3.0", "bad 2: PYSEC-2, mended in no version yet"]
    assert (untold, told) == (["torch"], 2)


@pytest.mark.skipif(os.name == "nt", reason="locks are POSIX's")
def test_a_session_waits_for_another_that_makes_the_environment(noxfile: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / ".venv"
    machine, said = Machine(noxfile, folder), []
    with (tmp_path / ".venv.lock").open("a") as held:
        noxfile.fcntl.flock(held, noxfile.fcntl.LOCK_EX)

        def hear(text: str) -> None:
            said.append(text)
            held.close()  # the other is done

        assert Path(noxfile.ready_environment(folder, machine.run, hear)) == folder / noxfile.PYTHON
    assert said[0] == f"Another session is making {folder}; waiting for it."
    assert said[1].startswith("Making ")
