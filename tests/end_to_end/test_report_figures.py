"""What the report's figures and tables say, read off them before they are pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from suite.report.record import RunRecord, read_record
from suite.report.sections import calibration, pareto, search_history
from suite.report.style import STYLE, Figures
from suite.run_directory import RunDirectory


class Kept(Figures):
    """Keeps figures as they are drawn."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.figures: dict[str, Figure] = {}

    def save(self, figure: Figure, name: str, alt: str) -> str:
        figure.draw_without_rendering()
        self.figures[name] = figure
        return super().save(figure, name, alt)


@pytest.fixture
def record(finished: Path) -> RunRecord:
    return read_record(RunDirectory(finished))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_a_dot_of_the_calibration_says_how_many_pictures_it_is(record: RunRecord, kept: Kept) -> None:
    with matplotlib.rc_context(STYLE):
        calibration.section(record, kept)
    (axes,) = kept.figures["calibration"].axes
    assert "test pictures, 35 or 36 a dot" in axes.get_legend_handles_labels()[1]  # 359 in ten bins


def test_of_few_test_pictures_a_dot_is_no_tenth(record: RunRecord, kept: Kept) -> None:
    assert record.final is not None
    record.final["confidences"] = record.final["confidences"][:66]
    record.final["wrong"] = [index for index in record.final["wrong"] if index < 66]
    with matplotlib.rc_context(STYLE):
        calibration.section(record, kept)
    (axes,) = kept.figures["calibration"].axes
    assert "test pictures, 22 a dot" in axes.get_legend_handles_labels()[1]


def test_the_search_s_axes_have_whole_numbers_and_room_above(record: RunRecord, kept: Kept) -> None:
    assert record.search is not None
    for row in record.search["evaluated"]:  # a search that hardly got better
        row["values"][0] = 1.015 + 1e-4 * row["values"][0]
    with matplotlib.rc_context(STYLE):
        search_history.section(record, kept)
    _, by_second, _, volumes = kept.figures["search"].axes
    assert by_second.yaxis.get_major_formatter().get_offset() == ""
    assert volumes.get_ylim()[1] > 1.0


@pytest.mark.parametrize("timed", [False, True])
def test_the_front_has_latencies_where_there_are_any(timed: bool, record: RunRecord, kept: Kept) -> None:
    assert record.search is not None
    for row in record.search["front"]:
        row["latency_ms"] = 0.25 if timed else None
    with matplotlib.rc_context(STYLE):
        section = pareto.section(record, kept)
    assert section is not None
    assert ("Latency (ms)" in section.body) == timed
