"""The suite's own words told from everybody else's: in a run's files by their key, on their way to a page by type.

A run directory may come from anybody. What the suite itself has written there never holds markup, so markup means
that somebody else wrote it, and the file is refused. Words that are somebody's rightly, such as the names of classes,
may be anything: they are escaped wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from suite.errors import RunDirectoryError
from suite.escaping import live_part

OF_OTHERS = frozenset({"dataset", "classes", "asked", "used", "study", "run", "cells", "storage", "failure"})
"""Keys of a run's JSON files under which words are somebody else's: of a study, a data folder, a path, an error."""


class Markdown(str):
    """Markdown of the suite's own, others' words escaped in it; any other text is escaped on its way to a page."""

    __slots__ = ()


def refuse_markup(value: Any, file: Path) -> None:
    """Check that the suite's own words in a run's file, and the keys, hold nothing that a page would obey.

    Raises:
        RunDirectoryError: one does; names its key.
    """
    for key, text in _own(value):
        if live := live_part(text):
            raise RunDirectoryError(
                f"{ascii(key[:80])[1:-1]} holds markup ({live!a}), which the suite never writes.",
                where=str(file),
                remedy="Somebody changed it: get the run anew from whoever made it, and do not open its report.html.",
            )


def _own(value: Any) -> Iterator[tuple[str, str]]:
    """Every key, and every text that the suite itself wrote, with the key it is under: `evaluated[3].genome`."""
    left: list[tuple[str, Any]] = [
        ("", value)
    ]  # no recursion: a file may be nested as deeply as JSON is read
    while left:
        key, value = left.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, list):
            left += [
                (f"{key}[{n}]", item) for n, item in enumerate(value) if isinstance(item, str | list | dict)
            ]
        elif isinstance(value, dict):
            yield from ((name, name) for name in value)
            left += [
                (f"{key}.{name}".lstrip("."), item) for name, item in value.items() if name not in OF_OTHERS
            ]
