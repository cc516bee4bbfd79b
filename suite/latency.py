"""Timed inference: CUDA events on a GPU, blocks of forward passes under a careful clock on a CPU.

The quantity is the time of one eager forward pass, batch norm folded, weights in memory. Networks are timed
interleaved in random order, so that a machine that speeds up or slows down does so for all of them.
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from suite.blocks import Shape
from suite.cnn import for_inference
from suite.study import LatencySettings

Forward = Callable[[Tensor], object]
"""(B, C, H, W) pictures -> whatever is said of them."""

FLOOR_REPEATS = 12
_BLOCK_MS = 2.0  # long against the clock's resolution and the loop's own cost, short against a drift in speed
_WARM_UP_FORWARDS = 5
_MOST_EVENTS = 500  # pairs a network


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one forward pass of one batch."""

    median_ms: float
    p90_ms: float
    iqr_ms: float
    batch: int
    threads: int
    device: str
    forwards: int  # how many were timed
    scale: float = 1.0  # what the clock's times were multiplied by, as the machine had another speed before

    def scaled(self, by: float) -> Latency:
        """The same at another speed of the machine."""
        return replace(
            self,
            median_ms=by * self.median_ms,
            p90_ms=by * self.p90_ms,
            iqr_ms=by * self.iqr_ms,
            scale=by * self.scale,
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def measure(
    networks: Sequence[nn.Module],
    shape: Shape,
    settings: LatencySettings,
    device: torch.device,
    rng: random.Random,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Latency]:
    """Time each network on pictures of `shape` (C, H, W) for about `budget_ms`, in the order given.

    `progress` is told how many networks' worth of timing is behind us.
    """
    ready = [for_inference(network).to(device) for network in networks]
    pictures = torch.zeros(settings.batch, *shape, device=device).to(memory_format=torch.channels_last)
    with torch.inference_mode(), _undisturbed(settings.threads):
        timing = _time_on_cuda if device.type == "cuda" else _time_on_cpu
        samples = timing(ready, pictures, settings.budget_ms, rng, progress)
    return [_summary(times, forwards, settings, device) for times, forwards in samples]


def measure_side_by_side(
    forwards: Sequence[Forward], pictures: Tensor, settings: LatencySettings, rng: random.Random
) -> list[Latency]:
    """Time whatever takes the pictures, on the CPU, each for about `budget_ms`, in turn and in random order."""
    with torch.inference_mode(), _undisturbed(settings.threads):
        samples = _time_on_cpu(forwards, pictures, settings.budget_ms, rng, lambda done: None)
    cpu = torch.device("cpu")
    return [_summary(times, count, settings, cpu) for times, count in samples]


def noise_floor_ms(repeats: Sequence[Latency]) -> float:
    """The smallest difference between two medians that is not noise, in ms.

    `repeats` are of one network, measured interleaved as different networks are; two measurements of one thing
    differ by less than 1.96 * sqrt(2) standard deviations in 95 cases of 100.
    """
    return 1.96 * math.sqrt(2) * float(np.std([repeat.median_ms for repeat in repeats], ddof=1))


def timed_on(device: torch.device) -> str:
    """The device's name in a Latency."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


_Samples = list[tuple[list[float], int]]
"""Per network: ms per forward pass of each sample, and how many forward passes there were."""


def _time_on_cpu(
    forwards: Sequence[Forward],
    pictures: Tensor,
    budget_ms: float,
    rng: random.Random,
    progress: Callable[[int], None],
) -> _Samples:
    """Blocks of forward passes of about 2 ms each, the clock read around a block."""
    per_block = []
    for forward in forwards:
        _cpu_block(forward, pictures, _WARM_UP_FORWARDS)
        estimate = min(_cpu_block(forward, pictures, _WARM_UP_FORWARDS) for _ in range(3))
        per_block.append(max(1, math.ceil(_BLOCK_MS / estimate)))
    samples: list[list[float]] = [[] for _ in forwards]
    spent = [0.0 for _ in forwards]
    unfinished = list(range(len(forwards)))
    while unfinished:
        rng.shuffle(unfinished)
        for i in unfinished:
            samples[i].append(_cpu_block(forwards[i], pictures, per_block[i]))
            spent[i] += samples[i][-1] * per_block[i]
        unfinished = [i for i in unfinished if spent[i] < budget_ms or len(samples[i]) < 3]
        progress(len(forwards) - len(unfinished))
    return [(times, len(times) * count) for times, count in zip(samples, per_block, strict=True)]


def _cpu_block(forward: Forward, pictures: Tensor, times: int) -> float:
    """Milliseconds per forward pass over a block of them."""
    start = time.perf_counter_ns()
    for _ in range(times):
        forward(pictures)
    return (time.perf_counter_ns() - start) / 1e6 / times


def _time_on_cuda(
    networks: Sequence[nn.Module],
    pictures: Tensor,
    budget_ms: float,
    rng: random.Random,
    progress: Callable[[int], None],
) -> _Samples:
    """An event before and after every forward pass on the current stream, read after one synchronise.

    Synchronising inside the loop would let the GPU run dry and time its restart; reading the clock of the host
    would time the launch and not the work.
    """
    forwards, events = [], []
    for network in networks:
        for _ in range(_WARM_UP_FORWARDS):
            network(pictures)
        torch.cuda.synchronize()
        start = time.perf_counter_ns()
        for _ in range(_WARM_UP_FORWARDS):
            network(pictures)
        torch.cuda.synchronize()
        estimate = (time.perf_counter_ns() - start) / 1e6 / _WARM_UP_FORWARDS
        forwards.append(min(_MOST_EVENTS, max(10, math.ceil(budget_ms / estimate))))
        events.append([_event_pair() for _ in range(forwards[-1])])
    torch.cuda.synchronize()
    for done in range(max(forwards)):
        for i in _shuffled(len(networks), rng):
            if done < forwards[i]:
                before, after = events[i][done]
                before.record()
                networks[i](pictures)
                after.record()
        progress(len(networks) * (done + 1) // max(forwards))
    torch.cuda.synchronize()
    return [([before.elapsed_time(after) for before, after in pairs], len(pairs)) for pairs in events]


def _event_pair() -> tuple[torch.cuda.Event, torch.cuda.Event]:
    """Two events recorded once: CUDA makes an event at its first record, which would be timed with the work."""
    pair = tuple(torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    for event in pair:
        event.record()
    return pair[0], pair[1]


def _summary(
    times: Sequence[float], forwards: int, settings: LatencySettings, device: torch.device
) -> Latency:
    p25, median, p75, p90 = (float(p) for p in np.percentile(times, [25, 50, 75, 90]))
    return Latency(median, p90, p75 - p25, settings.batch, settings.threads, timed_on(device), forwards)


def _shuffled(count: int, rng: random.Random) -> list[int]:
    order = list(range(count))
    rng.shuffle(order)
    return order


@contextmanager
def _undisturbed(threads: int) -> Iterator[None]:
    """The stated number of threads and no garbage collection for as long as the block runs."""
    before, collecting = torch.get_num_threads(), gc.isenabled()
    torch.set_num_threads(threads)
    gc.disable()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        if collecting:
            gc.enable()
