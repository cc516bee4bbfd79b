"""The study file: a TOML that says which data, which space, how to search; validated into StudySettings."""

from suite.study.reading import read_study, validate_study
from suite.study.settings import (
    MOST_SEED,
    DataSettings,
    FirstFc,
    LatencySettings,
    Limits,
    Objective,
    SearchSettings,
    SpaceSettings,
    Start,
    StepRule,
    Stop,
    StudySettings,
)
from suite.study.writing import study_toml

__all__ = [
    "MOST_SEED",
    "DataSettings",
    "FirstFc",
    "LatencySettings",
    "Limits",
    "Objective",
    "SearchSettings",
    "SpaceSettings",
    "Start",
    "StepRule",
    "Stop",
    "StudySettings",
    "read_study",
    "study_toml",
    "validate_study",
]
