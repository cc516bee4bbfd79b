"""report.html: the whole report in one file, figures and explorer included; nothing in it asks the network."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from suite.own_words import Markdown
from suite.report.filled import filled
from suite.report.section import Section
from suite.run_directory import write_atomically

_IMAGE = re.compile(r'src="figures/([\w-]+\.png)"')


def write_html_page(
    folder: Path, title: str, missing: Sequence[str], sections: Sequence[Section], explorer: Markup | None
) -> Path:
    """Write report.html beside the report's figures."""
    parts = [(section.title, _html(section.body, folder)) for section in sections]
    page = folder / "report.html"
    text = filled(
        "report.html.j2",
        title=title,
        missing=missing,
        parts=parts,
        explorer=explorer,
    )
    write_atomically(page, text.encode())
    return page


def _html(markdown: Markdown, folder: Path) -> Markup:
    """A section with its figures inside; its Markdown has no HTML, and what looks like it is shown as text."""
    rendered = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    return Markup(_IMAGE.sub(lambda match: f'src="{_inlined(folder / "figures" / match[1])}"', rendered))


def _inlined(figure: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(figure.read_bytes()).decode()}"
