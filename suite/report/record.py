"""All that a run has on disk, read once for every section of the report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from suite.data import LedgerEntry, read_ledger
from suite.methods import BEGIN_WITH_A_POOL
from suite.references.train import WINNER
from suite.report.walked_space import WalkedSpace, read_walked_space
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace, space_of_run
from suite.study import StudySettings, read_study
from suite.used_study import study_asked_for
from suite.winner import LEDGER_FILE


@dataclass(frozen=True)
class RunRecord:
    """Results by phase; a phase that has not run is None, and so its sections are absent."""

    run: RunDirectory
    study: StudySettings
    facts: dict[str, Any]
    space: SearchSpace
    supernet: dict[str, Any] | None
    search: dict[str, Any] | None
    candidates: dict[str, Any] | None
    finalists: dict[str, Any] | None
    final: dict[str, Any] | None
    oracle: dict[str, Any] | None
    latency_model: dict[str, Any] | None
    fidelity: dict[str, Any] | None
    promise: dict[str, Any] | None
    references: dict[str, Any] | None
    ledger: tuple[LedgerEntry, ...]

    @cached_property
    def walked(self) -> WalkedSpace:
        """The oracle's table, read when a section first asks for it; only of a run that has an oracle."""
        by_time = self.left_out_above is not None
        return read_walked_space(self.run, self.study, self.search, limited_by_time=by_time)

    @property
    def classes(self) -> list[str]:
        """Class names in label order."""
        return list(self.facts["dataset"]["classes"])

    @cached_property
    def asked(self) -> StudySettings:
        """The study before a time budget shortened it."""
        return study_asked_for(self.facts, self.run)

    @property
    def left_out_above(self) -> int | None:
        """MACs that a time budget limited the search to; None where the limit, if any, is the study's own."""
        most = self.study.search.limits.max_macs
        return None if most == self.asked.search.limits.max_macs else most

    @property
    def search_seconds(self) -> float:
        """What it took to come to the winner: supernet, search and all finalists, as far as they are done."""
        parts = (part["seconds"] for part in (self.supernet, self.search, self.finalists) if part)
        return float(sum(part["total"] if isinstance(part, dict) else part for part in parts))

    @cached_property
    def pool(self) -> frozenset[str]:
        """The genomes, drawn at random, that the search began with; none if its method draws no pool."""
        if self.search is None or self.search["method"] not in BEGIN_WITH_A_POOL:
            return frozenset()
        return frozenset(self.search["generations"][0]["proposed"])

    @property
    def trainings(self) -> Counter[str]:
        """How many trainings of each reference network, and of the winner, are done."""
        return Counter(training["name"] for training in (self.references or {"trainings": []})["trainings"])

    @property
    def rivals(self) -> set[str]:
        """The reference networks of which a training is done."""
        return set(self.trainings) - {WINNER}

    @property
    def winner(self) -> Genome | None:
        """The tested network's genome, once there is one."""
        return Genome.parse(self.final["genome"]) if self.final else None


def read_record(run: RunDirectory) -> RunRecord:
    """Read a run.

    Raises:
        RunDirectoryError: a file is damaged or of a newer format.
    """
    facts = run.read_json("run.json") or {}
    study = read_study(run.path / "study.toml")
    return RunRecord(
        run=run,
        study=study,
        facts=facts,
        space=space_of_run(study.space, facts),
        supernet=run.read_result("supernet"),
        search=run.read_result("search"),
        candidates=run.read_result("candidates"),
        finalists=run.read_result("finalists"),
        final=run.read_result("final"),
        oracle=run.read_result("oracle"),
        latency_model=run.read_result("latency_model"),
        fidelity=run.read_result("fidelity"),
        promise=run.read_result("promise"),
        references=run.read_result("references"),
        ledger=tuple(read_ledger(run.path / LEDGER_FILE)),
    )
