"""The cache of decoded pictures: used again, never trusted when damaged, never half written."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from suite.data import Pictures, decode_pictures
from suite.errors import DataError, StoppedError
from tests.damage import DAMAGES, damaged
from tests.data.conftest import encoded, noise, place_of, write_folders, write_parquet
from tests.small_disk import small_disk

ARRAYS_AND_MANIFEST = ("train-pictures.npy", "train-labels.npy", "manifest.json")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_parquet(tmp_path / "set" / "train.parquet", [0, 1] * 10)
    return tmp_path / "set"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entry(cache: Path) -> Path:
    [folder] = cache.iterdir()
    return folder


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def same(a: Pictures, b: Pictures) -> bool:
    return (a.classes, a.sha256, a.notes) == (b.classes, b.sha256, b.notes) and all(
        np.array_equal(a.pictures[s], b.pictures[s]) and np.array_equal(a.labels[s], b.labels[s])
        for s in a.labels
    )


def test_the_second_time_nothing_is_decoded(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = decode_pictures(place_of(source), (8, 8))
    before = stamps(entry(cache))
    monkeypatch.setattr("suite.data.picture.pixels", lambda *_: pytest.fail("decoded again"))
    again = decode_pictures(place_of(source), (8, 8))
    assert same(first, again)
    assert stamps(entry(cache)) == before
    assert isinstance(again.pictures["train"], np.memmap)


def test_nothing_is_left_beside_the_arrays(source: Path, cache: Path) -> None:
    decode_pictures(place_of(source), (8, 8))
    assert set(stamps(entry(cache))) == set(ARRAYS_AND_MANIFEST)


def test_the_argument_comes_before_the_variable(source: Path, cache: Path, tmp_path: Path) -> None:
    decode_pictures(place_of(source), (8, 8), cache_dir=tmp_path / "mine" / "own")
    assert not cache.exists()
    assert (entry(tmp_path / "mine" / "own") / "manifest.json").is_file()


def test_the_same_files_elsewhere_are_the_same_data(source: Path, cache: Path, tmp_path: Path) -> None:
    first = decode_pictures(place_of(source), (8, 8))
    source.rename(tmp_path / "moved")
    assert decode_pictures(place_of(tmp_path / "moved"), (8, 8)).sha256 == first.sha256
    entry(cache)


def test_other_pixels_labels_or_sizes_are_other_data(source: Path, cache: Path) -> None:
    sums = {decode_pictures(place_of(source), size).sha256 for size in ((8, 8), (8, 4))}
    write_parquet(source / "train.parquet", [1, 0] * 10)
    sums.add(decode_pictures(place_of(source), (8, 8)).sha256)
    assert (len(sums), len(list(cache.iterdir()))) == (2, 3)


def test_a_picture_moved_to_another_class_is_other_data(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "set", 3)
    first = decode_pictures(place_of(folder), (8, 8))
    (folder / "cat" / "002.png").rename(folder / "dog" / "003.png")
    second = decode_pictures(place_of(folder), (8, 8))
    assert second.sha256 != first.sha256
    assert second.labels["train"].tolist() == [0, 0, 1, 1, 1, 1]


def of_another_version(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 0}))


HARMS: list[tuple[str, Callable[[Path], object]]] = [
    *((name, partial(damaged, damage=damage)) for name in ARRAYS_AND_MANIFEST for damage in DAMAGES),
    *((name, Path.unlink) for name in ARRAYS_AND_MANIFEST),
    ("manifest.json", of_another_version),
]


@pytest.mark.fault("a file of the picture cache is damaged or gone")
@pytest.mark.parametrize(("name", "harm"), HARMS)
def test_a_damaged_cache_is_decoded_again(
    source: Path, cache: Path, name: str, harm: Callable[[Path], object]
) -> None:
    first = decode_pictures(place_of(source), (8, 8))
    expected = {split: np.array(pixels) for split, pixels in first.pictures.items()}
    harm(entry(cache) / name)
    again = decode_pictures(place_of(source), (8, 8))
    assert np.array_equal(again.pictures["train"], expected["train"])
    assert again.labels["train"].tolist() == [0, 1] * 10


@pytest.mark.parametrize("missing", ["classes", "notes", "source_sha256", "arrays"])
def test_a_manifest_that_lacks_something_is_not_believed(source: Path, cache: Path, missing: str) -> None:
    decode_pictures(place_of(source), (8, 8))
    manifest = entry(cache) / "manifest.json"
    values = json.loads(manifest.read_text())
    del values[missing]
    manifest.write_text(json.dumps(values))
    assert decode_pictures(place_of(source), (8, 8)).classes == ("cat", "dog")


def test_what_failed_leaves_no_cache_to_be_believed(source: Path, cache: Path) -> None:
    pictures = [encoded(noise(0)), b"x"]
    write_parquet(source / "train.parquet", [0, 1], pictures=pictures)
    for _ in range(2):
        with pytest.raises(DataError, match="row 1"):
            decode_pictures(place_of(source), (8, 8))
    assert set(stamps(entry(cache))) == {"train-labels.npy"}


def test_changing_what_was_opened_leaves_the_cache_whole(source: Path) -> None:
    decode_pictures(place_of(source), (8, 8)).pictures["train"][:] = 0
    assert decode_pictures(place_of(source), (8, 8)).pictures["train"].any()


def test_a_cache_that_cannot_be_written_says_what_to_do(source: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot be written: .* set SUITE_CACHE_DIR"):
        decode_pictures(place_of(source), (8, 8))


@pytest.mark.fault("a real disk fills up while pictures are decoded into the cache")
def test_a_cache_on_a_disk_that_fills_up_is_whole_or_not_there(source: Path, tmp_path: Path) -> None:
    expected = decode_pictures(place_of(source), (64, 64))
    with small_disk(tmp_path / "disk", 4) as disk:
        for kilobytes in (4, 8, 64, 128, 240):
            disk.resize(kilobytes)
            with pytest.raises(StoppedError, match=r"cannot be written: No space left.* set SUITE_CACHE_DIR"):
                decode_pictures(place_of(source), (64, 64), cache_dir=disk.folder)
            assert not list(disk.folder.rglob("manifest.json"))
        disk.resize(1024)
        assert same(decode_pictures(place_of(source), (64, 64), cache_dir=disk.folder), expected)
