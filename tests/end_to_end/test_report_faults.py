"""The page under faults: what cannot be drawn or written leaves a note, and the rest is there."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from suite.errors import RunDirectoryError
from suite.report import write_report
from suite.report.sections import pareto
from suite.run_directory import RunDirectory


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunDirectory:
    """A copy of the finished run."""
    return RunDirectory(Path(shutil.copytree(finished, tmp_path / "run")))


def titles(page: Path) -> list[str]:
    return [line for line in page.read_text().splitlines() if line.startswith("## ")]


@pytest.mark.fault("a figure cannot be drawn")
def test_a_figure_that_cannot_be_drawn_leaves_its_words(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write_report(run)
    before, figures = titles(whole), whole.read_text().count("](figures/")

    def savefig(figure: Figure, *words: Any, **options: Any) -> None:
        raise ValueError("the font is | broken")

    monkeypatch.setattr(Figure, "savefig", savefig)
    page = write_report(run)
    assert titles(page) == before
    assert page.read_text().count("this figure could not be drawn") == figures > 0
    assert "&#124; broken" in page.read_text()
    assert list((run.path / "report" / "figures").iterdir()) == [], "no figure of another report"


@pytest.mark.fault("the disk is full while a figure is written")
def test_a_disk_that_takes_no_figure_still_takes_the_page(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = titles(write_report(run)), os.replace

    def replace(source: Path, target: Path) -> None:
        if target.suffix == ".png":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    page = write_report(run)
    assert titles(page) == before
    assert "No space left on device" in page.read_text()
    assert not list((run.path / "report").rglob(".*")), "nothing half written is left"


def test_a_section_that_fails_leaves_a_note(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    before = titles(write_report(run))
    monkeypatch.setattr(pareto, "table", lambda *words, **options: 1 / 0)
    page = write_report(run)
    assert len(titles(page)) == len(before)
    assert "## Pareto\n\n*This part could not be written: ZeroDivisionError" in page.read_text()


def test_a_damaged_result_is_not_reported_around(run: RunDirectory) -> None:
    (run.path / "results" / "finalists.json").write_text("{")
    with pytest.raises(RunDirectoryError, match="finalists"):
        write_report(run)


def test_a_whole_report_has_no_note(run: RunDirectory) -> None:
    assert "could not be" not in write_report(run).read_text()
