"""The latency model: it finds costs that are there, keeps their order, and is judged on what it has not seen."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from suite.device import device_facts
from suite.latency import Latency
from suite.latency_model import (
    LatencyModel,
    draw_for_timing,
    fit_latency,
    held_out,
    model_latency,
    predicted_held_out,
    time_networks,
    work,
)
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import StudySettings
from suite.subnet_clock import SubnetClock
from suite.supernet import Supernet
from tests.conftest import space_of

SPACE = space_of()


def made_up_ms(space: SearchSpace, genome: Genome) -> float:
    """0.1 ms a layer, 0.03 ms a million MACs (half as much again in 5x5), 0.4 ms a million FC weights."""
    shapes = space.shapes(genome)
    total = 0.0
    for layer, shape in zip(genome.layers, shapes, strict=False):
        per_million = 0.4 if len(layer.genes) == 1 else 0.045 if getattr(layer, "kernel", 0) == 5 else 0.03
        total += 0.1 + per_million * layer.macs(shape) / 1e6
    return total


def timed(space: SearchSpace, count: int, noise: float = 0.0) -> tuple[list[Genome], np.ndarray]:
    genomes = draw_for_timing(space, count, random.Random(0))
    factors = 1 + noise * np.random.default_rng(0).standard_normal(len(genomes))
    return genomes, np.array([made_up_ms(space, genome) for genome in genomes]) * factors


def test_an_additive_latency_is_found_everywhere_in_the_space() -> None:
    model = fit_latency(SPACE, *timed(SPACE, 300))
    unseen = [SPACE.sample(random.Random(seed)) for seed in range(1_000, 1_500)]
    true = np.array([made_up_ms(SPACE, genome) for genome in unseen])
    assert np.max(np.abs(model.predict(unseen) / true - 1)) < 0.01


def test_noise_of_three_per_cent_is_averaged_out() -> None:
    model = fit_latency(SPACE, *timed(SPACE, 300, noise=0.03))
    unseen = [SPACE.sample(random.Random(seed)) for seed in range(1_000, 1_500)]
    true = np.array([made_up_ms(SPACE, genome) for genome in unseen])
    assert np.quantile(np.abs(model.predict(unseen) / true - 1), 0.9) < 0.03


def test_the_whole_space_is_predicted_in_its_order() -> None:
    space = space_of(depth=[1, 2], filters=[8, 16], fc_units=[16, 32])
    model = fit_latency(space, *timed(space, 60))
    genomes = list(space)
    predicted = model.predict(genomes)
    assert predicted.shape == (space.size,)
    alone = [model.predict([genome])[0] for genome in genomes[::37]]
    assert predicted[::37].tolist() == alone
    true = np.array([made_up_ms(space, genome) for genome in genomes])
    assert np.argmin(predicted) == np.argmin(true)
    assert np.argmax(predicted) == np.argmax(true)


def test_a_prediction_is_the_price_of_the_work() -> None:
    genome = Genome.parse("32k3max-64k5avg-fc128")
    done = work(SPACE, genome)
    assert done == {
        "conv1.k3.macs": 32 * 3 * 9 * 32 * 32,
        "conv1.k3.outputs": 32 * 32 * 32,
        "conv1.k3.calls": 1,
        "conv1.max.elements": 32 * 32 * 32,
        "conv2.k5.macs": 64 * 32 * 25 * 16 * 16,
        "conv2.k5.outputs": 64 * 16 * 16,
        "conv2.k5.calls": 1,
        "conv2.avg.elements": 64 * 16 * 16,
        "fc1.weights": 64 * 8 * 8 * 128,
        "fc1.calls": 1,
        "classifier.weights": 1280,
    }
    costs = {"conv1.k3.macs": 1e-6, "conv2.k5.calls": 0.5, "fc1.weights": 2e-6, "classifier.weights": 1e-4}
    expected = sum(done[name] * cost for name, cost in costs.items())
    assert LatencyModel(SPACE, costs).predict([genome])[0] == pytest.approx(expected)


def test_no_work_has_a_negative_cost() -> None:
    model = fit_latency(SPACE, *timed(SPACE, 100, noise=0.2))
    assert min(model.costs_ms.values()) >= 0


def test_networks_to_time_are_distinct_and_of_every_depth() -> None:
    drawn = draw_for_timing(SPACE, 300, random.Random(0))
    assert len(set(drawn)) == 300
    depths = Counter(len(genome.convs) for genome in drawn)
    assert set(depths) == {2, 3, 4}
    assert min(depths.values()) >= 95
    assert drawn == draw_for_timing(SPACE, 300, random.Random(0))


def test_a_small_space_is_timed_whole_and_a_used_up_depth_is_made_up_for() -> None:
    space = space_of(depth=[1, 2], filters=[8, 16], kernel=[3], fc_layers=[1], fc_units=[16])
    assert draw_for_timing(space, space.size, random.Random(0)) == list(space)
    drawn = draw_for_timing(space, space.size - 1, random.Random(0))
    assert len(set(drawn)) == space.size - 1


def test_a_network_is_predicted_by_models_that_never_saw_it() -> None:
    genomes, milliseconds = timed(SPACE, 100)
    before = predicted_held_out(SPACE, genomes, milliseconds, seed=0)
    for i in (0, 41, 99):
        changed = milliseconds.copy()
        changed[i] *= 10
        after = predicted_held_out(SPACE, genomes, changed, seed=0)
        assert after[i] == pytest.approx(before[i], rel=1e-9)
        assert not np.allclose(after, before)


def test_errors_are_what_they_are_called() -> None:
    measured = np.array([1.0, 2.0, 4.0, 5.0, 10.0])
    error = held_out(measured * [1.0, 1.1, 0.9, 1.2, 0.7], measured)
    assert error.median_relative_error == pytest.approx(0.1)
    assert error.p90_relative_error == pytest.approx(0.26)
    assert error.mean_absolute_error_ms == pytest.approx((0.2 + 0.4 + 1.0 + 3.0) / 5)
    assert error.spearman == pytest.approx(1.0)
    assert held_out(np.ones(3), np.array([1.0, 2.0, 3.0])).spearman is None


def test_rounds_are_mixed_anew_and_a_network_keeps_its_median(
    tiny_study: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = SearchSpace(tiny_study.space, (1, 16, 16), 10)
    genomes = draw_for_timing(space, 30, random.Random(0))
    orders: list[list[Genome]] = []

    def pretend(clock: SubnetClock, mixed: list[Genome], *arguments: Any) -> list[Latency]:
        """A machine that gets slower from round to round, by half a time each."""
        orders.append(mixed)
        arguments[-1](len(mixed))
        times = [made_up_ms(space, genome) * (1 + (len(orders) - 1) / 2) for genome in mixed]
        return [Latency(ms, 2 * ms, ms / 2, 1, 1, "cpu", 3) for ms in times]

    monkeypatch.setattr(SubnetClock, "time", pretend)
    told: list[int] = []
    timed = time_networks(
        genomes,
        SubnetClock(Supernet(space, dropout=0.0), torch.device("cpu")),
        tiny_study.latency,
        random.Random(0),
        told.append,
    )
    assert [t.median_ms for t in timed] == pytest.approx([1.75 * made_up_ms(space, g) for g in genomes])
    assert timed[0].p90_ms == pytest.approx(2 * timed[0].median_ms)
    assert {t.forwards for t in timed} == {12}
    assert len({tuple(order) for order in orders}) == 4
    assert told == [7, 15, 22, 30]


def test_rounds_of_before_are_gone_on_from(
    tiny_study: StudySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = SearchSpace(tiny_study.space, (1, 16, 16), 10)
    supernet = Supernet(space, dropout=0.0).draw(torch.Generator().manual_seed(0)).eval()
    run, display = RunDirectory.create(tmp_path / "run"), Display(quiet=True)
    real, rounds, stops = SubnetClock.time, list[int](), [3, 7]

    def counted(clock: SubnetClock, genomes: list[Genome], *words: Any) -> list[Latency]:
        rounds.append(len(genomes))
        if len(rounds) in stops:
            raise KeyboardInterrupt
        return real(clock, genomes, *words)

    monkeypatch.setattr(SubnetClock, "time", counted)
    arguments = (tiny_study, space, supernet, torch.device("cpu"), run, display)
    with pytest.raises(KeyboardInterrupt):
        model_latency(*arguments, count=6)
    before = run.load_checkpoint("latency_model")
    assert before is not None
    assert [len(one) for one in before["rounds"]] == [6, 6]
    model_latency(*arguments, count=6)
    assert (run.read_result("latency_model") or {})["seconds"] > before["seconds"] > 0
    assert rounds == [6] * 5, "two of four, one cut off, and the other two"
    assert run.load_checkpoint("latency_model") is None
    with pytest.raises(KeyboardInterrupt):
        model_latency(*arguments, count=8)
    model_latency(*arguments, count=7)
    assert rounds == [6] * 5 + [8] * 2 + [7] * 4, "rounds of other networks are none of these"


def test_a_run_keeps_its_timings(tiny_study: StudySettings, tmp_path: Path) -> None:
    space = SearchSpace(tiny_study.space, (1, 16, 16), 10)
    supernet = Supernet(space, dropout=0.0).draw(torch.Generator().manual_seed(0)).eval()
    run, display = RunDirectory.create(tmp_path / "run"), Display(quiet=True)
    arguments = (tiny_study, space, supernet, torch.device("cpu"), run, display)
    model = model_latency(*arguments, count=20)
    result = run.read_result("latency_model")
    assert result is not None
    assert (result["networks"], result["batch"], result["threads"], result["device"]) == (20, 1, 1, "cpu")
    assert [set(row) for row in result["measured"]] == [{"genome", "median_ms", "p90_ms", "iqr_ms"}] * 20
    assert set(result["held_out"]) == {
        "median_relative_error",
        "p90_relative_error",
        "mean_absolute_error_ms",
        "spearman",
    }
    assert result["noise_floor_ms"] > 0
    assert (model.predict(list(space)) > 0).all()
    written = (run.path / "results" / "latency_model.json").read_bytes()
    assert model_latency(*arguments, count=20) == model
    assert (run.path / "results" / "latency_model.json").read_bytes() == written
    model_latency(*arguments, count=5)
    fewer = run.read_result("latency_model")
    assert fewer is not None
    assert (fewer["networks"], fewer["held_out"]) == (5, None)


def test_times_of_another_machine_are_taken_anew(
    tiny_study: StudySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = SearchSpace(tiny_study.space, (1, 16, 16), 10)
    supernet = Supernet(space, dropout=0.0).draw(torch.Generator().manual_seed(0)).eval()
    run, timed = RunDirectory.create(tmp_path / "run"), list[int]()
    real = SubnetClock.time

    def counted(clock: SubnetClock, genomes: list[Genome], *words: Any) -> list[Latency]:
        timed.append(len(genomes))
        return real(clock, genomes, *words)

    monkeypatch.setattr(SubnetClock, "time", counted)
    here = device_facts(torch.device("cpu"))
    for machine, rounds in ((here.name, 4), (here.name, 4), ("another", 8)):
        monkeypatch.setattr(
            "suite.latency_model.device_facts", lambda _, name=machine: replace(here, name=name)
        )
        cpu, quiet = torch.device("cpu"), Display(quiet=True)
        model_latency(tiny_study, space, supernet, cpu, run, quiet, count=6)
        assert len(timed) == rounds
