"""Screens of a terminal as one SVG that asks no network: windows one below the other, dark on light pages too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from tests.screenshots.terminal import COLUMNS, Line, Piece

_CELL, _ROW, _SIZE = 8.4, 20.0, 14
_MARGIN, _BAR, _GAP = 18.0, 38.0, 22.0
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
_COLOURS = {
    "default": "#d5dbe3",
    "cyan": "#6cbcf0",
    "green": "#7cc48a",
    "brightblack": "#465161",
}
_BOLD = "#ffffff"
_HALVES = {"━": (0.0, 1.0), "╸": (0.0, 0.5), "╺": (0.5, 1.0)}  # what part of its cell a piece of a bar fills


def windows_svg(said: str, windows: Sequence[tuple[str, Sequence[Line]]]) -> str:
    """Windows, each with a title, as one SVG; `said` is what it is for those who cannot see it."""
    width = COLUMNS * _CELL + 2 * _MARGIN
    parts, top = [], 1.0
    for title, lines in windows:
        height = _BAR + len(lines) * _ROW + _MARGIN
        parts += _window(title, lines, top, width, height)
        top += height + _GAP
    whole = top - _GAP + 1
    style = f"text {{ font: {_SIZE}px {_FONTS}; white-space: pre; }} .bold {{ font-weight: 700; }}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 2:g} {whole:g}" '
        f'width="{width + 2:g}" height="{whole:g}" role="img" aria-label="{escape(said)}">'
    )
    return "\n".join(
        [head, f"<title>{escape(said)}</title>", f"<style>{style}</style>", *parts, "</svg>", ""]
    )


def _window(title: str, lines: Sequence[Line], top: float, width: float, height: float) -> Iterator[str]:
    yield (
        f'<rect x="1" y="{top:g}" width="{width:g}" height="{height:g}" rx="9" '
        'fill="#171c23" stroke="#465161"/>'
    )
    yield f'<text x="{1 + width / 2:g}" y="{top + 23:g}" fill="#93a0b0" text-anchor="middle">{escape(title)}</text>'
    for row, line in enumerate(lines):
        baseline = top + _BAR + _ROW * row + _SIZE
        for piece in line:
            for found in re.finditer(r"[━╸╺]+|[^━╸╺]+", piece.text):
                yield from _drawn(piece, found.start(), found[0], baseline)


def _drawn(piece: Piece, offset: int, text: str, baseline: float) -> Iterator[str]:
    """Text as long as its cells, whatever the font is; bars as lines, which no font's gaps run through."""
    colour = _COLOURS.get(piece.colour, f"#{piece.colour}")
    if text[0] in _HALVES:
        begin = piece.column + offset + _HALVES[text[0]][0]
        end = piece.column + offset + len(text) - 1 + _HALVES[text[-1]][1]
        yield (
            f'<rect x="{_x(begin):g}" y="{baseline - 6:g}" width="{(end - begin) * _CELL:g}" height="3" '
            f'fill="{colour}"/>'
        )
        return
    for word in re.finditer(r"\S+(?: \S+)*", text):
        bold = f' class="bold" fill="{_BOLD}"' if piece.bold else f' fill="{colour}"'
        yield (
            f'<text x="{_x(piece.column + offset + word.start()):g}" y="{baseline:g}"{bold} '
            f'textLength="{len(word[0]) * _CELL:g}">{escape(word[0])}</text>'
        )


def _x(column: float) -> float:
    return round(1 + _MARGIN + column * _CELL, 2)
