"""The device to go on with a run on: like the first; another is said, or refused where times would mix."""

from __future__ import annotations

import torch

from suite.device import device_facts, open_device_of
from suite.errors import RunDirectoryError
from suite.fitness import needs_latency
from suite.latency_model import PHASE as LATENCY_MODEL
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.run_facts import amend_facts
from suite.search import PHASE as SEARCH
from suite.study import StudySettings
from suite.winner import PHASE as FINAL

_GO_THERE = "Go on with it on that machine, or begin a new run here."


def device_to_go_on_with(run: RunDirectory, study: StudySettings) -> torch.device:
    """The device a run was begun on, by kind and with as many threads, as sums depend on both.

    Raises:
        RunDirectoryError: its search has timed networks on another machine, and is to time others.
        DeviceError: this machine lacks such a device.
    """
    before = (run.read_json("run.json") or {})["device"]
    device = open_device_of(before, run.path, _GO_THERE)
    now = device_facts(device).to_json()
    if now["name"] != before["name"] and needs_latency(study) and _is_searching(run, study):
        raise RunDirectoryError(
            f"has timed networks on {before['name']}; times on this machine ({now['name']}) do not compare.",
            where=str(run.path),
            remedy=_GO_THERE,
        )
    return device


def note_device(run: RunDirectory, device: torch.device, display: Display) -> None:
    """On another machine, or with another torch, run.json names both from now on: what follows is done here."""
    facts = run.read_json("run.json") or {}
    before, now = facts["device"], device_facts(device).to_json()
    if run.read_result(FINAL) is not None or _who(now) == _who(before):
        return
    display.say(f"Note: so far this ran on {_who(before)}; it goes on on {_who(now)}.")
    earlier = [*facts.get("earlier_devices", []), before]
    amend_facts(run, device=now, earlier_devices=earlier)


def _who(device: dict[str, object]) -> str:
    return f"{device['name']} with torch {device['torch']}"


def _is_searching(run: RunDirectory, study: StudySettings) -> bool:
    """Whether networks were timed, and others are to be; the exhaustive method begins by timing some of the space."""
    if run.read_result(SEARCH) is not None:
        return False
    walked = study.search.method == "exhaustive" and run.read_result(LATENCY_MODEL) is not None
    return walked or run.load_checkpoint(SEARCH) is not None
