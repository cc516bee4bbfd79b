"""Subnets timed side by side: as many as memory takes, for all of a run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from suite.device import device_facts
from suite.errors import OutOfMemoryError
from suite.latency import Latency, measure
from suite.memory import ran_out
from suite.run_directory import RunDirectory
from suite.study import LatencySettings
from suite.subnet_clock import ANCHORS, ANCHORS_FILE, MOST_TOGETHER, SubnetClock
from suite.supernet import Supernet
from tests.conftest import space_of

SPACE = space_of((1, 16, 16), depth=[1, 2], filters=[4, 8])
SETTINGS = LatencySettings(batch=1, threads=1, budget_ms=10)
CPU = torch.device("cpu")
GENOMES = [SPACE.sample(random.Random(seed)) for seed in range(11)]


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    return Supernet(SPACE, 0.0).draw(torch.Generator().manual_seed(0)).eval()


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run")


@contextmanager
def memory_for(networks: int, anchors: int = ANCHORS) -> Iterator[list[int]]:
    """A machine on which more networks than that and the anchors are too many; how many were tried is noted."""
    tried: list[int] = []

    def measured(together: list[Any], *words: Any) -> Any:
        tried.append(len(together) - anchors)
        if tried[-1] > networks:
            torch.empty(1 << 50)
        return measure(together, *words)

    with mock.patch("suite.subnet_clock.measure", measured):
        yield tried


@pytest.mark.fault("memory runs out while networks are timed")
def test_a_block_is_halved_until_it_fits_and_stays_so_for_all_of_a_run(
    run: RunDirectory, supernet: Supernet
) -> None:
    told: list[int] = []
    with memory_for(3) as tried:
        timed = SubnetClock(supernet, CPU, run).time(GENOMES, SETTINGS, random.Random(0), told.append)
    assert tried == [11, 5, 2, 2, 2, 2, 2, 1]
    assert told[-1] == len(timed) == 11
    assert json.loads((run.path / "timed_together.json").read_text())["networks"] == 2
    with memory_for(1_000) as tried:
        again = SubnetClock(supernet, CPU, run)
        again.time(GENOMES[:4], SETTINGS, random.Random(0))
    assert tried == [2, 2], "a later execution does not try more at once"


def test_the_noise_floor_is_measured_with_as_many_as_fit(supernet: Supernet) -> None:
    with memory_for(6, anchors=0) as tried:
        assert 0 <= SubnetClock(supernet, CPU).noise_floor_ms(SETTINGS, random.Random(0)) < 1_000
    assert tried == [12, 6, 6]


def test_too_little_memory_for_one_network_is_a_clear_error(run: RunDirectory, supernet: Supernet) -> None:
    clock = SubnetClock(supernet, CPU, run)
    with (
        memory_for(0),
        pytest.raises(OutOfMemoryError, match=r"timing: .* 1 at once .* lower latency\.batch"),
    ):
        clock.time(GENOMES, SETTINGS, random.Random(0))


def test_another_error_is_not_taken_for_a_lack_of_memory(supernet: Supernet) -> None:
    clock = SubnetClock(supernet, CPU)
    with (
        mock.patch("suite.subnet_clock.measure", side_effect=RuntimeError("shapes differ")),
        pytest.raises(RuntimeError, match="shapes differ"),
    ):
        clock.time(GENOMES, SETTINGS, random.Random(0))
    assert clock.together == MOST_TOGETHER


@contextmanager
def machine_at(*speeds: float) -> Iterator[list[list[Any]]]:
    """A machine that runs the blocks to come at these speeds; a network takes its place in the block, in ms."""
    blocks: list[list[Any]] = []

    def measured(together: list[Any], shape: object, settings: LatencySettings, *_: object) -> list[Latency]:
        blocks.append(together)
        speed = speeds[len(blocks) - 1]
        places = range(1, len(together) + 1)
        return [Latency(i / speed, 2 * i / speed, i / speed / 2, settings.batch, 1, "cpu", 9) for i in places]

    with mock.patch("suite.subnet_clock.measure", measured):
        yield blocks


def test_every_block_is_scaled_to_the_speed_of_the_first(run: RunDirectory, supernet: Supernet) -> None:
    with machine_at(1.0, 0.5, 2.0):
        clock = SubnetClock(supernet, CPU, run)
        first, slow, fast = (clock.time(GENOMES[:4], SETTINGS, random.Random(0)) for _ in range(3))
    assert [latency.scale for latency in first] == [1.0] * 4
    for timed, scale in ((slow, 0.5), (fast, 2.0)):
        for one, other in zip(first, timed, strict=True):
            assert other.scale == pytest.approx(scale)
            assert other.median_ms == pytest.approx(one.median_ms)
            assert other.p90_ms == pytest.approx(one.p90_ms)
            assert other.iqr_ms == pytest.approx(one.iqr_ms)


def test_what_the_anchors_took_first_holds_for_later_executions(
    run: RunDirectory, supernet: Supernet
) -> None:
    with machine_at(1.0):
        SubnetClock(supernet, CPU, run).time(GENOMES[:4], SETTINGS, random.Random(0))
    kept = (run.path / ANCHORS_FILE).read_bytes()
    with machine_at(0.25):
        (timed, *_) = SubnetClock(supernet, CPU, run).time(GENOMES[:4], SETTINGS, random.Random(0))
    assert (timed.scale, timed.median_ms) == (pytest.approx(0.25), pytest.approx(1.0))
    assert (run.path / ANCHORS_FILE).read_bytes() == kept


def test_another_machine_or_batch_has_a_speed_of_its_own(
    run: RunDirectory, supernet: Supernet, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = SETTINGS.model_copy(update={"batch": 64})
    with machine_at(1.0, 0.1, 0.2, 0.5):
        clock = SubnetClock(supernet, CPU, run)
        clock.time(GENOMES[:4], SETTINGS, random.Random(0))
        assert clock.time(GENOMES[:4], large, random.Random(0))[0].scale == 1.0
        here = device_facts(CPU)
        monkeypatch.setattr("suite.subnet_clock.device_facts", lambda _: replace(here, name="another"))
        assert clock.time(GENOMES[:4], SETTINGS, random.Random(0))[0].scale == 1.0
        monkeypatch.undo()
        assert clock.time(GENOMES[:4], SETTINGS, random.Random(0))[0].scale == pytest.approx(0.5)


def test_the_anchors_are_the_same_networks_small_to_large_in_every_block(supernet: Supernet) -> None:
    with machine_at(*[1.0] * 4) as blocks:
        one, other = SubnetClock(supernet, CPU), SubnetClock(supernet, CPU)
        one.together = 2
        one.time(GENOMES[:4], SETTINGS, random.Random(0))
        other.time(GENOMES[:4], SETTINGS, random.Random(1))
        other.noise_floor_ms(SETTINGS, random.Random(2))
    floor = blocks.pop()
    anchors = [block[-ANCHORS:] for block in blocks]
    assert all(a is b for a, b in zip(anchors[0], anchors[1], strict=True)), "taken out once"
    weights = [[sum(p.numel() for p in network.parameters()) for network in block] for block in anchors]
    assert all(of_block == weights[0] for of_block in weights)
    assert len(set(weights[0])) == ANCHORS
    assert all(network is anchors[-1][1] for network in floor), "the floor is the middling one's alone"


def test_the_floor_is_no_speed_to_go_by(supernet: Supernet) -> None:
    with machine_at(0.1, 1.0):
        clock = SubnetClock(supernet, CPU)
        clock.noise_floor_ms(SETTINGS, random.Random(0))
        assert clock.time(GENOMES[:4], SETTINGS, random.Random(0))[0].scale == 1.0


def test_two_clocks_of_a_run_go_by_one_speed(run: RunDirectory, supernet: Supernet) -> None:
    with machine_at(1.0, 0.5):
        of_search, of_model = (SubnetClock(supernet, CPU, run) for _ in range(2))
        assert of_model.time(GENOMES[:4], SETTINGS, random.Random(0))[0].scale == 1.0
        assert of_search.time(GENOMES[:4], SETTINGS, random.Random(0))[0].scale == pytest.approx(0.5)


@pytest.mark.parametrize("allocate", [torch.empty, np.empty, bytearray])
def test_what_cannot_be_allocated_is_recognised(allocate: Callable[[int], object]) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        allocate(1 << 50)
    assert ran_out(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_what_cuda_and_its_libraries_say_is_recognised(error: Exception) -> None:
    assert ran_out(error)


def test_batch_norm_needs_no_pictures_to_be_timed() -> None:
    """Its statistics are folded into the weights, and no time depends on what they are."""
    space = space_of((1, 16, 16), depth=[1, 2], filters=[4, 8], norm="batch")
    supernet = Supernet(space, 0.0).draw(torch.Generator().manual_seed(0)).eval()
    genomes = [space.sample(random.Random(seed)) for seed in range(3)]
    times = SubnetClock(supernet, CPU).time(genomes, SETTINGS, random.Random(0))
    assert all(latency.median_ms > 0 for latency in times)
    with pytest.raises(ValueError, match="needs calibration pictures"):
        supernet.extract(genomes[0])
