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


def method_in_words(name: str) -> str:
    """A search method, by its name in a study."""
    return {
        "random": "random search",
        "local": "local search",
        "aging": "aging evolution",
        "tpe": "Optuna's TPE",
        "nsga2": "Optuna's NSGA-II",
        "exhaustive": "exhaustive scoring",
    }.get(name, name)


def a_pass(median_ms: float, batch: int) -> str:
    """How long one forward pass takes: `0.743 ms a picture`, `9.100 ms for 64 pictures at once`."""
    return f"{median_ms:.3f} ms " + ("a picture" if batch == 1 else f"for {count(batch)} pictures at once")


def threads_in_words(threads: int, device: str) -> str:
    """On how many threads something was timed; on a GPU (`cuda`, or its own name) that says nothing."""
    return plural(threads, "thread") if device == "cpu" else "default stream"


def count(number: float) -> str:
    """1234567 -> `1,234,567`."""
    return f"{number:,.0f}"


def in_short(number: float) -> str:
    """A count with three digits: 640 -> `640`, 32768 -> `32.8 k`, 39719936 -> `39.7 M`."""
    number, unit = _in_thousands(number)
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


def roughly(seconds: float) -> str:
    """The same in whole numbers, where more would promise too much."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def clock(seconds: float) -> str:
    """At most five characters: `0:07`, `12:30`, from 100 minutes on `2.1 h`, `30 h`."""
    whole = round(seconds)
    if whole < 6000:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{seconds / 3600:.1f} h" if seconds < 36_000 else f"{seconds / 3600:.0f} h"


def rate(per_second: float, unit: str) -> tuple[str, str]:
    """Number and unit, per second, minute or hour, whichever gives one or more: (`9.8`, `networks/min`)."""
    periods = {"s": 1, "min": 60, "h": 3600}
    name = next((name for name, seconds in periods.items() if per_second * seconds >= 0.95), "h")
    return _two_digits(per_second * periods[name]), f"{unit}/{name}"


def _two_digits(number: float) -> str:
    """At most five characters: `0.4`, `9.8`, `127`, `1.3 k`, `35 k`."""
    number, unit = _in_thousands(number)
    return f"{number:.{1 if number < 9.95 else 0}f}{unit}"


def _in_thousands(number: float) -> tuple[float, str]:
    """Below a thousand, with what it counts then: (32.768, ` k`), (640, nothing)."""
    unit = ""
    for larger in (" k", " M", " G"):
        if number < 999.5:
            break
        number, unit = number / 1000, larger
    return number, unit
