"""The best networks of the space within limits, answered at once from the oracle's table; needs no torch."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from suite.errors import LimitsError, RunDirectoryError
from suite.oracle_table import Table, costs, read_table, within
from suite.run_directory import RunDirectory

_SIZES: tuple[str, ...] = ("params", "macs", "latency_ms")
_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Limit:
    """The most that one column of the table may be, as the user wrote it and as a number."""

    column: Literal["latency_ms", "params", "macs"]
    text: str  # such as `--max-latency 2ms`
    most: float


@dataclass(frozen=True)
class Timings:
    """What is known of latency: the networks that were timed, and how far a prediction is off."""

    measured_ms: dict[str, float]  # by genome text
    median_relative_error: float | None  # of predictions, held out; None if nothing says


@dataclass(frozen=True)
class Answer:
    """The best networks within limits: the whole table, its rows in order, and how many rows were within."""

    table: Table
    rows: list[int]  # best first
    within: int


def parse_limits(max_latency: str | None, max_params: str | None, max_macs: str | None) -> list[Limit]:
    """The limits that were given, such as `2ms`, `0.002s`; `100k`, `2.5M`, `120000`.

    Raises:
        LimitsError: one does not parse; names it.
    """
    limits: list[Limit] = []
    if max_latency is not None:
        remedy = "Write 2ms or 0.002s."
        most = _number("--max-latency", max_latency, _MILLISECONDS, remedy)
        limits.append(Limit("latency_ms", f"--max-latency {max_latency}", most))
    remedy = "Write 120000, 100k or 2.5M."
    if max_params is not None:
        most = _number("--max-params", max_params, _COUNTS, remedy)
        limits.append(Limit("params", f"--max-params {max_params}", most))
    if max_macs is not None:
        most = _number("--max-macs", max_macs, _COUNTS, remedy)
        limits.append(Limit("macs", f"--max-macs {max_macs}", most))
    return limits


def answer(run: RunDirectory, score: Literal["loss", "accuracy"], limits: Sequence[Limit], top: int) -> str:
    """What `suite ask` prints: the best `top` networks by the study's score on val-A within all limits.

    Raises:
        RunDirectoryError: the run has no oracle, or one without latencies though latency is limited.
        LimitsError: no network is within the limits; names the nearest.
    """
    timings = read_timings(run)
    table = with_measured(read_table(run), timings)
    if "latency_ms" not in table and any(limit.column == "latency_ms" for limit in limits):
        raise RunDirectoryError(
            "its oracle knows no latencies.",
            where=str(run.path),
            remedy=f"Run suite oracle {run.path} again.",
        )
    return _page(run, best_within(table, score, limits, top), timings, score, limits)


def read_timings(run: RunDirectory) -> Timings:
    """Every latency that was measured: those the latency model was fitted to, then those of the search.

    The search's count only if both were measured on one device.
    """
    searched, modelled = run.read_result("search") or {}, run.read_result("latency_model") or {}
    searched_on = _timed_on(run)
    measured = {
        row["genome"]: float(row["latency_ms"])
        for row in searched.get("evaluated", [])
        if row.get("latency_ms") is not None and modelled.get("device", searched_on) == searched_on
    }
    measured |= {row["genome"]: float(row["median_ms"]) for row in modelled.get("measured", [])}
    return Timings(measured, (modelled.get("held_out") or {}).get("median_relative_error"))


def with_measured(table: Table, timings: Timings) -> Table:
    """The table, measured latencies in the place of predicted ones."""
    if "latency_ms" not in table:
        return table
    latency = table["latency_ms"].astype(np.float64)
    for row, genome in enumerate(table["genome"]):
        if genome in timings.measured_ms:
            latency[row] = timings.measured_ms[genome]
    return {**table, "latency_ms": latency}


def best_within(
    table: Table, score: Literal["loss", "accuracy"], limits: Sequence[Limit], top: int
) -> Answer:
    """The best `top` networks by `score` on val-A within all limits.

    Raises:
        LimitsError: there is none; names the nearest, and the smallest values there are.
    """
    rows = np.flatnonzero(within(table, {limit.column: limit.most for limit in limits}))
    if not len(rows):
        raise _nothing_within(table, limits)
    order = np.argsort(costs(table, "val_search", score)[rows], kind="stable")[:top]
    return Answer(table, rows[order].tolist(), len(rows))


def _timed_on(run: RunDirectory) -> str:
    """The device of the search, named as suite.latency names it."""
    device = (run.read_json("run.json") or {})["device"]
    return str(device["name"]) if device["device"] == "cuda" else "cpu"


def _number(option: str, text: str, units: dict[str, float] | dict[str, int], remedy: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if match is None or match[2] not in units or float(match[1]) <= 0:
        raise LimitsError(f"{text!r} is no limit.", where=option, remedy=remedy)
    return float(match[1]) * units[match[2]]


def _nothing_within(table: Table, limits: Sequence[Limit]) -> LimitsError:
    """The nearest is the one whose worst excess, as a share of its limit, is least."""
    excess = np.max([table[limit.column] / limit.most for limit in limits], axis=0)
    nearest = int(np.argmin(excess))
    smallest = {name: table[name].min() for name in _SIZES if name in table}
    return LimitsError(
        f"no network of the space is within {_and(limit.text for limit in limits)}.",
        remedy=f"The nearest is {table['genome'][nearest]}, with {_sizes(table, nearest)}; the smallest values "
        f"there are, each by itself: {_described(smallest)}.",
    )


def _page(
    run: RunDirectory,
    found: Answer,
    timings: Timings,
    score: Literal["loss", "accuracy"],
    limits: Sequence[Limit],
) -> str:
    table = found.table
    rows = [("network", "val-A", "val-B", "params", "MACs", "latency")]
    rows += [
        (
            str(table["genome"][row]),
            f"{table['accuracy_val_search'][row]:.2%}",
            f"{table['accuracy_val_choice'][row]:.2%}",
            f"{table['params'][row]:,}",
            f"{table['macs'][row] / 1e6:.2f} M",
            _latency_text(table, row, timings),
        )
        for row in found.rows
    ]
    asked = f", {found.within:,} of them within {_and(limit.text for limit in limits)}" if limits else ""
    by = "cross-entropy" if score == "loss" else "accuracy"
    return "\n".join(
        [
            f"The best of {len(table['genome']):,} networks{asked}, by {by} on val-A:",
            "",
            *_aligned(rows),
            "",
            "Accuracies are those of the supernet's shared weights, not of a trained network; val-B had no say in",
            "the order. To take the first one on:",
            f"  suite export {shlex.quote(str(run.path))} --genome {table['genome'][found.rows[0]]}",
        ]
    )


def _latency_text(table: Table, row: int, timings: Timings) -> str:
    measured = timings.measured_ms.get(table["genome"][row])
    if measured is not None:
        return f"{measured:.3f} ms (measured)"
    if "latency_ms" not in table:
        return "not known"
    text = f"{table['latency_ms'][row]:.3f} ms"
    error = timings.median_relative_error
    return f"{text} (predicted)" if error is None else f"{text} (predicted, ±{100 * error:.0f} %)"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The first and the last column to the left, those between to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(
            cell.ljust(width) if place in (0, last) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _sizes(table: Table, row: int) -> str:
    return _described({name: table[name][row] for name in _SIZES if name in table})


def _described(values: dict[str, Any]) -> str:
    """Such as `17,018 parameters, 1.16 M MACs and 0.213 ms`."""
    texts = [f"{values['params']:,} parameters", f"{values['macs'] / 1e6:.2f} M MACs"]
    return _and([*texts, f"{values['latency_ms']:.3f} ms"] if "latency_ms" in values else texts)


def _and(texts: Iterable[str]) -> str:
    *firsts, last = texts
    return f"{', '.join(firsts)} and {last}" if firsts else last
