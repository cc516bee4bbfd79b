"""report.md: the sections in the order of a reader's questions, laid out by a template."""

from __future__ import annotations

import shutil
from pathlib import Path

import jinja2
import matplotlib

from suite.escaping import escaped
from suite.report.record import read_record
from suite.report.section import Section
from suite.report.sections import SECTIONS
from suite.report.style import STYLE, Figures
from suite.run_directory import RunDirectory, write_atomically


def write_report(run: RunDirectory) -> Path:
    """Write report/report.md and its figures from what the run has so far; returns the page's path.

    Raises:
        RunDirectoryError: a result is damaged or of a newer format.
    """
    record = read_record(run)
    folder = run.path / "report"
    shutil.rmtree(folder / "figures", ignore_errors=True)
    figures = Figures(folder / "figures")
    with matplotlib.rc_context(STYLE):  # legends and ticks read the style when they are drawn
        sections = [section for build in SECTIONS if (section := build(record, figures)) is not None]
    page = folder / "report.md"
    write_atomically(page, _render(record.study.name, run.run_id, sections, _missing(run)).encode())
    return page


def _missing(run: RunDirectory) -> list[str]:
    """Phases without a result, in order."""
    return [phase for phase in ("supernet", "search", "finalists", "final") if run.read_result(phase) is None]


def _render(study: str, run_id: str, sections: list[Section], missing: list[str]) -> str:
    environment = jinja2.Environment(  # Markdown: sections escape a user's own words themselves
        loader=jinja2.PackageLoader("suite.report"),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template("report.md.j2")
    return template.render(study=escaped(study), run_id=escaped(run_id), sections=sections, missing=missing)
