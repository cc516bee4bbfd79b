"""Reference networks as rows and words, on results made up to have a known answer."""

from __future__ import annotations

from typing import Any

import pytest

from suite.reference_networks import BASE, RANDOM
from suite.references.in_words import beside_base, beside_best, conclusion, notes
from suite.references.rows import MEAN_OF_RANDOM, rivals, rows, summary, winner_row

PICTURES = 100


def training(name: str, wrong: range, seed: int = 0, seconds: float = 2.0) -> dict[str, Any]:
    return {
        "name": name,
        "seed": seed,
        "accuracy": 1 - len(wrong) / PICTURES,
        "loss": 1.0,
        "wrong": list(wrong),
        "seconds": seconds,
        "machine": "m",
    }


def network(name: str, params: int = 1000) -> dict[str, Any]:
    latency = {"batch_1": {"median_ms": 0.5}, "batch_64_all_threads": {"median_ms": 4.0}}
    return {
        "name": name,
        "architecture": "fc8",
        "params": params,
        "macs": 10 * params,
        "learning_rate": 0.001,
        "batch_size": 64,
        "latency": latency,
    }


def result_of(*trainings: dict[str, Any], seeds: tuple[int, ...] = (0,)) -> dict[str, Any]:
    names = dict.fromkeys(row["name"] for row in trainings)
    return {
        "seed": 0,
        "seeds": list(seeds),
        "pictures": PICTURES,
        "from_supernet": False,
        "networks": [network(name, 1000 * (place + 1)) for place, name in enumerate(names)],
        "trainings": list(trainings),
    }


WINNER = training("winner", range(20))


def test_a_rival_that_wins_is_named_with_what_it_costs() -> None:
    result = result_of(WINNER, training(BASE, range(50)), training("most MACs", range(4)))
    text = conclusion(result)
    assert text.startswith(
        "By one training of each, of as many epochs, the winner (80.00 %) is surely more accurate than 1 of 2 "
        "reference networks"
    )
    assert "most MACs is surely more accurate than the winner: 96.00 % (+16.00 points, p < 0.001)" in text
    assert "with 3.00 times the parameters" in text
    assert "None is surely" not in text


def test_a_difference_that_may_be_chance_is_called_so() -> None:
    result = result_of(WINNER, training(BASE, range(18)))
    assert "0 of 1" in conclusion(result)
    assert f"Beside 1 the difference may be chance: {BASE} (+2.00 points)." in conclusion(result)
    assert "None is surely more accurate than it." in conclusion(result)
    said = beside_base(result, 600.0)
    assert said is not None
    assert "reaches 82.00 %; the winner has 2.00 points less (which may be chance: p = 0.500)" in said
    assert "0.50 times the parameters" in said
    assert said.endswith("; finding the winner took 10.0 min, its training as a finalist among it.")


def test_the_best_rival_is_named_with_the_difference_and_whether_it_is_sure() -> None:
    rivals_of_three = (
        training(BASE, range(50)),
        training("most MACs", range(4)),
        training("random 1", range(18)),
    )
    said = beside_best(result_of(WINNER, *rivals_of_three), 600.0)
    assert said is not None
    assert said.startswith("The best of 3 reference networks, most MACs, reaches 96.00 %; the winner has ")
    assert (
        "16.00 points less (sure for these two trainings: p < 0.001), with 0.33 times the parameters" in said
    )
    unsure = beside_best(result_of(WINNER, training(BASE, range(50)), training("random 1", range(22))), 600.0)
    assert "random 1, reaches 78.00 %; the winner has 2.00 points more (which may be chance" in (unsure or "")


def test_a_base_cnn_that_is_the_best_rival_is_not_told_twice() -> None:
    result = result_of(WINNER, training(BASE, range(18)), training("random 1", range(30)))
    assert beside_best(result, 600.0) == "It is the best of 2 reference networks."
    assert beside_best(result_of(WINNER, training(BASE, range(18))), 600.0) is None


def test_tests_are_paired_corrected_and_of_the_runs_own_seed_alone() -> None:
    result = result_of(
        WINNER,
        training(BASE, range(50)),
        training("most MACs", range(10, 30)),
        training(BASE, range(0), seed=1),
        training("fewest MACs", range(0), seed=1),
    )
    base, most = rivals(result)
    assert (base.test.only_first, base.test.only_second) == (30, 0)
    assert (most.test.only_first, most.test.only_second, most.test.p_value) == (10, 10, 1.0)
    assert base.corrected == pytest.approx(2 * base.test.p_value)
    assert base.ahead == pytest.approx(-0.3)


def test_mean_and_deviation_are_over_seeds_and_of_random_networks_over_networks() -> None:
    drawn = [training(name, range(10 * place)) for place, name in enumerate(RANDOM)]
    result = result_of(WINNER, training("winner", range(24), seed=1, seconds=4.0), *drawn, seeds=(0, 1))
    assert winner_row(result).accuracy == pytest.approx(0.78)
    assert winner_row(result).deviation == pytest.approx(0.02 * 2**0.5)
    assert winner_row(result).seconds == 3.0
    mean = next(row for row in rows(result) if row.name == MEAN_OF_RANDOM)
    assert [row.name for row in rows(result)].index(MEAN_OF_RANDOM) == 6
    assert mean.accuracy == pytest.approx(0.8)
    assert mean.deviation == pytest.approx(0.158, abs=1e-3)
    assert next(row for row in rows(result) if row.name == "random 1").deviation is None
    assert any("Only 7 of 12 trainings are done" in note for note in notes(result))


def test_the_summary_has_search_seconds_for_the_winner_alone_and_quoted_figures_last() -> None:
    references = summary(result_of(WINNER, training(BASE, range(50))), 60.0)
    assert [(row["name"], row["search_seconds"]) for row in references[:2]] == [("winner", 60.0), (BASE, 0.0)]
    assert [row["eval_accuracy"] for row in references[2:]] == [0.856, 0.487]
    assert all(row["quoted"].startswith("not comparable") for row in references[2:])
    assert summary(None, 60.0) == []


def test_a_winner_that_began_from_the_supernet_is_said_to_have() -> None:
    result = result_of(WINNER, training(BASE, range(50)))
    assert "supernet" not in conclusion(result)
    ahead = result | {"from_supernet": True}
    assert "It began with the supernet's weights, all others with drawn ones" in conclusion(ahead)
    assert "trained by the same recipe from drawn weights, reaches" in (beside_base(ahead, 600.0) or "")


def test_nothing_is_claimed_before_a_rival_is_tested() -> None:
    assert conclusion(result_of(WINNER)) == "No reference network has been tested yet."
    assert beside_base(result_of(WINNER), 600.0) is None
    assert beside_best(result_of(WINNER), 600.0) is None
