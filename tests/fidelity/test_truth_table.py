"""The truth table: what is written is read back, other regimes and damage are refused, and what is compared."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from suite.errors import FidelityError
from suite.fidelity.draw import draw_networks
from suite.fidelity.favourites import favourites
from suite.fidelity.longer_truth import longer_truths
from suite.fidelity.truth_table import Drawn, Reading, Regime, TruthTable, open_table, read_table, regime_of
from suite.run_directory import RunDirectory
from suite.study import StudySettings
from tests.conftest import space_of
from tests.damage import cut_at, flipped

EPOCHS = 3


@pytest.fixture
def regime(tiny_study: StudySettings) -> Regime:
    return regime_of(tiny_study, "0" * 64, EPOCHS, 500)


def reading(
    genome: str, seed: int = 0, *, epoch: int = EPOCHS, accuracy: float = 0.5, drawn: Drawn = "uniform"
) -> Reading:
    return Reading(drawn, genome, seed, epoch, 1 - accuracy, accuracy, 1.5)


def test_what_is_written_is_read_back(regime: Regime, tmp_path: Path) -> None:
    readings = [
        reading(genome, seed, epoch=epoch, accuracy=round(0.1 * epoch + 0.01 * seed, 6), drawn=drawn)
        for genome, drawn in (("8k3max-fc16", "uniform"), ("4k5avg-fc8", "top"))
        for seed in (0, 1)
        for epoch in (1, EPOCHS)
    ]
    path = TruthTable(regime, readings).write(tmp_path)
    assert path.name == "digits-3x500.csv"
    again = open_table(regime, tmp_path)
    assert again.regime == regime
    assert again.readings == sorted(readings)
    before = path.read_bytes()
    assert again.write(tmp_path).read_bytes() == before


def test_a_table_of_another_regime_is_refused_naming_the_difference(regime: Regime, tmp_path: Path) -> None:
    TruthTable(regime).write(tmp_path)
    other = regime.model_copy(update={"learning_rate": 0.01})
    with pytest.raises(FidelityError, match=r"learning_rate: 0\.001 there, 0\.01 here"):
        open_table(other, tmp_path)
    assert open_table(other, tmp_path / "elsewhere").readings == []


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("csv", "drawn,genome\nuniform,8k3max-fc16\n"),
        ("csv", "drawn,genome,seed,epoch,val_loss,val_accuracy,seconds\nuniform,8k3max-fc16,0,3,0.5\n"),
        ("csv", "drawn,genome,seed,epoch,val_loss,val_accuracy,seconds\nnobody,8k3max-fc16,0,3,0.5,0.5,1\n"),
        ("csv", None),
        ("json", "{"),
        ("json", '{"epochs": 3}'),
    ],
)
def test_a_damaged_table_is_refused(file: str, content: str | None, regime: Regime, tmp_path: Path) -> None:
    damaged = TruthTable(regime, [reading("8k3max-fc16")]).write(tmp_path).with_suffix(f".{file}")
    if content is None:
        damaged.unlink()
    else:
        damaged.write_text(content)
    with pytest.raises(FidelityError, match="is no truth table"):
        open_table(regime, tmp_path)


@pytest.mark.fault("a truth table is truncated, or has a flipped bit, anywhere: refused")
@pytest.mark.parametrize("file", ["csv", "json"])
def test_no_cut_and_no_flipped_bit_makes_another_table(file: str, regime: Regime, tmp_path: Path) -> None:
    rows = [reading("8k3max-fc16"), reading("4k5avg-fc8", accuracy=0.75, drawn="top")]
    path = TruthTable(regime, rows).write(tmp_path).with_suffix(f".{file}")
    whole, content, refused = open_table(regime, tmp_path).readings, path.read_bytes(), 0
    for harmed in (*flipped(content, 300), *cut_at(content, 20)):
        path.write_bytes(harmed)
        try:
            found = read_table(path)
        except FidelityError:
            refused += 1
        else:  # white space, or the end of a line, was hit
            assert (found.regime, found.readings) == (regime, whole)
    assert refused > 200


@pytest.mark.fault("writing a truth table stops before either of its files is there")
@pytest.mark.parametrize("file", ["csv", "json"])
def test_a_stop_between_its_files_leaves_none_or_the_one_before(
    file: str, regime: Regime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, rows = os.replace, [reading("8k3max-fc16"), reading("4k5avg-fc8")]

    def replace_unless_stopped(source: str, target: Path) -> None:
        if Path(target).suffix == f".{file}":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    for known in ([], rows[:1]):
        if known:
            TruthTable(regime, known).write(tmp_path)
        with monkeypatch.context() as patch, suppress(OSError):
            patch.setattr(os, "replace", replace_unless_stopped)
            TruthTable(regime, rows).write(tmp_path)
        is_written = bool(known) and file == "json"  # the regime stays, and so does not stop it
        assert open_table(regime, tmp_path).readings == (sorted(rows) if is_written else known)


def test_what_another_process_has_read_meanwhile_is_kept(regime: Regime, tmp_path: Path) -> None:
    one, other = open_table(regime, tmp_path), open_table(regime, tmp_path)
    one.add([reading("8k3max-fc16")])
    one.write(tmp_path)
    other.add([reading("4k5avg-fc8")])
    other.write(tmp_path)
    assert [r.genome for r in open_table(regime, tmp_path).readings] == ["4k5avg-fc8", "8k3max-fc16"]


def test_a_regime_without_keys_that_came_later_stays_as_it_was_written(
    regime: Regime, tmp_path: Path
) -> None:
    path = tmp_path / f"{regime.name}.json"
    known = regime.model_dump(mode="json")
    del known["data"]["class_weights"]
    older = Regime.model_validate(known)
    TruthTable(older, [reading("8k3max-fc16")]).write(tmp_path)
    before = path.read_bytes()
    assert b"class_weights" not in before
    table = open_table(regime, tmp_path)
    table.add([reading("4k5avg-fc8")])
    table.write(tmp_path)
    assert path.read_bytes() == before
    assert len(open_table(regime, tmp_path).readings) == 2


def test_a_table_without_a_checksum_is_of_an_older_suite(regime: Regime, tmp_path: Path) -> None:
    path = TruthTable(regime, [reading("8k3max-fc16")]).write(tmp_path)
    head, checksum, *rows = path.read_text().splitlines()
    assert checksum.startswith("checksum,")
    path.write_text("\n".join([head, *rows]) + "\n")
    assert open_table(regime, tmp_path).readings == [reading("8k3max-fc16")]


def test_a_reading_that_is_there_stays(regime: Regime) -> None:
    table = TruthTable(regime, [reading("8k3max-fc16", accuracy=0.5)])
    table.add([reading("8k3max-fc16", accuracy=0.9), reading("8k3max-fc16", 1, accuracy=0.7)])
    assert table.values(["8k3max-fc16"], [0, 1]).tolist() == [[0.5, 0.7]]
    assert table.values(["8k3max-fc16"], [0], of="val_loss").tolist() == [[0.5]]
    assert table.has("8k3max-fc16", 1)
    assert not table.has("8k3max-fc16", 2)


def test_a_training_under_way_is_not_among_the_networks(regime: Regime) -> None:
    table = TruthTable(regime, [reading("8k3max-fc16", epoch=1), reading("4k3max-fc16")])
    assert table.networks() == ["4k3max-fc16"]
    assert table.networks("top") == []


@pytest.mark.parametrize(
    ("trained", "networks", "seeds"),
    [
        ({"a": [0, 1], "b": [0, 1], "c": [0, 1]}, "abc", [0, 1]),
        ({"a": [0, 1], "b": [0], "c": [0], "d": [0]}, "abcd", [0]),  # the second seed has just begun
        ({"a": [0, 1], "b": [0, 1], "c": [0, 1], "d": [0]}, "abc", [0, 1]),  # more networks asked for, once
        ({"a": [1], "b": [1], "c": [0]}, "ab", [1]),
        ({}, "", []),
    ],
)
def test_the_rectangle_with_most_trainings_is_compared(
    trained: dict[str, list[int]], networks: str, seeds: list[int], regime: Regime
) -> None:
    table = TruthTable(regime, [reading(genome, seed) for genome, own in trained.items() for seed in own])
    table.add([reading("favourite", seed, drawn="top") for seed in (0, 1, 2)])
    assert table.rectangle() == (list(networks), seeds)


def test_a_favourite_that_the_draw_comes_to_is_compared_from_then_on(regime: Regime) -> None:
    table = TruthTable(regime, [reading("a"), reading("b", epoch=1, drawn="top"), reading("b", drawn="top")])
    table.count_as_uniform({"b", "c"})
    assert table.rectangle() == (["a", "b"], [0])
    assert table.networks("top") == []


def test_a_draw_is_distinct_even_over_depths_and_a_larger_ones_beginning() -> None:
    drawn = draw_networks(space_of(), 60)
    assert len(set(drawn)) == 60
    for count in (1, 20, 59):
        depths = [len(genome.convs) for genome in drawn[:count]]
        counts = [depths.count(depth) for depth in (2, 3, 4)]
        assert max(counts) - min(counts) <= 1
    assert draw_networks(space_of(), 20) == drawn[:20]


def test_a_draw_from_a_small_space_takes_all_of_it() -> None:
    space = space_of(depth=[1], filters=[4], kernel=[3], fc_units=[8, 16])
    assert sorted(draw_networks(space, 100)) == sorted(space)


def test_a_longer_truth_is_compared_on_what_is_shared(regime: Regime, tmp_path: Path) -> None:
    genomes = [
        f"{filters}k{kernel}max-fc{units}" for filters in (4, 8) for kernel in (3, 5) for units in (8, 16, 32)
    ]
    table = TruthTable(regime, [reading(g, accuracy=i / 100) for i, g in enumerate(genomes)])
    table.write(tmp_path)
    longer = regime.model_copy(update={"epochs": 9})

    def write(regime: Regime, shared: int) -> None:
        rows = [reading(g, epoch=regime.epochs, accuracy=1 - i / 100) for i, g in enumerate(genomes[:shared])]
        TruthTable(regime, rows).write(tmp_path)

    write(longer, 7)
    write(regime.model_copy(update={"epochs": 2}), 12)
    write(regime.model_copy(update={"epochs": 10, "sha256": "1" * 64}), 12)
    (tmp_path / "notes.csv").write_text("not a table\n")
    assert longer_truths(table, tmp_path, np.random.default_rng(0)) == []
    write(longer, 8)
    (row,) = longer_truths(table, tmp_path, np.random.default_rng(0))
    assert (row["table"], row["networks"], row["tau"]["value"]) == ("digits-9x500", 8, pytest.approx(-1))
    assert read_table(tmp_path / "digits-9x500.json").networks() == sorted(genomes[:8])


def test_favourites_are_the_best_of_what_the_search_scored(tiny_study: StudySettings, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    space = space_of(depth=[1, 2], filters=[4, 8], kernel=[3, 5], fc_units=[8, 16])
    with pytest.raises(FidelityError, match="has no favourites yet"):
        favourites(tiny_study, space, run, 2)
    losses = {"4k3max-fc8": 0.9, "8k3max-fc8": 0.1, "8k5avg-fc16": 0.4, "4k5max-fc8": None}
    rows = [
        {"genome": genome, "val_loss": loss, "val_accuracy": None, "failure": None if loss else "NaN"}
        for genome, loss in losses.items()
    ]
    run.write_result("search", {"evaluated": rows})
    assert [g.text for g in favourites(tiny_study, space, run, 2)] == ["8k3max-fc8", "8k5avg-fc16"]
