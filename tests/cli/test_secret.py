"""A password given on the command line is not there for long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from suite.cli.secret import has_password, without_storage
from suite.study import study_toml, validate_study
from tests.conftest import ROOT, tiny_table

PASSWORD = "s3cret-on-the-line"


@pytest.mark.parametrize(
    ("words", "left", "urls"),
    [
        (["search", "a.toml"], ["search", "a.toml"], []),
        (["search", "--storage", "u", "a.toml"], ["search", "a.toml"], ["u"]),
        (["bench", "--storage=u", "x", "--storage", "v"], ["bench", "x"], ["u", "v"]),
        (["search", "--storage"], ["search", "--storage"], []),
    ],
)
def test_storages_are_found_among_the_words(words: list[str], left: list[str], urls: list[str]) -> None:
    assert without_storage(words) == (left, urls)


@pytest.mark.parametrize(
    ("url", "has"),
    [
        ("postgresql://me:pw@host/db", True),
        ("postgresql+psycopg://host/db?user=me&password=pw", True),
        ("postgresql://me:pw@[host/db", True),
        ("postgresql://me:a/b?c#d@host/db", True),
        ("postgresql://me:a@b@host/db", True),
        ("postgresql+psycopg://host:5432/db", False),
        ("postgresql://me@host/db", False),
        ("journal:a.log", False),
        ("sqlite:///a.db", False),
    ],
)
def test_a_password_is_recognised(url: str, has: bool) -> None:
    assert has_password(url) is has


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads command lines from /proc")
@pytest.mark.parametrize("spelt", ["--storage {}", "--storage={}"])
def test_the_list_of_processes_does_not_show_it(tmp_path: Path, spelt: str) -> None:
    """The suite looks at its own line, where it would read its study."""
    study = tmp_path / "tiny.toml"
    study.write_text(study_toml(validate_study(tiny_table(), where="tiny")))
    script = tmp_path / "look.py"
    script.write_text(
        "from pathlib import Path\nimport suite.cli.search as search\n"
        "def say(study_file, overrides): print(Path('/proc/self/cmdline').read_bytes()); raise SystemExit(0)\n"
        "search.read_study = say\nfrom suite.cli import main\nmain()\n"
    )
    words = spelt.format(f"postgresql://me:{PASSWORD}@127.0.0.1:1/none").split()
    looked = subprocess.run(
        [sys.executable, str(script), "search", "tiny.toml", *words, "--quiet"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "tiny.toml" in looked.stdout
    assert "--quiet" in looked.stdout
    assert PASSWORD not in looked.stdout + looked.stderr
