"""What the doctor finds, on machines that lack one thing each."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from sqlalchemy import create_engine, inspect, make_url

from suite import packages
from suite.cli import main
from suite.doctor import Finding, examine
from suite.study import StudySettings, validate_study
from tests.conftest import ROOT, tiny_table
from tests.data.conftest import write_folders
from tests.postgresql import Server

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SUITE_DATA_DIR", raising=False)


def found(storage: str | None = None) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(None, storage)}


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str | None) -> None:
    """Packages as if they were installed in another version, or not at all (None)."""
    real = packages._version
    monkeypatch.setattr(packages, "_version", lambda name: versions[name] if name in versions else real(name))


def test_a_machine_where_the_suite_runs_has_nothing_bad_and_nothing_is_left_behind(tmp_path: Path) -> None:
    findings = found()
    assert {name: f.text for name, f in findings.items() if f.state == "bad"} == {}
    assert findings["Data: digits"].state == "good"
    assert "SUITE_DATA_DIR" in findings["Data: cifar10"].text
    assert list(tmp_path.iterdir()) == []


def study_of(folder: str) -> StudySettings:
    return validate_study(tiny_table(data={"name": folder}), where="tiny")


def test_of_a_study_its_own_pictures_are_looked_at(tmp_path: Path) -> None:
    write_folders(tmp_path / "pets", 3)
    (tmp_path / "pets" / "bird").mkdir()
    data = [finding for finding in examine(study=study_of("./pets")) if finding.subject.startswith("Data")]
    assert [finding.state for finding in data] == ["good", "note"]
    assert "pets: 6 pictures, of 2 classes with 3 to 3." in data[0].text
    assert "1 folder (pets/bird)" in data[1].text


@pytest.mark.parametrize(("folder", "said"), [("./nowhere", "not there"), ("./pets", "only 1 class")])
def test_pictures_that_no_search_could_use_are_bad(folder: str, said: str, tmp_path: Path) -> None:
    write_folders(tmp_path / "pets", 3, classes=("cat",))
    (data,) = [finding for finding in examine(study=study_of(folder)) if finding.subject.startswith("Data")]
    assert data.state == "bad"
    assert said in data.text


@pytest.mark.parametrize("version", ["1.0.0", None])
def test_another_torch_than_the_tested_one_is_bad(
    version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, torch=version)
    finding = found()["torch"]
    assert finding.state == "bad"
    assert re.search(r"pip install torch==\d", finding.text)
    assert (version or "is missing") in finding.text


def test_a_package_that_is_too_old_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, numpy="1.26.4")
    assert re.search(r"^1.26.4 .*: pip install 'numpy>=\d", found()["numpy"].text)


def test_without_torch_the_command_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, torch=None)
    monkeypatch.setattr("sys.argv", ["suite", "doctor"])
    monkeypatch.setitem(sys.modules, "suite.doctor", None)  # as where torch cannot be imported
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert re.fullmatch(r"BAD   torch +is missing: pip install torch==\S+\n", capsys.readouterr().out)


def test_a_full_disk_and_a_busy_machine_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 40, 1 << 40, 100 << 20))
    monkeypatch.setattr(os, "getloadavg", lambda: (64.0 * (os.cpu_count() or 1), 0.0, 0.0))
    findings = found()
    assert findings["Disk: runs"].state == findings["Disk: picture cache"].state == "bad"
    assert "latencies" in findings["Load"].text


def test_every_optional_part_is_known_and_one_that_is_missing_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pretend(monkeypatch, psycopg=None, onnx="1.0")
    findings = found()
    assert {name for name in findings if name.startswith("Optional")} == {f"Optional: {p}" for p in parts}
    assert findings["Optional: postgres"] == Finding(
        "Optional: postgres",
        "note",
        "for trials in PostgreSQL: lacks psycopg: pip install 'psycopg[binary]>=3.2'",
    )
    assert "lacks onnx: pip install 'onnx>=" in findings["Optional: export"].text


def test_threads_that_were_taken_away_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(os, "cpu_count", lambda: 4 * torch.get_num_threads())
    assert "as OMP_NUM_THREADS=1 says" in found()["Threads"].text


def test_a_server_that_does_not_answer_is_bad_and_its_password_is_not_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["suite", "doctor", "--storage", "postgresql://me:hidden-word@127.0.0.1:9/trials"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().out
    assert end.value.code == 1
    (line,) = [line for line in said.splitlines() if line.startswith("BAD")]
    assert "me@127.0.0.1:9/trials cannot be opened" in line
    assert "hidden-word" not in said


def test_a_server_that_answers_is_left_as_it_is(postgresql: Server) -> None:
    url = postgresql.new_database()
    (finding,) = [f for name, f in found(url).items() if name.startswith("Storage: postgresql")]
    assert (finding.state, finding.text) == ("good", "answers.")
    with create_engine(make_url(url).set(drivername="postgresql+psycopg")).connect() as connection:
        assert inspect(connection).get_table_names() == []
