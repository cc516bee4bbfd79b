"""report.html in a real browser: whole in itself, and its explorer tells what the oracle's table holds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from suite.dashboard import dashboard_of
from suite.oracle_table import Table, read_table
from suite.report import explorer as explorer_room
from suite.report import write_report
from suite.run_directory import RunDirectory
from suite.space import Genome, space_of_run
from suite.storage_url import storage_url
from suite.study import read_study
from suite.trials import open_storage
from suite.wording import gene_in_words
from tests.browser import browser, complaints, requested
from tests.conftest import rewrite_oracle
from tests.serving import serving

PRICES = ("params", "macs", "latency_ms")
THUMB = 16  # pixels of a slider that its thumb takes: its middle comes no nearer to an end than half of them


@pytest.fixture(scope="module")
def explored(walked: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run with its report, whose oracle is by chance: size pays, so that a limit has something to take away."""
    run = RunDirectory(Path(shutil.copytree(walked.path, tmp_path_factory.mktemp("explored") / "run")))
    table, rng = read_table(run), np.random.default_rng(0)
    size = np.sqrt(table["params"] / table["params"].max())
    accuracy = np.round(216 * rng.normal(0.3 + 0.4 * size, 0.05)) / 216
    loss = rng.normal(2.3 - accuracy, 0.05)
    latency = (table["macs"] / 1e6 * rng.uniform(0.9, 1.1, len(size))).astype(np.float32)
    by_chance = {"latency_ms": latency, "accuracy_val_search": accuracy, "loss_val_search": loss}
    rewrite_oracle(run, pa.table({**table, **by_chance}))
    write_report(run)
    return run


@pytest.fixture(scope="module")
def table(explored: RunDirectory) -> Table:
    return read_table(explored)


@pytest.fixture(scope="module")
def opened(explored: RunDirectory) -> Iterator[Chrome]:
    with browser() as chrome:
        chrome.get((explored.path / "report" / "report.html").as_uri())
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


def drag(opened: Chrome, price: str, step: int) -> int:
    """Move a slider's thumb with the mouse, about to a step; returns the one it came to."""
    slider = opened.find_element(By.ID, f"limit-{price}")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", slider)
    steps, now = (int(slider.get_property(name)) for name in ("max", "value"))
    track = int(slider.size["width"]) - THUMB
    there, back = (round((place / steps - 0.5) * track) for place in (step, now))
    hand = ActionChains(opened).move_to_element_with_offset(slider, back, 0).click_and_hold()
    hand.move_to_element_with_offset(slider, there, 0).release().perform()
    return int(slider.get_property("value"))


def click_cloud(opened: Chrome, across: float, accuracy: float) -> WebElement:
    """Click with the mouse where a value and an accuracy are in the cloud; returns the card of the network picked."""
    cloud = opened.find_element(By.ID, "cloud")
    place = opened.execute_script(
        "const [cloud, across, percent] = arguments;"
        "cloud.scrollIntoView({block: 'center'});"
        "const {xaxis, yaxis} = cloud._fullLayout, {width, height} = cloud.getBoundingClientRect();"
        "return [xaxis._offset + xaxis.d2p(across) - width / 2, yaxis._offset + yaxis.d2p(percent) - height / 2];",
        cloud,
        across,
        100 * accuracy,
    )
    ActionChains(opened).move_to_element_with_offset(cloud, *map(round, place)).click().perform()
    return opened.find_element(By.ID, "picked")


def within(table: Table, price: str, step: int) -> np.ndarray:
    """Which networks a slider leaves at a step: it has 400, evenly over the networks by their price."""
    last = len(table[price]) - 1
    kept: np.ndarray = table[price] <= np.sort(table[price])[int(step / 400 * last)]
    return kept


def best(table: Table, kept: np.ndarray) -> str:
    rows = np.flatnonzero(kept)
    return str(table["genome"][rows[np.argmin(table["loss_val_search"][rows])]])


def layers(genome: str) -> list[str]:
    """What is to be drawn of a network: its genes, and the shapes between them."""
    network = Genome.parse(genome)
    convs = [
        f"conv {conv.kernel}×{conv.kernel}\n{conv.pool} pool\n{conv.filters}×{16 >> depth}×{16 >> depth}"
        for depth, conv in enumerate(network.convs, start=1)
    ]
    return ["picture\n1×16×16", *convs, *(f"dense\n{fc.units}" for fc in network.fcs), "classifier\n10"]


def boxes(card: WebElement) -> list[str]:
    return [box.text for box in card.find_elements(By.CSS_SELECTOR, ".layers > div")]


def test_the_page_is_whole_asks_nobody_and_has_no_complaint(opened: Chrome, explored: RunDirectory) -> None:
    assert requested(opened) == [(explored.path / "report" / "report.html").as_uri()]
    assert complaints(opened) == []
    page = (explored.path / "report" / "report.md").read_text()
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
    assert boxes(card) == layers(genome)


@pytest.mark.parametrize("price", PRICES)
def test_the_best_network_under_a_dragged_limit_is_drawn(opened: Chrome, table: Table, price: str) -> None:
    of_all = best(table, np.ones(len(table["genome"]), dtype=bool))
    row = table["genome"].tolist().index(of_all)
    too_tight = max(step for step in range(400) if not within(table, price, step)[row])
    kept = within(table, price, drag(opened, price, too_tight // 2))
    assert text_of(opened, "within").startswith(f"{kept.sum():,} of ")
    drawn = opened.find_element(By.ID, "best").get_attribute("data-genome")
    assert drawn == best(table, kept) != of_all
    assert boxes(opened.find_element(By.ID, "best")) == layers(drawn)
    opened.find_element(By.ID, "reset").click()
    assert opened.find_element(By.ID, "best").get_attribute("data-genome") == of_all


def test_a_limit_can_be_written(opened: Chrome, table: Table) -> None:
    most = int(np.sort(table["params"])[100]) + 1  # no network's own size
    written = opened.find_element(By.ID, "most-params")
    written.send_keys(str(most))
    kept = table["params"] <= most
    assert text_of(opened, "within").startswith(f"{kept.sum():,} of ")
    assert opened.find_element(By.ID, "best").get_attribute("data-genome") == best(table, kept)
    slider = opened.find_element(By.ID, "limit-params")
    assert int(slider.get_property("value")) == int(kept.mean() * 400)
    written.send_keys(Keys.CONTROL, "a", Keys.DELETE)
    assert text_of(opened, "within").startswith(f"{len(kept):,} of ")
    assert int(slider.get_property("value")) == 400
    drag(opened, "params", 100)
    assert int(written.get_property("value")) == np.sort(table["params"])[int(0.25 * (len(kept) - 1))]
    opened.find_element(By.ID, "reset").click()
    assert written.get_property("value") == ""


def test_the_cloud_is_drawn_for_a_dark_page_too(opened: Chrome) -> None:
    def strongest() -> str:
        return str(opened.execute_script("return document.getElementById('cloud').data[0].colorscale[1][1]"))

    drawn = []
    for theme in ("light", "dark", "light"):
        wanted = [{"name": "prefers-color-scheme", "value": theme}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
        WebDriverWait(opened, 10).until(lambda _, before=[*drawn]: strongest() not in before[-1:])
        drawn.append(strongest())
    assert drawn[0] == drawn[2] != drawn[1]


def test_limits_hold_together(opened: Chrome, table: Table) -> None:
    kept = np.all([within(table, price, drag(opened, price, 250)) for price in PRICES], axis=0)
    assert text_of(opened, "within").startswith(f"{kept.sum():,} of ")
    assert opened.find_element(By.ID, "best").get_attribute("data-genome") == best(table, kept)
    opened.find_element(By.CSS_SELECTOR, "[aria-label='depth 1']").click()
    kept &= np.array([text.count("k") == 2 for text in table["genome"]])
    assert text_of(opened, "within").startswith(f"{kept.sum():,} of ")
    assert opened.find_element(By.ID, "best").get_attribute("data-genome") == best(table, kept)
    opened.find_element(By.ID, "reset").click()
    assert text_of(opened, "within").startswith(f"{len(table['genome']):,} of ")


def test_a_choice_of_every_gene_can_be_left_out(opened: Chrome, explored: RunDirectory, table: Table) -> None:
    space = space_of_run(read_study(explored.path / "study.toml").space, explored.read_json("run.json") or {})
    genes = [space.active_genes(space.parse(text)) for text in table["genome"]]
    for gene in space.genes:
        choice = opened.find_element(
            By.CSS_SELECTOR, f"[aria-label='{gene_in_words(gene.name)} {gene.choices[-1]}']"
        )
        choice.click()
        kept = np.array([active.get(gene.name) != gene.choices[-1] for active in genes])
        assert text_of(opened, "within").startswith(f"{kept.sum():,} of "), gene.name
        assert opened.find_element(By.ID, "best").get_attribute("data-genome") == best(table, kept)
        choice.click()
    assert text_of(opened, "within").startswith(f"{len(genes):,} of ")


def test_where_nothing_is_left_the_page_says_so(opened: Chrome) -> None:
    for depth in (1, 2):
        opened.find_element(By.CSS_SELECTOR, f"[aria-label='depth {depth}']").click()
    assert "None of these networks is within the limits." in text_of(opened, "best")
    opened.find_element(By.ID, "reset").click()
    assert complaints(opened) == []


def test_a_click_on_the_front_names_the_network_there(
    opened: Chrome, explored: RunDirectory, table: Table
) -> None:
    by_time = np.lexsort((-table["accuracy_val_search"], table["latency_ms"]))  # of equals, the best
    accuracies = table["accuracy_val_search"][by_time]
    before = np.maximum.accumulate(np.concatenate([[-1.0], accuracies[:-1]]))
    front = by_time[accuracies > before]
    for row in (front[0], front[-1]):
        card = click_cloud(opened, float(table["latency_ms"][row]), table["accuracy_val_search"][row])
        genome = str(table["genome"][row])
        assert card.text.startswith("The network you picked\n")
        assert card.get_attribute("data-genome") == genome
        assert "the one you picked" in opened.find_element(By.ID, "cloud").text, "it is marked"
        assert boxes(card) == layers(genome)
        command = card.find_element(By.TAG_NAME, "code").text
        assert command.endswith(f"{explored.path.name} --genome {genome} --train")
        assert command.startswith("suite export ")


def test_a_click_into_the_cloud_names_a_network_there(opened: Chrome, table: Table) -> None:
    Select(opened.find_element(By.ID, "across")).select_by_value("macs")
    macs, accuracy = table["macs"], table["accuracy_val_search"]
    large = np.flatnonzero(macs > np.median(macs))
    lone = large[np.argmin(accuracy[large])]  # far from the front, whose points would be named in its place
    card = click_cloud(opened, int(macs[lone]), accuracy[lone])
    picked = table["genome"].tolist().index(card.get_attribute("data-genome"))
    two_cells = 2 * np.log(macs.max() / macs.min()) / 110, 2 * np.ptp(accuracy) / 70
    assert abs(np.log(macs[picked] / macs[lone])) <= two_cells[0]
    assert abs(accuracy[picked] - accuracy[lone]) <= two_cells[1]
    assert boxes(card) == layers(str(table["genome"][picked]))


def test_the_explorer_works_in_the_sandbox_that_the_dashboard_puts_it_in(
    explored: RunDirectory, table: Table
) -> None:
    page = dashboard_of(explored, open_storage(storage_url(explored, None)))
    with browser() as chrome, serving(page) as port:
        chrome.get(f"http://127.0.0.1:{port}/report")
        wait_for_the_explorer(chrome)
        kept = within(table, "params", drag(chrome, "params", 100))
        assert text_of(chrome, "within").startswith(f"{kept.sum():,} of ")
        assert chrome.find_elements(By.CSS_SELECTOR, "#cloud .trace")
        assert complaints(chrome) == []


def test_a_space_too_large_for_a_page_shows_its_best(
    explored: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(Path(shutil.copytree(explored.path, tmp_path / "run")))
    monkeypatch.setattr(explorer_room, "MOST", 10)
    write_report(run)
    assert (
        "The best 10 networks of the space, by cross-entropy on val-A"
        in (run.path / "report" / "report.html").read_text()
    )


def test_networks_of_large_pictures_keep_their_size(
    explored: RunDirectory, table: Table, tmp_path: Path
) -> None:
    run = RunDirectory(Path(shutil.copytree(explored.path, tmp_path / "run")))
    rewrite_oracle(run, pa.table({**table, "macs": table["macs"] * 10**6}))
    write_report(run)
    with browser() as chrome:
        chrome.get((run.path / "report" / "report.html").as_uri())
        wait_for_the_explorer(chrome)
        row = table["genome"].tolist().index(chrome.find_element(By.ID, "best").get_attribute("data-genome"))
        assert f" · {table['macs'][row] / 1e3:#.3g} G MACs" in text_of(chrome, "best")
        kept = within(table, "macs", drag(chrome, "macs", 100))
        assert text_of(chrome, "within").startswith(f"{kept.sum():,} of ")


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
