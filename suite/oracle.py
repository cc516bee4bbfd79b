"""The oracle: the supernet's score of every network of the space, on val-A and val-B.

With it the search's own error is known: what it lost on the pictures it searched on (optimiser regret, val-A), and
what it lost on pictures it never saw (selection regret, val-B).
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from suite.data import Data, Split
from suite.errors import OutOfMemoryError, SearchError
from suite.fitness import criteria
from suite.latency_model import LatencyModel, model_latency
from suite.oracle_table import Table, costs, read_table, within, write_table
from suite.pareto import front_rows
from suite.progress import Display, Phase
from suite.run_directory import EverySeconds, RunDirectory, write_atomically
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer
from suite.supernet.scoring import MostAtOnce, ScoreSums

PHASE = "oracle"
TOP = 1_000
_SECONDS_BETWEEN_CHECKPOINTS = 30
_COLUMNS = {"accuracy": "accuracy_val_search", "loss": "loss_val_search"}  # of objectives' metrics


def score_space(
    study: StudySettings,
    space: SearchSpace,
    scorer: Scorer,
    data: Data,
    run: RunDirectory,
    display: Display,
    pictures: int | None = None,
) -> dict[str, Any]:
    """Score the whole space on the first `pictures` of val-A and of val-B (all, if None), and predict its latency.

    Writes oracle.parquet (genome, params, macs, latency_ms, and loss and accuracy on both splits, in the order of the
    space) and, for the best 1,000 on val-A, which pictures each classes right (oracle_bits_<split>.npy, packed bits).
    Goes on from its checkpoint.
    """
    genomes = list(space)
    supernet, device = scorer.supernet, scorer.device
    latency = model_latency(study, space, supernet, device, run, display)
    splits = {
        "val_search": data.val_search.part(0, pictures),
        "val_choice": data.val_choice.part(0, pictures),
    }
    sums = {name: ScoreSums(len(genomes)) for name in splits}
    asked = {**scored_with(study, run, device), "pictures": pictures}
    seconds = _resume(run, sums, scorer, asked)
    total = sum(map(len, splits.values()))
    with display.phase("Oracle", total, "pictures") as phase:
        walk = _Walk(genomes, splits, sums, scorer, run, phase, seconds, asked)
        scorer.until_it_fits(walk.go_on)
        seconds = walk.seconds
        phase.finish(total, f"{space.size:,} networks")
    table = _table(genomes, space, latency, sums)
    best = np.argsort(costs(table, "val_search", study.search.score), kind="stable")[:TOP]
    _write_bits(run, [genomes[i] for i in best], splits, scorer)
    sha256 = write_table(run, table)  # last: until the result names it, it counts as damaged
    result = {
        "networks": len(genomes),
        "pictures": {name: len(split) for name, split in splits.items()},
        "seconds": seconds,
        "threads": torch.get_num_threads(),
        "sha256": sha256,
        "top": [genomes[i].text for i in best],
    }
    run.write_result(PHASE, result)
    run.drop_checkpoint(PHASE)
    return result


def best_of_space(study: StudySettings, space: SearchSpace, run: RunDirectory) -> list[Genome]:
    """The best of the whole space by the study's objectives on val-A: front after front, until they are a population.

    Latency is as predicted. Only networks within the limits; the last front may be cut short, at its far end.

    Raises:
        SearchError: no network of the space is within the limits.
    """
    table = read_table(run)
    goals = criteria(study)
    values = np.column_stack([table[_COLUMNS.get(goal.metric, goal.metric)] for goal in goals]).astype(
        np.float64
    )
    limits = study.search.limits
    most = {"params": limits.max_params, "macs": limits.max_macs, "latency_ms": limits.max_latency_ms}
    rows = np.flatnonzero(within(table, most))
    if not len(rows):
        raise SearchError(
            f"none of {len(values):,} networks keeps to the limits.",
            where="search.limits",
            remedy="Raise the limits, or give the space smaller choices, and begin a new run.",
        )
    best: list[int] = []
    while len(best) < study.search.population and len(rows):
        front = front_rows(values[rows], [goal.weight for goal in goals])
        best += rows[front].tolist()
        rows = np.delete(rows, front)
    return [space.parse(table["genome"][row]) for row in best[: study.search.population]]


def scored_with(study: StudySettings, run: RunDirectory, device: torch.device) -> dict[str, Any]:
    """What scores of a whole space depend on: a walk goes on only from a checkpoint that was made with the same.

    Not on how finalists are trained, which a time budget decides later.
    """
    return {
        "study": study.model_dump(mode="json", exclude={"finalists", "final"}),
        "supernet": (run.read_result("supernet") or {}).get("sha256"),
        "device": device.type,
    }


@dataclass
class _Walk:
    """Sums that grow block after block, saved now and then; `seconds` are of all executions."""

    genomes: Sequence[Genome]
    splits: dict[str, Split]
    sums: dict[str, ScoreSums]
    scorer: Scorer
    run: RunDirectory
    phase: Phase
    seconds: float
    asked: dict[str, Any]

    def go_on(self) -> None:
        """Walk to the end of every split.

        Raises:
            OutOfMemoryError: with blocks of this size; what was walked is saved.
        """
        clock, save_clock, before = time.monotonic(), EverySeconds(_SECONDS_BETWEEN_CHECKPOINTS), self.seconds
        try:
            tree = self.scorer.tree(self.genomes)
            for name, split in self.splits.items():
                for block in self.scorer.blocks(tree, split, start=self.sums[name].pictures):
                    self.sums[name].add(block)
                    self.seconds = before + time.monotonic() - clock
                    self.phase.update(sum(s.pictures for s in self.sums.values()), name)
                    if save_clock.due():
                        self._save()
        except OutOfMemoryError:
            self._save()  # before the blocks get smaller: a kill must find both as they belong together
            raise
        self._save()

    def _save(self) -> None:
        state = {
            "asked": self.asked,
            "seconds": self.seconds,
            "block": asdict(self.scorer.block),
            "sums": {name: vars(sums) for name, sums in self.sums.items()},
        }
        self.run.save_checkpoint(PHASE, state)


def _resume(run: RunDirectory, sums: dict[str, ScoreSums], scorer: Scorer, asked: dict[str, Any]) -> float:
    """Take up the sums of an earlier execution that was asked the same; returns the seconds it spent.

    Its blocks too, unless those asked for now are smaller.
    """
    checkpoint = run.load_checkpoint(PHASE)
    if checkpoint is None or checkpoint.get("asked") != asked:  # older ones lack it
        return 0.0
    for name, state in checkpoint["sums"].items():
        sums[name].__dict__.update(state)
    scorer.pin_block(scorer.block.at_most(MostAtOnce(**checkpoint["block"])))
    return float(checkpoint["seconds"])


def _table(
    genomes: Sequence[Genome], space: SearchSpace, latency: LatencyModel, sums: dict[str, ScoreSums]
) -> Table:
    columns: Table = {
        "genome": np.array([genome.text for genome in genomes], dtype=object),
        "params": np.array([space.parameters(genome) for genome in genomes], dtype=np.int64),
        "macs": np.array([space.macs(genome) for genome in genomes], dtype=np.int64),
        "latency_ms": latency.predict(genomes).astype(np.float32),
    }
    for name, of_split in sums.items():
        columns[f"loss_{name}"] = (of_split.loss_sums / of_split.pictures).numpy()
        columns[f"accuracy_{name}"] = (of_split.correct.double() / of_split.pictures).numpy()
    return columns


def _write_bits(
    run: RunDirectory, genomes: Sequence[Genome], splits: dict[str, Split], scorer: Scorer
) -> None:
    """Which pictures each genome classes right, packed: with them any paired test can be redone."""
    for name, split in splits.items():

        def right(split: Split = split) -> list[Tensor]:
            blocks = scorer.blocks(scorer.tree(genomes), split, bits=True)
            return [block.bits.cpu() for block in blocks if block.bits is not None]

        bits = torch.cat(scorer.until_it_fits(right), dim=1).numpy()
        buffer = io.BytesIO()
        np.save(buffer, np.packbits(bits, axis=1), allow_pickle=False)
        write_atomically(run.path / f"oracle_bits_{name}.npy", buffer.getvalue())
