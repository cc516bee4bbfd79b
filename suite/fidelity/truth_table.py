"""The truth table: networks trained by themselves, and how good each was on val-B after some of its epochs.

Two files: NAME.csv, one row per reading, and NAME.json, the regime under which all of them were trained. They are
small and belong to a data set, not to a run, so that any later supernet is measured in seconds. The first row of the
CSV is a checksum, by which damage to either file is noticed; older ones have none.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import filelock
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from suite.atomic import written
from suite.errors import FidelityError
from suite.study import DataSettings, SpaceSettings, StudySettings

TRUTH = Path("benchmarks/truth")

Drawn = Literal["uniform", "top", "winner"]
"""Who named the network: the fixed draw, a supernet (its favourite), a run (its winner).

Only those of the fixed draw say how well a supernet ranks.
"""

_CHECKSUM = "checksum"  # in the place of a draw
_DRAWN: dict[str, Drawn] = {"uniform": "uniform", "top": "top", "winner": "winner"}


class Regime(BaseModel, extra="forbid", frozen=True):
    """What a truth is the truth of: the pictures, the space, and the recipe of the trainings."""

    data: DataSettings
    sha256: str
    space: SpaceSettings
    learning_rate: float
    batch_size: int
    epochs: int
    train_images: int

    @property
    def name(self) -> str:
        """Of the table's files, such as `cifar10-10x10000`."""
        data = re.sub(r"[^A-Za-z0-9_-]+", "-", self.data.name)[
            -100:
        ]  # a path may be longer than a file's name
        return f"{data}-{self.epochs}x{self.train_images}"


@dataclass(frozen=True, order=True)
class Reading:
    """One network, trained from one seed, on val-B after one of its epochs."""

    drawn: Drawn
    genome: str
    seed: int
    epoch: int
    val_loss: float
    val_accuracy: float
    seconds: float  # of training so far


class TruthTable:
    """All readings under one regime."""

    def __init__(self, regime: Regime, readings: Iterable[Reading] = ()) -> None:
        self.regime = regime
        self._readings = {(r.genome, r.seed, r.epoch): r for r in readings}

    @property
    def readings(self) -> list[Reading]:
        """In a fixed order."""
        return sorted(self._readings.values())

    def add(self, readings: Iterable[Reading]) -> None:
        """Take readings in; one that is there already stays."""
        for reading in readings:
            self._readings.setdefault((reading.genome, reading.seed, reading.epoch), reading)

    def has(self, genome: str, seed: int) -> bool:
        """Whether a network was trained from that seed to the last epoch."""
        return (genome, seed, self.regime.epochs) in self._readings

    def seeds(self, drawn: Drawn = "uniform") -> list[int]:
        """The seeds from which every network in the table was trained, if any."""
        trained = self._trained(drawn)
        return sorted(set.intersection(*trained.values())) if trained else []

    def rectangle(self) -> tuple[list[str], list[int]]:
        """Networks of the even draw, and seeds from all of which each was trained: the choice with most trainings.

        While a table grows, or after two calls that asked for different seeds, not every network has every seed.
        """
        trained = self._trained("uniform")
        counts = Counter(seed for seeds in trained.values() for seed in seeds)
        by_count = [seed for seed, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
        choices = []
        for many in range(1, len(by_count) + 1):
            seeds = sorted(by_count[:many])
            choices.append((sorted(g for g, own in trained.items() if own.issuperset(seeds)), seeds))
        return max(choices, key=lambda choice: len(choice[0]) * len(choice[1]), default=([], []))

    def count_as_uniform(self, genomes: Collection[str]) -> None:
        """Have favourites and winners count as drawn evenly, now that the even draw has come to them."""
        for key, reading in self._readings.items():
            if reading.genome in genomes:
                self._readings[key] = replace(reading, drawn="uniform")

    def networks(self, drawn: Drawn = "uniform") -> list[str]:
        """The genomes that were trained to the last epoch from at least one seed, in a fixed order."""
        return sorted(self._trained(drawn))

    def values(
        self,
        networks: Sequence[str],
        seeds: Sequence[int],
        *,
        epoch: int | None = None,
        of: Literal["val_accuracy", "val_loss", "seconds"] = "val_accuracy",
    ) -> NDArray[np.float64]:
        """(N, S) accuracy or cross-entropy on val-B after an epoch (the last, if None), or seconds until then.

        Raises:
            KeyError: a network was not read after that epoch.
        """
        epoch = epoch or self.regime.epochs
        return np.array([[getattr(self._readings[g, s, epoch], of) for s in seeds] for g in networks])

    def write(self, folder: Path) -> Path:
        """Write both files, atomically, with what another process has put there meanwhile; returns the CSV's path.

        A stop between the two leaves a table as it was, or none: one is there once its regime is, which stays as it
        was written first.

        Raises:
            FidelityError: the table there is damaged, or of another regime.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / f".{self.regime.name}.lock"):
            there = open_table(self.regime, folder)
            self.regime = there.regime
            self.add(there.readings)
            self.count_as_uniform({r.genome for r in there.readings if r.drawn == "uniform"})
            return self._write(folder / f"{self.regime.name}.csv")

    def _write(self, path: Path) -> Path:
        regime = path.with_suffix(".json")
        rows = [_short(reading) for reading in self.readings]
        text = io.StringIO()
        table = csv.DictWriter(text, [field.name for field in fields(Reading)], lineterminator="\n")
        table.writeheader()
        table.writerow({"drawn": _CHECKSUM, "genome": _checksum(_as_written(self.regime), rows)})
        table.writerows(rows)
        with written(path) as file:
            file.write(text.getvalue().encode())
        if not regime.exists():
            with written(regime) as file:
                file.write(json.dumps(_as_written(self.regime), indent=1).encode() + b"\n")
        return path

    def _trained(self, drawn: Drawn) -> dict[str, set[int]]:
        trained: dict[str, set[int]] = {}
        for (genome, seed, epoch), reading in self._readings.items():
            if epoch == self.regime.epochs and reading.drawn == drawn:
                trained.setdefault(genome, set()).add(seed)
        return trained


def regime_of(study: StudySettings, sha256: str, epochs: int, train_images: int) -> Regime:
    """The regime of a study's standalone trainings, for so many epochs on so many pictures."""
    regime = Regime(
        data=study.data,
        sha256=sha256,
        space=study.space,
        learning_rate=study.supernet.learning_rate,
        batch_size=study.supernet.batch_size,
        epochs=epochs,
        train_images=train_images,
    )
    return Regime.model_validate(regime.model_dump())  # with every key set, and so written


def open_table(regime: Regime, folder: Path) -> TruthTable:
    """The table of a regime; empty if there is none yet.

    Raises:
        FidelityError: a table of that name is of another regime (names the difference), or is damaged.
    """
    path = folder / f"{regime.name}.json"
    if not path.exists():
        return TruthTable(regime)
    table = read_table(path)
    then, now = table.regime.model_dump(), regime.model_dump()
    differing = [f"{key}: {then[key]!r} there, {now[key]!r} here" for key in now if then[key] != now[key]]
    if differing:
        raise FidelityError(
            "is of another regime (" + "; ".join(differing) + ").",
            where=str(path),
            remedy="Use the table's own settings, or another folder (--truth DIR).",
        )
    return table


def read_table(path: Path) -> TruthTable:
    """Read NAME.json and NAME.csv back; `path` is either.

    Raises:
        FidelityError: a file is missing or damaged.
    """
    try:
        regime = Regime.model_validate_json(path.with_suffix(".json").read_bytes())
        with path.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return TruthTable(regime, map(_reading, _checked(_as_written(regime), rows)))
    except (OSError, KeyError, TypeError, ValueError, ValidationError, csv.Error) as error:
        raise FidelityError(f"is no truth table: {error}.", where=str(path)) from None


def _as_written(regime: Regime) -> dict[str, Any]:
    """What its file says: without keys that came later."""
    return regime.model_dump(mode="json", exclude_unset=True)


def _checked(regime: Any, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows after that of the checksum, which they are held against.

    Raises:
        ValueError: they or the regime are not what was written.
    """
    if rows and rows[0]["drawn"] != _CHECKSUM:  # of an older suite
        return rows
    if not rows or rows[0]["genome"] != _checksum(regime, rows[1:]):
        raise ValueError("it is damaged or was changed. Restore it, or delete both files and make it again")
    return rows[1:]


def _checksum(regime: Any, rows: Sequence[dict[str, str]]) -> str:
    """Of all that both files say."""
    return hashlib.sha256(json.dumps([regime, rows], sort_keys=True).encode()).hexdigest()


def _short(reading: Reading) -> dict[str, str]:
    """Digits beyond what 5,000 pictures can tell only make the file large."""
    row = {name: str(value) for name, value in asdict(reading).items()}
    return row | {
        "val_loss": f"{reading.val_loss:.6f}",
        "val_accuracy": f"{reading.val_accuracy:.6f}",
        "seconds": f"{reading.seconds:.1f}",
    }


def _reading(row: dict[str, str]) -> Reading:
    if row["drawn"] not in _DRAWN:
        raise ValueError(f"{row['drawn']!r} is no draw")
    return Reading(
        _DRAWN[row["drawn"]],
        row["genome"],
        int(row["seed"]),
        int(row["epoch"]),
        float(row["val_loss"]),
        float(row["val_accuracy"]),
        float(row["seconds"]),
    )
