"""Publishing: a run's page, figures and results copied to reports/, never its weights or databases.

report.html stays where it is: it holds the same, in megabytes that a repository would keep for ever.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

from suite.errors import RunDirectoryError
from suite.escaping import escaped
from suite.report.style import table
from suite.run_directory import RunDirectory, write_atomically
from suite.wording import count, duration, percent

_FILES = ("results.json", "trials.csv", "study.toml")


def publish_report(run: RunDirectory, reports: Path) -> Path:
    """Copy a written report to reports/<study>/<run-id>/ and make the index anew; returns the copy's page.

    Raises:
        RunDirectoryError: the run has no report or no results yet, or its names are no folders'.
    """
    page, results = run.path / "report" / "report.md", run.read_json("results.json")
    if results is None or not page.exists():
        raise RunDirectoryError(
            "has nothing to publish yet.", where=str(run.path), remedy="Let the run finish first: --resume"
        )
    target = reports / folder_name(results["study"], run) / folder_name(run.run_id, run)
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(run.path / "report", target, ignore=shutil.ignore_patterns("report.html"))
    for name in _FILES:
        if (run.path / name).exists():
            shutil.copyfile(run.path / name, target / name)
    write_index(reports)
    return target / "report.md"


def write_index(reports: Path) -> None:
    """reports/README.md: every published run, newest first within its study; then the pages that are of no run."""
    newest_first = sorted(reports.glob("*/*/results.json"), key=lambda path: path.parent.name, reverse=True)
    by_study = sorted(newest_first, key=lambda path: path.parent.parent.name)  # which keeps that order within
    rows = [_row(path, RunDirectory(path.parent).read_json(path.name) or {}) for path in by_study]
    header = ["Report", "Winner", "Seed", "Test accuracy", "Parameters", "Latency (ms)", "Time"]
    parts = [
        "# Reports",
        "Made by `suite report --publish`; do not edit.",
        table(header, rows, left=2),
    ]
    others = [*sorted(reports.glob("*/report.md")), *sorted(reports.glob("*/comparison-*/report.md"))]
    if others:
        links = "\n".join(f"- {_link(page, reports)}" for page in others)
        parts.append(f"Settings, methods and seeds compared:\n\n{links}")
    write_atomically(reports / "README.md", ("\n\n".join(parts) + "\n").encode())


def folder_name(name: object, run: RunDirectory) -> str:
    """A name out of a run's files, as a folder to be replaced: one that leads elsewhere would have that deleted.

    Raises:
        RunDirectoryError: it leads elsewhere.
    """
    text = str(name)
    if text in ("", ".", "..") or any(character in text for character in "/\\:\0"):
        raise RunDirectoryError(
            f"its files call it {text[:80]!r}, which is no folder's name.",
            where=str(run.path),
            remedy="They were changed by hand, or are another suite's.",
        )
    return text


def _link(page: Path, reports: Path) -> str:
    """A page by its own heading, which is Markdown already."""
    with page.open(encoding="utf-8") as lines:
        heading = lines.readline().removeprefix("#").strip()
    return f"[{heading}]({quote(page.relative_to(reports).as_posix())})"


def _row(path: Path, results: dict[str, Any]) -> list[str]:
    winner, test = results.get("winner"), results.get("test")
    link = f"[{escaped(results['study'])}, {escaped(results['run'])}]({quote('/'.join(path.parts[-3:-1]))}/report.md)"
    if not winner or not test:
        return [link, "unfinished", escaped(results["seed"]), "", "", "", ""]
    return [
        link,
        escaped(winner["genome"]),
        escaped(results["seed"]),
        percent(test["eval_accuracy"]),
        count(winner["params"]),
        f"{winner['latency_ms']['median']:.3f}",
        duration(results["search"]["seconds"]["total"]),
    ]
