"""What the documents name is there: files, folders, and the sections that links lead to."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.core import TyperGroup

from suite.cli.app import app
from tests.conftest import ROOT

DOCUMENTS = ("README.md", "CONTRIBUTING.md")
ADDED = ("a layer kind", "an objective", "a method", "a report section")


def anchors(document: str) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / document).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", (ROOT / document).read_text())
    inside = [target.partition("#") for target in targets if "://" not in target]
    assert inside
    assert [path for path, _, _ in inside if path and not (ROOT / path).exists()] == []
    sections = [(path or document, section) for path, _, section in inside if section]
    assert [(path, section) for path, section in sections if section not in anchors(path)] == []


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
    assert section in anchors("CONTRIBUTING.md")


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
