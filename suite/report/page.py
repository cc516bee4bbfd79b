"""report.md: the sections in the order of a reader's questions, laid out by a template."""

from __future__ import annotations

from pathlib import Path

import jinja2
import matplotlib

from suite.errors import SuiteError
from suite.escaping import escaped
from suite.report.record import RunRecord, read_record
from suite.report.section import Section
from suite.report.sections import SECTIONS, Build
from suite.report.style import STYLE, Figures
from suite.run_directory import RunDirectory, write_atomically


def write_report(run: RunDirectory) -> Path:
    """Write report/report.md and its figures from what the run has so far; returns the page's path.

    A figure or a section that fails leaves a note in its place: the rest is worth having.

    Raises:
        RunDirectoryError: a result is damaged or of a newer format.
    """
    record = read_record(run)
    folder = run.path / "report"
    figures = Figures(folder / "figures")
    with matplotlib.rc_context(STYLE):  # legends and ticks read the style when they are drawn
        sections = [section for build in SECTIONS if (section := _built(build, record, figures))]
    page = folder / "report.md"
    write_atomically(page, _render(record.study.name, run.run_id, sections, _missing(run)).encode())
    figures.remove_others()  # of an earlier report, which is whole until this one is
    return page


def _built(build: Build, record: RunRecord, figures: Figures) -> Section | None:
    """A section, None if it has nothing to say, or what went wrong with it."""
    try:
        return build(record, figures)
    except SuiteError:  # a damaged or newer result: to be mended, not reported around
        raise
    except Exception as error:
        title = build.__module__.rpartition(".")[2].replace("_", " ").capitalize()
        return Section(title, f"*This part could not be written: {escaped(repr(error))}.*")


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
