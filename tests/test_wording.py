"""Numbers and lists in words."""

from __future__ import annotations

import pytest

from suite.wording import first_of, in_short


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
