"""The judge that a supernet is: its score of every network, on the pictures that are searched on and on others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest.judge import Judge, Topic, topic_of_front
from benchmarks.contest.tasks import Front, Task, floor_of_choice, front_task, regret_task
from suite.errors import RunDirectoryError
from suite.escaping import code, escaped
from suite.oracle_table import costs, read_table
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace, space_of_run
from suite.space_analysis import front, reference_point
from suite.study import StudySettings, read_study
from suite.wording import count

Values = NDArray[np.float64]

NEAR = 0.1  # points of accuracy, or hundredths of loss
_SCALE = 100.0
_UNITS = {"accuracy": "regret (points)", "loss": "regret (loss x 100)"}


@dataclass(frozen=True)
class Oracle:
    """A run that has an oracle."""

    path: Path

    @property
    def sha256(self) -> str:
        """Of the table.

        Raises:
            RunDirectoryError: there is none yet.
        """
        return str(_facts(RunDirectory(self.path))["sha256"])

    def judge(self) -> Judge[Genome]:
        """The oracle as a judge.

        Raises:
            RunDirectoryError: there is none, or it is damaged, or is not of the run's space.
        """
        return _judge(self.path)


@dataclass(frozen=True)
class _Scores:
    """What the supernet says of every network, in the order of the space; greater is better."""

    val_a: Values
    val_b: Values
    latency_ms: Values


@lru_cache(maxsize=1)
def _judge(path: Path) -> Judge[Genome]:
    run = RunDirectory(path)
    study, facts = read_study(path / "study.toml"), run.read_json("run.json") or {}
    space = space_of_run(study.space, facts)
    place, scores = _read(run, space, study.search.score)
    both = np.column_stack([scores.val_a, scores.latency_ms])
    costly = both * [-1.0, 1.0]
    worst, slowest = reference_point(costly, costly[front(*costly.T)])
    reached = Front.up_to(both, (-worst, slowest))

    def task(name: str, seed: int) -> Task[Genome]:
        if name == "front":
            return front_task(space, place, reached)
        judged_on = scores.val_a if name == "optimiser" else scores.val_b
        return regret_task(space, place, scores.val_a, judged_on)

    return Judge(
        f"Search methods on the supernet of {escaped(study.name)}, {escaped(run.run_id)}",
        place,
        _topics(study.search.score, scores),
        task,
        _method(study, run, space),
    )


def _read(run: RunDirectory, space: SearchSpace, score: str) -> tuple[dict[Genome, int], _Scores]:
    table = read_table(run)
    genomes = list(space)
    if [genome.text for genome in genomes] != table["genome"].tolist() or "latency_ms" not in table:
        raise RunDirectoryError(
            "has an oracle of another space, or one from before it predicted latency.",
            where=str(run.path),
            remedy=f"Make it again: suite oracle {run.path}",
        )
    return {genome: row for row, genome in enumerate(genomes)}, _Scores(
        -costs(table, "val_search", score),
        -costs(table, "val_choice", score),
        table["latency_ms"].astype(np.float64),
    )


def _facts(run: RunDirectory) -> dict[str, Any]:
    facts = run.read_result("oracle")
    if facts is None:
        raise RunDirectoryError(
            "has no oracle yet, which judges here.",
            where=str(run.path),
            remedy=f"Make one: suite oracle {run.path}",
        )
    return facts


def _topics(score: str, scores: _Scores) -> dict[str, Topic]:
    floor = _SCALE * floor_of_choice(scores.val_a, scores.val_b)
    return {
        "optimiser": Topic(
            f"Optimiser regret: searched on val-A by {score}, judged on val-A",
            _UNITS[score],
            _SCALE,
            near=NEAR,
        ),
        "selection": Topic(
            f"Selection regret: searched on val-A by {score}, judged on val-B",
            _UNITS[score],
            _SCALE,
            floors=(floor,),
            note=f"Who knew every network's {score} on val-A would choose by it too: on val-B that loses "
            f"{floor:.3f} (dotted). In the table, regret is without it, so below 0 is luck.",
            searched_as="optimiser",
        ),
        "front": topic_of_front(f"Two objectives: {score} on val-A and predicted latency"),
    }


def _method(study: StudySettings, run: RunDirectory, space: SearchSpace) -> str:
    a, b = (count(_facts(run)["pictures"][split]) for split in ("val_search", "val_choice"))
    return (
        f"The oracle of run {code(run.run_id)} has the supernet's {study.search.score} of all {count(space.size)} "
        f"networks on {a} pictures of val-A, which methods search on, and {b} of val-B; by it the study's own search "
        "ranks networks too. Regret is what the network chosen so far lacks of the best. Latency is as the oracle "
        "predicts it; hypervolume is that of all evaluated, as a share of the whole space's, up to the worst corner "
        "of the exact front, moved out by a tenth. How well a supernet ranks networks trained alone is another "
        "question."
    )
