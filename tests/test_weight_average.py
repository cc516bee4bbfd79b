"""The average of weights: known numbers, warm-up, and going on as if never stopped."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from suite.weight_average import WeightAverage


def network(value: float) -> nn.Linear:
    made = nn.Linear(1, 1, bias=False)
    set_to(made, value)
    return made


def set_to(changed: nn.Linear, value: float) -> None:
    with torch.no_grad():
        changed.weight.fill_(value)


def test_a_low_decay_holds_from_the_first_step() -> None:
    trained = network(8.0)
    average = WeightAverage(trained, 0.1)  # below the 2 / 11 that the first step would be given
    set_to(trained, 0.0)
    average.update()
    average.copy_into(trained)
    assert trained.weight.item() == pytest.approx(0.8)


def test_a_high_decay_is_warmed_up() -> None:
    trained = network(11.0)
    average = WeightAverage(trained, 0.999)
    for value in (22.0, 33.0):
        set_to(trained, value)
        average.update()
    average.copy_into(trained)
    after_one = 11 * 2 / 11 + 22 * 9 / 11
    assert trained.weight.item() == pytest.approx(after_one * 3 / 12 + 33 * 9 / 12)


def test_the_network_trains_on_its_own_weights() -> None:
    trained = network(1.0)
    average = WeightAverage(trained, 0.9)
    set_to(trained, 5.0)
    average.update()
    assert trained.weight.item() == 5.0


def test_it_goes_on_from_its_state() -> None:
    whole, again = network(1.0), network(3.0)
    average = WeightAverage(whole, 0.999)
    for value in (4.0, 2.0):
        set_to(whole, value)
        average.update()
    resumed = WeightAverage(again, 0.999)
    resumed.load(average.state())
    for one, its_average in ((whole, average), (again, resumed)):
        set_to(one, 7.0)
        its_average.update()
        its_average.copy_into(one)
    assert torch.equal(whole.weight, again.weight)
