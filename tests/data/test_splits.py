"""The splits: exact sizes, stratified, and moved by nothing but labels, fractions and split_seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.data.splits import check_every_class_in, set_aside
from suite.errors import DataError

some_labels = st.lists(st.integers(0, 4), min_size=1, max_size=120).map(
    lambda xs: np.array(xs, dtype=np.int64)
)
fractions = st.floats(0.01, 0.49)


@given(some_labels, fractions, fractions, st.integers(0, 2**31))
def test_parts_are_disjoint_and_cover(labels: np.ndarray, a: float, b: float, seed: int) -> None:
    parts = set_aside(labels, (a, b), seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))


@given(some_labels, fractions, st.integers(0, 2**31))
def test_a_part_has_the_exact_size_and_each_class_its_share(
    labels: np.ndarray, fraction: float, seed: int
) -> None:
    part, _ = set_aside(labels, (fraction,), seed)
    assert len(part) == round(fraction * len(labels))
    counts = np.bincount(labels[part], minlength=5)
    assert np.all(np.abs(counts - fraction * np.bincount(labels, minlength=5)) < 1 + 1e-6)


@given(some_labels, fractions, st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_parts(labels: np.ndarray, fraction: float, seed: int) -> None:
    first, again = set_aside(labels, (fraction,), seed), set_aside(labels.copy(), (fraction,), seed)
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))


def test_another_seed_gives_other_parts() -> None:
    labels = np.arange(200) % 10
    assert not np.array_equal(set_aside(labels, (0.1,), 0)[0], set_aside(labels, (0.1,), 1)[0])


def test_the_splits_of_seed_0_stay_what_they_are() -> None:
    """Published results rest on these; if this fails, the test data of every earlier run has changed."""
    search, choice, train = set_aside(np.arange(20) % 2, (0.1, 0.2), 0)
    assert (search.tolist(), choice.tolist()) == ([11, 2], [3, 13, 18, 8])
    assert train[:4].tolist() == [15, 1, 19, 17]


def test_a_part_of_a_source_sorted_by_class_begins_with_every_class() -> None:
    labels = np.repeat(np.arange(10), 500)
    _, train = set_aside(labels, (0.1,), 0)
    assert set(labels[train[:200]]) == set(range(10))


def test_no_classes_lacking() -> None:
    check_every_class_in({"train": np.array([0, 1])}, ("a", "b"), "Do something.")


def test_a_class_lacking_is_named() -> None:
    with pytest.raises(
        DataError, match=r"the val_search split: has no picture of b \(1 in all\), .* Add some\."
    ):
        check_every_class_in(
            {"train": np.array([0, 1]), "val_search": np.array([0])}, ("a", "b"), "Add some."
        )
