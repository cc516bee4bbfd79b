"""The dashboard in a real browser, over a finished run: notes, pictures, and nothing that leaves the machine."""

from __future__ import annotations

import json
import shutil
import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import numpy as np
import optuna
import optuna_dashboard
import pytest
from optuna_dashboard._note import get_note_from_system_attrs
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from suite.dashboard import dashboard_of
from suite.dashboard.shown_storage import ShownStorage
from suite.report.record import read_record
from suite.run_directory import RunDirectory
from suite.storage_url import storage_url
from suite.trials import open_storage
from tests.browser import browser, complaints, requested
from tests.serving import serving

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Served:
    """A run under an address."""

    run: RunDirectory
    address: str
    studies: dict[str, int]  # by phase


@pytest.fixture(scope="module")
def served(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    run = RunDirectory.open(Path(shutil.copytree(finished, tmp_path_factory.mktemp("served") / "run")))
    studies = {s.study_name.rpartition("/")[2]: s._study_id for s in shown(run).get_all_studies()}
    with serving(dashboard_of(run, open_storage(storage_url(run, None)))) as port:
        yield Served(run, f"http://127.0.0.1:{port}", studies)


@pytest.fixture(scope="module")
def opened() -> Iterator[Chrome]:
    with browser() as chrome:
        yield chrome


def shows(opened: Chrome, text: str) -> bool:
    """Whether the page comes to show a text."""
    WebDriverWait(opened, 60).until(lambda c: text in c.find_element(By.TAG_NAME, "body").text)
    return True


def drawn(opened: Chrome, what: str, at_least: int) -> list[WebElement]:
    """The parts of a plot, by a CSS selector, once so many are there."""
    WebDriverWait(opened, 60).until(lambda c: len(c.find_elements(By.CSS_SELECTOR, what)) >= at_least)
    return opened.find_elements(By.CSS_SELECTOR, what)


def open_trial(opened: Chrome, served: Served, phase: str, genome: str) -> None:
    """The page of the trial of a network."""
    storage = open_storage(storage_url(served.run, None))
    study = optuna.load_study(study_name=f"tiny/run/{phase}", storage=storage)
    (number,) = [t.number for t in study.get_trials() if t.user_attrs["genome"] == genome]
    opened.get(f"{served.address}/dashboard/studies/{served.studies[phase]}/trials?numbers={number}")


def pictures_seen(opened: Chrome) -> set[str]:
    """The names of a trial's pictures, once all are there to be seen."""
    pictures = drawn(opened, "img[src*='/artifacts/']", 1)
    WebDriverWait(opened, 60).until(lambda c: all(i.get_property("naturalWidth") for i in pictures))
    assert all(i.is_displayed() for i in pictures)
    return {str(i.get_attribute("alt")) for i in pictures}


def shown(run: RunDirectory) -> ShownStorage:
    return ShownStorage(run, open_storage(storage_url(run, None)))


def offered_to_change(opened: Chrome, *icons: str) -> list[str]:
    """Which of these buttons, all of which optuna-dashboard's page has, can be seen."""
    found = {icon: opened.find_elements(By.CSS_SELECTOR, f"svg[data-testid='{icon}Icon']") for icon in icons}
    assert [icon for icon, elements in found.items() if not elements] == [], "the page has other icons now"
    return [icon for icon, elements in found.items() if any(e.is_displayed() for e in elements)]


def nothing_left_the_machine(opened: Chrome, served: Served) -> bool:
    asked = requested(opened)
    assert asked
    return all(url.startswith(served.address) for url in asked)


def test_the_study_list_names_every_phase(opened: Chrome, served: Served) -> None:
    opened.get(f"{served.address}/dashboard")
    assert shows(opened, "tiny/run/search")
    assert shows(opened, "tiny/run/search, all genes")
    assert shows(opened, "tiny/run/finalists")
    assert not offered_to_change(opened, "AddBox", "DriveFileRenameOutline", "Delete")
    assert nothing_left_the_machine(opened, served)
    assert complaints(opened) == []


def test_a_study_says_what_was_found_and_leads_to_the_report(opened: Chrome, served: Served) -> None:
    final = served.run.read_result("final")
    assert final is not None
    opened.get(f"{served.address}/dashboard/studies/{served.studies['search']}/note")
    assert shows(opened, "Winner")
    assert shows(opened, final["genome"])
    (link,) = opened.find_elements(By.LINK_TEXT, "The whole report")
    around = link.find_element(By.XPATH, "..")
    assert link.value_of_css_property("color") == around.value_of_css_property("color")
    opened.get(link.get_attribute("href"))
    assert shows(opened, "Test accuracy")
    assert nothing_left_the_machine(opened, served)
    assert complaints(opened) == []


def test_a_finalist_has_its_note_and_its_pictures(opened: Chrome, served: Served) -> None:
    final = served.run.read_result("final")
    assert final is not None
    open_trial(opened, served, "finalists", final["genome"])
    assert shows(opened, "Winner: test accuracy")
    assert {"architecture.png", "curve.png", "confusion-val-B.png"} <= pictures_seen(opened)
    assert not offered_to_change(opened, "Edit")
    assert nothing_left_the_machine(opened, served)
    assert complaints(opened) == []


def test_a_network_of_the_front_has_its_note_and_its_diagram(opened: Chrome, served: Served) -> None:
    search = served.run.read_result("search")
    assert search is not None
    open_trial(opened, served, "search", search["front"][0]["genome"])
    assert shows(opened, "On the front of")
    assert "architecture.png" in pictures_seen(opened)
    assert nothing_left_the_machine(opened, served)
    assert complaints(opened) == []


def test_with_all_genes_the_plots_have_every_gene_and_every_trial(opened: Chrome, served: Served) -> None:
    search, genes = (
        served.run.read_result("search"),
        [gene.name for gene in read_record(served.run).space.genes],
    )
    assert search is not None
    study = f"{served.address}/dashboard/studies/{served.studies['search, all genes']}"
    opened.get(study)
    importances = drawn(opened, "#graph-hyperparameter-importances .bars .point", 2 * len(genes))
    assert len(importances) == 2 * len(genes)  # for each objective
    assert not offered_to_change(opened, "UploadFile")
    opened.get(f"{study}/analytics")
    points = drawn(opened, "#plot-slice .scatterlayer .point", search["evaluations"])
    assert len(points) == search["evaluations"]
    opened.get(f"{study}/smartSelection")
    axes = {axis.text for axis in drawn(opened, "#plot-parallel-coordinate .axis-title", 2 + len(genes))}
    assert axes == {"loss", "macs", *genes}
    assert "absent" in str(opened.find_element(By.ID, "plot-parallel-coordinate").get_property("textContent"))
    assert nothing_left_the_machine(opened, served)
    # Of drawing without a GPU the browser says that it is slow.
    assert [complaint for complaint in complaints(opened) if "WebGL" not in complaint] == []


def test_every_network_of_the_front_has_a_note_and_a_diagram_and_curves_if_it_was_trained(
    served: Served,
) -> None:
    search, finalists = (served.run.read_result(phase) for phase in ("search", "finalists"))
    assert search is not None
    assert finalists is not None
    attributes = shown(served.run).get_study_system_attrs(served.studies["search"])
    notes = [key for key in attributes if key.endswith(":note_ver") and key != "dashboard:note_ver"]
    pictures = [key.split(":")[2:] for key in attributes if key.startswith("dashboard:artifacts:")]
    assert len(notes) == len(search["front"])
    trained = {row["genome"] for row in finalists["finalists"]} & {row["genome"] for row in search["front"]}
    files = Counter(
        json.loads(value)["filename"]
        for key, value in attributes.items()
        if key.startswith("dashboard:artifacts:")
    )
    assert trained
    assert files == {
        "architecture.png": len(notes),
        "curve.png": len(trained),
        "confusion-val-B.png": len(trained),
    }
    for trial, artifact in pictures:
        address = f"{served.address}/artifacts/{served.studies['search']}/{trial}/{artifact}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.read(8) == PNG


def test_notes_say_what_a_network_is_and_how_it_came_about(served: Served) -> None:
    storage = shown(served.run)
    for phase, words in (
        ("search", ["Accuracy on val-A", "95 % interval", "Latency", "Made by", "Generation", "Parents"]),
        (
            "finalists",
            ["Place", " of 3, by accuracy on val-B", "95 % interval", "by shared weights", "Made by"],
        ),
    ):
        attributes = storage.get_study_system_attrs(served.studies[phase])
        trials = [key.split(":")[1] for key in attributes if key.count(":") == 2 and key.endswith("note_ver")]
        assert trials
        for trial in trials:
            note = unescape(get_note_from_system_attrs(attributes, int(trial))["body"])
            note = note.replace("\u2011", "-").replace("\u00a0", " ")
            assert [word for word in ["Parameters, MACs", "Layers", *words] if word not in note] == []


def test_a_finalists_matrix_is_of_val_b(served: Served) -> None:
    finalists = served.run.read_result("finalists")
    assert finalists is not None
    attributes = shown(served.run).get_study_system_attrs(served.studies["finalists"])
    assert "".join(map(str, attributes.values())).count("confusion-val-B.png") == len(finalists["finalists"])
    for row in finalists["finalists"]:
        for curve in row["curves"]:
            matrix = np.array(curve["confusion"])
            assert matrix.sum() == row["val_pictures"]
            assert matrix.sum() - matrix.trace() == len(curve["wrong"])


def test_objectives_have_names_in_every_study(served: Served) -> None:
    named = {
        study.study_name: study.system_attrs["study:metric_names"]
        for study in open_storage(storage_url(served.run, None)).get_all_studies()
    }
    assert named == {"tiny/run/search": ["loss", "macs"], "tiny/run/finalists": ["val-B accuracy"]}


def test_what_cannot_change_any_more_is_answered_as_optuna_dashboard_does(
    served: Served, tmp_path: Path
) -> None:
    plain = optuna_dashboard.wsgi(shown(served.run))
    with serving(plain) as port:
        for study in served.studies.values():
            for asked in (f"/api/studies/{study}?after=0", f"/api/studies/{study}?after=9"):
                answers = []
                for address in (f"http://127.0.0.1:{port}", served.address, served.address):
                    with urllib.request.urlopen(f"{address}{asked}", timeout=30) as answer:
                        said = json.load(answer)
                    for gene in said["union_search_space"]:  # which optuna-dashboard has in any order
                        gene["distribution"]["choices"].sort(key=str)
                    said["union_search_space"].sort(key=str)
                    answers.append((answer.headers["Content-Type"], said))
                assert answers[0] == answers[1] == answers[2]


def test_the_record_itself_is_not_annotated(served: Served) -> None:
    stored = open_storage(storage_url(served.run, None))
    for study in stored.get_all_studies():
        assert not [key for key in study.system_attrs if key.startswith("dashboard:")]
    assert len(stored.get_all_studies()) == 2


def test_a_run_under_way_has_a_note_too(finished: Path, tmp_path: Path) -> None:
    run = RunDirectory.open(Path(shutil.copytree(finished, tmp_path / "run")))
    for phase in ("finalists", "final", "search"):
        (run.path / "results" / f"{phase}.json").unlink()
    storage = shown(run)
    search = storage.get_study_id_from_name("tiny/run/search")
    note = storage.get_study_system_attrs(search)["dashboard:note_str:0"]
    assert "The run has no winner yet." in note


def test_a_report_written_anew_is_served_whole(finished: Path, tmp_path: Path) -> None:
    run = RunDirectory.open(Path(shutil.copytree(finished, tmp_path / "run")))
    with serving(dashboard_of(run, open_storage(storage_url(run, None)))) as port:
        for written in ("a report", "a longer report", "one"):
            (run.path / "report" / "report.html").write_text(written)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/report", timeout=30) as answer:
                assert answer.read().decode() == written


PLANTED = (
    "<img id=planted src=x onerror=\"document.title='ran'\"><form id=planted action=//evil.example></form>"
)


def test_what_came_with_a_run_is_no_html_in_its_notes(opened: Chrome, finished: Path, tmp_path: Path) -> None:
    """A record that somebody has put HTML into: a note of its own, and what notes are made from."""
    run = RunDirectory.open(Path(shutil.copytree(finished, tmp_path / "run")))
    search = run.read_result("search")
    assert search is not None
    storage = open_storage(storage_url(run, None))
    studies = {s.study_name.rpartition("/")[2]: s._study_id for s in storage.get_all_studies()}
    storage.set_study_system_attr(studies["finalists"], "dashboard:note_str:0", f"Planted: {PLANTED}")
    storage.set_study_system_attr(studies["finalists"], "dashboard:note_ver", 2)
    with closing(sqlite3.connect(run.path / "study.db")) as database, database:
        for key, value in (("origin", PLANTED), ("parents", [PLANTED])):
            database.execute(
                "UPDATE trial_user_attributes SET value_json=? WHERE key=?", (json.dumps(value), key)
            )
    number = next(
        t.number
        for t in storage.get_all_trials(studies["search"])
        if t.user_attrs["genome"] == search["front"][0]["genome"]
    )
    with serving(dashboard_of(run, storage)) as port:
        for page, text in (
            (f"{studies['finalists']}/note", "Planted: <img"),
            (f"{studies['search']}/trials?numbers={number}", "Made by"),
        ):
            opened.get(f"http://127.0.0.1:{port}/dashboard/studies/{page}")
            assert shows(opened, text)
            assert shows(opened, "onerror")
            assert opened.find_elements(By.ID, "planted") == []
            assert opened.title != "ran"


def test_a_report_has_an_origin_of_its_own(opened: Chrome, finished: Path, tmp_path: Path) -> None:
    """A report.html that somebody else wrote reads nothing of the dashboard, and sends nothing."""
    run = RunDirectory.open(Path(shutil.copytree(finished, tmp_path / "run")))
    script = (
        "<title>begun</title><script>fetch('/api/studies').then(() => { document.title = 'read' }, "
        "() => { document.title = 'refused from ' + origin })</script>"
    )
    (run.path / "report" / "report.html").write_text(script)
    with serving(dashboard_of(run, open_storage(storage_url(run, None)))) as port:
        address = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{address}/report", timeout=30) as answer:
            policy, sniffed = (
                answer.headers["Content-Security-Policy"],
                answer.headers["X-Content-Type-Options"],
            )
        assert policy.startswith("sandbox allow-scripts; default-src 'none'")
        assert "allow-same-origin" not in policy
        assert sniffed == "nosniff"
        opened.get(f"{address}/report")
        WebDriverWait(opened, 60).until(lambda c: c.title == "refused from null")
    complaints(opened)
