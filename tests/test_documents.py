"""What the documents name is there: files, folders, and the sections that links lead to."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.core import TyperGroup

from suite.cli.app import app
from suite.data import find_data, open_data
from suite.run_directory import RunDirectory
from suite.study import read_study
from suite.trials import open_storage
from tests.conftest import ROOT, refusal

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/python.md")
ADDED = ("a layer kind", "an objective", "a method", "a report section")


def anchors(document: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document: Path) -> list[tuple[Path, str]]:
    """Files and sections that a document's links and pictures lead to, but those on other sites."""
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text())
    inside = [target.partition("#") for target in targets if "://" not in target]
    return [(document.parent / path if path else document, section) for path, _, section in inside]


LINKED = [
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/**/*.md", "reports/**/*.md")
    for path in sorted(ROOT.glob(pattern))
    if links(path)
]


@pytest.mark.parametrize("document", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    assert [path for path, _ in links(document) if not path.exists()] == []
    assert [
        (path, section) for path, section in links(document) if section and section not in anchors(path)
    ] == []


def test_every_picture_of_docs_is_shown_or_linked() -> None:
    shown = {path for path, _ in links(ROOT / "README.md")}
    assert {path for path in (ROOT / "docs").iterdir() if path.suffix in (".png", ".svg")} <= shown


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").glob("*.svg")), ids=lambda path: path.name)
def test_drawn_pictures_are_whole_and_ask_no_network(picture: Path) -> None:
    root = ElementTree.fromstring(picture.read_text())
    assert root.get("aria-label")
    assert not re.search(r"href|url\(|@import", picture.read_text())


def test_what_contributors_are_sent_to_is_there() -> None:
    named = re.findall(r"`((?:suite|tests|benchmarks)/[\w/.]+)`", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("what", ADDED)
def test_the_readme_leads_to_how_to_add(what: str) -> None:
    section = f"how-to-add-{what.replace(' ', '-')}"
    more = (ROOT / "README.md").read_text().partition("\n## More\n")[2]
    assert f"[How to add {what}](CONTRIBUTING.md#{section})" in more
    assert section in anchors(ROOT / "CONTRIBUTING.md")


def told(document: str, program: str) -> list[str]:
    """What a document has people type: the words after the program, in backticks or on a line of their own."""
    text = (ROOT / document).read_text()
    lines = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^ {4}(.+)$", text, re.MULTILINE)
    commands = [command for line in lines for command in re.split(r"&& |  +#", line)]
    return [command.removeprefix(program) for command in commands if command.startswith(program)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_and_options_that_are_told_exist(document: str) -> None:
    commands = typer.main.get_command(app)
    assert isinstance(commands, TyperGroup)
    options = {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in commands.commands.items()
    }
    said = told(document, "suite ")
    assert said
    for words in said:
        name, *rest = words.split()
        if name.isupper() or name == "...":  # any of them
            continue
        wanted = {word.strip("[]").partition("=")[0] for word in rest if word.strip("[").startswith("--")}
        assert wanted <= options[name] | {"--help"}, words
    if document == "README.md":
        assert {words.split()[0] for words in said} >= options.keys()


def test_error_messages_among_the_questions_are_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = (ROOT / "README.md").read_text().partition("\n## Questions people ask\n")[2]
    quoted = re.findall(r"^\*\*`(.+)`\.\*\*", questions, re.MULTILINE)
    for variable in ("SUITE_DATA_DIR", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    digits, run = ROOT / "studies" / "digits.toml", RunDirectory.create(tmp_path / "run")
    run.write_json("run.json", {"run": "run", "storage": None})
    (run.path / "study.toml").write_bytes(digits.read_bytes())
    open_storage(f"sqlite:///{run.path / 'study.db'}")
    for label in ("elm", "oak"):
        (tmp_path / "leaves" / label).mkdir(parents=True)
        (tmp_path / "leaves" / label / "1.png").write_bytes(b"no picture")
    with socket.create_server(("127.0.0.1", 0)) as taken, run.locked():
        caused = [
            refusal("search", ROOT / "studies" / "cifar10.toml"),
            refusal("search", digits, "--set", "data.name=./leaves"),
            refusal("search", digits, "--set", "search.populaton=60"),
            refusal("references", run.path),
            refusal("report"),
            refusal("dashboard", run.path, "--port", taken.getsockname()[1]),
        ]
    assert len(quoted) == len(caused), "cause the new one as well"
    for message, said in zip(quoted, caused, strict=True):
        assert message in said


def test_what_the_readme_shows_of_the_digits_is_what_is_said_of_them() -> None:
    study = read_study(ROOT / "studies" / "digits.toml")
    data = open_data(study.data, find_data(study.data))
    said = (*data.provenance.notes, *data.warnings)
    assert len(said) == 3
    shown = re.findall(r"^Note: (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert shown == list(said)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_sessions_that_are_told_exist(document: str) -> None:
    noxfile = (ROOT / "noxfile.py").read_text()
    sessions = {
        name.replace("_", "-") for name in re.findall(r"^@nox\.session.*\ndef (\w+)", noxfile, re.MULTILINE)
    }
    named = {words.split()[0] for words in told(document, "nox -s ")} - {"..."}
    assert named <= sessions | {name.replace("-", "_") for name in sessions}
    if document == "README.md":
        table = re.findall(r"^\| (`[\w`, -]+`) \|", (ROOT / document).read_text(), re.MULTILINE)
        assert sessions <= set(re.findall(r"[\w-]+", " ".join(table)))
