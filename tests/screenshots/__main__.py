"""Screenshots of a finished run: its report and explorer, its dashboard, and a search in a terminal.

    python -m tests.screenshots runs/cifar10-quick/20261125-120000

Writes docs/*.png and docs/terminal.svg.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from suite.dashboard import dashboard_of
from suite.dashboard.all_genes import FIRST_NUMBER
from suite.run_directory import RUNS, RunDirectory, latest_run
from suite.storage_url import storage_url
from suite.trials import open_storage
from tests.browser import browser
from tests.conftest import ROOT
from tests.screenshots.terminal import Piece, watched
from tests.screenshots.window import windows_svg
from tests.serving import serving

DOCS = ROOT / "docs"


def main() -> None:
    """Take them all."""
    words = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__.splitlines()[0])
    words.add_argument(
        "run", nargs="?", type=Path, help="a finished run with an oracle; the latest, if left out"
    )
    asked = words.parse_args()
    run = RunDirectory.open(asked.run) if asked.run else latest_run(RUNS)
    DOCS.mkdir(exist_ok=True)
    with browser() as opened:
        shoot_report(opened, run, DOCS)
        shoot_dashboard(opened, run, DOCS)
    draw_terminal(ROOT / "studies", DOCS)


def shoot_report(opened: Chrome, run: RunDirectory, docs: Path) -> None:
    """Its first page, and its explorer."""
    opened.get((run.path / "report" / "report.html").as_uri())
    _until(opened, lambda: opened.find_element(By.ID, "within").text)
    _shoot(opened, docs / "report.png")
    opened.execute_script("document.getElementById('explorer').scrollIntoView()")
    opened.execute_script(
        "const slider = document.getElementById('limit-params'); slider.value = 120;"
        "slider.dispatchEvent(new Event('input'))"
    )
    _shoot(opened, docs / "explorer.png")


def shoot_dashboard(opened: Chrome, run: RunDirectory, docs: Path) -> None:
    """The search, its note, its genes, and the winner among the finalists."""
    storage = open_storage(storage_url(run, None))
    studies = {study.study_name.rpartition("/")[2]: study._study_id for study in storage.get_all_studies()}
    final = run.read_result("final") or {}
    trials = storage.get_all_trials(studies["finalists"], deepcopy=False)
    (winner,) = [trial.number for trial in trials if trial.user_attrs["genome"] == final["genome"]]
    with serving(dashboard_of(run, open_storage(storage_url(run, None)))) as port:
        pages = {
            "dashboard-study": f"{studies['search']}",
            "dashboard-note": f"{studies['search']}/note",
            "dashboard-genes": f"{studies['search'] + FIRST_NUMBER}/smartSelection",
            "dashboard-trial": f"{studies['finalists']}/trials?numbers={winner}",
        }
        for name, page in pages.items():
            opened.set_window_size(
                1400, 2000 if name == "dashboard-trial" else 1000
            )  # its pictures are below its note
            opened.get(f"http://127.0.0.1:{port}/dashboard/studies/{page}")
            _until(opened, lambda: run.run_id in opened.find_element(By.TAG_NAME, "body").text)
            _shoot(opened, docs / f"{name}.png")


def draw_terminal(studies: Path, docs: Path) -> None:
    """A search of its own, as from a checkout: in the middle of its search phase, and at its end."""
    asked = "suite search studies/digits.toml"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(studies, Path(folder, "studies"))
        words = [sys.executable, "-m", *asked.split()]
        middle, end = watched(words, Path(folder), _is_half_searched)
    prompt = (Piece(0, "$", "green", False), Piece(2, asked, "default", True))
    (last_of_plan,) = [n for n, line in enumerate(end) if line and line[0].text.startswith("  in all")]
    said = "A search of digits in a terminal: its plan and phases, and at the end the winner and where everything is"
    windows = [
        ("In the middle of the search", [prompt, *middle]),
        ("At its end, below the plan", end[last_of_plan + 1 :]),
    ]
    (docs / "terminal.svg").write_text(windows_svg(said, windows), encoding="utf-8")


def _is_half_searched(line: str) -> bool:
    shown = re.match(r"Search .* (\d+)/(\d+) .* best ", line)
    return shown is not None and 2 * int(shown[1]) >= int(shown[2])


def _until(opened: Chrome, condition: object) -> None:
    WebDriverWait(opened, 60).until(lambda _: condition())  # type: ignore[operator]


def _shoot(opened: Chrome, picture: Path) -> None:
    """Once what moves in it has come to rest: two pictures, a moment apart, that are the same."""
    before = b""
    for _ in range(40):
        taken = opened.get_screenshot_as_png()
        if taken == before:
            break
        before = taken
        opened.execute_async_script("setTimeout(arguments[0], 250)")
    picture.write_bytes(taken)


if __name__ == "__main__":
    main()
