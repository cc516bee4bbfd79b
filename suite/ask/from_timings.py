"""A search's front by how long its networks take on another device, as time_models.py measured it there."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.ask.limits import Limit
from suite.errors import LimitsError, TimingsError
from suite.escaping import one_line
from suite.noise_floor import rounded_to_floor
from suite.pareto import pareto_front
from suite.run_directory import RunDirectory, finished_phase
from suite.study import StudySettings
from suite.wording import aligned, first_of, listed, plural

FORMAT_VERSION = 1
_NAMED = 5  # networks of a list that may be long
_AGAIN = "Export and time the front again: suite export RUN --front --timer"


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one forward pass there."""

    median_ms: float
    p90_ms: float
    iqr_ms: float


@dataclass(frozen=True)
class TargetTimings:
    """What timings.json says."""

    device: str
    noise_floor_ms: float
    of: Mapping[str, Timing]  # by genome text


def answer_there(
    run: RunDirectory,
    study: StudySettings,
    file: Path,
    limits: Sequence[Limit],
    top: int,
) -> str:
    """What `suite ask --timings` prints: of the search's front, what is still on it by the time there, best first.

    Raises:
        RunDirectoryError: the run has no finished search.
        TimingsError: the file is damaged, or of networks that are not on the run's front.
        LimitsError: no network is within the limits.
    """
    rows = {row["genome"]: row for row in finished_phase(run, "search", "finished search")["front"]}
    timings = read_timings(file, f"{study.name}/{run.run_id}", rows)
    score = study.search.score
    quality = {
        genome: -rows[genome]["val_loss"] if score == "loss" else rows[genome]["val_accuracy"]
        for genome in timings.of
    }
    within = {genome: quality[genome] for genome in timings.of if _is_within(rows[genome], timings, limits)}
    if not within:
        raise _nothing_within(timings, limits)
    front = pareto_front(
        {
            genome: (value, rounded_to_floor(timings.of[genome].median_ms, timings.noise_floor_ms))
            for genome, value in within.items()
        },
        (1.0, -1.0),
    )
    by = "cross-entropy" if score == "loss" else "accuracy"
    beaten = [genome for genome in within if genome not in front]
    asked = f" within {listed(limit.text for limit in limits)}" if limits else ""
    table = _table(front[:top], rows, timings)
    return "\n".join(
        [
            f"The search's front by its time on {timings.device}: {len(front)} of {len(rows)} networks{asked}, "
            f"by {by} on val-A:",
            "",
            *aligned(table, left=(0, len(table[0]) - 1)),
            "",
            *_notes(front, beaten, top, timings, [genome for genome in rows if genome not in timings.of]),
            *_here(study, rows),
            "To train the first one as the winner was, and export it:",
            f"  suite export {shlex.quote(str(run.path))} --genome {front[0]} --train",
        ]
    )


def read_timings(file: Path, run: str, front: Mapping[str, Any]) -> TargetTimings:
    """What time_models.py wrote of the front of `run`, named STUDY/RUN.

    Raises:
        TimingsError: it cannot be read, is of another run, or names networks that are not on the front.
    """
    try:
        value = json.loads(file.read_bytes())
        version, study_and_run = value["format_version"], f"{value['study']}/{value['run']}"
    except OSError as error:
        raise TimingsError(f"cannot be read: {error.strerror}.", where=str(file)) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(file) from None
    if version != FORMAT_VERSION:
        raise TimingsError(
            f"has format version {version!r}; this suite reads {FORMAT_VERSION}.",
            where=str(file),
            remedy=_AGAIN,
        )
    if study_and_run != run:
        raise TimingsError(
            f"is of the run {study_and_run[:100]}.",
            where=str(file),
            remedy=f"This one is {run}; name the other one.",
        )
    try:
        timings = TargetTimings(
            device=_device(value["device"]),
            noise_floor_ms=_milliseconds(value["noise_floor_ms"]),
            of={row["genome"]: _timing(row) for row in value["timings"]},
        )
    except (KeyError, TypeError, ValueError, OverflowError):  # the last of an endless number of threads
        raise _damaged(file) from None
    unknown = [genome for genome in timings.of if genome not in front]
    if unknown or not timings.of:
        raise TimingsError(
            f"times {', '.join(map(str, unknown[:3])) or 'no network'}, and the run's front has no such network.",
            where=str(file),
            remedy=_AGAIN,
        )
    return timings


def _timing(row: Mapping[str, Any]) -> Timing:
    timing = Timing(*(_milliseconds(row[name]) for name in ("median_ms", "p90_ms", "iqr_ms")))
    if timing.median_ms <= 0:
        raise ValueError("no forward pass takes no time")
    return timing


def _milliseconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError("is no time")
    return float(value)


def _device(facts: Mapping[str, Any]) -> str:
    return (
        f"{one_line(str(facts['name']))[:100]} (ONNX Runtime {one_line(str(facts['onnxruntime']))[:20]}, "
        f"{plural(int(facts['threads']), 'thread')})"
    )


def _is_within(row: Mapping[str, Any], timings: TargetTimings, limits: Sequence[Limit]) -> bool:
    costs = {**row, "latency_ms": timings.of[row["genome"]].median_ms}
    return all(costs[limit.column] <= limit.most for limit in limits)


def _nothing_within(timings: TargetTimings, limits: Sequence[Limit]) -> LimitsError:
    fastest = min(timings.of, key=lambda genome: timings.of[genome].median_ms)
    return LimitsError(
        f"no network of the front is within {listed(limit.text for limit in limits)}.",
        remedy=f"The fastest there is {fastest}, with {timings.of[fastest].median_ms:.3f} ms.",
    )


def _table(front: Sequence[str], rows: Mapping[str, Any], timings: TargetTimings) -> list[tuple[str, ...]]:
    head = ("network", "val-A", "params", "MACs", "there", "p90", "IQR", "here")
    return [
        head,
        *(
            (
                genome,
                f"{row['val_accuracy']:.2%}",
                f"{row['params']:,}",
                f"{row['macs'] / 1e6:.2f} M",
                f"{timing.median_ms:.3f} ms",
                f"{timing.p90_ms:.3f} ms",
                f"{timing.iqr_ms:.3f} ms",
                "not timed" if row["latency_ms"] is None else f"{row['latency_ms']:.3f} ms",
            )
            for genome, row, timing in ((genome, rows[genome], timings.of[genome]) for genome in front)
        ),
    ]


def _notes(
    front: Sequence[str], beaten: Sequence[str], top: int, timings: TargetTimings, untimed: Sequence[str]
) -> list[str]:
    lines = []
    if len(front) > top:
        lines.append(f"{len(front) - top} more are faster and worse; --top {len(front)} shows them.")
    if beaten:
        lines.append(
            f"Not on the front there, as another is as good and as fast: {first_of(beaten, _NAMED)}."
        )
    if untimed:
        lines.append(f"Not timed there: {first_of(untimed, _NAMED)}.")
    lines.append(f"Differences under {timings.noise_floor_ms:.3f} ms, the noise there, are ties.")
    lines.append("Accuracies are those of the supernet's shared weights, not of a trained network.")
    return lines


def _here(study: StudySettings, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the search's own times are of, if it took any."""
    if all(row["latency_ms"] is None for row in rows.values()):
        return []
    how = f"batch {study.latency.batch}, {plural(study.latency.threads, 'thread')}"
    return [f"There: one picture a pass. Here: PyTorch, {how}, where the search was."]


def _damaged(file: Path) -> TimingsError:
    return TimingsError("is damaged, or no file of time_models.py.", where=str(file), remedy=_AGAIN)
