"""What both sides of the race are given: a study, and how it is shortened to each budget on this machine."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from suite.data import Data
from suite.device import device_facts, open_device
from suite.errors import RunDirectoryError
from suite.forecast import Pace, fit_to_budget, measure_pace
from suite.run_directory import RUNS, RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings

FOLDERS = "benchmark-wall-clock-*"
PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class Plan:
    """A study and this machine's pace, measured once: every seed of a budget is shortened alike."""

    kept: RunDirectory  # where all pieces are; a folder of the benchmark's, and no run
    study: StudySettings
    pace: Pace

    def within(self, minutes: float, seed: int) -> StudySettings:
        """The study of a seed as `--time-budget` would shorten it."""
        study = self.study.model_copy(update={"seed": seed})
        return fit_to_budget(study, self.pace, 60 * minutes)


def open_plan(study: StudySettings, study_file: Path, data: Data) -> Plan:
    """The plan for a study on this machine, made or found again.

    Raises:
        RunDirectoryError: it was made on another machine, with other versions or on other pictures: seconds would
            not compare.
    """
    sha256 = hashlib.sha256(study.model_dump_json().encode()).hexdigest()
    kept = RunDirectory(RUNS / FOLDERS.replace("*", f"{study.name}-{sha256[:8]}"))
    device = open_device("auto")
    facts = {"device": device_facts(device).to_json(), "data": data.provenance.sha256}
    known = kept.read_json(PLAN_FILE)
    if known is None:
        space = SearchSpace(study.space, data.picture_shape, len(data.classes))
        pace = asdict(measure_pace(study, space, data, device))
        of_page = {"file": study_file.as_posix(), "notes": data.provenance.notes}
        known = {**facts, **of_page, "study": study.model_dump(mode="json"), "pace": pace}
        kept.write_json(PLAN_FILE, known)
    elif {name: known[name] for name in facts} != facts:
        raise RunDirectoryError(
            "was begun on another machine, with other versions, or on other pictures.",
            where=str(kept.path),
            remedy="Go on with it there, or take it away to begin anew.",
        )
    return Plan(kept, study, Pace(**known["pace"]))
