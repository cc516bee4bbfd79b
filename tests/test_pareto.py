"""Fronts and hypervolumes against definitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.pareto import hypervolume, pareto_front

points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)


def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


@given(points)
def test_the_front_is_what_nothing_dominates(values: list[tuple[int, int]]) -> None:
    numbered = {i: (float(a), float(b)) for i, (a, b) in enumerate(values)}
    expected = {i for i, a in numbered.items() if not any(dominates(b, a) for b in numbered.values())}
    front = pareto_front(numbered, (-1.0, -1.0))
    assert set(front) == expected
    assert [numbered[i][0] for i in front] == sorted(numbered[i][0] for i in front)


@given(points)
def test_maximising_is_minimising_the_negative(values: list[tuple[int, int]]) -> None:
    up = {i: (float(a), float(b)) for i, (a, b) in enumerate(values)}
    down = {i: (-a, b) for i, (a, b) in up.items()}
    assert pareto_front(up, (1.0, -1.0)) == pareto_front(down, (-1.0, -1.0))


def test_one_objective_keeps_all_ties() -> None:
    assert set(pareto_front({"a": (2.0,), "b": (1.0,), "c": (1.0,)}, (-1.0,))) == {"b", "c"}


def test_hypervolume_of_a_staircase() -> None:
    assert hypervolume([(1.0, 2.0), (2.0, 1.0)], (-1.0, -1.0), (3.0, 3.0)) == pytest.approx(3.0)
    assert hypervolume([(3.0, 1.0)], (1.0, -1.0), (0.0, 3.0)) == pytest.approx(6.0)
    assert hypervolume([], (-1.0,), (0.0,)) == 0.0
