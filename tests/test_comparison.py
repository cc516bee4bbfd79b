"""Comparisons of runs whose files were made up: who is grouped, what differs, what is tested, what the page says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from suite.comparison import compare_runs, differences, paired_tests
from suite.errors import RunDirectoryError
from suite.report.comparison_figures import Drawn, _curves, _drawn
from suite.report.comparison_page import check_holds_nothing_else, write_comparison
from suite.run_directory import RunDirectory, write_atomically
from suite.study import study_toml, validate_study
from tests.conftest import tiny_table
from tests.end_to_end.test_hostile_words import CLASSES, MILD, Seen, bare_addresses, in_a_line

Make = Callable[..., RunDirectory]
PICTURES = 20


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a finished run, wrong on some of 20 test pictures."""

    def made(
        name: str,
        seed: int = 0,
        wrong: tuple[int, ...] = (0,),
        sha256: str = "a" * 64,
        budget: float | None = None,
        **tables: dict[str, Any],
    ) -> RunDirectory:
        study = validate_study({**tiny_table(**tables), "seed": seed}, where=name)
        run = RunDirectory.create(tmp_path / name)
        asked = study.model_dump(mode="json")
        dataset = {"sha256": sha256, "notes": ["resized | pictures"], "counts": {"test": PICTURES}}
        device = {"name": "a machine", "threads": 1}
        facts = {
            "run": name,
            "asked": asked,
            "time_budget_seconds": budget,
            "dataset": dataset,
            "device": device,
        }
        run.write_json("run.json", {**facts, "versions": {"torch": "2"}})
        write_atomically(run.path / "study.toml", study_toml(study).encode())
        genome = "8k3max-fc16"
        seconds = dict.fromkeys(("supernet", "search", "finalists", "final"), 10.0 + seed)
        results = {
            "search": {"evaluations": 4, "seconds": {**seconds, "total": 4 * (10.0 + seed)}},
            "winner": {"genome": genome, "params": 100, "macs": 1000, "latency_ms": {"median": 0.5}},
            "test": {"eval_accuracy": 1 - len(wrong) / PICTURES},
        }
        run.write_json("results.json", results)
        run.write_result("final", {"predicted": [0] * PICTURES, "wrong": list(wrong)})
        run.write_result("search", search_of(list(study.search.objectives)))
        return run

    return made


def search_of(objectives: list[str]) -> dict[str, Any]:
    """Four networks in two generations; the second pair is better."""
    metrics = {"accuracy": "loss", "latency": "latency_ms"}
    values = {"a": (2.0, 900.0), "b": (1.5, 1000.0), "c": (1.0, 600.0), "d": (0.5, 800.0)}
    rows = [
        {"genome": genome, "values": list(both[: len(objectives)]), "violation": 0.0, "failure": None}
        for genome, both in values.items()
    ]
    generations = [{"proposed": pair, "seconds": {"total": 5.0}} for pair in (["a", "b"], ["a", "c", "d"])]
    return {
        "objectives": [metrics.get(name, name) for name in objectives],
        "weights": [-1.0] * len(objectives),
        "evaluated": rows,
        "front": rows[2:] if len(objectives) > 1 else rows[3:],
        "generations": generations,
        "seconds": {"total": 10.0},
    }


def test_runs_of_one_study_are_a_group_and_named_by_their_seeds(make: Make) -> None:
    comparison = compare_runs([make("y", seed=1), make("x", seed=0), make("z", search={"population": 8})])
    assert [label for label, _ in comparison.labelled()] == [
        "tiny (1), seed 0",
        "tiny (1), seed 1",
        "tiny (2)",
    ]
    spread = comparison.groups[0].spread(lambda run: run.seconds["total"])
    assert (spread.mean, spread.least, spread.most) == (42, 40, 44)
    assert spread.deviation == pytest.approx(8**0.5)


def test_a_time_budget_or_other_pictures_make_another_study(make: Make) -> None:
    runs = [make("x"), make("y", seed=1, budget=60.0), make("z", seed=2, sha256="b" * 64)]
    comparison = compare_runs(runs)
    assert [len(group.runs) for group in comparison.groups] == [1, 1, 1]
    assert differences(comparison) == [
        ("time budget", ["none", "60.0", "none"]),
        ("pictures (sha256)", ["a" * 12, "a" * 12, "b" * 12]),
    ]


def test_the_same_seed_twice_is_told_apart_by_the_run(make: Make) -> None:
    comparison = compare_runs([make("x"), make("y"), make("z", seed=1)])
    assert [label for label, _ in comparison.labelled()] == [
        "tiny, seed 0 (x)",
        "tiny, seed 0 (y)",
        "tiny, seed 1",
    ]


def test_a_repeat_is_not_taken_for_another_seed(make: Make, tmp_path: Path) -> None:
    """Its mean says nothing of what other seeds give."""
    page = write_comparison(compare_runs([make("x"), make("y")]), tmp_path / "out").read_text()
    assert page.startswith("# Comparison: tiny, 2 runs of 1 seed\n")
    assert "over 2 runs of 1 seed" in page
    assert "2 seeds" not in page


def test_what_was_timed_elsewhere_is_on_a_scale_of_its_own(make: Make) -> None:
    def scales(objectives: list[str]) -> int:
        one, other = (
            make(f"{seed}{objectives[1]}", seed, search={"objectives": objectives}) for seed in (0, 1)
        )
        facts = other.read_json("run.json") or {}
        other.write_json("run.json", {**facts, "device": {"name": "another machine", "threads": 1}})
        comparison = compare_runs([one, other])
        return len({Drawn(run, "", "").judged_alike for _, run in comparison.labelled()})

    assert scales(["accuracy", "latency"]) == 2
    assert scales(["accuracy", "macs"]) == 1


def test_a_walk_before_the_first_generation_is_on_the_axis_of_seconds(make: Make) -> None:
    walked, searched = make("x", search={"method": "exhaustive"}), make("y")
    result = walked.read_result("search") or {}
    walked.write_result("search", {**result, "seconds": {"total": 1010.0}})
    drawn = _drawn(compare_runs([walked, searched]))
    of = {
        one.run.study.search.method: curve.seconds for one, curve in zip(drawn, _curves(drawn), strict=True)
    }
    assert of["exhaustive"] == [second + 1000 for second in of["evolution"]]


def test_only_keys_that_differ_are_named(make: Make) -> None:
    one, other = make("x"), make("y", seed=1, search={"objectives": ["accuracy"], "population": 8})
    assert differences(compare_runs([one, other])) == [
        ("search.objectives", ['["accuracy", "macs"]', '["accuracy"]']),
        ("search.population", ["6", "8"]),
    ]
    assert differences(compare_runs([one, make("z", seed=1)])) == []


def test_what_one_study_did_on_two_machines_is_told(make: Make) -> None:
    one, other = make("x"), make("y", seed=1)
    facts = other.read_json("run.json")
    assert facts is not None
    facts["device"]["name"] = "another machine"
    other.write_json("run.json", facts)
    comparison = compare_runs([one, other])
    assert differences(comparison) == [("machine", ["a machine; another machine"])]
    page = write_comparison(comparison, one.path.parent / "out").read_text()
    assert "Times and latencies of different machines are not comparable" in page


def test_winners_are_tested_in_pairs_across_studies(make: Make) -> None:
    """1 picture that only the first has right, 7 that only the second: p is 18 / 256 by hand, twice that by Holm."""
    runs = [
        make("x", wrong=tuple(range(7))),
        make("y", wrong=(10,), search={"population": 8}),
        make("z", seed=1, wrong=(10,), search={"population": 8}),
    ]
    verdicts, untested = paired_tests(compare_runs(runs))
    assert untested == []
    assert [(v.first, v.second) for v in verdicts] == [
        ("tiny (1)", "tiny (2), seed 0"),
        ("tiny (1)", "tiny (2), seed 1"),
    ]
    assert (verdicts[0].test.only_first, verdicts[0].test.only_second) == (1, 7)
    assert verdicts[0].difference == pytest.approx(-6 / 20)
    assert verdicts[0].test.p_value == pytest.approx(18 / 256)
    assert verdicts[0].corrected == pytest.approx(2 * 18 / 256)


def test_seeds_of_one_study_are_tested_with_each_other(make: Make) -> None:
    runs = [
        make(name, seed=seed, wrong=wrong) for seed, (name, wrong) in enumerate([("x", (1,)), ("y", (2, 3))])
    ]
    verdicts, _ = paired_tests(compare_runs([*runs, make("z", seed=2)]))
    assert len(verdicts) == 3
    assert (verdicts[0].test.only_first, verdicts[0].test.only_second) == (2, 1)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"sha256": "b" * 64}, "were tested on different pictures"),
        ({"data": {"split_seed": 1}}, "were tested on different splits"),
    ],
)
def test_winners_tested_on_other_pictures_are_not_compared(
    other: dict[str, Any], why: str, make: Make
) -> None:
    comparison = compare_runs([make("x"), make("y", **other)])
    verdicts, untested = paired_tests(comparison)
    assert verdicts == []
    assert why in untested[0]
    page = write_comparison(comparison, make("z").path.parent / "out").read_text()
    assert f"## Surely different?\n\nNot tested: tiny (1) and tiny (2) {why}" in page


@pytest.mark.parametrize("own", [True, False])
def test_a_test_of_the_data_sets_own_is_the_same_for_every_split(own: bool, make: Make) -> None:
    runs = [make("x"), make("y", data={"split_seed": 1})]
    for run in runs:
        facts = run.read_json("run.json") or {}
        run.write_json("run.json", {**facts, "dataset": {**facts["dataset"], "own_test": own}})
    verdicts, reasons = paired_tests(compare_runs(runs))
    assert (len(verdicts), len(reasons)) == ((1, 0) if own else (0, 1))


def test_a_run_of_an_older_suite_is_said_to_lack_the_record(make: Make) -> None:
    old = make("old")
    old.write_result("final", {"predicted": [0] * PICTURES})
    verdicts, untested = paired_tests(compare_runs([old, make("x", seed=1), make("y", seed=2)]))
    assert [(v.first, v.second) for v in verdicts] == [("tiny, seed 1", "tiny, seed 2")]
    assert untested == ["tiny, seed 0 did not record which pictures were wrong: it is of an older suite"]


def test_the_page_has_what_was_asked_for_and_figures_that_are_not_empty(make: Make, tmp_path: Path) -> None:
    one = [make("x0"), make("x1", seed=1, wrong=(1, 2))]
    other = [make("y", search={"population": 8}), make("z", search={"objectives": ["accuracy"]})]
    page = write_comparison(compare_runs([*one, *other]), tmp_path / "out")
    text = page.read_text()
    titles = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "The winners",
        "Over seeds",
        "What differs",
        "Surely different?",
        "The searches",
        "What it cost",
    ]
    assert text.startswith("# Comparison: tiny (1), 2 seeds; tiny (2); tiny (3)\n")
    assert "tiny (1) **92.50 ± 3.54 %** over 2 seeds" in text
    assert "tiny (2) **95.00 %** (95 % interval 76.39 % to 99.11 %)" in text
    assert "none surely differs" in text
    figures = {figure.name: figure.stat().st_size for figure in (tmp_path / "out" / "figures").iterdir()}
    assert figures.keys() == {"accuracy.png", "search.png", "fronts.png"}
    assert min(figures.values()) > 5_000
    assert all(f"(figures/{name})" in text for name in figures)
    assert "could not be drawn" not in text


def test_a_page_is_written_over_a_page_and_over_nothing_else(make: Make, tmp_path: Path) -> None:
    comparison = compare_runs([make("x"), make("y", seed=1, search={"objectives": ["accuracy"]})])
    check_holds_nothing_else(tmp_path / "out")
    page = write_comparison(comparison, tmp_path / "out")
    check_holds_nothing_else(tmp_path / "out")
    page.write_text("# My diary\n")
    with pytest.raises(RunDirectoryError, match="holds something other than a comparison"):
        check_holds_nothing_else(tmp_path / "out")


def test_one_run_is_nothing_to_compare(make: Make) -> None:
    run = make("x")
    with pytest.raises(RunDirectoryError, match="is one run, and a comparison takes two or more"):
        compare_runs([run, RunDirectory.open(run.path)])


@pytest.mark.parametrize("lacking", ["results/final.json", "results.json"])
def test_a_run_without_a_test_is_refused(lacking: str, make: Make) -> None:
    run = make("x")
    (run.path / lacking).unlink()
    with pytest.raises(RunDirectoryError, match="has no tested winner yet"):
        compare_runs([make("y"), run])


def test_words_from_runs_are_shown_and_never_read_as_markup(make: Make, tmp_path: Path) -> None:
    def page(name: str, words: tuple[str, ...], own: str) -> str:
        run, other = make(f"{name}-x"), make(f"{name}-y", search={"population": 8})
        facts, results = run.read_json("run.json"), run.read_json("results.json")
        assert facts is not None
        assert results is not None
        facts["run"], facts["device"]["name"] = words[:2]
        facts["dataset"]["notes"], facts["versions"] = words[2:8], {own: own}
        run.write_json("run.json", facts)
        results["winner"]["genome"] = own
        run.write_json("results.json", results)
        return write_comparison(compare_runs([run, other]), tmp_path / f"page-of-{name}").read_text()

    hostile, benign = page("hostile", CLASSES, MILD), page("benign", tuple("abcdefgh"), "own")
    assert Seen(hostile).elements == Seen(benign).elements
    assert Seen(hostile).leads == Seen(benign).leads
    shown = (*CLASSES[:8], MILD)
    assert [word for word in shown if in_a_line(word) not in Seen(hostile).text] == []
    assert bare_addresses(hostile) == []
