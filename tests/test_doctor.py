"""What the doctor finds, on machines that lack one thing each."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url

from suite import doctor
from suite.cli import main
from suite.doctor import Finding, examine
from suite.study import StudySettings, validate_study
from tests.conftest import tiny_table
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


def test_another_torch_than_the_tested_one_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    tested = doctor.version("torch")
    monkeypatch.setattr(doctor, "version", lambda package: "1.0.0" if package == "torch" else tested)
    torch = found()["torch"]
    assert torch.state == "bad"
    assert f"pip install torch=={tested.partition('+')[0]}" in torch.text


def test_a_missing_torchvision_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.version

    def version(package: str) -> str:
        if package == "torchvision":
            raise PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(doctor, "version", version)
    assert "is missing: pip install torchvision==" in found()["torchvision"].text


def test_a_full_disk_and_a_busy_machine_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1 << 40, 1 << 40, 100 << 20))
    monkeypatch.setattr(os, "getloadavg", lambda: (64.0 * (os.cpu_count() or 1), 0.0, 0.0))
    findings = found()
    assert findings["Disk: runs"].state == findings["Disk: picture cache"].state == "bad"
    assert "latencies" in findings["Load"].text


def test_an_optional_part_that_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda package: None)
    optional = found()["Optional: psycopg"]
    assert optional.state == "note"
    assert "pip install" in optional.text


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
