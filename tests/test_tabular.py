"""Search methods on a table of trained networks: the table, what is asked, the harness, the statistics, the page."""

from __future__ import annotations

import itertools
import json
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contest.contestants import ABLATIONS, CONTESTANTS, OURS, RIVALS
from benchmarks.contest.entries import hold_contest
from benchmarks.contest.harness import PROPOSALS, run_method
from benchmarks.contest.judge import topic_of_front
from benchmarks.contest.page import _conclusion, _medians, _Told
from benchmarks.contest.reduced_spaces import Unstratified
from benchmarks.contest.standings import Standing, differences
from benchmarks.contest.tasks import floor_of_choice
from benchmarks.tabular import run
from benchmarks.tabular.judge import TableFile, by_one_training
from benchmarks.tabular.table import Row, TableSpace, read_table
from suite.errors import DataError
from suite.methods import Judgement, RandomSearch
from suite.paired_test import holm
from suite.progress import Display
from suite.study import SearchSettings
from tests.conftest import ROOT, space_of

REAL = ROOT.parent / "shared" / "benchmarks" / "nas-bench-macro_cifar10.json"


def write_table(path: Path, alphabets: tuple[str, ...] = ("ab", "xyz", "01", "01")) -> Path:
    """A table in which later letters are better, with two trainings that disagree a little."""
    rng = np.random.default_rng(0)
    rows = {}
    for letters in itertools.product(*alphabets):
        places = [alphabet.index(letter) for alphabet, letter in zip(alphabets, letters, strict=True)]
        accuracy = 80 + 2 * sum(places) + rng.normal(0, 0.3, 2)
        rows["".join(letters)] = {"test_acc": accuracy.tolist(), "flops": 1e6 * (1 + sum(places)), "std": 0.1}
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture
def source(tmp_path: Path) -> TableFile:
    return TableFile(write_table(tmp_path / "table.json"))


@pytest.fixture
def space(source: TableFile) -> TableSpace:
    return read_table(source.path)


def test_any_alphabet_and_length_is_a_space(space: TableSpace) -> None:
    assert (space.size, space.distinct, space.accuracies.shape) == (24, 24, (24, 2))
    assert [gene.choices for gene in space.genes] == [("a", "b"), ("x", "y", "z"), ("0", "1"), ("0", "1")]
    for row in space.rows:
        assert space.decode(space.encode(row)) == row == space.parse(row.text)
        neighbours = space.neighbours(row)
        assert len(set(neighbours)) == 1 + 2 + 1 + 1
        assert all(sum(a != b for a, b in zip(row.text, n.text, strict=True)) == 1 for n in neighbours)
        assert all(neighbour in space.place for neighbour in neighbours)
    drawn = {space.decode(space.sample_chromosome(random.Random(seed), stratum=1)) for seed in range(200)}
    assert {row.text[0] for row in drawn} == {"b"}
    assert len(drawn) == 12


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("no JSON", "is no table of trained networks"),
        ('{"00": {"flops": 1}}', "is no table of trained networks"),
        ('{"00": {"test_acc": [1], "flops": 1}, "1": {"test_acc": [1], "flops": 1}}', "different lengths"),
        ('{"00": {"test_acc": [1], "flops": 1}, "11": {"test_acc": [1], "flops": 1}}', "2 of 4 combinations"),
    ],
)
def test_what_is_no_table_is_refused(content: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_table(path)


def test_regret_is_of_the_fittest_so_far_on_what_it_is_judged_by(
    source: TableFile, space: TableSpace
) -> None:
    mean = space.accuracies.mean(axis=1)
    worst, middle, best = np.argsort(mean)[[0, 12, -1]]
    judge = source.judge()
    lacks = judge.task("search", 0).lacks(np.array([middle, worst, best, worst]))
    assert lacks == pytest.approx([mean[best] - mean[middle], mean[best] - mean[middle], 0, 0])
    first, second = space.accuracies.T
    fittest = int(np.argmax(first))
    everything = judge.task("deployment", 2).lacks(np.arange(space.size))  # two trainings take turns
    assert everything[-1] == pytest.approx(second.max() - second[fittest])
    assert everything[-1] == pytest.approx(floor_of_choice(*by_one_training(space, 0)))


def test_hypervolume_lacks_nothing_once_the_front_is_known(source: TableFile, space: TableSpace) -> None:
    lacks = source.judge().task("front", 0).lacks(np.random.default_rng(0).permutation(space.size))
    assert lacks[-1] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff(lacks) <= 1e-12)
    assert 0 < lacks[0] <= 1


@pytest.mark.skipif(not REAL.is_file(), reason="NAS-Bench-Macro's table is not here")
def test_the_floors_of_nas_bench_macro() -> None:
    real = read_table(REAL)
    assert (real.size, real.distinct) == (6_561, 3_969)
    floors = [floor_of_choice(*by_one_training(real, training)) for training in range(real.trainings)]
    assert floors == pytest.approx([0.185, 0.33, 0.34], abs=5e-4)


def test_the_budget_is_counted_in_different_networks(source: TableFile, space: TableSpace) -> None:
    task = source.judge().task("search", 0)
    settings = SearchSettings(random_pool=10, population=10, generations=100)
    judged: list[Row] = []

    def judge(row: Row) -> Judgement:
        judged.append(row)
        return task.judge(row)

    trace = run_method(RandomSearch(settings, task.problem, random.Random(0)), judge, space.place, 15)
    assert len(judged) == len(set(judged)) == len(trace.evaluated) == 15
    assert trace.evaluated.tolist() == [space.place[row] for row in judged]


def test_networks_that_measured_alike_are_paid_for_once(tmp_path: Path) -> None:
    rows = {
        text: {"test_acc": [float(text[1]), 5.0], "flops": 7.0}
        for text in ("00", "01", "10", "11", "20", "21")
    }
    (tmp_path / "twins.json").write_text(json.dumps(rows))
    judge = TableFile(tmp_path / "twins.json").judge()
    assert (len(judge.place), judge.size) == (6, 2)
    task = judge.task("search", 0)
    settings = SearchSettings(random_pool=6, population=6, generations=1)
    method = RandomSearch(settings, task.problem, random.Random(0))
    trace = run_method(method, task.judge, judge.place, 2)
    assert sorted(trace.evaluated.tolist()) == [judge.place[Row("00")], judge.place[Row("01")]] == [0, 1]
    assert len(method.population) == 6  # all were told, and nothing was paid for four of them


@pytest.mark.parametrize("name", CONTESTANTS)
def test_every_contestant_ends_whatever_is_left_to_find(
    name: str, source: TableFile, space: TableSpace
) -> None:
    task = source.judge().task("search", 0)
    trace = run_method(CONTESTANTS[name].make(task.problem, 0), task.judge, space.place, 24)
    assert len(set(trace.evaluated.tolist())) == len(trace.evaluated) <= 24
    assert trace.proposed <= PROPOSALS * 24 + 200
    assert task.lacks(trace.evaluated)[-1] < 1.5


@pytest.mark.parametrize(
    ("trained", "flops", "tasks"),
    [([1.0], 1.0, ["search", "front"]), ([1.0, 2.0], 0.0, ["search", "deployment"])],
)
def test_what_a_table_cannot_judge_is_left_out(
    trained: list[float], flops: float, tasks: list[str], tmp_path: Path
) -> None:
    """Who was trained once has nothing else to be judged by; without a cost that differs there is no front."""
    rows = {
        f"{a}{b}": {"test_acc": [a + accuracy for accuracy in trained], "flops": flops * b}
        for a in range(3)
        for b in range(3)
    }
    (tmp_path / "table.json").write_text(json.dumps(rows))
    assert list(TableFile(tmp_path / "table.json").judge().topics) == tasks


def test_without_strata_a_first_population_is_drawn_as_networks_are() -> None:
    space = space_of(depth=[1, 2], filters=[4, 8, 16], kernel=[3, 5])
    plain = Unstratified(space)
    strata = [plain.strata[0]] * 2_000
    drawn = [plain.decode(plain.sample_chromosome(random.Random(i), stratum=s)) for i, s in enumerate(strata)]
    deep = sum(len(genome.convs) == 2 for genome in drawn) / len(drawn)
    assert deep == pytest.approx(12**2 / (12 + 12**2), abs=0.02)  # evenly over depths it would be a half
    assert len(set(drawn)) > 500


def test_holms_correction_on_its_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_rival_is_better_only_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    ours = Standing(OURS, rng.normal(1, 0.1, (30, 50)), np.full(30, 50.0), np.full(30, 60.0), 1.0)
    alike, better, worse = (
        Standing(name, ours.lacks + rng.normal(shift, 0.05, (30, 50)), ours.used, ours.proposed, 1.0)
        for name, shift in (("alike", 0.0), ("better", -0.2), ("worse", 0.2))
    )
    verdicts = {d.rival: d.verdict for d in differences([ours, alike, better, worse])}
    assert verdicts == {"alike": "no different", "better": "better", "worse": "worse"}
    assert {d.budget for d in differences([ours, alike])} == {50}


@pytest.mark.parametrize(
    ("shift", "told"),
    [
        (-0.03, "no rival, at any of the 1 budgets of the table (nearest to it: rival after 50, p = 0.0"),
        (-0.2, "Better than our evolution: rival after 50 evaluations. Worse"),
        (0.2, "no rival, at any of the 1 budgets of the table. Worse at one budget at least: rival."),
    ],
)
def test_the_conclusion_names_who_comes_nearest(shift: float, told: str) -> None:
    rng = np.random.default_rng(3)
    ours = Standing(OURS, rng.normal(1, 0.1, (30, 50)), np.full(30, 50.0), np.full(30, 60.0), 1.0)
    rival = replace(ours, contestant="rival", lacks=ours.lacks + rng.normal(shift, 0.09, (30, 50)))
    differ = differences([ours, rival, replace(ours, contestant="the same")])
    assert told in _conclusion([_Told("x", topic_of_front("x"), [ours, rival], differ, [], [])])


def test_regret_is_told_beyond_the_floor_of_each_seeds_own_training() -> None:
    lacks = np.array([[1.5], [2.5], [1.25], [2.25]])
    standing = Standing("x", lacks, np.ones(4), np.ones(4), 1.0)
    topic = replace(topic_of_front("x"), scale=1.0, floors=(1.0, 2.0))
    assert "| x | 0.375 | 1 | 1 | 1.00 |" in _medians(topic, [standing], [])
    assert "| x | 1.875 | 1 | 1 | 1.00 |" in _medians(replace(topic, floors=()), [standing], [])


def test_a_topic_may_end_before_the_contest() -> None:
    assert [topic_of_front("x", 500).budget(of_contest) for of_contest in (24, 500, 1_000)] == [24, 500, 500]
    assert topic_of_front("x").budget(1_000) == 1_000


def test_evaluations_until_it_is_near() -> None:
    standing = Standing(
        "x", np.array([[3.0, 0.1, 0.0], [3.0, 2.0, 1.0]]), np.full(2, 3.0), np.full(2, 4.0), 1.0
    )
    assert standing.evaluations_to(0.1).tolist() == [2.0, np.inf]


def test_a_contest_from_table_to_page_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = write_table(tmp_path / "table.json")
    page = run(Display(quiet=True), table, 2, tmp_path / "out").read_text()
    main, rest = page.split("## What each part of our evolution adds")
    of_parts, who = rest.split("## Who competes")
    assert all(f"| {name} | {contestant.settings} |" in who for name, contestant in CONTESTANTS.items())
    assert page.count("| Median regret (points) beyond the floor after |") == 1, "deployment alone has floors"
    for part, tasks, present, absent in ((main, 3, RIVALS, ABLATIONS), (of_parts, 2, ABLATIONS, RIVALS)):
        assert part.count(f"| **{OURS}** |") == tasks
        assert all(part.count(f"| {name} |") >= tasks for name in present)
        assert not any(f"| {name} |" in part for name in absent)
    assert "table has 24 networks, each really trained 2 times" in page
    assert re.search(rf"\n\| \*\*{re.escape(OURS)}\*\* \| [\d.]+ \| \d+ \| \d+ \| [\d.]+ \|\n", page), (
        "used, and ms"
    )
    assert "evaluations used | proposals | ms a proposal |" in page
    for figure in ("search", "deployment", "front"):
        assert (tmp_path / "out" / "figures" / f"{figure}.png").stat().st_size > 10_000
    (kept,) = (tmp_path / "runs").glob("benchmark-tabular-table-*-24")
    times = {path: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    assert len(times) == 2 * (3 * len(CONTESTANTS) - len(ABLATIONS))
    removed = min(times)
    removed.unlink()
    hold_contest(TableFile(table), kept, 24, range(2), Display(quiet=True))
    again = {path: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    assert {path for path in again if again[path] != times[path]} == {removed}
    assert "kept from before" not in page
    outcome = json.loads(removed.read_text())
    removed.write_text(json.dumps({name: value for name, value in outcome.items() if name != "machine"}))
    other = min(path for path in times if path != removed)
    other.write_text(json.dumps({**json.loads(other.read_text()), "code": "of before"}))
    page = run(Display(quiet=True), table, 2, tmp_path / "out").read_text()
    assert f"{1 / len(times):.0%} of the entries are kept from before" in page
    assert "; a machine that older entries do not name. " in page
