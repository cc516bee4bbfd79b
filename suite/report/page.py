"""report.md and report.html: the sections in the order of a reader's questions, laid out by templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import matplotlib
from markupsafe import Markup

from suite.errors import SuiteError
from suite.escaping import escaped, one_line
from suite.own_words import Markdown
from suite.progress import Display, Phase
from suite.report.explorer import explorer
from suite.report.filled import filled
from suite.report.html_page import write_html_page
from suite.report.record import RunRecord, read_record
from suite.report.section import Section
from suite.report.sections import SECTIONS, Build
from suite.report.style import STYLE, Figures
from suite.results import PHASES
from suite.run_directory import RunDirectory, write_atomically

Made = TypeVar("Made")


def write_report(run: RunDirectory, display: Display | None = None) -> Path:
    """Write report/report.md, its figures and report.html from what the run has so far; returns report.md's path.

    A display shows how far it is: figures take seconds.
    A figure or a section that fails leaves a note in its place: the rest is worth having.

    Raises:
        RunDirectoryError: a result is damaged or of a newer format.
    """
    record = read_record(run)
    figures = Figures(run.path / "report" / "figures")
    with (display or Display(quiet=True)).phase("Report", len(SECTIONS) + 1) as phase:
        sections = list(_sections(record, figures, phase))
        page = _write_pages(run, record, sections)
        phase.update(len(SECTIONS) + 1)
    figures.remove_others()  # of an earlier report, which is whole until this one is
    return page


def _sections(record: RunRecord, figures: Figures, phase: Phase) -> Iterator[Section]:
    with matplotlib.rc_context(STYLE):  # legends and ticks read the style when they are drawn
        for done, build in enumerate(SECTIONS, start=1):
            if section := _built(build, record, figures):
                yield section
            phase.update(done)


def _write_pages(run: RunDirectory, record: RunRecord, sections: Sequence[Section]) -> Path:
    folder = run.path / "report"
    page, missing = folder / "report.md", _missing(run)
    study, run_id = record.study.name, run.run_id
    text = filled("report.md.j2", study=study, run_id=run_id, sections=sections, missing=missing)
    write_atomically(page, text.encode())
    title = f"{one_line(study)}, run {one_line(run_id)}"
    write_html_page(folder, title, missing, sections, _explorer(record))
    return page


def _built(build: Build, record: RunRecord, figures: Figures) -> Section | None:
    """A section, None if it has nothing to say, or what went wrong with it."""
    title = build.__module__.rpartition(".")[2].replace("_", " ").capitalize()
    return _attempted(
        lambda: build(record, figures),
        lambda why: Section(title, Markdown(f"*This part could not be written: {why}.*")),
    )


def _explorer(record: RunRecord) -> Markup | None:
    """The explorer, None without an oracle, or what went wrong with it."""
    return _attempted(
        lambda: explorer(record),
        lambda why: Markup(f"<p><em>The explorer could not be made: {why}.</em></p>"),
    )


def _attempted(make: Callable[[], Made], instead: Callable[[str], Made]) -> Made:
    """A part of the report, or what is said in its place: the page around it is worth having."""
    try:
        return make()
    except SuiteError:  # a damaged or newer result: to be mended, not reported around
        raise
    except Exception as error:
        return instead(escaped(repr(error)))


def _missing(run: RunDirectory) -> list[str]:
    """Phases without a result, in order, in words."""
    words = {"final": "fine-tuning and the test"}
    return [words.get(phase, phase) for phase in PHASES if run.read_result(phase) is None]
