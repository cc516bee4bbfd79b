"""The study that a run was made with, told from a study.toml that has changed since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suite.errors import RunDirectoryError
from suite.run_directory import RunDirectory
from suite.study import Stop, StudySettings, read_study, validate_study

TIME_LEFT = "time_left"  # results of this name: what a time budget left for the finalists


def used_study(run: RunDirectory) -> StudySettings:
    """The study that a run was made with, its finalists' epochs as they were fitted.

    Raises:
        RunDirectoryError: it is not what run.json says that the run was made with.
        StudyFileError: it cannot be read.
    """
    study = read_study(run.path / "study.toml")
    begun_with = study_at_start(run)
    if begun_with is not None and with_fitted_epochs(study, run) != with_fitted_epochs(begun_with, run):
        raise RunDirectoryError(
            "is not what the run was made with.",
            where=str(run.path / "study.toml"),
            remedy='Restore it: run.json has it under "used".',
        )
    return with_fitted_epochs(study, run)


def study_asked_for(facts: Mapping[str, Any], run: RunDirectory) -> StudySettings:
    """By a run's run.json, what was asked for before a time budget shortened it; newer keys have their defaults."""
    return validate_study(facts["asked"], where=str(run.path / "run.json"))


def study_at_start(run: RunDirectory) -> StudySettings | None:
    """What run.json says the run was begun with; None of older runs, which lack it."""
    used = (run.read_json("run.json") or {}).get("used")
    return None if used is None else validate_study(used, where=str(run.path / "run.json"))


def with_fitted_epochs(study: StudySettings, run: RunDirectory) -> StudySettings:
    """The study with the epochs that a time budget left for the finalists, as soon as that is known."""
    fitted = run.read_result(TIME_LEFT)
    if fitted is None:
        return study
    return with_epochs(study, **fitted["epochs"], stop=fitted.get("stop", study.finalists.stop))


def with_epochs(study: StudySettings, finalists: int, final: int, stop: Stop | None = None) -> StudySettings:
    """The study with other epochs of finalists and of fine-tuning, and with finalists that `stop` so, if given."""
    of_finalists = {"epochs": finalists, "stop": stop or study.finalists.stop}
    return study.model_copy(
        update={
            "finalists": study.finalists.model_copy(update=of_finalists),
            "final": study.final.model_copy(update={"epochs": final}),
        }
    )
