"""How large and how fast the winner and its references are, all timed in one go."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch

from suite.latency import Latency, measure
from suite.progress import Display, Phase
from suite.reference_networks import ReferenceNetwork
from suite.references.run_to_match import RunToMatch
from suite.study import LatencySettings
from suite.winner import throughput


def timed(match: RunToMatch, networks: Sequence[ReferenceNetwork], display: Display) -> list[dict[str, Any]]:
    """A row for each network: what it is, how large, and how fast; those of one architecture are timed once."""
    study, space = match.study, match.space
    distinct = {network.architecture.text: network for network in networks}
    drawn = [network.drawn(space, study.seed) for network in distinct.values()]
    settings = {
        "batch_1": throughput(study).model_copy(update={"batch": 1, "threads": study.latency.threads}),
        "batch_64_all_threads": throughput(study),
    }
    latencies: dict[str, dict[str, Any]] = {text: {} for text in distinct}
    with display.phase("Timing", len(drawn) * len(settings), "networks") as phase:
        for place, (name, how) in enumerate(settings.items()):
            measured = _measured(match, drawn, how, phase, place * len(drawn))
            for text, latency in zip(distinct, measured, strict=True):
                latencies[text][name] = latency.to_json()
        phase.finish(len(drawn) * len(settings))
    return [
        {
            "name": network.name,
            "architecture": network.architecture.text,
            "params": network.parameters(space),
            "macs": network.macs(space),
            "learning_rate": network.learning_rate,
            "batch_size": network.batch_size,
            "latency": latencies[network.architecture.text],
        }
        for network in networks
    ]


def _measured(
    match: RunToMatch,
    drawn: Sequence[torch.nn.Module],
    how: LatencySettings,
    phase: Phase,
    behind: int,
) -> list[Latency]:
    """All in turn and in random order, so that a machine that changes its speed does so for all of them."""
    rng = random.Random(match.study.seed)
    return measure(drawn, match.space.shape, how, match.device, rng, lambda done: phase.update(behind + done))
