"""A user's own words (names of classes, studies, files) made safe to show: on a terminal, in Markdown and HTML."""

from __future__ import annotations

import re
import unicodedata

_MARKUP = {ord(character): f"&#{ord(character)};" for character in "\\`*_[]|<>&#~$@"}
_TURNS_TEXT_AROUND = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_PLAIN = re.compile(r"[\w .,:;/=+()%×-]+")  # nothing that closes code from inside, or a cell around it
_MARKUP_BEGINS = re.compile(r"<[a-z/!?]|`|\]\(|://|www\.", re.IGNORECASE)  # a tag, a comment; code, a link
_LINK = re.compile(r"(:)(?=//)|(?<=www)(\.)", re.IGNORECASE)  # Markdown makes links of bare addresses


def escaped(text: str) -> str:
    """As plain text on one line of Markdown, in tables and in HTML too."""
    return _LINK.sub(lambda match: f"&#{ord(match[0])};", one_line(text).translate(_MARKUP))


def one_line(text: str) -> str:
    """On one line, with a mark for what cannot be seen; in figures, which know no markup."""
    return "".join("\ufffd" if _is_hidden(c) else c for c in " ".join(str(text).split()))


def code(text: str) -> str:
    """The same, as code: backticks could be closed from inside, and a `|` in them ends a table's cell."""
    return f"<code>{escaped(text)}</code>"


def in_code(text: str) -> str:
    """In backticks, as report.html can show it too; what could end them or a cell is plain text instead."""
    return f"`{text}`" if _PLAIN.fullmatch(text := str(text)) else escaped(text)


def live_part(text: str) -> str | None:
    """What a browser or a terminal would obey in a text, or None: a tag, code or link that begins, what is hidden."""
    if found := _MARKUP_BEGINS.search(text):
        return found[0]
    return next(filter(_is_hidden, text), None)


def printable(text: str) -> str:
    """As it may stand on a terminal, which would obey what is not printed: colours, titles, a cursor moved up."""
    return "".join(ascii(c)[1:-1] if c != "\n" and _is_hidden(c) else c for c in str(text))


def paragraph(text: str) -> str:
    """The same, in one paragraph: only lines that the suite itself has broken and indented stay lines."""
    return re.sub(r"\n(?!  \S)", r"\\n", printable(text))


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") or character in _TURNS_TEXT_AROUND
