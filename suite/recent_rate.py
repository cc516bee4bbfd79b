"""How fast something moves now, from reports of how far it is."""

from __future__ import annotations

from collections import deque

_WINDOW_SECONDS = 60.0  # several generations of a small search, one of a large one
_LEAST_CHANGES = 10  # of what moves more slowly, such as whole trainings
_SECONDS_BETWEEN_CHANGES = 0.2
_LEAST_SECONDS = 1.0  # before that a rate would jump about


class RecentRate:
    """A rate over the last minute, or over the last ten changes where those took longer.

    The first report only says where this execution begins, so what an earlier one did counts for nothing.
    """

    def __init__(self) -> None:
        self._begin: tuple[float, float] | None = None
        self._now = 0.0
        self._changes: deque[tuple[float, float]] = deque()

    def add(self, now: float, done: float) -> None:
        """Report that `done` is behind us at the time `now`, in seconds."""
        self._now = now
        if self._begin is None:
            self._begin = (now, done)
        elif done == self._changes[-1][1]:
            return
        elif len(self._changes) > 1 and now - self._changes[-2][0] < _SECONDS_BETWEEN_CHANGES:
            self._changes.pop()
        self._changes.append((now, done))
        while len(self._changes) > _LEAST_CHANGES and now - self._changes[1][0] >= _WINDOW_SECONDS:
            self._changes.popleft()

    def per_second(self) -> float | None:
        """The recent rate; None while it cannot be said."""
        if self._begin is None:
            return None
        (began, behind), (ended, done) = self._changes[0], self._changes[-1]
        return _rate(done - behind, ended - began) if ended - began >= _LEAST_SECONDS else None

    def overall(self) -> float | None:
        """The rate from the first report to the last; None if nothing was done between them."""
        if self._begin is None:
            return None
        return _rate(self._changes[-1][1] - self._begin[1], self._now - self._begin[0])


def _rate(done: float, seconds: float) -> float | None:
    return done / seconds if done > 0 and seconds > 0 else None
