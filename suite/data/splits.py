"""The splits: stratified train, val-A (search) and val-B (choice), by labels, fractions and split_seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from suite.errors import DataError

TEST_FRACTION = 0.2
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Pictures (N, C, H, W) uint8 and their labels (N,) int64."""

    pictures: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, stop: int | None) -> Split:
        """From one picture to before another, or to the end."""
        return Split(self.pictures[start:stop], self.labels[start:stop])


def set_aside(labels: Indices, fractions: Sequence[float], seed: int) -> list[Indices]:
    """Indices (N_i,) of a stratified part for each fraction, and of the rest; each in random order.

    A part has exactly round(fraction * N) pictures, and of each class its share to within one picture. The
    order is random because a source may be sorted by class, and "the first 500" should be a fair sample.
    """
    # Ranks of plain uniform numbers: of all a generator offers, the stream least likely to change with numpy.
    key = np.random.default_rng(seed).random(len(labels))
    order = np.argsort(key, kind="stable")
    members = [order[labels[order] == c] for c in range(int(labels.max(initial=-1)) + 1)]
    parts: list[Indices] = []
    for fraction in fractions:
        counts = _shares(np.array([np.sum(labels == c) for c in range(len(members))]), fraction)
        parts.append(_in_order(np.concatenate([m[:n] for m, n in zip(members, counts, strict=True)]), key))
        members = [m[n:] for m, n in zip(members, counts, strict=True)]
    return [*parts, _in_order(np.concatenate(members), key)]


def check_every_class_in(parts: Mapping[str, Indices], classes: Sequence[str], remedy: str) -> None:
    """Check that each part, given by its labels (N,), has pictures of every class.

    Raises:
        DataError: names the part and the classes it lacks, and how many pictures they have in all parts.
    """
    everywhere = np.bincount(np.concatenate(list(parts.values())), minlength=len(classes))
    for part, labels in parts.items():
        present = np.bincount(labels, minlength=len(classes)) > 0
        lacking = [
            f"{name} ({count} in all)"
            for name, there, count in zip(classes, present, everywhere, strict=True)
            if not there
        ]
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            raise DataError(
                f"has no picture of {', '.join(lacking[:3])}{more}, and every class must be in every split.",
                where=f"the {part} split",
                remedy=remedy,
            )


def _shares(counts: Indices, fraction: float) -> Indices:
    """How many of each class (K,): proportional, summing to round(fraction * N), by largest remainder."""
    exact = counts * fraction
    shares: Indices = np.floor(exact + 1e-9).astype(np.int64)  # 0.29 * 100 comes out a little under 29
    left = round(float(fraction * counts.sum())) - int(shares.sum())
    first = np.argsort(-(exact - shares).round(9), kind="stable")[: max(left, 0)]
    shares[first] += 1
    return shares


def _in_order(indices: Indices, key: NDArray[np.float64]) -> Indices:
    ordered: Indices = indices[np.argsort(key[indices], kind="stable")]
    return ordered
