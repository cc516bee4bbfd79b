"""Numbers and tables in words, alike wherever the suite speaks: on pages, in a terminal, in notes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> list[str]:
    """Rows as lines of text, their columns one below the other: those of `left` to the left, others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def listed(texts: Iterable[str]) -> str:
    """Such as `a, b and c`."""
    *firsts, last = texts
    return f"{', '.join(firsts)} and {last}" if firsts else last


def first_of(texts: Sequence[str], most: int) -> str:
    """The first of a list that may be long, and how many others there are: `a, b and 3 more`."""
    more = [f"{len(texts) - most} more"] if len(texts) > most else []
    return listed([*texts[:most], *more])


def gene_in_words(name: str) -> str:
    """`conv1.filters` -> `conv1 filters`, `fc.layers` -> `FC layers`."""
    return name.replace(".", " ").replace("fc ", "FC ")


def count(number: float) -> str:
    """1234567 -> `1,234,567`."""
    return f"{number:,.0f}"


def in_short(number: float) -> str:
    """A count with three digits: 640 -> `640`, 32768 -> `32.8 k`, 39719936 -> `39.7 M`."""
    unit = ""
    for larger in (" k", " M", " G"):
        if number < 999.5:
            break
        number, unit = number / 1000, larger
    return f"{number:#.3g}".rstrip(".") + unit if unit else f"{number:.0f}"


def percent(fraction: float) -> str:
    """0.8123 -> `81.23 %`."""
    return f"{100 * fraction:.2f} %"


def plural(number: int, noun: str) -> str:
    """`1 thread`, `2 threads`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.2f} h"
