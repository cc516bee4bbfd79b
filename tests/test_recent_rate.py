"""A rate is that of the last minute, of this execution."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from suite.recent_rate import RecentRate


def told(reports: Iterable[tuple[float, float]]) -> RecentRate:
    rate = RecentRate()
    for now, done in reports:
        rate.add(now, done)
    return rate


def test_nothing_is_said_of_nothing_of_one_report_or_of_standing_still() -> None:
    for reports in ([], [(3.0, 500.0)], [(3.0, 500.0), (9.0, 500.0)]):
        assert (told(reports).per_second(), told(reports).overall()) == (None, None)


def test_what_an_earlier_execution_did_does_not_count() -> None:
    rate = told((float(second), 10_000 + 2.0 * second) for second in range(30))
    assert (rate.per_second(), rate.overall()) == (2.0, 2.0)


def test_it_is_that_of_the_last_minute() -> None:
    fast = [(float(second), 10.0 * second) for second in range(600)]
    slow = [(600.0 + second, 5990.0 + second) for second in range(1, 90)]
    rate = told([*fast, *slow])
    assert rate.per_second() == 1.0
    assert rate.overall() == pytest.approx((5990 + 89) / 689)


def test_of_trainings_that_take_minutes_it_is_that_of_the_last_ten() -> None:
    each_second = [(float(second), float(second // 200)) for second in range(4001)]
    assert told(each_second).per_second() == pytest.approx(1 / 200)


def test_a_thousand_steps_a_second_are_not_all_kept() -> None:
    rate = told((step / 1000, float(step)) for step in range(120_000))
    assert rate.per_second() == pytest.approx(1000, rel=0.01)
    assert len(rate._changes) < 400
