"""Numbers and lists in words."""

from __future__ import annotations

import pytest

from suite.wording import clock, first_of, in_short, rate


@pytest.mark.parametrize(
    ("texts", "said"),
    [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcd", "a, b, c and 1 more")],
)
def test_a_long_list_is_cut_and_says_so(texts: str, said: str) -> None:
    assert first_of(list(texts), 3) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0"),
        (640, "640"),
        (32_768, "32.8 k"),
        (999_499, "999 k"),
        (999_999, "1.00 M"),
        (39_719_936, "39.7 M"),
        (147_456_000, "147 M"),
        (12_345_678_901, "12.3 G"),
    ],
)
def test_counts_have_three_digits_and_the_unit_that_fits(number: int, said: str) -> None:
    assert in_short(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0:00"), (75, "1:15"), (5999, "99:59"), (7560, "2.1 h"), (108_000, "30 h")]
)
def test_a_clock_has_five_characters_at_most(seconds: float, said: str) -> None:
    assert clock(seconds) == said


@pytest.mark.parametrize(
    ("per_second", "said"),
    [
        (34_600, "35 k steps/s"),
        (999.6, "1.0 k steps/s"),
        (127.3, "127 steps/s"),
        (9.96, "10 steps/s"),
        (0.999, "1.0 steps/s"),
        (0.5, "30 steps/min"),
        (0.01, "36 steps/h"),
        (0.0001, "0.4 steps/h"),
    ],
)
def test_a_rate_is_of_the_time_that_makes_it_one_or_more(per_second: float, said: str) -> None:
    assert " ".join(rate(per_second, "steps")) == said
