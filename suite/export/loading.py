"""A network to class pictures with, from wherever there is one."""

from __future__ import annotations

from pathlib import Path

from suite.errors import ExportError
from suite.export.classifier import Classifier
from suite.export.folder import holds_export, load_exported
from suite.run_directory import RunDirectory, run_meant


def load_model(path: Path | str) -> Classifier:
    """The network of an exported folder, or the winner of a run directory, ready to class pictures.

    Raises:
        ExportError: the folder is neither, or is damaged.
        RunDirectoryError: the run has no winner yet.
    """
    path = Path(path)
    if (path / "run.json").is_file():
        from suite.export.from_run import NetworksOfRun  # late: Optuna and more, which an export does without

        return NetworksOfRun(RunDirectory.open(path), None).take(None).classifier
    if not holds_export(path):
        raise ExportError(
            "is neither a run nor what suite export wrote." if path.exists() else "is not there.",
            where=str(path),
            remedy=run_meant(path),
        )
    return load_exported(path)
