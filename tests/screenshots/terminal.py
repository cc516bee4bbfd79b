"""A command as it looks in a terminal, as SVG: run under a real pseudo-terminal, drawn by an emulator of one."""

from __future__ import annotations

import io
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Sequence
from fcntl import ioctl
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

_COLUMNS, _LINES = 118, 40


def terminal_picture(words: Sequence[str], shown: str, cwd: Path) -> str:
    """The screen once the command has ended, as SVG under the title `shown`.

    Raises:
        CalledProcessError: the command failed.
    """
    screen = pyte.HistoryScreen(_COLUMNS, _LINES)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
    process = subprocess.Popen(
        words,
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    while chunk := _read(ours):
        stream.feed(chunk)
    os.close(ours)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, list(words))
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {shown}", style="bold"))
    for number in range(_LINES):
        console.print(_line(screen, number))
    return console.export_svg(title=shown.split()[0])


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""


def _line(screen: pyte.Screen, number: int) -> Text:
    line = Text()
    for column in range(_COLUMNS):
        cell = screen.buffer[number][column]
        colour = cell.fg if cell.fg != "default" else None
        known = colour if colour is None or not _is_hex(colour) else f"#{colour}"
        line.append(cell.data, style=" ".join(filter(None, ["bold" if cell.bold else "", known])))
    line.rstrip()
    return line


def _is_hex(colour: str) -> bool:
    return len(colour) == 6 and all(digit in "0123456789abcdef" for digit in colour.lower())
