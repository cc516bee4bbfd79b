"""What all sides of the race are given: a study, on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import suite
from suite.data import Data
from suite.device import device_facts, open_device
from suite.run_directory import RUNS, RunDirectory
from suite.study import StudySettings

PLAN_FILE = "plan.json"
UNKNOWN_CODE = "not known"  # of what was run before, and is no piece yet or no longer
_CODE = (Path(suite.__file__).parent, Path(__file__).parent)
_SAME_MACHINE = ("device", "name", "threads", "torch")  # of device facts: where seconds compare


@dataclass(frozen=True)
class Plan:
    """A study, and where its race is kept."""

    runs: RunDirectory  # of all sides, while they are under way; not needed once their pieces are kept
    pieces: RunDirectory  # what came of them, beside the page that is made of it
    study: StudySettings

    def asked(self, seed: int) -> StudySettings:
        """The study of a seed, before any budget shortens it."""
        return self.study.model_copy(update={"seed": seed})


def piece_name(side: str, minutes: float, seed: int) -> str:
    """Where the piece of a budget and a seed is kept; its files are in the folder of that name among the runs."""
    return f"{side}/{minutes:g}-minutes-seed-{seed}.json"


def open_plan(
    study: StudySettings, study_file: Path, overrides: Sequence[str], data: Data, folder: Path
) -> Plan:
    """The plan for a study on this machine, made or found again in the page's `folder`.

    Another machine, another version of torch or other pictures make another plan, and so a race of their own.
    """
    facts = device_facts(open_device("auto")).to_json()
    settings = {**study.model_dump(mode="json"), "finalists": study.finalists.for_hashing()}
    alike = [settings, data.provenance.sha256, *(facts[name] for name in _SAME_MACHINE)]
    name = f"{study.name}-{hashlib.sha256(json.dumps(alike).encode()).hexdigest()[:8]}"
    pieces = RunDirectory(folder / name)
    if pieces.read_json(PLAN_FILE) is None:
        plan = {
            "file": study_file.as_posix(),
            "overrides": list(overrides),
            "study": study.model_dump(mode="json"),
            "notes": data.provenance.notes,
            "device": facts,
        }
        pieces.write_json(PLAN_FILE, plan)
    return Plan(RunDirectory(RUNS / f"benchmark-wall-clock-{name}"), pieces, study)


@cache
def code_of_race() -> str:
    """What tells this code, the suite's and the race's, from any other: pieces of one race may be made by several."""
    files = (file for folder in _CODE for file in sorted(folder.rglob("*.py")))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
