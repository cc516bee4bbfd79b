"""Subnets timed side by side: as many as memory takes, for all of a run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

from suite.errors import OutOfMemoryError
from suite.latency import measure
from suite.memory import ran_out
from suite.run_directory import RunDirectory
from suite.study import LatencySettings
from suite.subnet_clock import MOST_TOGETHER, SubnetClock
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
def memory_for(networks: int) -> Iterator[list[int]]:
    """A machine on which more networks are too many, of a batch that no memory has; how many were tried is noted."""
    tried: list[int] = []

    def measured(together: list[Any], *words: Any) -> Any:
        tried.append(len(together))
        if len(together) > networks:
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
        timed = SubnetClock(supernet, None, CPU, run).time(GENOMES, SETTINGS, random.Random(0), told.append)
    assert tried == [11, 5, 2, 2, 2, 2, 2, 1]
    assert told[-1] == len(timed) == 11
    assert json.loads((run.path / "timed_together.json").read_text())["networks"] == 2
    with memory_for(1_000) as tried:
        again = SubnetClock(supernet, None, CPU, run)
        again.time(GENOMES[:4], SETTINGS, random.Random(0))
    assert tried == [2, 2], "a later execution does not try more at once"


def test_the_noise_floor_is_measured_with_as_many_as_fit(supernet: Supernet) -> None:
    with memory_for(6) as tried:
        assert 0 <= SubnetClock(supernet, None, CPU).noise_floor_ms(SETTINGS, random.Random(0)) < 1_000
    assert tried == [12, 6, 6]


def test_too_little_memory_for_one_network_is_a_clear_error(run: RunDirectory, supernet: Supernet) -> None:
    clock = SubnetClock(supernet, None, CPU, run)
    with (
        memory_for(0),
        pytest.raises(OutOfMemoryError, match=r"timing: .* 1 at once .* lower latency\.batch"),
    ):
        clock.time(GENOMES, SETTINGS, random.Random(0))


def test_another_error_is_not_taken_for_a_lack_of_memory(supernet: Supernet) -> None:
    clock = SubnetClock(supernet, None, CPU)
    with (
        mock.patch("suite.subnet_clock.measure", side_effect=RuntimeError("shapes differ")),
        pytest.raises(RuntimeError, match="shapes differ"),
    ):
        clock.time(GENOMES, SETTINGS, random.Random(0))
    assert clock.together == MOST_TOGETHER


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
