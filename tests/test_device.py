"""The device: what it is set to, who shares it, and which one a run that was stopped goes on on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.device import device_facts, open_device, workers_on
from suite.device_again import device_to_go_on_with, note_device
from suite.errors import DeviceError, RunDirectoryError
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.study import StudySettings, validate_study
from tests.conftest import tiny_table

Begun = Callable[..., RunDirectory]


@pytest.fixture
def settings_of_torch() -> Iterator[None]:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.usefixtures("settings_of_torch")
def test_a_gpu_computes_in_float32_whatever_a_cpu_was_set_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = True
    assert open_device("cuda").type == "cuda"
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cudnn.allow_tf32


def test_a_gpu_is_not_shared_by_trainings() -> None:
    assert (workers_on("cuda", 8), workers_on("cuda", 0)) == (1, 0)
    assert workers_on("cpu", 8) == min(torch.get_num_threads(), 8)
    assert workers_on("cpu", 0) == 0


@pytest.fixture
def begun(tmp_path: Path) -> Begun:
    """Makes a run that was begun on this machine, but for what is said otherwise."""

    def made(**device: str) -> RunDirectory:
        run = RunDirectory.create(tmp_path / "run")
        here = device_facts(torch.device("cpu"))
        run.write_json("run.json", {"run": "run", "device": replace(here, **device).to_json()})
        return run

    return made


def study_of(*objectives: str, method: str = "evolution") -> StudySettings:
    return validate_study(tiny_table(search={"objectives": list(objectives), "method": method}), where="tiny")


def facts(run: RunDirectory) -> dict[str, Any]:
    return run.read_json("run.json") or {}


def go_on(run: RunDirectory, study: StudySettings) -> None:
    note_device(run, device_to_go_on_with(run, study), Display())


def test_on_the_same_machine_nothing_is_said(begun: Begun, capsys: pytest.CaptureFixture[str]) -> None:
    run = begun()
    before = facts(run)
    go_on(run, study_of("accuracy", "latency"))
    assert facts(run) == before
    assert "Note" not in capsys.readouterr().err


@pytest.mark.parametrize("elsewhere", [{"name": "another CPU"}, {"torch": "1.0"}])
def test_another_machine_or_torch_is_said_and_both_are_kept(
    elsewhere: dict[str, str], begun: Begun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begun(**elsewhere)
    before = facts(run)["device"]
    go_on(run, study_of("accuracy", "latency"))
    assert facts(run)["device"] == device_facts(torch.device("cpu")).to_json()
    assert facts(run)["earlier_devices"] == [before]
    assert f"so far this ran on {before['name']} with torch {before['torch']}" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["evolution", "exhaustive"])
def test_a_search_does_not_mix_times_of_two_machines(method: str, begun: Begun) -> None:
    """The exhaustive one times some of the space before its only generation."""
    run = begun(name="another CPU")
    before = facts(run)
    if method == "exhaustive":
        run.write_result("latency_model", {"seconds": 1.0})
    else:
        run.save_checkpoint("search", {"some": "thing"})
    with pytest.raises(RunDirectoryError, match="has timed networks on another CPU"):
        go_on(run, study_of("accuracy", "latency", method=method))
    assert facts(run) == before
    go_on(run, study_of("accuracy", "macs", method=method))  # nothing is timed
    assert len(facts(run)["earlier_devices"]) == 1


def test_what_was_timed_of_a_finished_search_is_no_hindrance(begun: Begun) -> None:
    run = begun(name="another CPU")
    run.write_result("search", {"machine": "another CPU"})
    go_on(run, study_of("accuracy", "latency"))
    assert len(facts(run)["earlier_devices"]) == 1


def test_a_finished_run_stays_where_it_was_made(begun: Begun) -> None:
    run = begun(name="another CPU")
    run.write_result("final", {"test": {}})
    before = facts(run)
    go_on(run, study_of("accuracy", "latency"))
    assert facts(run) == before


def test_where_there_is_no_such_device_it_says_where_to_go(
    begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"was begun on a GPU, .*Go on with it on that machine"):
        device_to_go_on_with(begun(device="cuda", name="a GPU"), study_of("accuracy"))
