"""report.md and report.html: the sections in the order of a reader's questions, laid out by templates."""

from __future__ import annotations

from pathlib import Path

import jinja2
import matplotlib

from suite.errors import SuiteError
from suite.escaping import escaped, one_line
from suite.report.explorer import explorer
from suite.report.html_page import write_html_page
from suite.report.record import RunRecord, read_record
from suite.report.section import Section
from suite.report.sections import SECTIONS, Build
from suite.report.style import STYLE, Figures
from suite.run_directory import RunDirectory, write_atomically


def write_report(run: RunDirectory) -> Path:
    """Write report/report.md, its figures and report.html from what the run has so far; returns report.md's path.

    A figure or a section that fails leaves a note in its place: the rest is worth having.

    Raises:
        RunDirectoryError: a result is damaged or of a newer format.
    """
    record = read_record(run)
    folder = run.path / "report"
    figures = Figures(folder / "figures")
    with matplotlib.rc_context(STYLE):  # legends and ticks read the style when they are drawn
        sections = [section for build in SECTIONS if (section := _built(build, record, figures))]
    page, missing = folder / "report.md", _missing(run)
    write_atomically(page, _render(record.study.name, run.run_id, sections, missing).encode())
    title = f"{one_line(record.study.name)}, run {one_line(run.run_id)}"
    write_html_page(folder, title, missing, sections, _explorer(record))
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


def _explorer(record: RunRecord) -> str | None:
    """The explorer, or what went wrong with it: the page around it is worth having."""
    try:
        return explorer(record)
    except SuiteError:
        raise
    except Exception as error:
        return f"<p><em>The explorer could not be made: {escaped(repr(error))}.</em></p>"


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
