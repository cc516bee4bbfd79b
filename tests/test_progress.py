"""What the display draws, in terminals of any width and in logs."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from suite.progress import Display

NOTE = "best loss 1.072, 41 on the front"


class Clock:
    """The time, as a test has it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def drawn(*, terminal: bool, width: int = 80, quiet: bool = False) -> list[str]:
    """All lines ever drawn of a search that goes on at 900 of 1200 networks, one a second, and ends with 1029."""
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, force_terminal=terminal, width=width, color_system=None, get_time=clock)
    display = Display(console=console, quiet=quiet)
    display.say("Study tiny")
    with display.phase("Search", 1200, "networks") as phase:
        for done in range(900, 1030):
            phase.update(done, NOTE)
            clock.seconds += 1.0
        phase.finish(1029, NOTE)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n")
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("width", [70, 80, 120, 200])
def test_numbers_are_whole_in_any_terminal_and_the_note_gives_way(width: int) -> None:
    lines = drawn(terminal=True, width=width)
    middle, last = next(line for line in lines if " 950/1200 " in line), lines[-1]
    assert re.search(r" 950/1200 +1.0 networks/s +left  4:10 best loss", middle)
    assert re.search(r"1029/1200 +1.0 networks/s +took  2:10 best loss", last)
    assert "best loss 1.072" in last
    assert (NOTE in last) == (width > 80)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [80, 120])
def test_no_column_moves(width: int) -> None:
    lines = drawn(terminal=True, width=width)[3:]
    assert {tuple(line.index(word) for word in ("/1200", "networks", "best")) for line in lines} == {
        tuple(lines[0].index(word) for word in ("/1200", "networks", "best"))
    }


def test_a_log_has_a_line_now_and_then_its_last_one_once_and_quiet_only_that() -> None:
    lines = drawn(terminal=False)
    assert lines[:2] == ["Study tiny", f"Search: 910/1200 in 10 s, 1.0 networks/s, 4:50 left, {NOTE}"]
    assert len(lines) == 1 + 12 + 1
    assert lines[-1] == f"Search: 1029/1200 in 2 min, 1.0 networks/s, {NOTE}"
    assert drawn(terminal=True, quiet=True) == drawn(terminal=False, quiet=True) == lines[-1:]
