"""The best networks of the whole space within limits, answered at once from the oracle's table."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from suite.ask.limits import Limit
from suite.errors import LimitsError, RunDirectoryError
from suite.oracle_table import Table, costs, read_table, within
from suite.run_directory import RunDirectory, searched_on
from suite.wording import aligned, listed

_SIZES: tuple[str, ...] = ("params", "macs", "latency_ms")


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

    The search's count only if both were measured on one machine.
    """
    searched, modelled = run.read_result("search") or {}, run.read_result("latency_model") or {}
    alike = _timed_where_searched(modelled, searched, run)
    measured = {
        row["genome"]: float(row["latency_ms"])
        for row in searched.get("evaluated", [])
        if row.get("latency_ms") is not None and alike
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


def _timed_where_searched(modelled: dict[str, Any], searched: dict[str, Any], run: RunDirectory) -> bool:
    """Whether the latency model, if there is one, was timed on the machine and the device of the search.

    Older ones say of a CPU only that it is one.
    """
    facts = run.read_json("run.json") or {}
    device, machine = facts["device"], searched_on(searched, facts)
    timed_on = str(device["name"]) if device["device"] == "cuda" else "cpu"  # as suite.latency names it
    return bool(modelled.get("device", timed_on) == timed_on and modelled.get("machine", machine) == machine)


def _nothing_within(table: Table, limits: Sequence[Limit]) -> LimitsError:
    """The nearest is the one whose worst excess, as a share of its limit, is least."""
    excess = np.max([table[limit.column] / limit.most for limit in limits], axis=0)
    nearest = int(np.argmin(excess))
    smallest = {name: table[name].min() for name in _SIZES if name in table}
    return LimitsError(
        f"no network of the space is within {listed(limit.text for limit in limits)}.",
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
    asked = f", {found.within:,} of them within {listed(limit.text for limit in limits)}" if limits else ""
    by = "cross-entropy" if score == "loss" else "accuracy"
    return "\n".join(
        [
            f"The best of {len(table['genome']):,} networks{asked}, by {by} on val-A:",
            "",
            *aligned(rows, left=(0, len(rows[0]) - 1)),
            "",
            "Accuracies are those of the supernet's shared weights, not of a trained network; val-B had no say in",
            "the order. To train the first one as the winner was, and export it:",
            f"  suite export {shlex.quote(str(run.path))} --genome {table['genome'][found.rows[0]]} --train",
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


def _sizes(table: Table, row: int) -> str:
    return _described({name: table[name][row] for name in _SIZES if name in table})


def _described(values: dict[str, Any]) -> str:
    """Such as `17,018 parameters, 1.16 M MACs and 0.213 ms`."""
    texts = [f"{values['params']:,} parameters", f"{values['macs'] / 1e6:.2f} M MACs"]
    return listed([*texts, f"{values['latency_ms']:.3f} ms"] if "latency_ms" in values else texts)
