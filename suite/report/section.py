"""A part of the report: a title and Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from suite.own_words import Markdown


@dataclass(frozen=True)
class Section:
    """One titled part; `body` is Markdown."""

    title: str
    body: Markdown
