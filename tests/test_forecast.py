"""The forecast's arithmetic, and what it measures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from suite.data import find_data, open_data
from suite.forecast import Pace, forecast, measure_pace
from suite.space import SearchSpace
from suite.study import validate_study
from tests.conftest import tiny_table

# Finalists are as dear as the dearest quarter: 3 seconds an epoch, of the cheaper half 2.
ALONE = tuple((1_000 * n, 1.0 if n < 5 else 2.0 if n < 9 else 3.0) for n in range(1, 13))
PACE = Pace(supernet_epoch=2.0, alone=ALONE, evaluation=0.5, larger=1.25)
STUDY = validate_study(
    tiny_table(
        supernet={"epochs": 50},
        search={"random_pool": 200, "population": 50, "generations": 20},
        finalists={"count": 5, "epochs": 40},
        final={"epochs": 10},
    ),
    where="tiny",
)


def test_each_phase_is_its_count_times_its_pace() -> None:
    expected = forecast(STUDY, PACE)
    assert expected.supernet == 100
    assert expected.search == 0.5 * (200 + 20 * 50)
    assert expected.finalists == 3.0 * (5 * 10 + 3 * 10 + 2 * 20)  # 5 race to epoch 10, 3 to 20, 2 to the end
    assert expected.final == 3.0 * 1.25 * 10
    assert expected.total == 100 + 600 + 360 + 37.5


def test_no_more_is_evaluated_than_there_is() -> None:
    assert forecast(STUDY, replace(PACE, networks=12)).search == 0.5 * 12


@pytest.mark.parametrize("max_params", [None, 3_000, 1])
def test_pace_is_that_of_networks_that_may_be_searched(max_params: int | None) -> None:
    """Whatever may be, where limits let none pass: the search says so itself."""
    study = validate_study(tiny_table(search={"limits": {"max_params": max_params}}), where="tiny")
    data = open_data(study.data, find_data(study.data))
    space, cpu = SearchSpace(study.space, data.picture_shape, len(data.classes)), torch.device("cpu")
    seen: list[tuple[int, int]] = []
    pace = measure_pace(study, space, data, cpu, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]
    assert list(pace.alone) == sorted(pace.alone, key=lambda alone: alone[0])
    assert all(seconds > 0 for _, seconds in pace.alone)
    assert pace.larger == len(data.all_training) / len(data.train)
    assert pace.evaluation > 0
    assert pace.walk == 0
    assert pace.networks == space.size
    if max_params == 3_000:
        allowed = {space.macs(genome) for genome in space if space.parameters(genome) <= max_params}
        assert {macs for macs, _ in pace.alone} <= allowed
