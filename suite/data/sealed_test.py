"""The sealed test: its pictures are handed out only for what was written down before, and each time is recorded.

It guards against accident and against looking twice without saying so, not against somebody set on cheating.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from suite.atomic import written
from suite.data.splits import Split
from suite.errors import SealedTestError
from suite.run_directory import utc_now


@dataclass(frozen=True)
class WrittenChoice:
    """What was decided before the test: the winner's genome, seeds, recipe, and which networks may be tested."""

    genome: str
    seeds: tuple[int, ...]
    recipe: Mapping[str, Any]
    declared: tuple[str, ...]  # "winner", and the names of reference networks

    @property
    def sha256(self) -> str:
        """Of the choice as canonical JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, allow_nan=False).encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Write the choice; writing the same one again changes nothing.

        Raises:
            SealedTestError: another choice is there already, or an edited one.
        """
        if path.exists():
            if WrittenChoice.read(path).sha256 == self.sha256:
                return
            raise SealedTestError(
                "holds another choice, and a choice once written stands.",
                where=str(path),
                remedy="Begin a new run to choose anew.",
            )
        text = json.dumps({**asdict(self), "sha256": self.sha256}, indent=1, allow_nan=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        with written(path) as file:
            file.write(text.encode() + b"\n")

    @classmethod
    def read(cls, path: Path) -> WrittenChoice:
        """Read a written choice.

        Raises:
            SealedTestError: there is none, or it was edited since.
        """
        try:
            values = json.loads(path.read_bytes())
            claimed = values.pop("sha256")
            choice = cls(
                values.pop("genome"),
                tuple(values.pop("seeds")),
                values.pop("recipe"),
                tuple(values.pop("declared")),
            )
            whole = not values and choice.sha256 == claimed
        except FileNotFoundError:
            raise SealedTestError(
                "no choice has been written.",
                where=str(path),
                remedy="Write the choice (WrittenChoice.write) before the test is opened.",
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise SealedTestError(
                "is not as it was written (its sha256 does not fit its contents).",
                where=str(path),
                remedy="Restore the file, or begin a new run.",
            )
        return choice


@dataclass(frozen=True)
class LedgerEntry:
    """One time the test pictures were handed out."""

    network: str
    seed: int
    when: str  # UTC, ISO 8601
    why: str
    choice: str  # sha256


class SealedTest:
    """The test pictures of a data set, behind a written choice."""

    def __init__(self, split: Split) -> None:
        self.__split = split

    def __len__(self) -> int:
        return len(self.__split)

    def open(self, choice_path: Path, ledger: Path) -> OpenTest:
        """Open the test for the choice written at `choice_path`; what is tested is recorded in `ledger`.

        Raises:
            SealedTestError: the choice was not written, or was edited since.
        """
        return OpenTest(WrittenChoice.read(choice_path), ledger, self.__split)


class OpenTest:
    """The test, opened for one choice."""

    def __init__(self, choice: WrittenChoice, ledger: Path, split: Split) -> None:
        self.choice = choice
        self.ledger = ledger
        self.__split = split

    def pictures_for(self, network: str, seed: int, why: str) -> Split:
        """The test pictures, to evaluate one network trained with one seed; recorded before they are returned.

        Raises:
            SealedTestError: the choice declares no such network or seed, or the ledger cannot be written.
        """
        declared = (("network", network, self.choice.declared), ("seed", seed, self.choice.seeds))
        for what, value, allowed in declared:
            if value not in allowed:
                raise SealedTestError(
                    f"{what} {value!r} is not declared in the choice, which has {', '.join(map(repr, allowed))}.",
                    where="the sealed test",
                    remedy="What is tested is declared before the test is opened; begin a new run to add to it.",
                )
        _append(self.ledger, LedgerEntry(network, int(seed), utc_now(), why, self.choice.sha256))
        return self.__split


def read_ledger(path: Path) -> list[LedgerEntry]:
    """Every recorded evaluation on the test pictures, in order; none if there is no ledger.

    A last line that was cut short is left out: its pictures were never handed out.

    Raises:
        SealedTestError: a line is damaged.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(LedgerEntry(**json.loads(line)))
        except (ValueError, TypeError):
            raise SealedTestError(
                f"line {number} is no entry of a ledger.", where=str(path), remedy="Restore the file."
            ) from None
    return entries


def _append(ledger: Path, entry: LedgerEntry) -> None:
    """Add one line for good: it is on the disk when this returns."""
    line = json.dumps(asdict(entry)).encode() + b"\n"
    try:
        ledger.parent.mkdir(parents=True, exist_ok=True)
        with ledger.open("a+b") as file:
            file.seek(0)
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)  # the rest is an entry cut short, whose pictures were never handed out
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SealedTestError(
            f"cannot be written ({error.strerror}), and nothing is tested unrecorded.", where=str(ledger)
        ) from None
