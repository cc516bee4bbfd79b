"""What the report says of a run is true of that run: its random pool, the pictures its winner learned from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from suite.data import find_data, open_data
from suite.report.record import RunRecord, read_record
from suite.report.sections import evaluated_choices, limits, oracle_effort, search_history, settings
from suite.report.style import Figures
from suite.run_directory import RunDirectory
from suite.study import Limits, Stop, read_study
from suite.used_study import with_epochs
from tests.end_to_end.conftest import suite, write_study

POOL = "end of random pool"


@pytest.fixture
def record(finished: Path) -> RunRecord:
    return read_record(RunDirectory(finished))


def history(record: RunRecord, folder: Path) -> Figure:
    """The drawing of how a search went."""
    figures = _Kept(folder)
    search_history.section(record, figures)
    return figures.drawn["search"]


def labels(figure: Figure) -> set[str]:
    """Of all axes of a drawing."""
    return {axes.get_xlabel() for axes in figure.axes}


def ends_of_pool(figure: Figure) -> list[float]:
    """Where the line stands, if there is one."""
    return [
        float(line.get_xdata()[0]) for axes in figure.axes for line in axes.lines if line.get_label() == POOL
    ]  # type: ignore[index, arg-type]


def by(method: str, record: RunRecord, first: int) -> RunRecord:
    """The same run as if by another method, whose first generation has only so many networks."""
    assert record.search is not None
    opening, *others = record.search["generations"]
    opening = opening | {"proposed": opening["proposed"][:first]}
    return replace(record, search=record.search | {"method": method, "generations": [opening, *others]})


@pytest.mark.parametrize("method", ["evolution", "local", "aging"])
def test_the_pool_is_as_large_as_the_first_generation_was(
    method: str, record: RunRecord, tmp_path: Path
) -> None:
    assert record.study.search.random_pool == 12
    drawn = history(by(method, record, first=7), tmp_path)
    assert ends_of_pool(drawn) == [7.5]
    assert "generation (0: random pool)" in labels(drawn)


@pytest.mark.parametrize("method", ["random", "tpe", "nsga2", "exhaustive"])
def test_a_method_without_a_pool_is_said_to_have_none(method: str, record: RunRecord, tmp_path: Path) -> None:
    drawn = history(by(method, record, first=7), tmp_path)
    assert ends_of_pool(drawn) == []
    assert "generation" in labels(drawn)
    assert not any("pool" in label for label in labels(drawn))


def test_the_effort_counts_the_pool_that_was(finished: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, search={"method": "exhaustive", "population": 4})
    done = suite("search", study, "--run-dir", "run", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record, figures = read_record(RunDirectory(tmp_path / "run")), Figures(tmp_path)
    whole = oracle_effort.section(record, figures)
    assert whole is not None
    assert "random pool" not in whole.body
    assert "This search itself scored all 432 networks before it chose." in whole.body
    pooled = oracle_effort.section(by("aging", record, first=3), figures)
    assert pooled is not None
    assert "The first 3 evaluations are the random pool." in pooled.body


def test_choices_are_estimated_from_what_was_evaluated_where_nothing_is_known_exactly(
    record: RunRecord, tmp_path: Path
) -> None:
    figures = Figures(tmp_path)
    said = evaluated_choices.section(record, figures)
    assert said is not None
    assert said.body.startswith("Estimated from the 24 networks that the search evaluated.")
    assert "supernet's loss on val-A" in said.body
    assert "The networks are no even sample of the space" in said.body
    drawn = evaluated_choices.section(by("random", record, first=12), figures)
    assert drawn is not None
    assert "drawn at random, as many of each depth" in drawn.body
    assert evaluated_choices.section(replace(record, oracle={"networks": 432}), figures) is None
    assert evaluated_choices.section(replace(record, search=None), figures) is None


def test_the_winner_learned_from_all_but_the_test(record: RunRecord, tmp_path: Path) -> None:
    study = read_study(record.run.path / "study.toml")
    data = open_data(study.data, find_data(study.data))
    said = limits.section(record, Figures(tmp_path))
    assert said is not None
    seen, at_first = len(data.all_training), len(data.train)
    assert (seen, at_first) == (1438, 1006)
    assert (
        "than the 1,438 it was trained on (1,006 as a finalist, all of them when it was fine-tuned)"
        in said.body
    )


class _Kept(Figures):
    """Figures that are looked at rather than written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.drawn: dict[str, Figure] = {}

    def save(self, figure: Figure, name: str, alt: str) -> str:
        self.drawn[name] = figure
        return f"![{alt}](figures/{name}.png)"


@pytest.mark.parametrize(
    ("scales", "told"),
    [
        (
            [0.5, 1.25],
            "three anchors, timed with each, took from 0.80 to 2.00 times what they took in the first",
        ),
        ([1.0, 1.0], None),  # one block, or an older search
        (None, None),
    ],
)
def test_how_far_the_machine_s_speed_moved_is_told(
    scales: list[float] | None, told: str | None, record: RunRecord, tmp_path: Path
) -> None:
    assert record.search is not None
    timed = replace(record, search=record.search | {"latency_scales": scales})
    section = search_history.section(timed, _Kept(tmp_path))
    assert section is not None
    assert (told in section.body) if told else ("anchors" not in section.body)


def under_budget(record: RunRecord, *, stop: Stop, max_macs: int | None) -> RunRecord:
    """The same run as if a time budget had made so much of its study."""
    study = with_epochs(record.study, 2, 1, stop=stop)
    within = Limits(max_macs=max_macs)
    study = study.model_copy(update={"search": study.search.model_copy(update={"limits": within})})
    return replace(record, study=study, facts=record.facts | {"time_budget_seconds": 90})


@pytest.mark.parametrize("max_macs", [None, 6_600_000])
@pytest.mark.parametrize("stop", ["late", "early"])
def test_the_report_says_what_a_time_budget_made_of_the_study(
    stop: Stop, max_macs: int | None, record: RunRecord, tmp_path: Path
) -> None:
    short = under_budget(record, stop=stop, max_macs=max_macs)
    used, claim = settings.section(short, Figures(tmp_path)), limits.section(short, Figures(tmp_path))
    assert used is not None
    assert claim is not None
    assert "shortened to fit `--time-budget` of 90.0 s" in used.body
    assert ("Finalists that were behind stopped early." in used.body) == (stop == "early")
    assert ("Networks of more than 6.60 M MACs were left out." in used.body) == (max_macs is not None)
    assert ("more than 6.60 M MACs were not searched" in claim.body) == (max_macs is not None)


def test_a_limit_that_was_asked_for_is_no_doing_of_the_budget(record: RunRecord, tmp_path: Path) -> None:
    short = under_budget(record, stop="late", max_macs=6_600_000)
    search = short.facts["asked"]["search"] | {"limits": {"max_macs": 6_600_000}}
    short = replace(short, facts=short.facts | {"asked": short.facts["asked"] | {"search": search}})
    used, claim = settings.section(short, Figures(tmp_path)), limits.section(short, Figures(tmp_path))
    assert used is not None
    assert claim is not None
    assert "shortened to fit" in used.body
    assert "left out" not in used.body
    assert "not searched" not in claim.body


def test_a_budget_that_was_enough_shortened_nothing(record: RunRecord, tmp_path: Path) -> None:
    """An older suite did not write all of today's keys into run.json."""
    finalists = {key: value for key, value in record.facts["asked"]["finalists"].items() if key != "stop"}
    asked = record.facts["asked"] | {"finalists": finalists}
    enough = replace(record, facts=record.facts | {"asked": asked, "time_budget_seconds": 36_000})
    used = settings.section(enough, Figures(tmp_path))
    assert used is not None
    assert "shortened" not in used.body
