"""A supernet's own favourites: its best networks on val-A, trained as well, since a search would choose there."""

from __future__ import annotations

import numpy as np

from suite.errors import FidelityError
from suite.oracle_table import costs, read_table
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import StudySettings


def favourites(study: StudySettings, space: SearchSpace, run: RunDirectory, count: int) -> list[Genome]:
    """The best `count` of the whole space, if the run was walked, else of what its search evaluated; best first.

    Raises:
        FidelityError: the run was neither walked nor searched.
    """
    score = study.search.score
    if run.read_result("oracle") is not None:
        table = read_table(run)
        best = np.argsort(costs(table, "val_search", score), kind="stable")[:count]
        return [space.parse(text) for text in table["genome"][best]]
    search = run.read_result("search")
    if search is None:
        raise FidelityError(
            "has neither an oracle nor a search, so its supernet has no favourites yet.",
            where=str(run.path),
            remedy="Leave out --top, or let its search go on: --resume",
        )
    rows = [row for row in search["evaluated"] if row["failure"] is None]
    rows.sort(key=lambda row: row["val_loss"] if score == "loss" else -row["val_accuracy"])
    return [space.parse(row["genome"]) for row in rows[:count]]
