"""Faults in a source: every one is said by file and row, or lists what is there instead."""

from __future__ import annotations

from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from suite.errors import DataError
from tests.data.conftest import decoded, encoded, noise, parquet_of, write_folders, write_parquet

LABELS = [0, 1] * 10


@pytest.mark.parametrize("damage", ["cut short", "no picture at all", "empty", "null"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_damaged_picture_is_named(tmp_path: Path, damage: str, mode: str) -> None:
    whole = encoded(noise(0, mode, (64, 64)))
    bad = {"cut short": whole[: len(whole) // 2], "no picture at all": b"x" * 99, "empty": b"", "null": None}[
        damage
    ]
    with pytest.raises(DataError, match=r"train\.parquet, row 2: its picture cannot be decoded: "):
        decoded(parquet_of(tmp_path, whole, whole, bad, whole))


def test_all_damaged_pictures_are_named_at_once(tmp_path: Path) -> None:
    write_folders(tmp_path, 3)
    for name in ("cat/000.png", "dog/002.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError) as caught:
        decoded(tmp_path)
    first, second, remedy = str(caught.value).split("\n")
    assert "cat/000.png: its picture cannot be decoded: " in first
    assert second.endswith("dog/002.png: there is no picture in it")
    assert remedy.strip() == "Replace them, or leave them out."


def test_a_folder_full_of_damaged_pictures_is_not_listed_whole(tmp_path: Path) -> None:
    write_folders(tmp_path, 20)
    for path in tmp_path.rglob("*.png"):
        path.write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        decoded(tmp_path)
    assert str(caught.value).count("  - ") == 10
    assert "and perhaps more" in str(caught.value)


def test_a_damaged_picture_in_a_later_shard_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00002.parquet", LABELS)
    pictures = [encoded(noise(0)), b"x"]
    write_parquet(tmp_path / "train-00001-of-00002.parquet", [0, 1], pictures=pictures)
    with pytest.raises(DataError, match=r"train-00001-of-00002\.parquet, row 1: "):
        decoded(tmp_path)


def test_a_damaged_file_in_a_class_folder_is_named(tmp_path: Path) -> None:
    write_folders(tmp_path, 3)
    (tmp_path / "dog" / "001.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"dog/001\.png: its picture cannot be decoded"):
        decoded(tmp_path)


def test_floating_point_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="floating-point pixels have no known range"):
        decoded(parquet_of(tmp_path, encoded(noise(0)), encoded(Image.new("F", (8, 8)), "TIFF")))


def test_a_parquet_file_cut_short_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "train.parquet", LABELS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"train\.parquet: is not a whole parquet file: .* Get it again"):
        decoded(tmp_path)


def test_a_parquet_file_damaged_inside_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00002.parquet", LABELS)
    path = write_parquet(tmp_path / "train-00001-of-00002.parquet", LABELS)
    content = bytearray(path.read_bytes())
    content[4:600] = bytes(596)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"train-00001-of-00002\.parquet: is damaged: "):
        decoded(tmp_path)


def test_missing_columns_list_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    pq.write_table(pa.table({"pixels": [[1, 2]], "label": [0]}), tmp_path / "a" / "train.parquet")
    with pytest.raises(
        DataError, match=r"no picture column; its columns are pixels \(list<.*>\), label \(int64\)"
    ):
        decoded(tmp_path / "a")
    (tmp_path / "b").mkdir()
    row = {"bytes": encoded(noise(0)), "path": None}
    table = pa.table(
        {"img": pa.array([row], pa.struct({"bytes": pa.binary(), "path": pa.string()})), "kind": ["a"]}
    )
    pq.write_table(table, tmp_path / "b" / "train.parquet")
    with pytest.raises(DataError, match=r"has no label column; its columns are img .*, kind \(string\)"):
        decoded(tmp_path / "b")


def test_splits_with_other_columns_are_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", LABELS)
    pq.write_table(pa.table({"pixels": [1]}), tmp_path / "test.parquet")
    with pytest.raises(DataError, match="cannot be loaded: "):
        decoded(tmp_path)


def test_of_several_label_columns_the_fine_one_is_taken(tmp_path: Path) -> None:
    classes = {
        name: datasets.ClassLabel(names=names) for name, names in (("coarse", "ab"), ("fine_label", "cde"))
    }
    features = datasets.Features({**classes, "img": datasets.Image()})
    rows = {"coarse": [0, 0, 1], "fine_label": [0, 1, 2], "img": [noise(row) for row in range(3)]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "train.parquet")
    assert decoded(tmp_path).classes == ("c", "d", "e")


@pytest.mark.parametrize("label", [-1, 2, 7])
def test_labels_out_of_range_are_named(tmp_path: Path, label: int) -> None:
    write_parquet(tmp_path / "train.parquet", [*LABELS, label])
    with pytest.raises(DataError, match=f"{label}"):
        decoded(tmp_path)


def test_plain_labels_count_from_0_without_gaps(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [1, 2, 3], named=False)
    with pytest.raises(DataError, match=r"3 classes are numbered from 1 to 3\. Number them from 0 to 2"):
        decoded(tmp_path)


@pytest.mark.parametrize(("split", "labels"), [("train", [0, -1]), ("test", [0, 2])])
def test_plain_labels_out_of_range_are_named(tmp_path: Path, split: str, labels: list[int]) -> None:
    write_parquet(tmp_path / "train.parquet", LABELS, named=False)
    write_parquet(tmp_path / f"{split}.parquet", [0, 1, *labels], named=False)
    with pytest.raises(
        DataError, match=rf"{split}\.parquet, row 3: its label is {labels[1]}, and labels go from"
    ):
        decoded(tmp_path)


def test_a_row_without_label_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [0, 1, None])
    with pytest.raises(DataError, match=r"train\.parquet, row 2: has no label"):
        decoded(tmp_path)


@pytest.mark.parametrize("named", [True, False])
def test_an_empty_split_is_refused(tmp_path: Path, named: bool) -> None:
    write_parquet(tmp_path / "train.parquet", LABELS, named=named)
    write_parquet(tmp_path / "test.parquet", [], pictures=[], named=named)
    with pytest.raises(DataError, match="its test part is empty"):
        decoded(tmp_path)


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    write_folders(tmp_path / "cats", classes=("cat",))
    with pytest.raises(DataError, match="has only one class, cat; a classifier needs two"):
        decoded(tmp_path / "cats")


def test_a_shard_without_rows_is_passed_over(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00002.parquet", [], pictures=[])
    write_parquet(tmp_path / "train-00001-of-00002.parquet", [0, 1], pictures=[encoded(noise(0)), b"x"])
    with pytest.raises(DataError, match=r"train-00001-of-00002\.parquet, row 1: its picture"):
        decoded(tmp_path)


def test_pictures_that_a_table_only_names_are_refused(tmp_path: Path) -> None:
    """Another picture of that name would be taken for the same data."""
    noise(0).save(tmp_path / "0.png")
    rows = [{"bytes": encoded(noise(0)), "path": "0.png"}, {"bytes": None, "path": str(tmp_path / "0.png")}]
    picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    pq.write_table(pa.table({"img": pa.array(rows, picture), "label": [0, 1]}), tmp_path / "train.parquet")
    with pytest.raises(DataError, match="is named and not held") as refused:
        decoded(tmp_path)
    assert "row 1" in str(refused.value) or "row 2" in str(refused.value)
    assert "Embed the pictures" in str(refused.value)
