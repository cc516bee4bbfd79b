"""How a time budget shortens a study."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.forecast import forecast
from suite.study import Limits, validate_study
from suite.time_budget import FEW, fit_to_budget
from tests.test_forecast import ALONE, PACE, STUDY

CHEAP_SEARCH = replace(PACE, evaluation=0.01)


def test_a_budget_that_is_enough_changes_nothing() -> None:
    assert fit_to_budget(STUDY, PACE, forecast(STUDY, PACE).total) == STUDY


@given(st.floats(1, 1_100))
def test_a_budget_shortens_to_fit(seconds: float) -> None:
    shortened = fit_to_budget(STUDY, PACE, seconds)
    least = fit_to_budget(STUDY, PACE, 0.001)
    assert forecast(shortened, PACE).total <= max(seconds, forecast(least, PACE).total)
    assert validate_study(shortened.model_dump(mode="json"), where="shortened") == shortened
    assert (least.supernet.epochs, least.search.generations, least.finalists.epochs) == (1, 0, 1)


@pytest.mark.parametrize("seconds", [250, 550, 800, 1_000])
def test_a_budget_uses_most_of_its_time(seconds: float) -> None:
    assert forecast(fit_to_budget(STUDY, PACE, seconds), PACE).total == pytest.approx(seconds, rel=0.1)


@pytest.mark.parametrize("seconds", [150, 300, 600])
def test_a_budget_takes_most_off_the_supernet_and_least_off_finalists(seconds: float) -> None:
    shortened = fit_to_budget(STUDY, PACE, seconds)
    of_supernet = shortened.supernet.epochs / STUDY.supernet.epochs
    of_search = shortened.search.generations / STUDY.search.generations
    of_finalists = shortened.finalists.epochs / STUDY.finalists.epochs
    assert of_supernet <= of_search < of_finalists < 1


def test_finalists_stop_early_where_they_would_have_less_than_half_of_their_epochs() -> None:
    enough = fit_to_budget(STUDY, PACE, 700)
    assert enough.finalists.stop == "late"
    assert enough.finalists.epochs >= STUDY.finalists.epochs / 2
    short = fit_to_budget(STUDY, PACE, 300)
    assert short.finalists.stop == "early"
    two = STUDY.model_copy(update={"finalists": STUDY.finalists.model_copy(update={"choose": "one_se"})})
    assert fit_to_budget(two, PACE, 300).finalists.stop == "late", "the rule needs two"


def test_dear_networks_are_left_out_where_finalists_would_have_few_epochs() -> None:
    enough = fit_to_budget(STUDY, PACE, 300)
    assert enough.finalists.epochs >= STUDY.finalists.epochs * FEW
    assert enough.search.limits.max_macs is None
    short = fit_to_budget(STUDY, CHEAP_SEARCH, 80)
    assert short.finalists.epochs >= STUDY.finalists.epochs * FEW
    assert short.search.limits.max_macs == 9_000, "three quarters"
    shortest = fit_to_budget(STUDY, CHEAP_SEARCH, 40)
    assert shortest.search.limits.max_macs == 6_000, "half of them at the least"
    assert forecast(shortest, CHEAP_SEARCH).final == 2.0 * 1.25 * shortest.final.epochs


def test_none_are_left_out_where_it_brings_no_epoch() -> None:
    """On a GPU, small networks all take about as long."""
    alike = replace(CHEAP_SEARCH, alone=[(macs, 3.0 + macs / 100_000) for macs, _ in ALONE])
    short = fit_to_budget(STUDY, alike, 70)
    assert short.finalists.epochs < STUDY.finalists.epochs * FEW
    assert short.search.limits.max_macs is None
    assert fit_to_budget(STUDY, replace(PACE, walk=1_000.0), 40).search.limits.max_macs is None


def test_a_limit_of_the_user_stays_where_it_is_lower() -> None:
    limits = Limits(max_macs=5_500, max_params=7)
    study = STUDY.model_copy(update={"search": STUDY.search.model_copy(update={"limits": limits})})
    assert fit_to_budget(study, CHEAP_SEARCH, 40).search.limits == limits


def test_a_limit_is_written_in_two_digits() -> None:
    alone = [(123_456 * n, seconds) for n, (_, seconds) in enumerate(ALONE, start=1)]
    short = fit_to_budget(STUDY, replace(CHEAP_SEARCH, alone=alone), 40)
    assert short.search.limits.max_macs == 750_000
