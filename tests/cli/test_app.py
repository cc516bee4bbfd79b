"""The command line as a whole: what it says of itself."""

from __future__ import annotations

import re

import pytest

import suite
from suite.cli import main
from suite.cli.app import COMMANDS
from suite.cli.options import starting


def printed(words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("sys.argv", ["suite", *words])
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    return capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed(["--version"], capsys, monkeypatch) == f"nas-suite {suite.__version__}\n"


def test_every_command_has_a_whole_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = printed(["--help"], capsys, monkeypatch)
    for command, _ in COMMANDS:
        (line,) = re.findall(rf"^  {command.__name__} +(.*)$", text, re.MULTILINE)
        assert re.fullmatch(r".*[^.]\.", line), f"click cuts what is too long for a terminal: {line}"


def test_examples_stand_one_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = printed(["predict", "--help"], capsys, monkeypatch)
    _, _, examples = text.partition("Examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert len(lines) == 3
    assert all(line.startswith("suite predict ") for line in lines)


def test_that_a_command_is_starting_is_said_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with starting():
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes anything for a terminal
    with starting("Comparing"):
        pass
    said = capsys.readouterr().err
    assert "Comparing ..." in said
    assert said.endswith("\x1b[2K")  # and wiped away
