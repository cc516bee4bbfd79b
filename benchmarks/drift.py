"""How far timed networks drift from block to block, and what of it the anchors take off: `suite bench drift`.

Networks of studies/cifar10.toml, random weights, are timed over and over, in blocks of 30 (a search has up to 50),
with whom by chance. How far one network's times lie apart is said twice: as the clock had them, and scaled by
the anchors of their blocks.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from suite.device import device_facts, open_device
from suite.latency_model import draw_for_timing
from suite.progress import Display
from suite.space import SearchSpace
from suite.study import LatencySettings, read_study
from suite.subnet_clock import SubnetClock
from suite.supernet import Supernet

_STUDY = Path("studies/cifar10.toml")
_CLASSES = 10
_TOGETHER = 30


def run(
    display: Display,
    path: Path = _STUDY,
    networks: int = 60,
    passes: int = 8,
    settings: LatencySettings | None = None,
) -> dict[str, Any]:
    """Time `networks` in blocks of 30, `passes` times, by the study's own settings unless others are given."""
    study, device = read_study(path), open_device("auto")
    space = SearchSpace(study.space, (3, *study.data.image_size), _CLASSES)
    supernet = Supernet(space, dropout=0.0).draw(torch.Generator().manual_seed(study.seed)).eval().to(device)
    clock, rng = SubnetClock(supernet, device), random.Random(study.seed)
    clock.together = _TOGETHER
    genomes = draw_for_timing(space, networks, rng)
    milliseconds, scales = np.empty((2, passes, len(genomes)))
    with display.phase("Timing", passes * len(genomes), "networks") as phase:
        for number in range(passes):
            order = rng.sample(range(len(genomes)), len(genomes))
            timed = clock.time([genomes[i] for i in order], settings or study.latency, rng)
            milliseconds[number, order] = [latency.median_ms for latency in timed]
            scales[number, order] = [latency.scale for latency in timed]
            phase.update((number + 1) * len(genomes))
        phase.finish(passes * len(genomes))
    return {
        "machine": device_facts(device).name,
        "networks": len(genomes),
        "passes": passes,
        "as_timed": _spread(milliseconds / scales),
        "scaled": _spread(milliseconds),
        "anchors": [float(1 / scales.max()), float(1 / scales.min())],
    }


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    fastest, slowest = result["anchors"]
    rows = (("as timed", result["as_timed"]), ("scaled by anchors", result["scaled"]))
    return "\n".join(
        [
            f"{result['machine']}: {result['networks']} networks, {result['passes']} times each",
            f"The anchors took from {fastest:.2f} to {slowest:.2f} times what they took in the first block.",
            "Standard deviation of one network's times, of their mean, over networks:",
            *(f"  {name:<18} median {of['median']:6.1%}, p90 {of['p90']:6.1%}" for name, of in rows),
        ]
    )


def _spread(milliseconds: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> dict[str, float]:
    """Of (passes, networks) times: the relative standard deviation over passes, median and p90 over networks."""
    relative = milliseconds.std(axis=0, ddof=1) / milliseconds.mean(axis=0)
    return {"median": float(np.median(relative)), "p90": float(np.quantile(relative, 0.9))}
