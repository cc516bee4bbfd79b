"""What the display draws, in terminals of any width and in logs."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from suite.progress import Display

NOTE = "best loss 1.072, 41 on the front"


def drawn(*, terminal: bool, width: int = 80) -> str:
    """A phase at its end, as a terminal of that width, or a log, has it."""
    out = io.StringIO()
    display = Display(console=Console(file=out, force_terminal=terminal, width=width, color_system=None))
    with display.phase("Search", 1200) as phase:
        phase.finish(1029, NOTE)
        phase.finish(1029, NOTE)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "\n")


@pytest.mark.parametrize("width", [70, 80, 120, 200])
def test_numbers_are_whole_in_any_terminal_and_the_note_gives_way(width: int) -> None:
    last = [line for line in drawn(terminal=True, width=width).splitlines() if line.strip()][-1]
    assert "1029/1200 0:00:00 left " in last
    assert ("best loss 1.072" if width >= 80 else "best loss") in last
    assert (NOTE in last) == (width > 80)
    assert len(last) <= width


def test_a_log_has_its_last_line_once() -> None:
    assert drawn(terminal=False).splitlines() == [f"Search: 1029/1200 in 0 s, {NOTE}"]
