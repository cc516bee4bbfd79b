"""Whatever lies beside the pictures of class folders is named, so that nobody takes it for part of the data."""

from __future__ import annotations

from pathlib import Path

from suite.data.left_out import left_out
from tests.data.conftest import encoded, noise, place_of, write_folders, write_parquet


def test_nothing_is_noted_of_class_folders_alone(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "set", 3)
    (folder / "cat" / ".hidden").write_text("x")
    assert left_out(place_of(folder)) == ()


def test_files_of_other_formats_or_places_are_named(tmp_path: Path) -> None:
    folder = write_folders(tmp_path / "set", 3)
    for name in ("cat/a.heic", "cat/b.heic", "dog/notes.txt", "over.png"):
        (folder / name).write_bytes(encoded(noise(0)))
    (folder / "dog" / "puppies").mkdir()
    assert left_out(place_of(folder)) == (
        "Left out, as no picture by its name or its place: 5 files "
        "(set/over.png, cat/a.heic, cat/b.heic and 2 more).",
    )


def test_folders_without_pictures_are_no_classes(tmp_path: Path) -> None:
    write_folders(tmp_path / "set" / "train", 3)
    write_folders(tmp_path / "set" / "test", 3)
    (tmp_path / "set" / "test" / "bird").mkdir()
    (tmp_path / "set" / "test" / "bird" / "a.heic").write_bytes(b"x")
    assert left_out(place_of(tmp_path / "set")) == (
        "Left out, as there is no picture in it: 1 folder (test/bird).",
    )


def test_parts_that_are_not_read_are_named(tmp_path: Path) -> None:
    for part in ("train", "val", "more"):
        write_folders(tmp_path / "set" / part, 3)
    (tmp_path / "set" / "empty").mkdir()
    assert left_out(place_of(tmp_path / "set")) == (
        "Left out: more and val. Nothing but train and test is read; what to choose on is taken from train.",
    )


def test_parquet_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [0, 1])
    (tmp_path / "notes.txt").write_text("x")
    assert left_out(place_of(tmp_path)) == ()
    write_parquet(tmp_path / "validation.parquet", [0, 1])
    (note,) = left_out(place_of(tmp_path))
    assert note.startswith("Left out: validation.parquet. Nothing but train and test is read")
