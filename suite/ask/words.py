"""How answers are laid out for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The first and the last column to the left, those between to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(
            cell.ljust(width) if place in (0, last) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def listed(texts: Iterable[str]) -> str:
    """Such as `a, b and c`."""
    *firsts, last = texts
    return f"{', '.join(firsts)} and {last}" if firsts else last
