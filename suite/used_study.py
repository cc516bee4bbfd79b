"""The study that a run was made with, told from a study.toml that has changed since."""

from __future__ import annotations

from suite.errors import RunDirectoryError
from suite.run_directory import RunDirectory
from suite.study import StudySettings, read_study, validate_study


def used_study(run: RunDirectory) -> StudySettings:
    """A run's study.toml.

    Raises:
        RunDirectoryError: it is not what run.json says that the run was made with.
        StudyFileError: it cannot be read.
    """
    study, facts = read_study(run.path / "study.toml"), run.read_json("run.json") or {}
    used = facts.get("used", study.model_dump(mode="json"))  # older runs lack it
    if study != validate_study(used, where=str(run.path / "run.json")):
        raise RunDirectoryError(
            "is not what the run was made with.",
            where=str(run.path / "study.toml"),
            remedy='Restore it: run.json has it under "used".',
        )
    return study
