"""The report's sections, in the order of a reader's questions. To add one: a file here, and its place below."""

from __future__ import annotations

from collections.abc import Callable

from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.sections import (
    answer,
    architecture,
    best_practice,
    calibration,
    cost,
    evaluated_choices,
    fidelity,
    finalists,
    ledger,
    limits,
    oracle,
    oracle_budgets,
    oracle_choices,
    oracle_effort,
    oracle_fronts,
    pareto,
    promise,
    provenance,
    references,
    repeat,
    search_history,
    settings,
    supernet,
    telling,
    test_result,
)
from suite.report.style import Figures

Build = Callable[[RunRecord, Figures], Section | None]

SECTIONS: tuple[Build, ...] = (
    answer.section,
    architecture.section,
    search_history.section,
    pareto.section,
    oracle.section,
    oracle_fronts.section,
    oracle_budgets.section,
    oracle_effort.section,
    oracle_choices.section,
    evaluated_choices.section,
    supernet.section,
    fidelity.section,
    promise.section,
    finalists.section,
    test_result.section,
    telling.section,
    calibration.section,
    references.section,
    limits.section,
    cost.section,
    settings.section,
    provenance.section,
    ledger.section,
    best_practice.section,
    repeat.section,
)
