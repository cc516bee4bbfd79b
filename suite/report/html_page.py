"""report.html: the whole report in one file, figures and explorer included; nothing in it asks the network."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from suite.report.filled import filled
from suite.report.section import Section
from suite.run_directory import write_atomically

_IMAGE = re.compile(r'src="figures/([\w-]+\.png)"')


def write_html_page(
    folder: Path, title: str, missing: Sequence[str], sections: Sequence[Section], explorer: str | None
) -> Path:
    """Write report.html beside the report's figures; `explorer` is the HTML of `suite.report.explorer`."""
    parts = [(section.title, Markup(_html(section.body, folder))) for section in sections]
    page = folder / "report.html"
    text = filled(
        "report.html.j2",
        html=True,
        title=title,
        missing=missing,
        parts=parts,
        explorer=None if explorer is None else Markup(explorer),
    )
    write_atomically(page, text.encode())
    return page


def _html(markdown: str, folder: Path) -> str:
    """A section's Markdown, in which a user's own words are escaped already, with its figures inside."""
    rendered = MarkdownIt("commonmark").enable("table").render(markdown)
    return _IMAGE.sub(lambda match: f'src="{_inlined(folder / "figures" / match[1])}"', rendered)


def _inlined(figure: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(figure.read_bytes()).decode()}"
