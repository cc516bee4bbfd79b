"""What the report's figures and tables say, read off them before they are pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from suite.report.record import RunRecord, read_record
from suite.report.sections import calibration, pareto, search_history, test_result
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


def test_a_network_is_drawn_at_its_place_among_all_evaluated(record: RunRecord, kept: Kept) -> None:
    """Those beyond a limit count as evaluations, though they are not drawn."""
    assert record.search is not None
    beyond = [2, 5, 17]
    for place in beyond:
        record.search["evaluated"][place - 1]["violation"] = 1.0
    with matplotlib.rc_context(STYLE):
        search_history.section(record, kept)
    by_evaluation, *_ = kept.figures["search"].axes
    networks, best, end_of_pool = by_evaluation.lines
    evaluated = range(1, len(record.search["evaluated"]) + 1)
    assert list(networks.get_xdata()) == list(best.get_xdata()) == [p for p in evaluated if p not in beyond]
    assert set(end_of_pool.get_xdata()) == {12.5}


@pytest.mark.parametrize(("classes", "named", "written"), [(20, 20, True), (21, 21, False), (100, 34, False)])
def test_a_confusion_matrix_has_as_many_names_as_can_be_read(
    classes: int, named: int, written: bool, record: RunRecord, kept: Kept
) -> None:
    assert record.final is not None
    names = [f"class {number}" for number in range(classes)]
    record.facts["dataset"]["classes"] = names
    record.final["confusion"] = (5 * np.eye(classes, dtype=int)).tolist()
    with matplotlib.rc_context(STYLE):
        section = test_result.section(record, kept)
    assert section is not None
    (axes,) = kept.figures["confusion"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == names[:: -(-classes // named)]
    assert bool(axes.texts) == written
    assert ("blanks are 0.5 % and less" in section.body) == written
