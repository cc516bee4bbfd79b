"""Which code a run is made by: hash and commit, as they are; and what is said where other code goes on with it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from suite.code_again import note_code
from suite.own_code import code_in, code_in_words, own_code
from suite.progress import Display
from suite.run_directory import RunDirectory


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "clone" / "package"
    (folder / "room").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "room" / "door.py").write_text("key = 1\n")
    (folder / "notes.txt").write_text("not Python")
    return folder


def git(package: Path, *words: str) -> str:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    who = ("-c", "user.name=me", "-c", "user.email=me@here")
    done = subprocess.run(
        ["git", *who, *words], cwd=package.parent, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_source_is_all_code_with_its_names(package: Path) -> None:
    before = code_in(package)
    assert len(before.source) == 12
    (package / "notes.txt").write_text("other notes")
    assert code_in(package) == before
    (package / "room" / "door.py").rename(package / "room" / "gate.py")
    renamed = code_in(package)
    assert renamed.source != before.source
    (package / "room" / "gate.py").write_text("key = 2\n")
    assert code_in(package).source not in (before.source, renamed.source)


def test_a_commit_is_known_in_a_clone_and_whether_the_package_changed_since(package: Path) -> None:
    git(package, "init")
    (package.parent / ".gitignore").write_text("package\n")
    git(package, "add", ".gitignore")
    git(package, "commit", "-m", "somebody's own folder, in which the package is installed")
    assert code_in(package).commit is None
    git(package, "add", "--force", "package")
    git(package, "commit", "-m", "the package")
    committed = code_in(package)
    assert (committed.commit, committed.changed) == (git(package, "rev-parse", "HEAD"), False)
    assert code_in_words(committed.to_json()) == f"source {committed.source}, commit {committed.commit[:12]}"
    (package.parent / "mine.txt").write_text("beside it")
    assert not code_in(package).changed
    (package / "room" / "door.py").write_text("key = 2\n")
    assert code_in_words(code_in(package).to_json()).endswith(", changed since")


def test_without_git_there_is_the_source(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    code = code_in(package)
    assert (code.commit, code.changed) == (None, False)
    assert code_in_words(code.to_json()) == f"source {code.source}"


NOW = own_code().to_json()
OTHER = {"source": "0" * 12, "commit": None, "changed": False}


@pytest.mark.parametrize(
    ("before", "expected", "note"),
    [
        ({"code": NOW}, {"code": NOW}, False),
        ({"code": OTHER}, {"code": NOW, "earlier_code": [OTHER]}, True),
        ({}, {"code": NOW, "earlier_code": [None]}, False),  # begun by an older suite
        (
            {"code": OTHER, "earlier_code": [None]},
            {"code": NOW, "earlier_code": [None, OTHER]},
            True,
        ),
    ],
)
def test_other_code_that_goes_on_is_said_and_kept(
    before: dict[str, Any],
    expected: dict[str, Any],
    note: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = RunDirectory.create(tmp_path / "run")
    run.write_json("run.json", before)
    begun = (run.path / "run.json").stat().st_mtime_ns
    note_code(run, Display())
    assert (run.path / "run.json").stat().st_mtime_ns == begun, "by which the latest run is known"
    facts = run.read_json("run.json") or {}
    assert {name: facts[name] for name in ("code", "earlier_code") if name in facts} == expected
    assert ("so far this ran by source 000000000000" in capsys.readouterr().err) == note


def test_a_finished_run_stays_what_it_was_made_by(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    run.write_json("run.json", {"code": OTHER})
    run.write_result("final", {"test": {}})
    note_code(run, Display(quiet=True))
    assert (run.read_json("run.json") or {})["code"] == OTHER
