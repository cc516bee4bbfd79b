"""Decoding: every kind of picture to the same kind of array, whatever form they come in."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from suite.data import Place, decode_pictures, find_data, picture
from suite.errors import DataError
from tests.data.conftest import (
    decoded,
    encoded,
    noise,
    parquet_of,
    place_of,
    settings,
    write_folders,
    write_parquet,
)

LABELS = [0, 1] * 10


@pytest.mark.parametrize("named", [True, False])
def test_parquet_gives_pixels_labels_and_classes(tmp_path: Path, named: bool) -> None:
    write_parquet(tmp_path / "train.parquet", LABELS, named=named)
    write_parquet(tmp_path / "test.parquet", [1, 0, 1], named=named)
    pictures = decoded(tmp_path)
    assert pictures.classes == (("cat", "dog") if named else ("0", "1"))
    assert pictures.pictures["train"].shape == (20, 3, 8, 8)
    assert pictures.pictures["train"].dtype == np.uint8
    assert pictures.labels["train"].tolist() == LABELS
    assert pictures.labels["test"].dtype == np.int64
    for row in range(20):
        assert np.array_equal(pictures.pictures["train"][row], np.asarray(noise(row)).transpose(2, 0, 1))


def test_shards_are_read_in_order(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00002.parquet", [0, 0, 1])
    write_parquet(tmp_path / "train-00001-of-00002.parquet", [1, 1])
    assert decoded(tmp_path).labels["train"].tolist() == [0, 0, 1, 1, 1]


def test_class_folders_give_pixels_labels_and_classes(tmp_path: Path) -> None:
    write_folders(tmp_path, 3)
    (tmp_path / "cat" / "metadata.csv").write_text("file_name,weight\n000.png,3\n")
    pictures = decoded(tmp_path)
    assert pictures.classes == ("cat", "dog")
    assert pictures.labels["train"].tolist() == [0, 0, 0, 1, 1, 1]
    for row in range(6):
        assert np.array_equal(pictures.pictures["train"][row], np.asarray(noise(row)).transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["my [set] {a,b}", "100% #1?*", "test train", "ü"])
def test_folders_of_any_name(tmp_path: Path, name: str) -> None:
    write_folders(tmp_path / name / "folders", 2, classes=("a*", "[b]"))
    assert decoded(tmp_path / name / "folders").classes == ("[b]", "a*")
    write_parquet(tmp_path / name / "parquet" / "train.parquet", LABELS)
    assert len(decoded(tmp_path / name / "parquet").labels["train"]) == 20


def test_classes_of_the_test_part_must_be_known(tmp_path: Path) -> None:
    write_folders(tmp_path / "train", 2)
    write_folders(tmp_path / "test", 2, classes=("cat", "newt"))
    with pytest.raises(DataError, match="has the class 'newt', which the training part has not"):
        decoded(tmp_path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_all_grey_stays_grey(tmp_path: Path, mode: str) -> None:
    grey = Image.new(mode, (8, 8), {"1": 1, "I;16": 257 * 9}.get(mode, 9) if mode != "LA" else (9, 255))
    pictures = decoded(parquet_of(tmp_path, encoded(grey), encoded(noise(1, "L"))))
    assert pictures.pictures["train"].shape == (2, 1, 8, 8)
    assert np.all(pictures.pictures["train"][0] == (255 if mode == "1" else 9))
    assert np.array_equal(pictures.pictures["train"][1, 0], np.asarray(noise(1, "L")))


def test_one_colour_picture_makes_all_rgb(tmp_path: Path) -> None:
    pictures = decoded(parquet_of(tmp_path, encoded(noise(0, "L")), encoded(noise(1)))).pictures["train"]
    assert pictures.shape == (2, 3, 8, 8)
    for channel in range(3):
        assert np.array_equal(pictures[0, channel], np.asarray(noise(0, "L")))


def test_colour_in_the_test_part_counts_too(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [0, 1], pictures=[encoded(noise(r, "L")) for r in range(2)])
    write_parquet(tmp_path / "test.parquet", [0, 1])
    assert decoded(tmp_path).pictures["train"].shape == (2, 3, 8, 8)


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    clear.putpixel((1, 0), (10, 20, 30, 0))
    assert picture.pixels(encoded(clear), 3)[:, 0].T.tolist() == [[10, 20, 30], [255, 255, 255]]
    grey = Image.new("LA", (1, 1), (10, 0))
    assert picture.pixels(encoded(grey), 1).tolist() == [[[255]]]


def test_a_palette_is_looked_up_and_its_clear_colour_is_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([1, 2, 3, 9, 9, 9])
    palette.putpixel((1, 0), 1)
    assert picture.pixels(encoded(palette), 3)[:, 0].T.tolist() == [[1, 2, 3], [9, 9, 9]]
    assert picture.pixels(encoded(palette, transparency=1), 3)[:, 0, 1].tolist() == [255, 255, 255]


def test_sixteen_bits_are_scaled_to_eight() -> None:
    deep = Image.fromarray(np.array([[0, 257, 32_896, 65_535]], dtype=np.uint16))
    assert picture.pixels(encoded(deep), 1).tolist() == [[[0, 1, 128, 255]]]


def test_cmyk_becomes_rgb() -> None:
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert picture.pixels(encoded(cmyk, "TIFF"), 3)[:, 0, 0].tolist() == [255, 0, 0]


def test_a_camera_held_upright_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned by 90 degrees
    assert picture.pixels(encoded(Image.new("RGB", (4, 2)), "JPEG", exif=exif), 3).shape == (3, 4, 2)


def exif_of(*entries: tuple[int, int, bytes]) -> bytes:
    """An Exif block of tags by number, type (2: text, 3: a short) and four bytes of value, as cameras write them."""
    tiff = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, kind, value in entries:
        tiff += struct.pack("<HHI", tag, kind, len(value) if kind == 2 else 1) + value.ljust(4, b"\0")
    return b"Exif\0\0" + tiff + bytes(4)


UPRIGHT = (0x0112, 3, b"\6")  # orientation: to be turned by 90 degrees


@pytest.mark.parametrize(
    ("exif", "turned"),
    [
        (exif_of(UPRIGHT), True),
        (exif_of(UPRIGHT, (0x011A, 2, b"72")), True),  # a resolution in letters
        (exif_of(UPRIGHT, (0x8825, 3, b"\xff\xff")), True),  # places that lie nowhere
        (exif_of((0x0112, 2, b"6")), False),
        (exif_of((0x0112, 3, b"\x63")), False),
        (b"Exif\0\0no TIFF at all", False),
        (exif_of(UPRIGHT)[:20], False),
    ],
)
def test_what_a_camera_notes_is_never_what_a_picture_fails_by(exif: bytes, turned: bool) -> None:
    picture_ = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 8, 3), dtype=np.uint8))
    plain = picture.pixels(encoded(picture_, "JPEG"), 3)
    seen = picture.pixels(encoded(picture_, "JPEG", exif=exif), 3)
    assert np.array_equal(seen, np.rot90(plain, -1, axes=(1, 2)) if turned else plain)


def test_odd_sizes_become_one_size_and_a_note(tmp_path: Path) -> None:
    one = Image.new("RGB", (1, 1), (7, 8, 9))
    odd = [encoded(one), encoded(noise(1, size=(3, 50))), encoded(noise(2)), encoded(noise(3))]
    pictures = decoded(parquet_of(tmp_path, *odd), (8, 6))
    assert pictures.pictures["train"].shape == (4, 3, 8, 6)
    assert np.all(pictures.pictures["train"][0] == np.array([7, 8, 9], dtype=np.uint8)[:, None, None])
    assert pictures.notes == ("All pictures were resized to 8x6, 4 of them out of their proportions.",)
    assert decoded(tmp_path).notes == (
        "2 of 4 pictures were resized to 8x8, 1 of them out of their proportions.",
    )


def test_jpeg_is_noted(tmp_path: Path) -> None:
    pictures = decoded(parquet_of(tmp_path, encoded(noise(0), "JPEG"), encoded(noise(1))))
    assert pictures.notes[0].startswith(
        "1 of 2 pictures come from JPEG files: the pixels are lossily compressed"
    )


@pytest.fixture
def hub_holds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Place]:
    """Make the hub answer with these splits; returns the place."""

    def holds(**splits: list[int]) -> Place:
        features = datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
        )
        answer = {
            split: datasets.Dataset.from_dict(
                {"image": [noise(row) for row in range(len(labels))], "label": labels}, features=features
            )
            for split, labels in splits.items()
        }
        monkeypatch.setattr("datasets.load_dataset", {"me/pets": answer}.__getitem__)
        return Place("hub", "me/pets", {}, "https://huggingface.co/datasets/me/pets")

    return holds


def test_the_hub_is_decoded_and_cached_by_what_it_holds(
    hub_holds: Callable[..., Place], tmp_path: Path
) -> None:
    first = decode_pictures(hub_holds(train=LABELS, validation=[0], test=[1, 0]), (8, 8))
    assert first.labels["test"].tolist() == [1, 0]
    assert np.array_equal(first.pictures["train"][3], np.asarray(noise(3)).transpose(2, 0, 1))
    again = decode_pictures(hub_holds(train=LABELS, test=[1, 0]), (8, 8))
    other = decode_pictures(hub_holds(train=LABELS, test=[1, 1]), (8, 8))
    assert (again.sha256 == first.sha256, other.sha256 == first.sha256) == (True, False)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_what_was_downloaded_is_the_same_data_to_whoever_comes_later(
    hub_holds: Callable[..., Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    place = hub_holds(train=LABELS, test=[1, 0])
    answer, snapshot = datasets.load_dataset, tmp_path / "hf/hub/datasets--me--pets/snapshots/abc"

    def download(name: str, **keys: object) -> object:
        if name != "me/pets":  # the files that were downloaded are loaded as any others
            return datasets.load.load_dataset(name, **keys)
        write_parquet(snapshot / "train-00000-of-00001.parquet", LABELS)
        write_parquet(snapshot / "test-00000-of-00001.parquet", [1, 0])
        return answer(name)

    monkeypatch.setattr("datasets.load_dataset", download)
    first = decode_pictures(place, (8, 8))
    later = find_data(settings("me/pets"))
    assert later.kind == "hub-cache"
    assert decode_pictures(later, (8, 8)).sha256 == first.sha256
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_hub_data_set_that_is_of_no_use_is_explained(hub_holds: Callable[..., Place]) -> None:
    with pytest.raises(DataError, match="datasets/me/pets: cannot be loaded: no split is called train"):
        decode_pictures(hub_holds(all=LABELS), (8, 8))
    with pytest.raises(DataError, match=r"datasets/me/pets, train, row 1: its label is -1"):
        decode_pictures(hub_holds(train=[0, -1]), (8, 8))


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suite.data.decode._EVERY", 8)
    write_parquet(tmp_path / "train.parquet", LABELS)
    told: list[tuple[int, int]] = []
    decode_pictures(place_of(tmp_path), (8, 8), progress=lambda done, total: told.append((done, total)))
    assert told == [(8, 20), (16, 20), (20, 20)]


def test_digits_are_scaled_to_bytes_and_resized() -> None:
    digits = decode_pictures(find_data(settings("digits")), (8, 8))
    assert digits.pictures["train"].shape == (1797, 1, 8, 8)
    assert (digits.pictures["train"].min(), digits.pictures["train"].max()) == (0, 255)
    assert decode_pictures(find_data(settings("digits")), (16, 12)).pictures["train"].shape == (
        1797,
        1,
        16,
        12,
    )


def idx_file(path: Path, values: np.ndarray) -> Path:
    sizes = np.array(values.shape, dtype=">i4").tobytes()
    path.write_bytes(gzip.compress(bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()))
    return path


def test_idx_files_are_read(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    pair = idx_file(tmp_path / "images.gz", pixels), idx_file(tmp_path / "labels.gz", np.arange(20) % 10)
    place = Place("idx", "fashion_mnist", {"train": pair, "test": pair}, "IDX files")
    pictures = decode_pictures(place, (28, 28))
    assert np.array_equal(pictures.pictures["test"][:, 0], pixels)
    assert pictures.labels["train"].tolist() == [*range(10), *range(10)]
    assert pictures.classes[0] == "T - shirt / top"
    pair[0].write_bytes(pair[0].read_bytes()[:-100])
    with pytest.raises(DataError, match=r"images\.gz: cannot be unpacked"):
        decode_pictures(place, (28, 28))
    idx_file(pair[0], pixels[:, 0])
    with pytest.raises(DataError, match=r"images\.gz: is not a whole IDX file"):
        decode_pictures(place, (28, 28))
