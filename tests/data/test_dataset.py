"""Open data: splits, normalisation from the training part alone, provenance, warnings, and the real data sets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from suite.data import Data, WrittenChoice, find_data, open_data
from suite.errors import DataError, SealedTestError
from tests.data.conftest import REAL_DATA_DIR, place_of, settings, write_folders, write_parquet


def opened(folder: Path, **more: Any) -> Data:
    return open_data(settings(folder, **more), place_of(folder))


@pytest.fixture(scope="module")
def digits() -> Data:
    chosen = settings("digits", (16, 16))
    return open_data(chosen, find_data(chosen))


def test_digits_set_aside_a_fifth_as_test(digits: Data) -> None:
    assert digits.provenance.counts == {"train": 1150, "val_search": 144, "val_choice": 144, "test": 359}
    assert len(digits.sealed_test) == 359
    assert digits.picture_shape == (1, 16, 16)
    assert digits.name == "digits"
    assert any(
        "stratified fifth of it (359 pictures, split_seed = 0)" in note for note in digits.provenance.notes
    )


def test_the_training_splits_are_views_of_the_whole(digits: Data) -> None:
    parts = (digits.train, digits.val_search, digits.val_choice)
    assert torch.equal(digits.all_training.pictures, torch.cat([part.pictures for part in parts]))
    assert torch.equal(digits.all_training.labels, torch.cat([part.labels for part in parts]))
    assert digits.val_choice.pictures._base is digits.all_training.pictures


def test_the_splits_move_with_their_own_seed_only() -> None:
    place = find_data(settings("digits"))
    first, again, other = (open_data(settings("digits", split_seed=seed), place) for seed in (0, 0, 1))
    assert torch.equal(first.val_search.pictures, again.val_search.pictures)
    assert not torch.equal(first.val_search.pictures, other.val_search.pictures)
    resized = open_data(settings("digits", (12, 12)), place)
    assert torch.equal(first.val_choice.labels, resized.val_choice.labels)


def test_normalised_pictures_have_mean_0_and_deviation_1(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [0, 1] * 50)
    data = opened(tmp_path)
    normal = data.normalise(data.train.pictures)
    assert normal.dtype == torch.float32
    assert normal.is_contiguous(memory_format=torch.channels_last)
    assert normal.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert normal.std(dim=(0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    pixels = data.train.pictures.double() / 255
    assert data.mean == pytest.approx(pixels.mean(dim=(0, 2, 3)).tolist())
    assert data.std == pytest.approx(pixels.std(dim=(0, 2, 3), correction=0).tolist())


def test_normalising_first_within_inference_mode_leaves_training_possible(digits: Data) -> None:
    with torch.inference_mode():
        digits.normalise(digits.train.pictures[:2])
    weight = torch.ones((), requires_grad=True)
    (digits.normalise(digits.train.pictures[:2]) * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None


def test_normalising_leaves_the_pictures_alone(digits: Data) -> None:
    before = digits.train.pictures.clone()
    digits.normalise(digits.train.pictures)
    assert torch.equal(digits.train.pictures, before)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_normalising_on_cuda_is_the_same(digits: Data) -> None:
    pictures = digits.train.pictures[:8]
    torch.testing.assert_close(digits.normalise(pictures.cuda()).cpu(), digits.normalise(pictures))


def test_pictures_of_one_grey_level_normalise_to_zero(tmp_path: Path) -> None:
    from PIL import Image

    from tests.data.conftest import encoded

    flat = [encoded(Image.new("L", (8, 8), 77))] * 40
    write_parquet(tmp_path / "train.parquet", [0, 1] * 20, pictures=flat)
    data = opened(tmp_path)
    assert data.normalise(data.train.pictures).abs().max().item() < 1e-5


def test_the_test_opens_for_a_written_choice_only(digits: Data, tmp_path: Path) -> None:
    with pytest.raises(SealedTestError, match="no choice has been written"):
        digits.open_test(tmp_path / "choice.json", tmp_path / "ledger.jsonl")
    WrittenChoice("d1", (0,), {}, ("winner",)).write(tmp_path / "choice.json")
    test = digits.open_test(tmp_path / "choice.json", tmp_path / "ledger.jsonl")
    assert test.pictures_for("winner", 0, "the one test").pictures.shape == (359, 1, 16, 16)


def test_no_picture_is_in_two_splits(tmp_path: Path) -> None:
    data = opened(write_folders(tmp_path / "set", 50))
    WrittenChoice("d1", (0,), {}, ("winner",)).write(tmp_path / "choice.json")
    test = data.open_test(tmp_path / "choice.json", tmp_path / "ledger").pictures_for(
        "winner", 0, "to compare"
    )
    every = torch.cat([data.all_training.pictures, test.pictures])
    assert len({p.numpy().tobytes() for p in every}) == len(every) == 100
    assert torch.bincount(test.labels).tolist() == [10, 10]


def test_an_own_test_part_is_used_as_it_is(tmp_path: Path) -> None:
    write_folders(tmp_path / "train", 20)
    write_folders(tmp_path / "test", 3)
    data = opened(tmp_path)
    assert data.provenance.counts == {"train": 32, "val_search": 4, "val_choice": 4, "test": 6}
    assert data.provenance.notes == ()


def test_small_validation_parts_are_warned_about(digits: Data) -> None:
    assert digits.warnings == (
        "Few pictures to judge by: 144 in val-A (val_search), 144 in val-B (val_choice) and 359 in the test. "
        "An accuracy of 90 % there has a standard error of 2.5, 2.5 and 1.6 points.",
    )


def test_what_was_left_out_is_noted(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "set", 20)
    (folder / "bird").mkdir()
    assert "Left out, as there is no picture in it: 1 folder" in opened(folder).provenance.notes[0]


def test_unequal_classes_are_warned_about(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a" / "train.parquet", [0] * 60 + [1] * 30)
    assert not any("unequal" in warning for warning in opened(tmp_path / "a").warnings)
    write_parquet(tmp_path / "b" / "train.parquet", [0] * 65 + [1] * 30)
    [warning] = [warning for warning in opened(tmp_path / "b").warnings if "unequal" in warning]
    assert re.search(r"52 training pictures of cat, 24 of dog", warning)
    assert 'data.class_weights = "balanced"' in warning


def test_balanced_weights_make_every_class_count_alike(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [0] * 75 + [1] * 25)
    assert opened(tmp_path).class_weights is None
    assert opened(tmp_path).class_weights_on(torch.device("cpu")) is None
    data = opened(tmp_path, class_weights="balanced")
    weights = data.class_weights_on(torch.device("cpu"))
    assert weights is not None
    of_pictures = weights[data.train.labels]
    assert float(of_pictures[data.train.labels == 0].sum()) == pytest.approx(
        float(of_pictures[data.train.labels == 1].sum())
    )
    assert float(of_pictures.mean()) == pytest.approx(1.0)


@pytest.mark.parametrize("few", [1, 2, 3])
def test_a_class_too_small_for_every_split_is_named(tmp_path: Path, few: int) -> None:
    write_parquet(tmp_path / "train.parquet", [0] * 40 + [1] * few)
    with pytest.raises(
        DataError, match=rf"split: has no picture of dog \({few} in all\), .* change data\.val"
    ):
        opened(tmp_path)


def test_a_class_missing_from_the_test_part_is_named(tmp_path: Path) -> None:
    write_folders(tmp_path / "train", 20)
    write_folders(tmp_path / "test", 3, classes=("cat",))
    with pytest.raises(DataError, match=r"the test split: has no picture of dog \(20 in all\)"):
        opened(tmp_path)


REAL = {
    "cifar10": (
        (3, 32, 32),
        (40_000, 5_000, 5_000, 10_000),
        (0.4914, 0.4822, 0.4465),
        (0.2452, 0.2428, 0.2606),
    ),
    "fashion_mnist": ((1, 28, 28), (48_000, 6_000, 6_000, 10_000), (0.2860,), (0.3530,)),
}


@pytest.mark.parametrize("name", REAL)
def test_the_real_data_sets(name: str) -> None:
    if not (REAL_DATA_DIR / name).is_dir():
        pytest.skip(f"SUITE_DATA_DIR holds no {name}")
    shape, counts, mean, std = REAL[name]
    chosen = settings(name, shape[1:])
    data = open_data(chosen, find_data(chosen, REAL_DATA_DIR))
    assert data.picture_shape == shape
    assert tuple(data.provenance.counts.values()) == counts
    assert torch.bincount(data.all_training.labels).tolist() == [sum(counts[:3]) // 10] * 10
    assert torch.bincount(data.val_choice.labels).tolist() == [counts[2] // 10] * 10
    assert data.mean == pytest.approx(mean, abs=2e-3)
    assert data.std == pytest.approx(std, abs=2e-3)
    assert data.warnings == ()
    assert any("JPEG" in note for note in data.provenance.notes) == (name == "cifar10")
