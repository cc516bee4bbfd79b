"""A command in a real pseudo-terminal, and its screen: at a moment that is waited for, and at the end."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fcntl import ioctl
from itertools import groupby
from pathlib import Path

import pyte

from tests.conftest import ROOT

COLUMNS, _LINES = 96, 60


@dataclass(frozen=True)
class Piece:
    """Characters of one look, from a column on; `colour` is a name of pyte's, or six hexadecimal digits."""

    column: int
    text: str
    colour: str
    bold: bool


Line = tuple[Piece, ...]


def watched(
    words: Sequence[str], cwd: Path, is_moment: Callable[[str], bool]
) -> tuple[list[Line], list[Line]]:
    """The screen when a line of it was the moment for the first time, and the screen once the command has ended.

    Raises:
        CalledProcessError: the command failed.
        ValueError: the moment never came.
    """
    screen = pyte.Screen(COLUMNS, _LINES)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    moment: list[Line] = []
    while chunk := _read(ours):
        stream.feed(chunk)
        if not moment and any(map(is_moment, screen.display)):
            moment = _lines(screen)
    os.close(ours)
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, list(words))
    if not moment:
        raise ValueError("The command ended before the moment that was waited for.")
    return moment, _lines(screen)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""


def _lines(screen: pyte.Screen) -> list[Line]:
    """All lines down to the last that has something on it."""
    written = [number for number, text in enumerate(screen.display) if text.strip()]
    return [_line(screen, number) for number in range(max(written, default=-1) + 1)]


def _line(screen: pyte.Screen, number: int) -> Line:
    cells = [(column, screen.buffer[number][column]) for column in range(COLUMNS)]
    pieces = []
    for (colour, bold), group in groupby(cells, key=lambda cell: (cell[1].fg, cell[1].bold)):
        members = list(group)
        text = "".join(cell.data for _, cell in members)
        pieces.append(Piece(members[0][0], text, colour, bold))
    return tuple(piece for piece in pieces if piece.text.strip())
