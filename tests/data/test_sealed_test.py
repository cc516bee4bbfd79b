"""The sealed test: opened by a written choice only, and every use of it recorded first."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import torch

from suite.data import LedgerEntry, SealedTest, Split, WrittenChoice, read_ledger
from suite.errors import SealedTestError

CHOICE = WrittenChoice("d1-f4k3max-u8", (0, 1), {"epochs": 5, "rates": [0.1]}, ("winner", "hand-made"))
PICTURES = Split(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1, 0]))


@pytest.fixture
def choice_file(tmp_path: Path) -> Path:
    CHOICE.write(tmp_path / "results" / "choice.json")
    return tmp_path / "results" / "choice.json"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "results" / "test_ledger.jsonl"


def test_a_choice_reads_back(choice_file: Path) -> None:
    assert WrittenChoice.read(choice_file) == CHOICE
    assert list(choice_file.parent.iterdir()) == [choice_file]


def test_the_same_choice_may_be_written_again(choice_file: Path) -> None:
    before = choice_file.read_bytes()
    CHOICE.write(choice_file)
    assert choice_file.read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [{"genome": "other"}, {"seeds": (0,)}, {"recipe": {}}, {"declared": ("winner", "hand-made", "one more")}],
)
def test_another_choice_is_not_written_over_it(choice_file: Path, change: dict[str, object]) -> None:
    with pytest.raises(SealedTestError, match="holds another choice"):
        replace(CHOICE, **change).write(choice_file)  # type: ignore[arg-type]
    assert WrittenChoice.read(choice_file) == CHOICE


def edits() -> dict[str, object]:
    return {
        "genome": "other",
        "seeds": [0, 1, 2],
        "declared": ["winner", "late"],
        "sha256": "0" * 64,
        "extra": 1,
    }


@pytest.mark.parametrize("key", sorted(edits()))
def test_an_edited_choice_opens_nothing(choice_file: Path, ledger: Path, key: str) -> None:
    choice_file.write_text(json.dumps({**json.loads(choice_file.read_text()), key: edits()[key]}))
    with pytest.raises(SealedTestError, match="is not as it was written"):
        SealedTest(PICTURES).open(choice_file, ledger)
    with pytest.raises(SealedTestError, match="is not as it was written"):
        CHOICE.write(choice_file)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"sha256": 1}', "\x00"])
def test_a_damaged_choice_opens_nothing(choice_file: Path, ledger: Path, content: str) -> None:
    choice_file.write_text(content)
    with pytest.raises(SealedTestError, match="is not as it was written"):
        SealedTest(PICTURES).open(choice_file, ledger)


def test_no_choice_opens_nothing(tmp_path: Path, ledger: Path) -> None:
    with pytest.raises(SealedTestError, match="no choice has been written"):
        SealedTest(PICTURES).open(tmp_path / "choice.json", ledger)


def test_each_use_is_recorded(choice_file: Path, ledger: Path) -> None:
    test = SealedTest(PICTURES).open(choice_file, ledger)
    assert read_ledger(ledger) == []
    assert test.pictures_for("winner", 0, "the one test") is PICTURES
    test.pictures_for("hand-made", 1, "to compare")
    first, second = read_ledger(ledger)
    assert first == LedgerEntry("winner", 0, first.when, "the one test", CHOICE.sha256)
    assert (second.network, second.seed, second.why) == ("hand-made", 1, "to compare")
    assert datetime.fromisoformat(first.when).utcoffset() is not None


@pytest.mark.parametrize(("network", "seed"), [("random-3", 0), ("winner", 7)])
def test_what_was_not_declared_is_refused_unrecorded(
    choice_file: Path, ledger: Path, network: str, seed: int
) -> None:
    test = SealedTest(PICTURES).open(choice_file, ledger)
    with pytest.raises(SealedTestError, match="is not declared in the choice"):
        test.pictures_for(network, seed, "curious")
    assert read_ledger(ledger) == []


def test_nothing_is_handed_out_when_it_cannot_be_recorded(choice_file: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "a-folder"
    ledger.mkdir(mode=stat.S_IRWXU)
    with pytest.raises(SealedTestError, match="nothing is tested unrecorded"):
        SealedTest(PICTURES).open(choice_file, ledger).pictures_for("winner", 0, "the one test")


def test_a_line_cut_short_by_a_crash_is_dropped(choice_file: Path, ledger: Path) -> None:
    test = SealedTest(PICTURES).open(choice_file, ledger)
    test.pictures_for("winner", 0, "the one test")
    ledger.write_bytes(ledger.read_bytes() + b'{"network": "win')
    assert len(read_ledger(ledger)) == 1
    test.pictures_for("winner", 1, "another seed")
    assert [entry.seed for entry in read_ledger(ledger)] == [0, 1]


def test_a_damaged_ledger_is_said(ledger: Path) -> None:
    ledger.parent.mkdir()
    ledger.write_text('{"network": "winner"}\n')
    with pytest.raises(SealedTestError, match="line 1 is no entry"):
        read_ledger(ledger)
