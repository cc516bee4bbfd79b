"""Limits on what a network may cost, as a user writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from suite.errors import LimitsError

_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Limit:
    """The most that one column of the table may be, as the user wrote it and as a number."""

    column: Literal["latency_ms", "params", "macs"]
    text: str  # such as `--max-latency 2ms`
    most: float


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


def _number(option: str, text: str, units: dict[str, float] | dict[str, int], remedy: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if match is None or match[2] not in units or float(match[1]) <= 0:
        raise LimitsError(f"{text!r} is no limit.", where=option, remedy=remedy)
    return float(match[1]) * units[match[2]]
