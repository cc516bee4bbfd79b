"""The pictures of docs/, taken of a small run: each is there, whole, and of what its name says."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from suite.run_directory import RunDirectory
from tests.browser import browser
from tests.conftest import ROOT
from tests.end_to_end.conftest import write_study
from tests.screenshots.__main__ import draw_terminal, shoot_dashboard, shoot_report


def test_every_picture_of_docs_is_taken_anew(walked: RunDirectory, tmp_path: Path) -> None:
    with browser() as opened:
        shoot_report(opened, walked, tmp_path)
        shoot_dashboard(opened, walked, tmp_path)
    taken = {path.name: np.asarray(Image.open(path).convert("L")) for path in tmp_path.iterdir()}
    assert set(taken) == {path.name for path in (ROOT / "docs").glob("*.png")}
    for name, pixels in taken.items():
        assert pixels.shape[1] > 1000, name
        assert pixels.std() > 10, f"{name} is all but empty"
    assert len({pixels.tobytes() for pixels in taken.values()}) == len(taken)


def test_a_terminal_is_drawn_in_the_middle_and_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    write_study(tmp_path / "studies").rename(tmp_path / "studies" / "digits.toml")
    draw_terminal(tmp_path / "studies", tmp_path)
    text = (tmp_path / "terminal.svg").read_text()
    middle, end = text.split("At its end, below the plan")
    assert re.search(r">Search<", middle)
    assert ">Winner" in end
    assert "suite search studies/digits.toml" in middle
    assert ElementTree.fromstring(text).get("aria-label")
