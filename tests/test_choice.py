"""Who is trained and who wins."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from suite.choice import candidates_of_each_depth, choose_candidates, choose_winner
from suite.halving import Rungs, SynchronousHalving, racing_epochs, rungs
from suite.space import Genome
from suite.study import Stop, validate_study
from tests.conftest import tiny_table


def row(genome: str, wrong: list[int], *, pruned: bool = False, pictures: int = 200) -> dict[str, Any]:
    accuracy = 1 - len(wrong) / pictures
    return {
        "genome": genome,
        "pruned": pruned,
        "val_accuracy": accuracy,
        "val_loss": 1 - accuracy,
        "val_pictures": pictures,
        "curves": [{"wrong": wrong}],
    }


BEST = row("best", list(range(20)))
CLOSE = row(
    "close", list(range(22))
)  # wrong on two more: more than one standard error of the paired difference
FAR = row("far", list(range(60)))
PRUNED = row("pruned", [], pruned=True)
COST = {"best": 3.0, "close": 2.0, "far": 1.0, "pruned": 0.0}


@pytest.mark.parametrize(
    ("rule", "winner"),
    [
        ("accuracy", "best"),
        ("one_se", "best"),
        ("cheapest_above:0.85", "close"),
        ("cheapest_above:0.60", "far"),
        ("cheapest_above:0.99", "best"),
    ],
)
def test_the_rules(rule: str, winner: str) -> None:
    study = validate_study(tiny_table(finalists={"choose": rule}), where="tiny")
    result = {"finalists": [FAR, CLOSE, BEST, PRUNED]}
    assert choose_winner(study, result, COST)["genome"] == winner


def test_one_se_takes_the_cheapest_that_errs_on_other_pictures_about_as_often() -> None:
    study = validate_study(tiny_table(finalists={"choose": "one_se"}), where="tiny")
    elsewhere = row(
        "close", list(range(10, 32))
    )  # 10 pictures better, 12 worse: a difference of 2 with error 4.7
    assert choose_winner(study, {"finalists": [BEST, elsewhere, FAR]}, COST)["genome"] == "close"


@pytest.mark.parametrize("rule", ["one_se", "cheapest_above:0.60"])
def test_of_equally_cheap_ones_the_most_accurate_wins(rule: str) -> None:
    """Latencies are rounded to their noise, so that ties are common."""
    study = validate_study(tiny_table(finalists={"choose": rule}), where="tiny")
    good = row("good", list(range(20, 41)))
    result = {"finalists": [row("poor", list(range(10, 34))), good, row("best", list(range(20)))]}
    assert choose_winner(study, result, {"poor": 1.0, "good": 1.0, "best": 2.0})["genome"] == "good"


def race(values: list[list[float]], stays: Rungs) -> list[int]:
    """How many epochs each of these curves is trained, all of them in step."""
    study = optuna.create_study(direction="maximize", pruner=SynchronousHalving(stays))
    trials = [study.ask() for _ in values]
    trained = [0] * len(values)
    racing = list(range(len(values)))
    for epoch in range(1, len(values[0]) + 1):
        for i in racing:
            trials[i].report(values[i][epoch - 1], epoch)
            trained[i] = epoch
        out = [i for i in racing if trials[i].should_prune()]
        for i in out:
            study.tell(trials[i], state=TrialState.PRUNED)
        racing = [i for i in racing if i not in out]
    return trained


def test_halving_stops_all_but_the_best_at_each_rung() -> None:
    curves = [[value] * 8 for value in (0.1, 0.5, 0.3, 0.4, 0.2)]
    assert race(curves, {2: 3, 4: 2}) == [2, 8, 4, 8, 2]
    assert race(curves, {1: 1}) == [1, 8, 1, 1, 1]


def test_no_more_go_on_than_there_are() -> None:
    assert race([[0.1] * 8, [0.2] * 8], {2: 3, 4: 2}) == [8, 8]


def test_ties_are_not_pruned() -> None:
    assert race([[0.5] * 4] * 5, {2: 3}) == [4] * 5


def test_one_se_over_seeds_pairs_pictures_not_counts() -> None:
    study = validate_study(tiny_table(finalists={"choose": "one_se"}), where="tiny")
    # Right or wrong on the same pictures with both seeds: a difference in the mean of 1 %, and no doubt about it.
    best = {**row("best", []), "curves": [{"wrong": [0, 1]}, {"wrong": [0, 1]}]}
    sure = {**row("close", [0]), "curves": [{"wrong": list(range(30))}, {"wrong": list(range(30))}]}
    assert choose_winner(study, {"finalists": [best, sure]}, COST)["genome"] == "best"
    # One seed gains what the other loses: no difference at all, so the cheaper one wins.
    even = {**row("close", [0]), "curves": [{"wrong": [0, 1, 2, 3]}, {"wrong": []}]}
    assert choose_winner(study, {"finalists": [best, even]}, COST)["genome"] == "close"


def test_the_last_epoch_is_no_rung() -> None:
    assert rungs(1, 5, "late") == rungs(1, 5, "early") == {}
    assert rungs(2, 5, "late") == {1: 2}
    assert rungs(8, 5, "late") == {2: 3, 4: 2}


def test_many_are_halved_earlier_until_two_are_left() -> None:
    assert rungs(50, 2, "late") == {}
    assert rungs(50, 3, "late") == {25: 2}
    assert rungs(48, 20, "late") == {3: 10, 6: 5, 12: 3, 24: 2}


def test_where_epochs_are_fewer_than_halvings_several_are_made_at_once() -> None:
    assert rungs(10, 50, "late") == {1: 7, 2: 4, 5: 2}


def test_early_one_has_most_of_the_epochs() -> None:
    assert rungs(16, 5, "early") == {2: 2, 4: 1}
    assert racing_epochs(16, 5, "early") == 26
    assert racing_epochs(16, 5, "late") == 48
    assert rungs(16, 20, "early") == {1: 7, 2: 3, 4: 1}
    assert rungs(3, 5, "early") == {1: 1}
    assert rungs(16, 1, "early") == {}


@given(st.integers(1, 100), st.integers(1, 60))
def test_early_is_never_dearer_than_late(epochs: int, count: int) -> None:
    assert racing_epochs(epochs, count, "early") <= racing_epochs(epochs, count, "late")


@pytest.mark.parametrize("stop", ["late", "early"])
@pytest.mark.parametrize(("epochs", "count"), [(8, 1), (8, 2), (8, 5), (50, 20), (10, 50), (2, 9)])
def test_the_forecast_counts_the_epochs_that_a_race_trains(epochs: int, count: int, stop: Stop) -> None:
    stays = rungs(epochs, count, stop)
    assert list(stays) == sorted(stays)
    curves = [[i / 100] * epochs for i in range(count)]
    assert racing_epochs(epochs, count, stop) == sum(race(curves, stays))


SEARCHED: dict[str, Any] = {
    "objectives": ["accuracy", "latency_ms"],
    "weights": [1.0, -1.0],
    "evaluated": [
        {"genome": f"8k3max-fc{units}", "values": [0.0, float(units)]} for units in (16, 24, 32, 48, 64)
    ],
}


def test_candidates_are_the_front_by_quality_and_price_and_the_best_of_the_others() -> None:
    of = [Genome.parse(row["genome"]) for row in SEARCHED["evaluated"]]
    quality = dict(zip(of, (0.5, 0.4, 0.3, 0.7, 0.6), strict=True))
    assert choose_candidates(SEARCHED, quality, quality, 3) == [of[3], of[0], of[4]]
    assert choose_candidates(SEARCHED, quality, [of[1], of[2]], 3) == [of[3], of[0], of[1]]
    assert choose_candidates(SEARCHED, quality, [], 3) == [of[3], of[0]]


def by_depth(qualities: dict[int, list[float]], count: int) -> list[str]:
    """Candidates of depths whose networks have these qualities, a higher one costing more."""
    quality = {
        Genome.parse("-".join(["8k3max"] * depth + [f"fc{8 * (i + 1)}"])): value
        for depth, values in qualities.items()
        for i, value in enumerate(values)
    }
    rows = [{"genome": genome.text, "values": [0.0, value]} for genome, value in quality.items()]
    study = validate_study(tiny_table(finalists={"count": count}), where="tiny")
    chosen = candidates_of_each_depth(study, {**SEARCHED, "evaluated": rows}, quality)
    assert len(set(chosen)) == len(chosen)
    return [f"{len(genome.convs)}:{quality[genome]}" for genome in chosen]


def test_each_depth_has_its_best_among_the_candidates_however_the_supernet_ranks_depths() -> None:
    qualities = {2: [0.9, 0.8, 0.7, 0.6], 3: [0.5, 0.4], 4: [0.1, 0.2]}
    assert by_depth(qualities, 1) == ["2:0.9"]
    assert by_depth(qualities, 3) == ["2:0.9", "3:0.5", "4:0.2"]
    assert by_depth(qualities, 5) == ["2:0.9", "3:0.5", "4:0.2", "2:0.7", "3:0.4"]


def test_a_depth_with_too_few_networks_leaves_its_places_to_the_others() -> None:
    assert by_depth({2: [0.9, 0.8, 0.7], 3: [0.5]}, 4) == ["2:0.9", "3:0.5", "2:0.8", "2:0.7"]
    assert by_depth({2: [0.9], 3: [0.5]}, 4) == ["2:0.9", "3:0.5"]
