"""How soon the explorer of a whole space is drawn, and how soon it follows a slider: `suite bench explorer`.

The space is that of studies/cifar10.toml, 271,296 networks; their scores are drawn by chance, so no supernet is
needed. The page is report.html with nothing in it but the explorer, drawn in Chromium: timed from its address to
the first drawing. A move is a key pressed on a slider, until the frame stands that shows what is left.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.browsing import chromium
from suite.oracle_table import Table, write_table
from suite.own_words import Markdown
from suite.progress import Display
from suite.report.explorer import explorer
from suite.report.html_page import write_html_page
from suite.report.record import read_record
from suite.report.section import Section
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings, read_study, study_toml

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

SLIDERS = ("params", "macs", "latency_ms")
DOWN, UP, FINE = 9, 9, 10  # moves of a slider: by a tenth of the networks, back again, and by a single step
_STUDY = Path("studies/cifar10.toml")
_CLASSES, _PICTURES = 10, 5_000
_SECONDS = 120
# The message comes after the frame that the move has led to; it is asked for before the page hears of the move.
_WATCH = """
window.moves = [];
let pressed = 0;
document.addEventListener("keydown", (event) => { pressed = event.timeStamp; }, true);
document.addEventListener("input", () => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => window.moves.push(performance.now() - pressed);
  port2.postMessage(null);
}), true);
"""


def run(display: Display, path: Path = _STUDY, browse: bool = True) -> dict[str, Any]:
    """Bytes of the page, seconds until it is drawn, and milliseconds of each slider's moves."""
    study = read_study(path)
    space = SearchSpace(study.space, (3, *study.data.image_size), _CLASSES)
    with tempfile.TemporaryDirectory() as folder, chromium(browse) as chrome:
        with display.phase("Page", 1) as phase:
            page = _write_page(RunDirectory.create(Path(folder) / "run"), study, space)
            phase.finish(1)
        return {
            "networks": space.size,
            "bytes": page.stat().st_size,
            "drawn_s": _seconds_until_drawn(chrome, page) if chrome is not None else None,
            "moves_ms": _moves(chrome, display) if chrome is not None else {},
        }


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    drawn = f"drawn in {result['drawn_s']:.1f} s" if result["drawn_s"] is not None else "no browser"
    lines = [f"{result['networks']:,} networks: a page of {result['bytes'] / 1e6:.1f} MB, {drawn}"]
    if result["moves_ms"]:
        lines.append(f"{'slider':<12}{'moves':>7}{'median':>9}{'p90':>8}{'most':>8}   ms a move")
    for name, spent in result["moves_ms"].items():
        median, p90, most = np.percentile(spent, [50, 90, 100])
        lines.append(f"{name:<12}{len(spent):>7}{median:>9.0f}{p90:>8.0f}{most:>8.0f}")
    return "\n".join(lines)


def _write_page(directory: RunDirectory, study: StudySettings, space: SearchSpace) -> Path:
    """The page of a run of which nothing is known but its space and its oracle."""
    (directory.path / "study.toml").write_text(study_toml(study))
    dataset = {"picture_shape": list(space.shape), "classes": [str(label) for label in range(_CLASSES)]}
    directory.write_json("run.json", {"dataset": dataset, "asked": study.model_dump(mode="json")})
    directory.write_result("oracle", {"sha256": write_table(directory, _by_chance(space))})
    folder = directory.path / "report"
    folder.mkdir()
    # The explorer comes after the first section.
    first = Section("The answer", Markdown("There is none: scores are drawn by chance."))
    return write_html_page(folder, study.name, [], [first], explorer(read_record(directory)))


def _by_chance(space: SearchSpace) -> Table:
    """An oracle's table: true sizes, and scores with as many digits as real ones have."""
    rng, genomes = np.random.default_rng(0), list(space)
    macs = np.array([space.macs(genome) for genome in genomes], dtype=np.int64)
    table: Table = {
        "genome": np.array([genome.text for genome in genomes], dtype=object),
        "params": np.array([space.parameters(genome) for genome in genomes], dtype=np.int64),
        "macs": macs,
        "latency_ms": (0.1 + macs / 4e7 * rng.uniform(0.9, 1.1, len(macs))).astype(np.float32),
    }
    for split in ("val_search", "val_choice"):
        right = rng.binomial(_PICTURES, rng.normal(0.6, 0.05, len(macs)).clip(0.1, 0.9))
        table[f"accuracy_{split}"] = right / _PICTURES
        table[f"loss_{split}"] = rng.uniform(1.9, 2.1, len(macs)) - 2 * table[f"accuracy_{split}"]
    return table


def _seconds_until_drawn(chrome: Chrome, page: Path) -> float:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    start = time.perf_counter()
    chrome.get(page.as_uri())
    wait = WebDriverWait(chrome, _SECONDS, poll_frequency=0.05)
    wait.until(
        lambda c: c.find_element(By.ID, "best").text and c.find_elements(By.CSS_SELECTOR, "#cloud .trace")
    )
    return time.perf_counter() - start


def _moves(chrome: Chrome, display: Display) -> dict[str, list[float]]:
    """Milliseconds of each slider's moves, on the page that is open; the others are where they let all pass."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    keys = [*[Keys.PAGE_DOWN] * DOWN, *[Keys.PAGE_UP] * UP, *[Keys.ARROW_LEFT] * FINE]
    chrome.execute_script(_WATCH)
    spent: dict[str, list[float]] = {}
    with display.phase("Moves", len(SLIDERS) * len(keys), "moves") as phase:
        for name in SLIDERS:
            chrome.execute_script("arguments[0].focus()", chrome.find_element(By.ID, f"limit-{name}"))
            for done, key in enumerate(keys, start=1):
                ActionChains(chrome).send_keys(key).perform()
                _wait_for_moves(chrome, done)
                phase.update(sum(map(len, spent.values())) + done)
            spent[name] = chrome.execute_script("return window.moves.splice(0)")
            chrome.find_element(By.ID, "reset").click()
        phase.finish(len(SLIDERS) * len(keys))
    return spent


def _wait_for_moves(chrome: Chrome, count: int) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    wait = WebDriverWait(chrome, _SECONDS, poll_frequency=0.01)
    wait.until(lambda c: c.execute_script("return window.moves.length") == count)
