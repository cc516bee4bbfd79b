"""report.html in a real browser: whole in itself, and its explorer tells what the oracle's table holds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from suite.dashboard import dashboard_of
from suite.oracle_table import Table, read_table
from suite.report import explorer as explorer_room
from suite.report import write_report
from suite.run_directory import RunDirectory
from suite.trials import open_storage, storage_url
from tests.browser import browser, complaints, requested
from tests.end_to_end.conftest import suite
from tests.serving import serving


@pytest.fixture(scope="module")
def walked(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """The finished run with an oracle."""
    folder = tmp_path_factory.mktemp("walked")
    shutil.copytree(finished, folder / "run")
    done = suite("oracle", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return RunDirectory.open(folder / "run")


@pytest.fixture(scope="module")
def table(walked: RunDirectory) -> Table:
    return read_table(walked)


@pytest.fixture(scope="module")
def opened(walked: RunDirectory) -> Iterator[Chrome]:
    with browser() as chrome:
        chrome.get((walked.path / "report" / "report.html").as_uri())
        wait_for_the_explorer(chrome)
        yield chrome


def wait_for_the_explorer(chrome: Chrome) -> None:
    """Until it has unpacked its table and drawn; what the page says instead, if it doesn't."""
    try:
        WebDriverWait(chrome, 60).until(lambda c: c.find_element(By.ID, "within").text)
    except TimeoutException:
        body = chrome.find_element(By.TAG_NAME, "body").text
        pytest.fail(f"{chrome.current_url} ({chrome.title!r}): {body[:300]!r}; console: {complaints(chrome)}")


def text_of(opened: Chrome, name: str) -> str:
    return opened.find_element(By.ID, name).text


def slide(opened: Chrome, price: str, step: int) -> None:
    """Move a slider as a hand would: to a place, and the page is told."""
    opened.execute_script(
        "const slider = document.getElementById(arguments[0]);"
        "slider.value = arguments[1]; slider.dispatchEvent(new Event('input'));",
        f"limit-{price}",
        step,
    )


def with_few_parameters(table: Table, step: int) -> np.ndarray:
    """Which networks the slider leaves at a place: it has 400, evenly over the networks by size."""
    kept: np.ndarray = (
        table["params"] <= np.sort(table["params"])[int(step / 400 * (len(table["params"]) - 1))]
    )
    return kept


def best(table: Table, kept: np.ndarray) -> str:
    rows = np.flatnonzero(kept)
    return str(table["genome"][rows[np.argmin(table["loss_val_search"][rows])]])


def test_the_page_is_whole_asks_nobody_and_has_no_complaint(opened: Chrome, walked: RunDirectory) -> None:
    assert requested(opened) == [(walked.path / "report" / "report.html").as_uri()]
    assert complaints(opened) == []
    page = (walked.path / "report" / "report.md").read_text()
    titles = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert [h.text for h in opened.find_elements(By.TAG_NAME, "h2")] == [titles[0], "Explorer", *titles[1:]]
    pictures = opened.find_elements(By.CSS_SELECTOR, "main img")
    assert len(pictures) == len(re.findall(r"\]\(figures/", page)) > 5
    for picture in pictures:
        assert int(picture.get_property("naturalWidth")) > 100
        assert picture.get_attribute("alt")


def test_without_limits_the_best_network_of_the_space_is_drawn(opened: Chrome, table: Table) -> None:
    count = f"{len(table['genome']):,}"
    assert text_of(opened, "within") == f"{count} of {count} networks"
    genome = best(table, np.ones(len(table["genome"]), dtype=bool))
    card = opened.find_element(By.ID, "best")
    assert card.get_attribute("data-genome") == genome
    assert f"--genome {genome}" in card.text
    assert f"{table['params'][table['genome'].tolist().index(genome)]:,} parameters" in card.text
    assert len(card.find_elements(By.CSS_SELECTOR, ".layers > div")) == len(genome.split("-")) + 2


def test_a_slider_and_a_choice_left_out_narrow_the_networks(opened: Chrome, table: Table) -> None:
    slide(opened, "params", 100)
    kept = with_few_parameters(table, 100)
    assert text_of(opened, "within").startswith(f"{kept.sum():,} of ")
    assert opened.find_element(By.ID, "best").get_attribute("data-genome") == best(table, kept)
    opened.find_element(By.CSS_SELECTOR, "[aria-label='depth 1']").click()
    kept &= np.array([text.count("k") == 2 for text in table["genome"]])
    assert text_of(opened, "within").startswith(f"{kept.sum():,} of ")
    assert opened.find_element(By.ID, "best").get_attribute("data-genome") == best(table, kept)
    opened.find_element(By.ID, "reset").click()
    assert text_of(opened, "within").startswith(f"{len(table['genome']):,} of ")


def test_where_nothing_is_left_the_page_says_so(opened: Chrome) -> None:
    for depth in (1, 2):
        opened.find_element(By.CSS_SELECTOR, f"[aria-label='depth {depth}']").click()
    assert "No network of the space is within these limits." in text_of(opened, "best")
    opened.find_element(By.ID, "reset").click()
    assert complaints(opened) == []


def test_a_click_into_the_cloud_names_the_network_there(opened: Chrome, table: Table) -> None:
    Select(opened.find_element(By.ID, "across")).select_by_value("macs")
    largest = int(np.argmax(table["macs"]))
    opened.execute_script(
        "const point = {x: arguments[0], y: arguments[1]};"
        "document.getElementById('cloud').emit('plotly_click', {points: [point]});",
        int(table["macs"][largest]),
        100 * float(table["accuracy_val_search"][largest]),
    )
    card = opened.find_element(By.ID, "picked")
    assert "The network you picked" in card.text
    picked = table["genome"].tolist().index(card.get_attribute("data-genome"))
    for column in ("macs", "accuracy_val_search"):
        assert table[column][picked] == table[column][largest]


def test_the_explorer_works_in_the_sandbox_that_the_dashboard_puts_it_in(
    walked: RunDirectory, table: Table
) -> None:
    page = dashboard_of(walked, open_storage(storage_url(walked, None)))
    with browser() as chrome, serving(page) as port:
        chrome.get(f"http://127.0.0.1:{port}/report")
        wait_for_the_explorer(chrome)
        slide(chrome, "params", 100)
        assert text_of(chrome, "within").startswith(f"{with_few_parameters(table, 100).sum():,} of ")
        assert chrome.find_elements(By.CSS_SELECTOR, "#cloud .trace")
        assert complaints(chrome) == []


def test_a_space_too_large_for_a_page_shows_its_best(
    walked: RunDirectory, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explorer_room, "MOST", 10)
    try:
        write_report(walked)
        page = (walked.path / "report" / "report.html").read_text()
        assert "All 10 networks that are best" in page
    finally:
        monkeypatch.undo()
        write_report(walked)


@pytest.mark.parametrize(("part", "width"), [("The answer", 500), ("NAS best practice", 1400)])
def test_tables_of_words_have_room(part: str, width: int, finished: Path) -> None:
    """Those of numbers scroll where they must; words can be broken."""
    with browser() as chrome:
        chrome.set_window_size(width, 1000)
        chrome.get((finished / "report" / "report.html").as_uri())
        table = chrome.find_element(By.XPATH, f"//section[h2[text()='{part}']]//table")
        shown, whole = (int(table.get_property(name) or 0) for name in ("clientWidth", "scrollWidth"))
        assert whole == shown > 0


def test_a_run_without_an_oracle_has_a_page_without_an_explorer(finished: Path) -> None:
    page = (finished / "report" / "report.html").read_text()
    assert "The answer" in page
    assert 'id="explorer"' not in page
    assert len(page) < 4_000_000
