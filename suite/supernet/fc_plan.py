"""What a stack of nodes needs of the FC layers: inputs of several widths side by side, and what follows each.

Behind an FC layer, the activations of every node, picture and input width lie as columns next to one another, so that
the next layer and the classifiers serve them all in a few large products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Units = tuple[int, ...]
"""The FC layers of a genome, or the last of them: the units of each."""


@dataclass(frozen=True)
class FcPlan:
    """One FC layer: the input widths needed, and what follows the columns of each."""

    widths: tuple[int, ...]  # narrowest first
    slots: tuple[
        int, ...
    ]  # where the columns of each width go, so that those followed by the same lie together
    units: tuple[int, ...]  # output width computed of each: what it or a wider one needs
    followings: tuple[Following, ...]


@dataclass(frozen=True)
class Following:
    """What follows the columns in slots `start` to `stop`: classifiers, and perhaps a further FC layer."""

    start: int
    stop: int
    ends: tuple[int, ...]  # input widths of the classifier, narrowest first
    genomes: NDArray[np.int64]  # (ends, columns / pictures) genome numbers
    further: FcPlan | None


def first_fc_plan(endings: Sequence[Mapping[int, Mapping[Units, int]]], most_nodes: int) -> FcPlan:
    """The plan behind the maps of nodes that need the same: per node, width -> FC units -> genome number.

    The columns of several widths are joined while they are no more than those of `most_nodes` nodes.
    """
    needs = {width: tuple(sorted(endings[0][width])) for width in sorted(endings[0])}
    return _Planner(endings).plan(needs, [()], max(1, most_nodes // len(endings)))


class _Planner:
    """Knows the genome number behind a path: (map width, units of each FC layer), per node."""

    def __init__(self, endings: Sequence[Mapping[int, Mapping[Units, int]]]) -> None:
        self._endings = endings

    def plan(self, needs: Mapping[int, tuple[Units, ...]], paths: Sequence[Units], joined: int) -> FcPlan:
        """Of the layer that reads the widths of `needs`, each followed by some runs of layers, itself the first.

        `paths` are those of the columns it reads; at most `joined` widths are taken on together.
        """
        groups = _alike(needs, joined)
        slot_of = {width: slot for slot, width in enumerate(w for group in groups for w in group)}
        start = 0
        followings = []
        for group in groups:
            behind = [(*path, width) for width in group for path in paths]
            followings.append(self._following(needs[group[0]], behind, start, start + len(group)))
            start += len(group)
        return FcPlan(
            widths=tuple(needs),
            slots=tuple(slot_of[width] for width in needs),
            units=tuple(max(run[0] for w in needs if w >= width for run in needs[w]) for width in needs),
            followings=tuple(followings),
        )

    def _following(self, runs: Sequence[Units], paths: Sequence[Units], start: int, stop: int) -> Following:
        ends = tuple(sorted(run[0] for run in runs if len(run) == 1))
        going_on: dict[int, list[Units]] = {}
        for run in runs:
            if len(run) > 1:
                going_on.setdefault(run[0], []).append(run[1:])
        needs = {units: tuple(going_on[units]) for units in sorted(going_on)}
        numbers = [[n for path in paths for n in self._numbers((*path, units))] for units in ends]
        return Following(
            start,
            stop,
            ends,
            np.asarray(numbers, dtype=np.int64),
            self.plan(needs, paths, len(needs)) if needs else None,
        )

    def _numbers(self, path: Units) -> list[int]:
        width, *units = path
        return [ending[width][tuple(units)] for ending in self._endings]


def _alike(needs: Mapping[int, tuple[Units, ...]], joined: int) -> list[list[int]]:
    """The widths, those followed by the same side by side, in groups of at most `joined`."""
    by_runs: dict[tuple[Units, ...], list[int]] = {}
    for width, runs in needs.items():
        by_runs.setdefault(runs, []).append(width)
    return [
        widths[start : start + joined]
        for widths in by_runs.values()
        for start in range(0, len(widths), joined)
    ]
