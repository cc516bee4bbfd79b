"""The checklist of NAS best practice: what a run has done is said to be met, what it has not is said not to be."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suite.data import LedgerEntry
from suite.report.record import RunRecord, read_record
from suite.report.sections import limits
from suite.report.sections.best_practice import ITEMS, section
from suite.report.style import Figures
from suite.run_directory import RunDirectory


@pytest.fixture
def record(finished: Path) -> RunRecord:
    return read_record(RunDirectory(finished))


def verdicts(record: RunRecord) -> dict[str, str]:
    return {item: answer(record).verdict for item, answer in ITEMS}


def references_of(*trainings: tuple[str, int], machines: tuple[str, ...] = ("one",)) -> dict[str, Any]:
    """The winner and two others, of which these (name, seed) are trained, on each machine in turn."""
    return {
        "networks": [{"name": name} for name in ("winner", "base CNN", "random 1")],
        "trainings": [
            {"name": name, "seed": seed, "machine": machine}
            for (name, seed), machine in zip(trainings, itertools.cycle(machines), strict=False)
        ],
    }


ONCE = (("winner", 0), ("base CNN", 0), ("random 1", 0))
TWICE = (*ONCE, ("winner", 1), ("base CNN", 1), ("random 1", 1))


CODE = {"source": "012345678901", "commit": "abcdef" * 7, "changed": False}


def test_a_search_alone_has_no_rivals_no_ablations_and_no_second_run(record: RunRecord) -> None:
    answers = verdicts(record)
    assert [item for item, verdict in answers.items() if verdict == "no"] == [
        "The same data, split, space and training code for all that is compared",
        "Confounders the same: hardware, versions, time",
        "Ablation studies",
        "The same protocol of evaluation for all",
        "Random search beside it",
        "Several runs, with their seeds",
        "Tabular or surrogate benchmarks",
        "How settings were tuned, and at what cost",
    ]
    assert answers["Test pictures kept apart from every choice (ours, not the checklist's)"] == "yes"


def test_the_section_counts_what_is_met(record: RunRecord, tmp_path: Path) -> None:
    part = section(record, Figures(tmp_path))
    assert part is not None
    answers = list(verdicts(record).values())
    counts = (answers.count("yes"), answers.count("partly"), answers.count("no"))
    assert "{} yes, {} partly, {} no.".format(*counts) in part.body
    assert part.body.count("\n| ") == len(ITEMS) + 2  # the header, and the rule below it
    assert section(replace(record, final=None), Figures(tmp_path)) is None


def test_references_bring_rivals_but_not_a_search_of_their_own(record: RunRecord) -> None:
    beside = replace(record, references=references_of(*TWICE))
    answers, before = verdicts(beside), verdicts(record)
    assert {item: verdict for item, verdict in answers.items() if verdict != before[item]} == {
        "The same data, split, space and training code for all that is compared": "partly",
        "Confounders the same: hardware, versions, time": "partly",
        "The same protocol of evaluation for all": "yes",
        "Random search beside it": "partly",
        "Several runs, with their seeds": "partly",
    }


def test_what_was_stopped_is_not_said_to_be_done(record: RunRecord, tmp_path: Path) -> None:
    """All seeds and networks are written down before the first training."""
    begun = verdicts(replace(record, references=references_of(("winner", 0))))
    assert begun == verdicts(record)
    for references in (None, references_of(("winner", 0)), references_of(*ONCE[:2])):
        claim = limits.section(replace(record, references=references), Figures(tmp_path))
        assert claim is not None
        assert ("No other network was trained and tested" in claim.body) == (
            references != references_of(*ONCE[:2])
        )
    answers = dict(ITEMS)
    half = replace(record, references=references_of(*TWICE[:5]))
    assert answers["Several runs, with their seeds"](half).verdict == "no"
    assert "1 random network trained" in answers["Random search beside it"](half).fact
    one = replace(record, references=references_of(*ONCE[:2]))
    assert answers["Random search beside it"](one).verdict == "no"
    same = answers["The same data, split, space and training code for all that is compared"]
    assert "for 1 reference network;" in same(one).fact


def test_another_machine_is_a_confounder(record: RunRecord) -> None:
    answer = dict(ITEMS)["Confounders the same: hardware, versions, time"]
    other = answer(
        replace(record, references=references_of(*ONCE, machines=("a CPU, torch 2", "a CPU, torch 3")))
    )
    assert other.verdict == "partly"
    assert "a CPU, torch 2; a CPU, torch 3" in other.fact


def test_a_second_look_at_the_test_is_told(record: RunRecord) -> None:
    twice = (*record.ledger, LedgerEntry("winner", record.study.seed, "later", "again", "x"))
    answer = dict(ITEMS)["Test pictures kept apart from every choice (ours, not the checklist's)"]
    told = answer(replace(record, ledger=twice))
    assert told.verdict == "partly"
    assert "more than once for winner (seed 0)" in told.fact
    same = dict(ITEMS)["The same protocol of evaluation for all"]
    beside = replace(record, references=references_of(*TWICE))
    assert "for each network and seed;" in same(beside).fact
    assert (
        "for each network and seed, but for what the ledger has twice;"
        in same(replace(beside, ledger=twice)).fact
    )


@pytest.mark.parametrize(
    ("facts", "verdict", "told"),
    [
        ({"code": CODE}, "yes", "source 012345678901, commit abcdefabcdef"),
        ({"code": {**CODE, "changed": True}}, "partly", "changed since"),
        ({"code": {**CODE, "commit": None}}, "partly", "source 012345678901"),
        ({"code": CODE, "earlier_code": [None]}, "partly", "commit abcdefabcdef"),
        ({"code": None}, "partly", "which state of it, the run does not say"),
    ],
)
def test_code_is_known_by_its_commit(
    facts: dict[str, Any], verdict: str, told: str, record: RunRecord
) -> None:
    made = replace(record, facts={**record.facts, **facts})
    for item in ("Code that trains the final networks", "Code of the search space", "Code of the NAS method"):
        answer = dict(ITEMS)[item](made)
        assert answer.verdict == verdict
        assert told in answer.fact


def test_a_truth_table_that_chose_the_finalists_is_a_cost_outside_the_run(record: RunRecord) -> None:
    chosen = {"genomes": [], "table": "digits-2x128"}
    answer = dict(ITEMS)["Time of the whole method, end to end"]
    assert answer(record).verdict == "yes"
    assert answer(replace(record, candidates=chosen)).verdict == "partly"
