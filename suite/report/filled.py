"""The report's templates, filled in."""

from __future__ import annotations

import jinja2

from suite.escaping import escaped
from suite.own_words import Markdown


def filled(template: str, **values: object) -> str:
    """A template of the report with its values: all are escaped that are no markup of the suite's own, by their type.

    That is markupsafe's `Markup` in a template of HTML, `Markdown` in one of Markdown.
    """
    html = template.endswith(".html.j2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("suite.report"),
        autoescape=html,
        finalize=None if html else _in_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(values)


def _in_markdown(value: object) -> str:
    return value if isinstance(value, Markdown) else escaped(str(value))
