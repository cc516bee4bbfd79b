"""Calibration against cases whose answer is known by hand."""

from __future__ import annotations

import pytest

from suite.calibration import calibration


def test_bins_hold_as_many_pictures_each_the_least_sure_first() -> None:
    confidences = [0.9] * 20 + [0.5] * 20
    found = calibration(confidences, wrong=range(20, 30))  # of those it was half sure of, half
    assert found.sure == pytest.approx([0.5, 0.9])
    assert found.right == pytest.approx([0.5, 1.0])
    assert found.low == pytest.approx([0.2993, 0.8389], abs=1e-4)  # of 10 and 20 of 20, by Wilson's formula
    assert found.high == pytest.approx([0.7007, 1.0], abs=1e-4)
    assert (found.confidence, found.accuracy) == (pytest.approx(0.7), pytest.approx(0.75))
    assert found.expected_error == pytest.approx(0.05)


def test_few_pictures_are_one_bin_and_many_are_ten() -> None:
    assert len(calibration([0.5] * 7, wrong=[0]).sure) == 1
    assert len(calibration([0.5] * 5_000, wrong=[]).sure) == 10


def test_bins_of_different_sizes_count_by_their_pictures() -> None:
    found = calibration([0.1] * 21 + [1.0] * 20, wrong=range(21))
    assert found.expected_error == pytest.approx(0.1 * 21 / 41)
