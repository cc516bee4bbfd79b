"""What the sources may not do, so that nobody's text becomes markup by a way around the doors: read, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SUITE = ROOT / "suite"
SOURCES = sorted(SUITE.rglob("*.py"))
PAGES = sorted([*(SUITE / "report").rglob("*.py"), *(SUITE / "dashboard").rglob("*.py")])
TEMPLATES = sorted((SUITE / "report" / "templates").glob("*.j2"))

ONLY_IN = {  # what makes markup of a text, or reads one past a door: in these files, each for a reason of its own
    "Markup": {"report/explorer.py", "report/html_page.py", "report/page.py"},  # HTML that is our own
    "Markdown": {"report/page.py", "report/sections/*"},
    "MarkdownIt": {"report/html_page.py"},
    "Environment": {"report/filled.py"},
    "json.loads": {  # a run's results are read by the first of them alone
        "run_directory.py",
        "run_lock.py",  # the holder's name, and
        "data/sealed_test.py",  # the ledger, which are escaped where they are shown
        "data/cache.py",
        "storages/journal.py",
        "ask/from_timings.py",
        "export/folder.py",
        "export/front.py",
        "export/time_models.py",
    },
}


def called(source: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))


def makers(source: str, name: str) -> list[str]:
    """Calls of a function, or of a class, by the end of its name."""
    return [ast.unparse(call) for call in called(source) if f".{ast.unparse(call.func)}".endswith(f".{name}")]


def bare_fields(source: str) -> Iterator[str]:
    """Fields of a run's files, `row["genome"]`, put into a text as they are; a format such as `.2f` refuses words."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue) and node.format_spec is None and _is_field(node.value):
            yield ast.unparse(node.value)
    for call in called(source):
        if ast.unparse(call.func) == "str" and any(map(_is_field, call.args)):
            yield ast.unparse(call)


def _is_field(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    )


def unescaped(template: str) -> bool:
    """Whether a template takes something as markup by saying so."""
    return any(word in template.replace(" ", "") for word in ("|safe", "autoescapefalse", "Markup("))


@pytest.mark.parametrize("name", ONLY_IN)
def test_what_makes_markup_of_a_text_is_where_it_is_known(name: str) -> None:
    using = {path.relative_to(SUITE) for path in SOURCES if makers(path.read_text(encoding="utf-8"), name)}
    assert {str(path) for path in using if not any(path.match(known) for known in ONLY_IN[name])} == set()
    assert using, "the check looks for what is there"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(SUITE)))
def test_no_field_of_a_run_goes_bare_into_a_page(path: Path) -> None:
    assert list(bare_fields(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_says_that_a_text_is_markup(path: Path) -> None:
    assert not unescaped(path.read_text(encoding="utf-8"))


def test_markdown_of_a_run_has_no_html_in_the_page() -> None:
    (call,) = makers((SUITE / "report" / "html_page.py").read_text(encoding="utf-8"), "MarkdownIt")
    assert "{'html': False}" in call


@pytest.mark.parametrize(
    "source",
    ["f\"`{row['genome']}`\"", "f\"{a.b['c']['d']}\"", "str(row['seed'])", "text = f'a {x} {y[\"z\"]}'"],
)
def test_a_bare_field_is_seen(source: str) -> None:
    assert list(bare_fields(source))


@pytest.mark.parametrize(
    "source", ["f\"{escaped(row['a'])}\"", "f\"{row['loss']:.4f}\"", "row['a']", "str(row)", "f'{x[1]}'"]
)
def test_a_field_that_is_dressed_is_not(source: str) -> None:
    assert list(bare_fields(source)) == []


@pytest.mark.parametrize("template", ["{{ body|safe }}", "{{ body | safe }}", "{% autoescape false %}"])
def test_a_template_that_does_is_seen(template: str) -> None:
    assert unescaped(template)


@pytest.mark.parametrize(
    "source", ["json.loads(path.read_bytes())", "markupsafe.Markup(text)", "Markup(text)"]
)
def test_a_way_around_a_door_is_seen(source: str) -> None:
    assert any(makers(source, name) for name in ONLY_IN)
