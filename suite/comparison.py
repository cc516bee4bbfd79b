"""Finished runs side by side: which are one study from several seeds, what differs, and who is right where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np

from suite.accuracy_interval import accuracy_interval
from suite.errors import RunDirectoryError
from suite.own_code import all_code_in_words
from suite.paired_test import PairedTest, Right, holm, mcnemar, right_of
from suite.run_directory import RunDirectory
from suite.study import StudySettings, read_study
from suite.used_study import study_asked_for


@dataclass(frozen=True)
class FinishedRun:
    """A run with a tested winner, as its files tell it."""

    run_id: str
    study: StudySettings  # as used: shorter than asked for, under a time budget
    facts: dict[str, Any]  # run.json
    results: dict[str, Any]  # results.json
    search: dict[str, Any]
    final: dict[str, Any]
    asked: str  # all that makes two runs the same but for their seeds

    @property
    def pictures(self) -> int:
        """How many it was tested on."""
        return len(self.final["predicted"])

    @property
    def accuracy(self) -> float:
        """Of the winner on the test pictures."""
        return float(self.results["test"]["eval_accuracy"])

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the accuracy."""
        return accuracy_interval(self.accuracy, self.pictures)

    @property
    def latency_ms(self) -> float:
        """The winner's, in the median."""
        return float(self.results["winner"]["latency_ms"]["median"])

    @property
    def seconds(self) -> dict[str, float]:
        """By phase, and in all as `total`."""
        return dict(self.results["search"]["seconds"])

    @property
    def test_pictures(self) -> tuple[str, int | None]:
        """Two runs with the same were tested on the same pictures, in the same order."""
        dataset = self.facts["dataset"]
        own_test = dataset.get("own_test", False)  # older runs do not say
        return dataset["sha256"], None if own_test else self.study.data.split_seed

    @property
    def right(self) -> Right | None:
        """(pictures,) whether the winner has each test picture right; None if the run is too old to have it."""
        return right_of(self.final["wrong"], self.pictures) if "wrong" in self.final else None


@dataclass(frozen=True)
class Group:
    """Runs of the same study on the same pictures, from one or more seeds."""

    name: str
    runs: tuple[FinishedRun, ...]

    def label(self, run: FinishedRun) -> str:
        """What to call a run of this group."""
        if len(self.runs) == 1:
            return self.name
        twice = Counter(other.study.seed for other in self.runs)[run.study.seed] > 1
        return f"{self.name}, seed {run.study.seed}" + (f" ({run.run_id})" if twice else "")

    def spread(self, value: Callable[[FinishedRun], float]) -> Spread:
        """Of a value over the runs."""
        values = [value(run) for run in self.runs]
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return Spread(float(np.mean(values)), deviation, min(values), max(values))


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation and range over seeds."""

    mean: float
    deviation: float
    least: float
    most: float


@dataclass(frozen=True)
class Verdict:
    """Two winners on the same test pictures."""

    first: str
    second: str
    difference: float  # accuracy of the first minus that of the second
    test: PairedTest
    corrected: float  # p-value after Holm's correction over all pairs of the comparison


@dataclass(frozen=True)
class Comparison:
    """Groups of runs, two runs at least."""

    groups: tuple[Group, ...]

    def labelled(self) -> Iterator[tuple[str, FinishedRun]]:
        """Every run, by what it is called."""
        return ((group.label(run), run) for group in self.groups for run in group.runs)


def compare_runs(runs: Sequence[RunDirectory]) -> Comparison:
    """Read runs and put those of the same study together; one named twice counts once.

    Raises:
        RunDirectoryError: fewer than two runs, one without a tested winner, or one whose files are damaged.
    """
    distinct = list({run.path: run for run in runs}.values())
    if len(distinct) < 2:
        raise RunDirectoryError(
            "is one run, and a comparison takes two or more.",
            where=str(distinct[0].path),
            remedy="Name other runs beside it, or the folder of a set of seeds.",
        )
    alike: dict[str, list[FinishedRun]] = {}
    for finished in map(_read, distinct):
        alike.setdefault(finished.asked, []).append(finished)
    names = Counter(members[0].study.name for members in alike.values())
    numbers: Counter[str] = Counter()
    groups = []
    for members in alike.values():
        name = members[0].study.name
        numbers[name] += 1
        members.sort(key=lambda run: run.study.seed)
        groups.append(Group(name if names[name] == 1 else f"{name} ({numbers[name]})", tuple(members)))
    return Comparison(tuple(groups))


def differences(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """What is not the same for all runs, seeds aside: a key, and its values in each group."""
    described = [[_description(run) for run in group.runs] for group in comparison.groups]
    keys = {key: None for runs in described for run in runs for key in run}
    rows = []
    for key in keys:
        values = [list(dict.fromkeys(run.get(key, "") for run in runs)) for runs in described]
        if any(of_group != values[0] or len(of_group) > 1 for of_group in values):
            rows.append((key, ["; ".join(of_group) for of_group in values]))
    return rows


def paired_tests(comparison: Comparison) -> tuple[list[Verdict], list[str]]:
    """Winners of different studies (or of one, if there is one) in pairs; and why others are not tested.

    Only winners that were tested on the same pictures are compared, by which of them they have right.
    """
    reasons = [
        f"{label} did not record which pictures were wrong: it is of an older suite"
        for label, run in comparison.labelled()
        if run.right is None
    ]
    pairs: list[tuple[str, str, float, PairedTest]] = []
    for one, other in _pairs_of_groups(comparison):
        if why := _different_tests(one.runs[0], other.runs[0]):
            reasons.append(f"{one.name} and {other.name} were tested on {why}")
            continue
        of_runs = combinations(one.runs, 2) if one is other else product(one.runs, other.runs)
        for first, second in of_runs:
            if first.right is not None and second.right is not None:
                test = mcnemar(first.right, second.right)
                labels = one.label(first), other.label(second)
                pairs.append((*labels, first.accuracy - second.accuracy, test))
    corrected = holm([test.p_value for *_, test in pairs])
    return [Verdict(*pair, p_value) for pair, p_value in zip(pairs, corrected, strict=True)], reasons


def _pairs_of_groups(comparison: Comparison) -> Iterator[tuple[Group, Group]]:
    if len(comparison.groups) == 1:
        return iter([(comparison.groups[0], comparison.groups[0])])
    return combinations(comparison.groups, 2)


def _different_tests(first: FinishedRun, second: FinishedRun) -> str | None:
    """Why the test pictures of two runs are not the same, if they are not."""
    if first.facts["dataset"]["sha256"] != second.facts["dataset"]["sha256"]:
        return "different pictures (the data's sha256 differs)"
    if first.test_pictures != second.test_pictures or first.pictures != second.pictures:
        return "different splits (data.split_seed differs)"
    return None


def _read(run: RunDirectory) -> FinishedRun:
    facts, results = run.read_json("run.json"), run.read_json("results.json")
    search, final = run.read_result("search"), run.read_result("final")
    if facts is None or results is None or search is None or final is None:
        raise RunDirectoryError(
            "has no tested winner yet, and there is nothing else to compare.",
            where=str(run.path),
            remedy="Let it finish (suite search STUDY --resume), or leave it out.",
        )
    asked = study_asked_for(facts, run)
    same = [asked.model_dump(mode="json", exclude={"seed"}), facts["time_budget_seconds"]]
    return FinishedRun(
        run_id=run.run_id,
        study=read_study(run.path / "study.toml"),
        facts=facts,
        results=results,
        search=search,
        final=final,
        asked=json.dumps([*same, facts["dataset"]["sha256"]]),
    )


def _description(run: FinishedRun) -> dict[str, str]:
    """All that may differ between runs, by dotted keys: the study as used, pictures, machine, versions."""
    device = run.facts["device"]
    return {
        **_flat(run.study.model_dump(mode="json", exclude={"seed"})),
        "time budget": _text(run.facts["time_budget_seconds"]),
        "pictures (sha256)": run.facts["dataset"]["sha256"][:12],
        "machine": device["name"],
        "threads": _text(device["threads"]),
        "code": all_code_in_words(run.facts),
        **{f"version of {name}": _text(version) for name, version in run.facts["versions"].items()},
    }


def _flat(table: dict[str, Any], above: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: _text(value)}
    return flat


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
