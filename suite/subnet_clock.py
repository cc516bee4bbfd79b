"""Timed inference of subnets: so many side by side, and half as many when memory runs out."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from suite.errors import OutOfMemoryError
from suite.latency import FLOOR_REPEATS, Latency, measure, noise_floor_ms
from suite.memory import give_back, too_little_memory
from suite.run_directory import RunDirectory
from suite.space import Genome
from suite.study import LatencySettings
from suite.supernet import Supernet

MOST_TOGETHER = 50
TOGETHER_FILE = "timed_together.json"

_Build = Callable[[], nn.Module]


class SubnetClock:
    """Times subnets of one supernet, fifty at once and interleaved.

    `calibration` is (N, C, H, W) normalised training pictures for batch norm, None without it.

    Times depend a little on the company. With a `run`, how many are timed at once is recorded there and stays,
    halvings for want of memory included.
    """

    def __init__(
        self,
        supernet: Supernet,
        calibration: Tensor | None,
        device: torch.device,
        run: RunDirectory | None = None,
    ) -> None:
        self._supernet = supernet
        self._calibration = calibration
        self._device = device
        self._run = run
        recorded = run.read_json(TOGETHER_FILE) if run is not None else None
        self.together = MOST_TOGETHER if recorded is None else int(recorded["networks"])

    def time(
        self,
        genomes: Sequence[Genome],
        settings: LatencySettings,
        rng: random.Random,
        progress: Callable[[int], None] = lambda done: None,
        keep: Callable[[Sequence[Latency]], None] = lambda timed: None,
    ) -> list[Latency]:
        """Time each genome's subnet; `progress` is told how many are behind us.

        `keep` is given the latencies of the first genomes whenever a block is done and others follow.

        Raises:
            OutOfMemoryError: there is too little memory for even one.
        """
        builds = [partial(self._supernet.extract, genome, self._calibration) for genome in genomes]
        return self._time(builds, settings, rng, progress, keep)

    def noise_floor_ms(self, settings: LatencySettings, rng: random.Random) -> float:
        """The latency noise floor, measured on a subnet of middling size.

        Raises:
            OutOfMemoryError: there is too little memory for even one.
        """
        space = self._supernet.space
        drawn = sorted((space.sample(rng) for _ in range(25)), key=space.macs)
        network = self._supernet.extract(drawn[len(drawn) // 2], self._calibration)
        repeats: list[_Build] = [lambda: network] * FLOOR_REPEATS
        return noise_floor_ms(self._time(repeats, settings, rng))

    def _time(
        self,
        builds: Sequence[_Build],
        settings: LatencySettings,
        rng: random.Random,
        progress: Callable[[int], None] = lambda done: None,
        keep: Callable[[Sequence[Latency]], None] = lambda timed: None,
    ) -> list[Latency]:
        timed: list[Latency] = []
        while len(timed) < len(builds):
            behind = len(timed)
            block = builds[behind : behind + self.together]
            try:
                timed += self._time_block(
                    block,
                    settings,
                    rng,
                    lambda done, behind=behind: progress(behind + done),  # type: ignore[misc]
                )
            except OutOfMemoryError:
                if len(block) == 1:
                    raise
            else:
                if len(timed) < len(builds):
                    keep(timed)
                continue
            self._pin(len(block) // 2)  # behind the except, as its error holds on to the block
        return timed

    def _time_block(
        self,
        block: Sequence[_Build],
        settings: LatencySettings,
        rng: random.Random,
        progress: Callable[[int], None],
    ) -> list[Latency]:
        """All of a block in memory, and timed side by side."""
        with too_little_memory(
            f"time networks, {len(block)} at once on batches of {settings.batch}",
            where="timing",
            remedy="Free memory, lower latency.batch in a new run, or search a smaller space.",
        ):
            networks = [build() for build in block]
            return measure(networks, self._supernet.space.shape, settings, self._device, rng, progress)

    def _pin(self, together: int) -> None:
        """Time so many at once from now on, in later executions of the run too."""
        self.together = together
        give_back(self._device)
        if self._run is not None:
            self._run.write_json(TOGETHER_FILE, {"networks": together})
