"""The index of published reports."""

from __future__ import annotations

from pathlib import Path

from suite.report.publish import write_index
from suite.run_directory import RunDirectory


def test_the_newest_run_of_a_study_comes_first(tmp_path: Path) -> None:
    for study, run in (("b", "1"), ("a", "2"), ("a", "3"), ("b", "4"), ("a", "1")):
        RunDirectory(tmp_path / study / run).write_json(
            "results.json", {"study": study, "run": run, "seed": 0}
        )
    write_index(tmp_path)
    rows = [line for line in (tmp_path / "README.md").read_text().splitlines() if "report.md" in line]
    assert [row.partition("](")[2].partition("/report.md")[0] for row in rows] == [
        "a/3",
        "a/2",
        "a/1",
        "b/4",
        "b/1",
    ]
