"""Timed inference: what is counted, in which order CUDA is called, and that nothing global is left changed."""

from __future__ import annotations

import gc
import random
from typing import Any

import pytest
import torch

from suite.cnn import StandaloneCNN, for_inference
from suite.latency import FLOOR_REPEATS, measure, noise_floor_ms
from suite.noise_floor import rounded_to_floor
from suite.study import LatencySettings
from tests.conftest import space_of

SPACE = space_of((1, 16, 16), depth=[1, 2], filters=[4, 8])
SETTINGS = LatencySettings(batch=2, threads=1, budget_ms=10)
CPU = torch.device("cpu")


def networks(count: int) -> list[StandaloneCNN]:
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    return [StandaloneCNN(SPACE, SPACE.sample(rng)).draw(generator) for _ in range(count)]


def test_every_network_is_measured_and_the_quantiles_are_in_order() -> None:
    threads = torch.get_num_threads()
    told: list[int] = []
    latencies = measure(networks(3), SPACE.shape, SETTINGS, CPU, random.Random(0), told.append)
    assert len(latencies) == 3
    for latency in latencies:
        assert 0 < latency.median_ms <= latency.p90_ms
        assert latency.iqr_ms >= 0
        assert latency.forwards >= 3
        assert (latency.batch, latency.threads, latency.device) == (2, 1, "cpu")
    assert told[-1] == 3
    assert torch.get_num_threads() == threads
    assert gc.isenabled()


def test_the_networks_themselves_are_not_changed() -> None:
    (network,) = networks(1)
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measure([network], SPACE.shape, SETTINGS, CPU, random.Random(0))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_batch_norm_is_folded_away_and_changes_nothing() -> None:
    space = space_of((3, 16, 16), depth=[2], filters=[8], norm="batch")
    network = StandaloneCNN(space, space.sample(random.Random(0))).draw(torch.Generator().manual_seed(0))
    pictures = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    network.train()
    for dropout in network.fcs:
        dropout.dropout.rate = 0.0  # type: ignore[union-attr]
    network(pictures)  # gives batch norm statistics other than its first ones
    folded = for_inference(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(folded(pictures), network.eval()(pictures), rtol=1e-4, atol=1e-5)


def test_the_noise_floor_is_a_time() -> None:
    repeats = measure(networks(1) * FLOOR_REPEATS, SPACE.shape, SETTINGS, CPU, random.Random(0))
    assert 0 <= noise_floor_ms(repeats) < 1_000


@pytest.mark.parametrize(
    ("milliseconds", "floor", "expected"),
    [(1.04, 0.1, 1.0), (1.06, 0.1, 1.1), (0.01, 0.1, 0.1), (1.234, 0.0, 1.234)],
)
def test_differences_below_the_floor_are_ties(milliseconds: float, floor: float, expected: float) -> None:
    assert rounded_to_floor(milliseconds, floor) == pytest.approx(expected)


class FakeCuda:
    """Stands in for torch.cuda's events and clock, and writes down the order of calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = self.calls

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing

            def record(self) -> None:
                calls.append("record")

            def elapsed_time(self, end: Any) -> float:
                calls.append("elapsed")
                return 0.5

        monkeypatch.setattr(torch.cuda, "Event", Event)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: calls.append("synchronise"))


def test_cuda_is_warmed_up_recorded_and_synchronised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from suite.latency import _time_on_cuda

    cuda = FakeCuda()
    cuda.install(monkeypatch)

    class Network:
        def __call__(self, pictures: torch.Tensor) -> None:
            cuda.calls.append("forward")

    samples = _time_on_cuda(
        [Network(), Network()], torch.zeros(1), 0.001, random.Random(0), lambda done: None
    )  # type: ignore[list-item]
    counts = [len(times) for times, _ in samples]
    warm_up: list[str] = []
    for count in counts:  # to wake it, to see how long it takes, and to have CUDA make the events
        warm_up += (["forward"] * 5 + ["synchronise"]) * 2 + ["record", "record"] * count
    timed = ["record", "forward", "record"] * sum(counts)
    assert cuda.calls == [*warm_up, "synchronise", *timed, "synchronise", *["elapsed"] * sum(counts)]
    assert samples[0] == ([0.5] * samples[0][1], samples[0][1])
    assert samples[0][1] >= 10


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_real_gpu() -> None:
    latencies = measure(networks(2), SPACE.shape, SETTINGS, torch.device("cuda"), random.Random(0))
    assert all(0 < latency.median_ms < 100 for latency in latencies)
