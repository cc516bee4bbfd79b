"""One calm display of what a run is doing: a bar per phase for people, plain lines for logs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

from suite.escaping import printable
from suite.recent_rate import RecentRate
from suite.wording import clock, rate, roughly

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_DRAWINGS = 0.2
_WIDE, _NARROW = 110, 80  # columns; below the second there is no room for a bar
_LONGEST_UNIT = len("networks/min")


class Phase:
    """One phase under way: `update(done, note)` moves its bar, or now and then prints a line."""

    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str,
        console: Console,
        bars: Progress | None,
        seconds_between: float,
    ) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._console, self._bars, self._seconds_between = console, bars, seconds_between
        self._done, self._note, self._ended = 0, "", False
        self._rate = RecentRate()
        self._started = self._last_shown = console.get_time()
        if bars is not None:
            bars.add_task(title, total=total, texts=self._texts())

    def update(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """Say that `done` of the total is behind us; `note` is the best so far, the loss, or the like."""
        self._report(done, note, total)
        if self._console.get_time() - self._last_shown >= self._seconds_between:
            self._show()

    def finish(self, done: int, note: str = "") -> None:
        """Leave the bar where it ended, or print the last line; with the block's end if it is never called."""
        self._report(done, note, self._total or done)
        self._ended = True
        self._show()

    def close(self) -> None:
        """Finish a phase that says nothing of its end."""
        if not self._ended:
            self.finish(self._done, self._note)

    def _report(self, done: int, note: str, total: int | None) -> None:
        self._done, self._note, self._total = done, printable(note), total or self._total
        self._rate.add(self._console.get_time(), done)

    def _show(self) -> None:
        self._last_shown = self._console.get_time()
        if self._bars is not None:
            (task,) = self._bars.task_ids
            self._bars.update(
                task, completed=self._done, total=self._total, refresh=True, texts=self._texts()
            )
        else:
            self._console.print(self._line(), markup=False, highlight=False, soft_wrap=True)

    def _line(self) -> str:
        number, unit = self._moving()
        left = self._seconds_left()
        parts = [
            f"{self._title}: {self._done}/{self._total} in {roughly(self._seconds())}",
            f"{number} {unit}".strip(),
            f"{clock(left)} left" if left is not None else "",
            self._note,
        ]
        return ", ".join(filter(None, parts))

    def _texts(self) -> dict[str, str]:
        """What stands beside the bar, each as wide as it will ever be."""
        number, unit = self._moving()
        left = self._seconds_left()
        time = clock(self._seconds()) if self._ended else "-:--" if left is None else clock(left)
        return {
            "count": f"{self._done}/{'?' if self._total is None else self._total}",
            "rate": f"{number:>5} {unit:<{_LONGEST_UNIT}}",
            "time": f"{'took' if self._ended else 'left'} {time:>5}",
            "note": self._note,
        }

    def _moving(self) -> tuple[str, str]:
        """Number and unit of the rate: the recent one, at the end that of the whole."""
        per_second = self._rate.overall() if self._ended else self._rate.per_second()
        return rate(per_second, self._unit) if self._unit and per_second else ("", "")

    def _seconds_left(self) -> float | None:
        per_second = self._rate.per_second()
        if self._ended or self._total is None or per_second is None:
            return None
        return max(0, self._total - self._done) / per_second

    def _seconds(self) -> float:
        return self._console.get_time() - self._started


class _Field(ProgressColumn):
    """One of a phase's own texts (never read as markup: it may hold a user's words)."""

    def __init__(self, name: str, style: str, column: Column) -> None:
        self._name, self._style = name, style
        super().__init__(column)

    def render(self, task: Task) -> Text:
        text = task.description if self._name == "title" else task.fields["texts"][self._name]
        return Text(text, self._style, no_wrap=True, overflow="ellipsis")


class Display:
    """Where a run speaks to people: bars on a terminal, else plain lines; quiet, a line for each finished phase."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._quiet = quiet

    def say(self, text: str) -> None:
        """One plain line (never read as markup: it may hold a user's own words)."""
        if not self._quiet:
            whole = not self._console.is_terminal  # which would break a long line within a word
            self._console.print(printable(text), markup=False, highlight=False, soft_wrap=whole)

    @contextmanager
    def phase(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Phase]:
        """Show a phase for as long as the block runs; a total may come with the first update.

        `unit` is what the rate counts, in the plural; without one there is no rate.
        """
        if self._quiet or not self._console.is_terminal:
            every = math.inf if self._quiet else _SECONDS_BETWEEN_LINES
            phase = Phase(title, total, unit, self._console, None, every)
            yield phase
            phase.close()
            return
        with _bars(self._console) as bars:
            phase = Phase(title, total, unit, self._console, bars, _SECONDS_BETWEEN_DRAWINGS)
            yield phase
            phase.close()


def _bars(console: Console) -> Progress:
    """Columns that stay where they are from phase to phase; the note takes what is left, and is cut first."""
    wide, narrow = console.width >= _WIDE, console.width < _NARROW
    columns = [
        _Field("title", "bold", Column(min_width=20 if wide else 11, no_wrap=True)),
        BarColumn(
            16 if wide else 6,
            style="bright_black",
            complete_style="cyan",
            finished_style="green",
            pulse_style="cyan",
            table_column=Column(no_wrap=True),
        ),
        _Field("count", "", Column(min_width=11 if wide else 9, no_wrap=True, justify="right")),
        _Field("rate", "cyan", Column(no_wrap=True)),
        _Field("time", "", Column(no_wrap=True)),
        _Field("note", "", Column()),
    ]
    if narrow:
        del columns[1]
    # Its thread would draw while networks are being timed.
    return Progress(*columns, console=console, auto_refresh=False)
