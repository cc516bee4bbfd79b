"""Which code a run is made by: a hash of the suite's own source, and the commit, where that is known."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_CODE = {".py", ".j2", ".css", ".js"}
_SECONDS = 10  # that git is waited for


@dataclass(frozen=True)
class OwnCode:
    """As it is on the disk when it is first asked for."""

    source: str  # the first 12 digits of the sha256 of all its files of code
    commit: str | None  # where it lies in a clone
    changed: bool  # since that commit

    def to_json(self) -> dict[str, Any]:
        """As run.json has it."""
        return asdict(self)


@cache
def own_code() -> OwnCode:
    """This process's."""
    return code_in(_FOLDER)


def code_in(folder: Path) -> OwnCode:
    """That of a package in a folder; its commit only if the package itself is in git, not merely what it lies in."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.suffix in _CODE):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return OwnCode(digest.hexdigest()[:12], *_commit(folder))


def code_in_words(code: Mapping[str, Any] | None) -> str:
    """What run.json has, as text: `source 0123456789ab, commit cc84be8a1b2c, changed since`."""
    if code is None:
        return "code that an older suite did not keep"
    words = [f"source {code['source']}"]
    if code["commit"] is not None:
        words.append(f"commit {code['commit'][:12]}")
        words += ["changed since"] if code["changed"] else []
    return ", ".join(words)


def all_code_in_words(facts: Mapping[str, Any]) -> str:
    """Of a run.json, all that the run was made by, in the order it was gone on with."""
    return "; then ".join(map(code_in_words, [*facts.get("earlier_code", []), facts.get("code")]))


def _commit(folder: Path) -> tuple[str | None, bool]:
    """The commit, and whether the folder has changed since; none where git does not know both."""
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None, False
    commit, status = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--", ".")
    return (None, False) if commit is None or status is None else (commit, status != "")


def _git(folder: Path, *words: str) -> str | None:
    """What git says; None where it is not there, or says no."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        said = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()
