"""Numbers and lists in words."""

from __future__ import annotations

import pytest

from suite.wording import first_of


@pytest.mark.parametrize(
    ("texts", "said"),
    [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcd", "a, b, c and 1 more")],
)
def test_a_long_list_is_cut_and_says_so(texts: str, said: str) -> None:
    assert first_of(list(texts), 3) == said
