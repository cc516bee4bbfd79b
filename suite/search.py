"""The search: a method proposes genomes, fitness judges them, Optuna records them, until the method is done."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from suite.errors import SearchError
from suite.fitness import Criterion, Evaluation, Fitness, constraints, criteria, needs_latency
from suite.latency import Latency
from suite.methods import Judgement, Method, Problem, Proposal, evaluations_at_most, new_method
from suite.pareto import pareto_front
from suite.progress import Display
from suite.recorded_trials import check_there
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.trials import Trials

PHASE = "search"


def search(
    study: StudySettings,
    space: SearchSpace,
    fitness: Fitness,
    trials: Trials,
    run: RunDirectory,
    allowed: Callable[[Genome], bool],
    display: Display,
    best: Sequence[Genome] = (),
    walked: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Any]:
    """Run the search to its end, going on from its checkpoint if there is one; returns results/search.json.

    `best` are those of the whole space, which the exhaustive method proposes, and `walked` are the seconds it took to
    judge all of it, which are the search's.

    A generation is the unit: one that was cut off is evaluated again as the same set (numbers and timings depend a
    little on the company). What was recorded of it already stays as recorded, and what was timed is not timed again.

    Raises:
        SearchError: every evaluation failed, or no network keeps to the limits; names the nearest.
        StorageError: trials of an earlier execution are gone, or not what was recorded.
    """
    goals = criteria(study)
    problem = Problem(space, tuple(goal.weight for goal in goals), allowed)
    method = new_method(study.search, problem, random.Random(study.seed), best)
    log, timed = _resume(run, method, space)
    recorded = trials.recorded()
    known = {genome: evaluation for genome, (_, evaluation) in recorded.items()}
    check_there(trials.study, {genome.text for genome in known}, log.proposed_genomes)

    with display.phase("Search", evaluations_at_most(study.search), "networks") as phase:
        if needs_latency(study) and log.noise_floor_ms == 0.0:
            log.noise_floor_ms = fitness.noise_floor_ms(random.Random(study.seed))
            _save(run, method.state(), log)
        judge = _Judge(study, goals, log.noise_floor_ms)
        best_so_far = judge.best(known.values()) if known else ""

        def say(done: int, note: str) -> None:
            phase.update(len(known) + done, best_so_far or note)

        while not method.done:
            before, begun_from = log.cut_off_timing, method.state()
            began = time.monotonic() - before  # had it not been stopped since
            generation, proposals = method.generation, method.ask()
            cut_off = {genome: e.latency for genome, (when, e) in recorded.items() if when == generation}
            new = [p for p in _distinct(proposals) if p.genome not in known or p.genome in cut_off]
            batch = fitness.evaluate(
                [p.genome for p in new],
                random.Random(study.seed + generation),
                say,
                timed={**timed, **cut_off},
                keep=partial(_save_cut_off, run, begun_from, log, timed),
            )
            timed, log.cut_off_timing = {}, 0.0
            spent = {**batch.seconds, "timing": batch.seconds["timing"] + before}
            for proposal, evaluation in zip(new, batch.evaluations, strict=True):
                if proposal.genome not in cut_off:
                    known[evaluation.genome] = evaluation
                    values, excess = judge.values(evaluation), constraints(study, evaluation)
                    trials.record(batch, evaluation, proposal, generation, values, excess)
            method.tell(proposals, judge.judgements(known[p.genome] for p in proposals))
            log.add(generation, proposals, method, spent, time.monotonic() - began)
            _save(run, method.state(), log)
            best_so_far = judge.best(known.values())
            phase.update(len(known), best_so_far)
        phase.finish(len(known), best_so_far)

    device = (run.read_json("run.json") or {}).get("device") or {}
    result = {**_result(study, method, known, judge, log, walked), "machine": device.get("name")}
    run.write_result(PHASE, result)
    run.drop_checkpoint(PHASE)
    return result


@dataclass(frozen=True)
class _Judge:
    """Reads evaluations as objective values, with latency's noise taken off."""

    study: StudySettings
    goals: Sequence[Criterion]
    noise_floor_ms: float

    def values(self, evaluation: Evaluation) -> tuple[float, ...] | None:
        """The objective values in order, or None if the evaluation failed."""
        values = [goal.value(evaluation, self.noise_floor_ms) for goal in self.goals]
        if evaluation.failure is not None or any(value is None for value in values):
            return None
        return tuple(value for value in values if value is not None)

    def violation(self, evaluation: Evaluation) -> float:
        """By how much the limits are broken in all; 0 if they are kept."""
        return sum(max(0.0, excess) for excess in constraints(self.study, evaluation).values())

    def judgements(self, evaluations: Iterable[Evaluation]) -> dict[Genome, Judgement]:
        """What the method is told; a failed evaluation is missing."""
        judged = {}
        for evaluation in evaluations:
            values = self.values(evaluation)
            if values is not None:
                judged[evaluation.genome] = Judgement(values, self.violation(evaluation))
        return judged

    def front(self, evaluations: Iterable[Evaluation]) -> list[Evaluation]:
        """The Pareto front of those that keep the limits, best first on the first objective."""
        by_genome = {evaluation.genome: evaluation for evaluation in evaluations}
        feasible = {g: j.values for g, j in self.judgements(by_genome.values()).items() if not j.violation}
        weights = [goal.weight for goal in self.goals]
        return [by_genome[genome] for genome in pareto_front(feasible, weights)]

    def best(self, evaluations: Iterable[Evaluation]) -> str:
        """The best so far on the first objective, for people."""
        front = self.front(evaluations)
        if not front:
            return "none within the limits yet"
        value = self.goals[0].value(front[0], self.noise_floor_ms)
        return f"best {self.goals[0].metric} {value:.4g}, {len(front)} on the front"


@dataclass
class _Log:
    """What the trials do not hold: the membership and the seconds of each generation."""

    noise_floor_ms: float = 0.0
    proposed: int = 0
    cut_off_timing: float = 0.0  # seconds, of what is kept of a generation under way
    generations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def proposed_genomes(self) -> set[str]:
        """Of all closed generations."""
        return {text for generation in self.generations for text in generation["proposed"]}

    def add(
        self,
        generation: int,
        proposals: list[Proposal[Genome]],
        method: Method[Genome],
        spent: Mapping[str, float],
        seconds: float,
    ) -> None:
        """Close a generation."""
        self.proposed += len(proposals)
        self.generations.append(
            {
                "generation": generation,
                "proposed": [proposal.genome.text for proposal in proposals],
                "population": [genome.text for genome in method.population],
                "seconds": {**spent, "total": seconds},
            }
        )


def _save_cut_off(
    run: RunDirectory,
    method: dict[str, Any],
    log: _Log,
    before: Mapping[Genome, Latency],
    since: Mapping[Genome, Latency],
    seconds: float,
) -> None:
    """Keep a generation under way: what was timed of it, `before` a stop and since; `seconds` are those since."""
    _save(run, method, replace(log, cut_off_timing=log.cut_off_timing + seconds), before, since)


def _save(run: RunDirectory, method: dict[str, Any], log: _Log, *timed: Mapping[Genome, Latency]) -> None:
    """Keep where the search is: the method before a generation, and what of the generation was timed since."""
    latencies = {genome.text: latency.to_json() for some in timed for genome, latency in some.items()}
    run.save_checkpoint(PHASE, {"method": method, "log": vars(log), "timed": latencies})


def _resume(
    run: RunDirectory, method: Method[Genome], space: SearchSpace
) -> tuple[_Log, dict[Genome, Latency]]:
    """The log and latencies as checkpointed, with the method put back where it was; fresh ones otherwise."""
    checkpoint = run.load_checkpoint(PHASE)
    if checkpoint is None:
        return _Log(), {}
    method.load(checkpoint["method"])
    timed = checkpoint.get("timed", {})  # once not kept
    return _Log(**checkpoint["log"]), {space.parse(text): Latency(**row) for text, row in timed.items()}


def _distinct(proposals: list[Proposal[Genome]]) -> list[Proposal[Genome]]:
    """The first proposal of each genome."""
    first: dict[Genome, Proposal[Genome]] = {}
    for proposal in proposals:
        first.setdefault(proposal.genome, proposal)
    return list(first.values())


def _result(
    study: StudySettings,
    method: Method[Genome],
    known: Mapping[Genome, Evaluation],
    judge: _Judge,
    log: _Log,
    walked: Mapping[str, float],
) -> dict[str, Any]:
    spent = [walked, *(generation["seconds"] for generation in log.generations)]
    front = judge.front(known.values())
    if not front:
        raise _nothing_found(known.values(), judge)
    return {
        "method": study.search.method,
        "objectives": [goal.metric for goal in judge.goals],
        "weights": [goal.weight for goal in judge.goals],
        "proposed": log.proposed,
        "evaluations": len(known),
        "failed": sum(evaluation.failure is not None for evaluation in known.values()),
        "noise_floor_ms": log.noise_floor_ms,
        "latency_scales": _scales(known.values()),
        "seconds": {part: sum(s.get(part, 0.0) for s in spent) for part in ("scoring", "timing", "total")},
        "generations": log.generations,
        "front": [_plain(evaluation, judge) for evaluation in front],
        "population": [genome.text for genome in method.population],
        "evaluated": [_plain(evaluation, judge) for evaluation in known.values()],
    }


def _scales(evaluations: Iterable[Evaluation]) -> list[float] | None:
    """The least and the greatest that a block's times were multiplied by; None where nothing was timed."""
    scales = [evaluation.latency.scale for evaluation in evaluations if evaluation.latency is not None]
    return [min(scales), max(scales)] if scales else None


def _nothing_found(evaluations: Collection[Evaluation], judge: _Judge) -> SearchError:
    whole = [evaluation for evaluation in evaluations if judge.values(evaluation) is not None]
    if not whole:
        reasons = sorted({evaluation.failure or "no value" for evaluation in evaluations})
        return SearchError(
            f"all {len(evaluations)} evaluations failed: {'; '.join(reasons[:3])}.", where="search"
        )
    nearest = min(whole, key=judge.violation)
    excess = constraints(judge.study, nearest)
    beyond = ", ".join(f"{name} by {value:.4g}" for name, value in excess.items() if value > 0)
    return SearchError(
        f"none of {len(whole)} networks keeps to the limits; the nearest, {nearest.genome}, exceeds {beyond}.",
        where="search.limits",
        remedy="Raise the limits, or give the space smaller choices, and begin a new run.",
    )


def _plain(evaluation: Evaluation, judge: _Judge) -> dict[str, Any]:
    """An evaluation as a row of results/search.json; `values` are the objectives as judged, noise taken off."""
    values = judge.values(evaluation)
    return {
        "genome": evaluation.genome.text,
        "params": evaluation.params,
        "macs": evaluation.macs,
        "val_loss": evaluation.loss,
        "val_accuracy": evaluation.accuracy,
        "latency_ms": evaluation.latency.median_ms if evaluation.latency else None,
        "values": list(values) if values is not None else None,
        "violation": judge.violation(evaluation),
        "failure": evaluation.failure,
    }
