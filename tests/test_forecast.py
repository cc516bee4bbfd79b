"""The forecast's arithmetic, and how a budget shortens a study."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.forecast import Pace, fit_to_budget, forecast
from suite.study import validate_study
from tests.conftest import tiny_table

PACE = Pace(supernet_epoch=2.0, standalone_epoch=3.0, evaluation=0.5, all_training_epoch=4.0)
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
    assert expected.final == 40
    assert expected.total == 100 + 600 + 360 + 40


def test_a_budget_that_is_enough_changes_nothing() -> None:
    assert fit_to_budget(STUDY, PACE, forecast(STUDY, PACE).total) == STUDY


@given(st.floats(1, 1_100))
def test_a_budget_shortens_to_fit(seconds: float) -> None:
    shortened = fit_to_budget(STUDY, PACE, seconds)
    least = fit_to_budget(STUDY, PACE, 0.001)
    assert forecast(shortened, PACE).total <= max(seconds, forecast(least, PACE).total)
    assert validate_study(shortened.model_dump(mode="json"), where="shortened") == shortened
    assert (least.supernet.epochs, least.search.generations, least.finalists.epochs) == (1, 0, 1)


def test_a_budget_uses_most_of_its_time() -> None:
    assert forecast(fit_to_budget(STUDY, PACE, 550), PACE).total == pytest.approx(550, rel=0.1)


@pytest.mark.parametrize("seconds", [100, 300, 600])
def test_a_budget_takes_more_off_the_supernet_than_off_finalists(seconds: float) -> None:
    shortened = fit_to_budget(STUDY, PACE, seconds)
    of_supernet = shortened.supernet.epochs / STUDY.supernet.epochs
    of_finalists = shortened.finalists.epochs / STUDY.finalists.epochs
    assert of_supernet < of_finalists < 1
