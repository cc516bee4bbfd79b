"""Whether data is what a run was begun on."""

from __future__ import annotations

from suite.data.dataset import Data
from suite.errors import RunDirectoryError
from suite.run_directory import RunDirectory


def check_begun_on(run: RunDirectory, data: Data) -> None:
    """Refuse data other than the run's.

    Raises:
        RunDirectoryError: it differs; names both.
    """
    begun_on = (run.read_json("run.json") or {})["dataset"]["sha256"]
    if data.provenance.sha256 != begun_on:
        raise RunDirectoryError(
            f"was begun on other data (sha256 {begun_on[:12]}, now {data.provenance.sha256[:12]}).",
            where=str(run.path),
            remedy="Give the same data by --data, or begin a new run.",
        )
