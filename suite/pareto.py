"""Pareto fronts and hypervolumes of objective values (by moocore, which DEAP itself uses)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import moocore
import numpy as np
from numpy.typing import NDArray

Key = TypeVar("Key")


def pareto_front(values: Mapping[Key, tuple[float, ...]], weights: Sequence[float]) -> list[Key]:
    """The keys no other dominates, best first on the first objective; ties all stay.

    `weights` are +1 for an objective to maximise, -1 for one to minimise.
    """
    keys = list(values)
    return [keys[i] for i in front_rows(np.array(list(values.values())), weights)] if keys else []


def front_rows(values: NDArray[np.float64], weights: Sequence[float]) -> NDArray[np.int64]:
    """`pareto_front` of an array (N, objectives), N > 0: the rows on the front."""
    costs = _costs(values, weights)
    if len(weights) == 1:
        on_front = costs[:, 0] == costs[:, 0].min()
    else:
        on_front = moocore.is_nondominated(costs, keep_weakly=True)
    (rows,) = np.nonzero(on_front)
    ordered: NDArray[np.int64] = rows[np.lexsort(costs[rows].T[::-1])]
    return ordered


def worst_corner(values: Sequence[tuple[float, ...]], weights: Sequence[float]) -> tuple[float, ...]:
    """The worst value of each objective: up to there all of `values` dominate something."""
    columns = zip(zip(*values, strict=True), weights, strict=True)
    return tuple(min(column) if weight > 0 else max(column) for column, weight in columns)


def hypervolume(
    values: Sequence[tuple[float, ...]], weights: Sequence[float], reference: tuple[float, ...]
) -> float:
    """The volume that `values` dominate up to the reference point (Zitzler and Thiele 1998)."""
    if not values:
        return 0.0
    costs, corner = _costs(values, weights), _costs([reference], weights)[0]
    return float(moocore.hypervolume(costs, ref=corner))


def _costs(
    values: Sequence[tuple[float, ...]] | NDArray[np.float64], weights: Sequence[float]
) -> NDArray[np.float64]:
    """(N, objectives) with every objective to be minimised."""
    costs: NDArray[np.float64] = -np.asarray(values, dtype=np.float64) * np.asarray(weights)
    return costs
