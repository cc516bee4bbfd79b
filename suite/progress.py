"""One calm display of what a run is doing: a bar per phase for people, plain lines for logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from suite.escaping import printable

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_DRAWINGS = 0.2
_WIDE = 110  # columns, in which everything has room


class Phase:
    """One phase under way: `update(done, note)` moves its bar, or now and then prints a line."""

    def __init__(self, title: str, total: int | None, console: Console | None, bars: Progress | None) -> None:
        self.title = title
        self.total = total
        self._console = console
        self._bars = bars
        self._task: TaskID | None = bars.add_task(title, total=total, note="") if bars else None
        self._started = self._last_line = time.monotonic()
        self._printed: tuple[int, str] | None = None

    def update(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """Say that `done` of the total is behind us; `note` is the best so far, the loss, or the like."""
        self.total, note = total or self.total, printable(note)
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done, note=note, total=self.total)
            if time.monotonic() - self._last_line >= _SECONDS_BETWEEN_DRAWINGS:
                self._last_line = time.monotonic()
                self._bars.refresh()
        elif self._console is not None and time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._line(done, note)

    def finish(self, done: int, note: str = "") -> None:
        """Leave the bar where it ended, or print the last line."""
        self.total, note = self.total or done, printable(note)
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done, note=note, total=self.total)
            self._bars.stop_task(self._task)
            self._bars.refresh()
        elif self._console is not None:
            self._line(done, note)

    def _line(self, done: int, note: str) -> None:
        assert self._console is not None
        if (done, note) == self._printed:  # the end may come right after a line
            return
        self._printed = (done, note)
        seconds = time.monotonic() - self._started
        text = f"{self.title}: {done}/{self.total} in {seconds:.0f} s" + (f", {note}" if note else "")
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Note(ProgressColumn):
    """The note, cut short where there is no room: without this, rich cuts the numbers before it."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["note"], no_wrap=True, overflow="ellipsis")


class Display:
    """Where a run speaks to people. Quiet says nothing but the end; not a terminal gets plain lines."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._quiet = quiet

    def say(self, text: str) -> None:
        """One plain line (never read as markup: it may hold a user's own words)."""
        if not self._quiet:
            self._console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def phase(self, title: str, total: int | None = None) -> Iterator[Phase]:
        """Show a phase for as long as the block runs; a total may come with the first update."""
        if self._quiet or not self._console.is_terminal:
            yield Phase(title, total, None if self._quiet else self._console, None)
            return
        wide = self._console.width >= _WIDE
        bars = Progress(
            TextColumn("{task.description:<22}" if wide else "{task.description:<10}"),
            BarColumn(bar_width=28 if wide else 8),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            _Note(),
            console=self._console,
            auto_refresh=False,  # its thread would draw while networks are being timed
        )
        with bars:
            yield Phase(title, total, None, bars)
