"""Timed inference of subnets: so many side by side, all of a run's at one speed of the machine."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from statistics import fmean

import torch
from torch import nn

from suite.device import device_facts
from suite.errors import OutOfMemoryError
from suite.latency import FLOOR_REPEATS, Latency, measure, noise_floor_ms
from suite.memory import give_back, too_little_memory
from suite.run_directory import RunDirectory
from suite.space import Genome
from suite.study import LatencySettings
from suite.supernet import Supernet
from suite.wording import plural

MOST_TOGETHER = 50
TOGETHER_FILE = "timed_together.json"
ANCHORS = 3
ANCHORS_FILE = "timing_anchors.json"
_DRAWN = 25  # networks, of which the anchors are a small, a middling and a large one

_Build = Callable[[], nn.Module]


class SubnetClock:
    """Times subnets of one supernet, fifty at once and interleaved, at the speed that the machine had at first.

    Within a block, networks share whatever speed the machine has. Between blocks it drifts, by far more than the
    noise within one (`suite bench drift`). So three anchors, always the same networks, are timed with every block,
    and its times are scaled until the anchors take what they took in the run's first block on that machine.

    Times depend a little on the company. With a `run`, how many are timed at once is recorded there and stays,
    halvings for want of memory included; and so is what the anchors took.
    """

    def __init__(
        self,
        supernet: Supernet,
        device: torch.device,
        run: RunDirectory | None = None,
    ) -> None:
        self._supernet = supernet
        self._device = device
        self._run = run
        together = run.read_json(TOGETHER_FILE) if run is not None else None
        self.together = MOST_TOGETHER if together is None else int(together["networks"])
        self._first_ms: dict[str, list[float]] = {}  # without a run, which has it on disk

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
        builds = [partial(self._supernet.extract_for_timing, genome) for genome in genomes]
        return self._time(builds, settings, rng, progress, keep)

    def noise_floor_ms(self, settings: LatencySettings, rng: random.Random) -> float:
        """The latency noise floor, measured on a subnet of middling size, within one block and so without anchors.

        Raises:
            OutOfMemoryError: there is too little memory for even one.
        """
        repeats: list[_Build] = [lambda: self._anchors[ANCHORS // 2]] * FLOOR_REPEATS
        return noise_floor_ms(self._time(repeats, settings, rng, anchored=False))

    @cached_property
    def _anchors(self) -> list[nn.Module]:
        """The same of a space every time, by rising MACs."""
        space, rng = self._supernet.space, random.Random(0)
        drawn = sorted((space.sample(rng) for _ in range(_DRAWN)), key=space.macs)
        chosen = (drawn[(2 * i + 1) * _DRAWN // (2 * ANCHORS)] for i in range(ANCHORS))
        return [self._supernet.extract_for_timing(genome) for genome in chosen]

    def _time(
        self,
        builds: Sequence[_Build],
        settings: LatencySettings,
        rng: random.Random,
        progress: Callable[[int], None] = lambda done: None,
        keep: Callable[[Sequence[Latency]], None] = lambda timed: None,
        *,
        anchored: bool = True,
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
                    anchored=anchored,
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
        *,
        anchored: bool,
    ) -> list[Latency]:
        """All of a block in memory, and timed side by side, with the anchors if it is scaled by them."""
        with too_little_memory(
            f"time networks, {len(block)} at once on batches of {settings.batch}",
            where="timing",
            remedy="Free memory, lower latency.batch in a new run, or search a smaller space.",
        ):
            networks = [*(build() for build in block), *(self._anchors if anchored else ())]
            timed = measure(
                networks,
                self._supernet.space.shape,
                settings,
                self._device,
                rng,
                lambda done: progress(min(done, len(block))),
            )
        of_block, of_anchors = timed[: len(block)], timed[len(block) :]
        if not of_anchors:
            return of_block
        scale = self._scale([latency.median_ms for latency in of_anchors], settings)
        return [latency.scaled(scale) for latency in of_block]

    def _scale(self, now_ms: Sequence[float], settings: LatencySettings) -> float:
        """What takes a block's times to the speed of the first on this machine, by what the anchors took in both."""
        threads = plural(settings.threads, "thread")
        where = f"{device_facts(self._device).name}, batch {settings.batch}, {threads}"
        if self._run is not None:  # a search and a latency model have a clock each, of one run
            self._first_ms = (self._run.read_json(ANCHORS_FILE) or {"ms": {}})["ms"]
        if where not in self._first_ms:
            self._first_ms[where] = list(now_ms)
            if self._run is not None:
                self._run.write_json(ANCHORS_FILE, {"ms": self._first_ms})
        first_ms = self._first_ms[where]
        return math.exp(fmean(math.log(first / now) for first, now in zip(first_ms, now_ms, strict=True)))

    def _pin(self, together: int) -> None:
        """Time so many at once from now on, in later executions of the run too."""
        self.together = together
        give_back(self._device)
        if self._run is not None:
            self._run.write_json(TOGETHER_FILE, {"networks": together})
