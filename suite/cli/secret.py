"""A password is taken off the command line, which everyone on a machine can read in the list of processes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

_OPTION, _VARIABLE = "--storage", "SUITE_STORAGE"


def hide_password() -> None:
    """Start this process anew if a `--storage` holds a password, with the URL in its environment instead.

    Only Windows goes without: it has no way to become another command line.
    """
    words = sys.argv[1:]
    left, urls = without_storage(words)
    before = len(sys.orig_argv) - len(words)
    if os.name != "posix" or not any(map(has_password, urls)) or sys.orig_argv[before:] != words:
        return
    environment = {**os.environ, _VARIABLE: " ".join(urls)}
    os.execve(sys.executable, [*sys.orig_argv[:before], *left], environment)


def without_storage(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without any `--storage URL`, and the URLs."""
    left: list[str] = []
    urls: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == _OPTION and (url := next(rest, None)) is not None:
            urls.append(url)
        elif word.startswith(f"{_OPTION}="):
            urls.append(word.removeprefix(f"{_OPTION}="))
        else:
            left.append(word)
    return left, urls


def has_password(url: str) -> bool:
    """Whether a URL holds one, before its host or among its options, whatever characters it has."""
    try:
        return bool(re.search("://[^:/]*:[^@]+@", url)) or "password" in parse_qs(urlsplit(url).query)
    except ValueError:
        return "@" in url
