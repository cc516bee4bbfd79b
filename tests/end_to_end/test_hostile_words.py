"""Words that come from a study, a data set or a run's files are shown, and never read as markup, by any page."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from suite.errors import RunDirectoryError
from suite.export.card import WINNER, Measured, ModelFacts, Timed, model_card
from suite.report import publish_report, write_report
from suite.report.ablation_page import publish_ablation, write_ablation_page
from suite.run_directory import RunDirectory
from tests.conftest import refusal, rewrite_json
from tests.test_ablation import NEARLY, RISING, result_of

CLASSES = (
    "<script>alert(1)</script>",
    "a|b|c",
    "`code` ```` ~~~",
    "line\nbreak\r\n\n# a heading\n- a list",
    "[link](javascript:alert(2))",
    "![x](https://evil.example/x.png)",
    "https://evil.example www.evil.example me@evil.example",
    "<img src=x onerror=alert(3)><a href=//evil.example>",
    "**bold** _slanted_ ~~gone~~ $x^2$ \\ &lt;b&gt; <!--",
    "\x1b[31m\x00\u202ereversed\udcff",
)
MILD = "**bold** _slanted_ ~~gone~~ $x^2$ \\ &lt;b&gt; a<9 | # @me"  # hostile, but nothing that a file is refused for
SHOWS = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, where they lead, and what is read."""

    def __init__(self, page: str, *, is_html: bool = False) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: Counter[tuple[str, str]] = Counter()
        self.leads: list[str] = []
        self.text = ""
        self.feed(page if is_html else SHOWS.render(page))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes.update((tag, name) for name, _ in attrs)
        self.leads += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def in_a_line(name: str) -> str:
    """A name as it should be read: on one line, what cannot be seen marked."""
    return re.sub(r"[\x00-\x1f\u202e\udcff]", "\ufffd", " ".join(name.split()))


def bare_addresses(page: str) -> list[str]:
    """What GitHub would make a link of, without any markup."""
    return re.findall(r"(?:https?://|www\.|\w@)\S*evil\S*", page, re.IGNORECASE)


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunDirectory:
    """A finished run of our own."""
    shutil.copytree(finished, tmp_path / "run")
    return RunDirectory.open(tmp_path / "run")


@pytest.fixture
def hostile(run: RunDirectory) -> RunDirectory:
    """The same run on data whose every word is hostile."""
    facts = json.loads((run.path / "run.json").read_text())
    words = {
        "name": CLASSES[0],
        "source": CLASSES[6],
        "notes": [CLASSES[3]],
        "warnings": [CLASSES[4], CLASSES[7]],
    }
    dataset = {**facts["dataset"], **words, "classes": CLASSES}
    benign = {"notes": ["a note"], "warnings": ["a warning", "another"]}
    rewrite_json(run.path / "run.json", dataset={**facts["dataset"], **benign})
    shutil.copytree(run.path, run.path.with_name("benign"))
    device = {**facts["device"], "name": CLASSES[1], "system": MILD, "python": MILD, "matmul_precision": MILD}
    versions = dict.fromkeys(facts["versions"], MILD)
    code = {"source": MILD, "commit": MILD, "changed": True}
    made = {"device": device, "versions": versions, "code": code, "started": MILD}
    rewrite_json(run.path / "run.json", dataset=dataset, **made)
    search = json.loads((run.path / "results" / "search.json").read_text())
    failed = {**search["evaluated"][-1], "failure": CLASSES[7]}
    rewrite_json(run.path / "results" / "search.json", evaluated=[*search["evaluated"], failed])
    rewrite_json(run.path / "results" / "final.json", classes=CLASSES)
    study = run.path / "study.toml"
    name = json.dumps("`" * 6 + "\u202e </pre><script>")
    study.write_text(study.read_text().replace('name = "digits"', f"name = {name}"))
    entry = json.loads((run.path / "results" / "test_ledger.jsonl").read_text().splitlines()[0])
    entry |= {"why": CLASSES[7], "when": CLASSES[0]}
    (run.path / "results" / "test_ledger.jsonl").write_text(json.dumps(entry) + "\n")
    return run


def test_a_report_of_hostile_words_has_the_elements_of_any_other(hostile: RunDirectory) -> None:
    benign = Seen(write_report(RunDirectory(hostile.path.with_name("benign"))).read_text())
    page = write_report(hostile).read_text()
    seen = Seen(page)
    assert (seen.elements, seen.attributes) == (benign.elements, benign.attributes)
    assert seen.leads == benign.leads
    assert not {"a", "script", "del"} & set(seen.elements)
    assert [name for name in CLASSES if in_a_line(name) not in seen.text] == []
    assert bare_addresses(page) == []
    assert "\x1b" not in page


def test_the_same_report_as_html(hostile: RunDirectory) -> None:
    pages = [
        Seen(write_report(run).with_name("report.html").read_text(), is_html=True)
        for run in (RunDirectory(hostile.path.with_name("benign")), hostile)
    ]
    benign, seen = pages
    assert (seen.elements, seen.attributes) == (benign.elements, benign.attributes)
    assert "script" not in seen.elements
    assert all(lead.startswith(("#part-", "data:image/png;base64,")) for lead in seen.leads)
    assert [name for name in CLASSES if in_a_line(name) not in seen.text] == []


OF_OTHERS = {"dataset", "classes", "asked", "used", "study", "run", "storage", "failure"}
LIVE = "<img src=x onerror=alert(4)>"


def own_texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a file of a run has texts that are the suite's own, and keys."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if key not in OF_OTHERS and isinstance(inner, str):
            yield (*path, key)
        elif key not in OF_OTHERS and isinstance(inner, dict | list):
            yield from own_texts(inner, (*path, key))


def changed(value: Any, path: tuple[str | int, ...], text: str) -> Any:
    copy = dict(value) if isinstance(value, dict) else dict(enumerate(value))
    copy[path[0]] = text if len(path) == 1 else changed(copy[path[0]], path[1:], text)  # type: ignore[index]
    return copy if isinstance(value, dict) else list(copy.values())


def test_markup_in_any_word_of_the_suites_own_is_refused(run: RunDirectory) -> None:
    """Of each kind, `evaluated[0].genome` standing for all of them."""
    files = [run.path / "run.json", run.path / "results.json", *sorted((run.path / "results").glob("*.json"))]
    tried = set()
    for file in files:
        whole, name = file.read_text(), file.relative_to(run.path).as_posix()
        value = json.loads(whole)
        if "format_version" not in value:  # the choice before the test, which no page tells of
            continue
        value.pop("checksum")  # whoever changes a file can take it off
        for path in own_texts(value):
            kind = (name, *(key for key in path if isinstance(key, str)))
            if kind not in tried:
                tried.add(kind)
                file.write_text(json.dumps(changed(value, path, LIVE)))
                with pytest.raises(RunDirectoryError, match=r"holds markup \('<i'\).*Somebody changed it"):
                    run.read_json(name)
        file.write_text(json.dumps({**value, LIVE: 1}))
        with pytest.raises(RunDirectoryError, match="holds markup"):
            run.read_json(name)
        file.write_text(whole)
        assert run.read_json(name)
    assert len(tried) > 20
    assert ("results/search.json", "evaluated", "genome") in tried


@pytest.mark.parametrize(
    "text", [LIVE, "</td>", "<!--", "<?x", "`", "[a](b)", "http://a", "WWW.a", "\x1b[31m", "\u202e"]
)
def test_that_is_said_before_anything_is_shown(text: str, run: RunDirectory) -> None:
    rewrite_json(run.path / "results" / "final.json", genome=text)
    page = (run.path / "report" / "report.md").read_text()
    said = refusal("report", run.path)
    assert "final.json: genome holds markup" in said
    assert "get the run anew" in said
    assert (run.path / "report" / "report.md").read_text() == page


def test_a_published_report_of_hostile_words(hostile: RunDirectory, tmp_path: Path) -> None:
    write_report(hostile)
    winner = {**json.loads((hostile.path / "results.json").read_text())["winner"], "genome": CLASSES[1]}
    rewrite_json(hostile.path / "results.json", winner=winner)
    publish_report(hostile, tmp_path / "reports")
    index = Seen((tmp_path / "reports" / "README.md").read_text())
    assert index.leads == ["tiny/run/report.md"]
    assert CLASSES[1] in index.text


@pytest.fixture
def precious(tmp_path: Path) -> list[Path]:
    """Files that a report published elsewhere would take the place of."""
    files = [tmp_path / "precious" / "file", tmp_path / "reports" / "precious" / "file"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("kept")
    return files


@pytest.mark.parametrize("name", ["..", "../../precious", "/precious", "", ".", "a/../..", "c:precious"])
@pytest.mark.parametrize(("file", "key"), [("results.json", "study"), ("run.json", "run")])
def test_a_run_whose_files_lead_elsewhere_publishes_nothing(
    file: str, key: str, name: str, run: RunDirectory, precious: list[Path]
) -> None:
    """Publishing replaces the report's folder; a run from somebody else must not choose which."""
    rewrite_json(run.path / file, **{key: name})
    with pytest.raises(RunDirectoryError, match="no folder's name"):
        publish_report(run, run.path.parent / "reports")
    assert all(file.exists() for file in precious)


def test_that_is_said_at_the_door(run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite_json(run.path / "results.json", study="../..")
    monkeypatch.chdir(tmp_path)
    assert "no folder's name" in refusal("report", run.path, "--publish")


@pytest.fixture
def ablation(tmp_path: Path) -> tuple[RunDirectory, RunDirectory]:
    """Results of two ablations that differ in their words only: benign ones, and hostile ones."""
    runs = []
    for name, cells in (("benign", ["one", "two"]), ("hostile", [CLASSES[0], CLASSES[1]])):
        result = result_of({cells[0]: [NEARLY, RISING], cells[1]: [RISING, NEARLY]})
        if name == "hostile":
            result["name"], result["truth"] = "a_b", MILD
            result["device"] = {**result["device"], "name": CLASSES[1], "torch": MILD}
        for cell in result["cells"]:
            cell["overrides"] = [CLASSES[2] + CLASSES[1] if name == "hostile" else "seed=1"]
        run = RunDirectory.create(tmp_path / name)
        run.write_result("ablation", result)
        runs.append(run)
    return runs[0], runs[1]


def test_an_ablation_of_hostile_words(ablation: tuple[RunDirectory, RunDirectory]) -> None:
    benign, hostile = (Seen(write_ablation_page(run).read_text()) for run in ablation)
    assert hostile.elements == benign.elements
    assert hostile.leads == benign.leads
    assert CLASSES[2] + CLASSES[1] in hostile.text


def test_an_ablation_whose_name_leads_elsewhere(
    ablation: tuple[RunDirectory, RunDirectory], tmp_path: Path
) -> None:
    run = ablation[0]
    write_ablation_page(run)
    rewrite_json(run.path / "results" / "ablation.json", name="/../../precious")
    with pytest.raises(RunDirectoryError, match="no folder's name"):
        publish_ablation(run, tmp_path / "reports")


def test_a_model_card_of_hostile_words() -> None:
    def card(classes: tuple[str, ...], run: str, words: tuple[str, ...]) -> Seen:
        pixels = (0.5,), (0.2,)
        sizes = (100, 1_000)
        facts = ModelFacts(
            "8k3max-fc8",
            (1, 16, 16),
            classes,
            *pixels,
            "none",
            *sizes,
            WINNER,
            {"test": 0.9},
            "tiny",
            run,
            "0" * 64,
            test_pictures=20,
            dataset=words,
            notes=words,
        )
        page = model_card(facts, measured=Measured(latency=Timed(0.1, 1, 1, words[0], words[0])))
        assert bare_addresses(page) == []
        return Seen(page)

    benign, hostile = card(("a",) * len(CLASSES), "run", ("b",) * 3), card(CLASSES, CLASSES[4], CLASSES[6:9])
    assert hostile.elements == benign.elements
    assert hostile.leads == []
    assert [name for name in CLASSES if in_a_line(name) not in hostile.text] == []
