"""The report's templates, filled in."""

from __future__ import annotations

import jinja2


def filled(template: str, *, html: bool, **values: object) -> str:
    """A template of the report with its values, escaped in HTML; in Markdown, sections escape a user's own words."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("suite.report"),
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(values)
