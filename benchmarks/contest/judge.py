"""Who judges a contest: all networks of a space with what each is worth, and the tasks that are set over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from benchmarks.contest.tasks import Task
from suite.methods import G


@dataclass(frozen=True)
class Topic:
    """A task in words."""

    title: str
    unit: str  # of what a method lacks
    scale: float  # from the task's numbers to that unit
    near: float | None = None  # in that unit: how long until a method lacks no more is told too
    floors: Sequence[float] = ()  # in that unit, seeds in turn: what who knows every fitness still lacks
    note: str = ""  # what has to be known to read its numbers
    searched_as: str | None = None  # the task of the same fitness, whose searches are judged anew here
    ablated: bool = True  # whether our evolution without its parts takes part
    most: int | None = None  # evaluations, where it does not go as far as the others
    why_most: str = ""

    def budget(self, of_contest: int) -> int:
        """Evaluations of each method."""
        return of_contest if self.most is None else min(of_contest, self.most)


@dataclass(frozen=True)
class Judge(Generic[G]):
    """Every network of a space, and what is asked of a method."""

    heading: str
    place: Mapping[G, int]  # of each network among tasks' rows; networks that are the same share one
    topics: Mapping[str, Topic]  # by the name of the task
    task: Callable[[str, int], Task[G]]  # the task of that name, from a seed
    method: str  # how networks were judged, for the page

    @property
    def size(self) -> int:
        """The number of different networks."""
        return len(set(self.place.values()))


def topic_of_front(title: str, most: int | None = None, why_most: str = "") -> Topic:
    """Two objectives."""
    return Topic(title, "hypervolume lacking (%)", 100.0, most=most, why_most=why_most)


class Source(Protocol):
    """Where a judge comes from: small, so that every process can be told it."""

    def judge(self) -> Judge[Any]:
        """The judge; each process calls for it once an entry, so it keeps what takes long.

        Raises:
            SuiteError: what it is made from is missing or damaged.
        """
        ...
