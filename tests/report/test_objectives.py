"""An objective has a name that studies may use, a way to be read off, and words on figures."""

from __future__ import annotations

from typing import get_args

from suite.choice import PRICES
from suite.fitness import OBJECTIVES
from suite.report.sections.pareto import LABELS
from suite.study import Objective


def test_every_objective_of_a_study_is_judged_and_has_words() -> None:
    metrics = {criterion.metric for criterion in OBJECTIVES.values()}
    assert set(get_args(Objective)) == set(OBJECTIVES)
    assert set(LABELS) == metrics
    assert set(PRICES) <= metrics
