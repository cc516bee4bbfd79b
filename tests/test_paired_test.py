"""Paired tests, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from suite.paired_test import holm, mcnemar


def right(*pictures: int) -> np.ndarray:
    return np.isin(np.arange(20), pictures)


def test_mcnemar_counts_only_pictures_that_one_alone_has_right() -> None:
    test = mcnemar(right(0, 1, 2, 3), right(0, 1, 2, 10, 11, 12, 13, 14, 15, 16))
    assert (test.only_first, test.only_second) == (1, 7)
    assert test.p_value == pytest.approx(2 * (1 + 8) / 2**8)  # of 8 tosses, at most 1 or at least 7
    assert mcnemar(right(*range(10)), right(*range(9))).p_value == 1


def test_networks_that_are_right_on_the_same_pictures_do_not_differ() -> None:
    test = mcnemar(right(1, 2), right(1, 2))
    assert (test.only_first, test.only_second, test.p_value) == (0, 0, 1.0)


def test_holm_multiplies_the_least_by_all_and_never_lets_a_greater_one_pass_it() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []
