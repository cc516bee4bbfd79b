"""Pictures of any mode, size, kind and damage: pixels of the right form, or one paragraph that names the picture."""

from __future__ import annotations

import os
import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, features

from suite.data import picture
from suite.errors import DataError
from tests.conftest import refusal
from tests.data.conftest import decoded, encoded, noise, parquet_of, write_folders

MODES = (
    "1",
    "L",
    "LA",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBX",
    "CMYK",
    "YCbCr",
    "LAB",
    "HSV",
    "I",
    "F",
    "I;16",
    "I;16B",
    "La",
    "RGBa",
)
KINDS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
SIDES = st.sampled_from([1, 2, 3, 7, 8, 9, 40])


def try_to_encode(mode: str, kind: str, size: tuple[int, int], seed: int) -> bytes | None:
    """A picture of random pixels as a file; None if files of that kind hold no such mode."""
    raw = np.random.default_rng(seed).bytes(16 * size[0] * size[1])
    try:
        blank = Image.new(mode, size)
        drawn = Image.frombytes(mode, size, raw[: len(blank.tobytes())])
        if mode in ("P", "PA"):
            drawn.putpalette(raw[:768].ljust(768, b"x"))
        return encoded(drawn, kind)
    except (OSError, ValueError, KeyError):
        return None


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """An encoded picture that is whole."""
    size = draw(SIDES), draw(SIDES)
    content = try_to_encode(
        draw(st.sampled_from(MODES)), draw(st.sampled_from(KINDS)), size, draw(st.integers(0, 99))
    )
    return encoded(noise(0)) if content is None else content


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """One that was cut short, or has wrong bytes anywhere."""
    content = bytearray(draw(files()))
    for _ in range(draw(st.integers(0, 4))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))])


def assert_pixels_or_fault(content: bytes, channels: int) -> None:
    try:
        picture.is_grey(content)
        array = picture.pixels(content, channels)
    except picture.FAULTS:
        return
    assert array.dtype == np.uint8
    assert (array.ndim, array.shape[0]) == (3, channels)
    assert picture.resized(array, (8, 8)).shape == (channels, 8, 8)


@given(content=files(), channels=st.sampled_from([1, 3]))
@settings(max_examples=300, deadline=None)
def test_a_whole_picture_of_any_mode_kind_and_size(content: bytes, channels: int) -> None:
    assert_pixels_or_fault(content, channels)


@given(content=damaged() | st.binary(max_size=64), channels=st.sampled_from([1, 3]))
@settings(max_examples=600, deadline=None)
def test_a_damaged_picture_has_pixels_or_a_known_fault(content: bytes, channels: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own of what is damaged: the pixels are what counts
        assert_pixels_or_fault(content, channels)


@given(pictures=st.lists(files() | damaged(), min_size=2, max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_data_set_of_odd_pictures(pictures: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("odd")
    try:
        found = decoded(parquet_of(folder, *pictures))
    except DataError as error:
        assert_names_a_row(error)
    else:
        assert found.pictures["train"].shape[::2] == (len(pictures), 8)


def assert_names_a_row(error: DataError) -> None:
    assert error.exit_code == 2
    assert "train.parquet, row " in str(error)
    assert re.search(r"Replace (it, or leave it|them, or leave them) out\.", str(error))


@pytest.mark.parametrize("mode", ["RGBA", "P", "I;16", "1", "LA"])
def test_a_single_pixel_of_any_mode_fills_its_picture(mode: str, tmp_path: Path) -> None:
    pictures = decoded(parquet_of(tmp_path, *[encoded(Image.new(mode, (1, 1)))] * 2)).pictures["train"]
    assert pictures.shape[2:] == (8, 8)
    assert len(np.unique(pictures[0].reshape(pictures.shape[1], -1), axis=1).T) == 1


@pytest.mark.parametrize(("side", "said"), [(30_000, "exceeds limit"), (9_000, "9000x9000 pixels are more")])
def test_a_small_file_that_claims_to_be_a_huge_picture_is_refused(
    side: int, said: str, tmp_path: Path
) -> None:
    small = encoded(Image.new("1", (1, 1)))
    header = b"IHDR" + struct.pack(">II", side, side) + small[24:29]
    bomb = small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]
    with pytest.raises(DataError, match=f"row 1: its picture cannot be decoded: .*{said}"):
        decoded(parquet_of(tmp_path, encoded(noise(0)), bomb))


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow knows no AVIF")
def test_a_damaged_avif_is_named(tmp_path: Path) -> None:
    """Its decoder has errors of its own kind."""
    whole = encoded(noise(0, size=(16, 16)), "AVIF")
    place = whole.index(b"av01")
    with pytest.raises(DataError, match=r"row 1: its picture cannot be decoded"):
        decoded(parquet_of(tmp_path, whole, whole[:place] + b"xxxx" + whole[place + 4 :]))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_among_the_pictures_is_passed_over(tmp_path: Path) -> None:
    """Reading one waits for a writer, for good."""
    write_folders(tmp_path, 3)
    os.mkfifo(tmp_path / "dog" / "003.png")
    (tmp_path / "cat" / "endless.png").symlink_to("/dev/zero")
    assert len(decoded(tmp_path).labels["train"]) == 6


def test_a_link_to_nowhere_is_complained_of(tmp_path: Path) -> None:
    write_folders(tmp_path, 3)
    (tmp_path / "dog" / "003.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"003\.png: cannot be read: No such file"):
        decoded(tmp_path)


@pytest.mark.parametrize("where", ["class", "file"])
def test_a_name_that_is_no_utf_8_is_named(where: str, tmp_path: Path) -> None:
    write_folders(tmp_path / "pets", 3)
    folder, file = (b"ca\xfft", b"x.png") if where == "class" else (b"cat", b"\xff.png")
    try:
        os.makedirs(os.path.join(os.fsencode(tmp_path / "pets"), folder), exist_ok=True)
        with open(os.path.join(os.fsencode(tmp_path / "pets"), folder, file), "wb") as picture_file:
            picture_file.write(encoded(noise(0)))
    except OSError:
        pytest.skip("this file system holds UTF-8 only")
    with pytest.raises(DataError, match=r"is not UTF-8\. Rename it"):
        decoded(tmp_path / "pets")


def test_bad_pictures_are_told_at_the_door_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_folders(tmp_path / "pets", 12)
    (tmp_path / "pets" / "dog" / "003.png").write_bytes(encoded(noise(0))[:50])
    (tmp_path / "pets.toml").write_text(
        'name = "pets"\n[data]\nname = "./pets"\nimage_size = [8, 8]\n[space]\ndepth = [1]\n'
    )
    assert "dog/003.png: its picture cannot be decoded" in refusal("search", "pets.toml", "--quiet")
    assert not (tmp_path / "runs").exists()
    assert not list((tmp_path / "cache").rglob("manifest.json"))
