"""Small real data sets in the forms users have them: class folders, parquet files."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from suite.data import Pictures, decode_pictures
from suite.data.places import Place, find_data
from suite.study import DataSettings

CLASSES = ("cat", "dog")
# Read before the fixture below hides it; absolute, since it also changes the folder.
REAL_DATA_DIR = Path(os.environ.get("SUITE_DATA_DIR") or "no-real-data").expanduser().resolve()


@pytest.fixture(autouse=True)
def _no_place_but_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's is found: an empty home, no network, no variables of the user's."""
    for variable in (
        "SUITE_DATA_DIR",
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_ENDPOINT",
        "XDG_CACHE_HOME",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty-hf-home"))
    monkeypatch.setenv("SUITE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.data.places.SYSTEM_FOLDERS", {"fashion_mnist": tmp_path / "no-system-copy"})
    monkeypatch.chdir(_made(tmp_path / "cwd"))


def settings(name: str | Path, size: tuple[int, int] = (8, 8), **more: Any) -> DataSettings:
    """Data settings of a name or folder."""
    return DataSettings(name=str(name), image_size=size, **more)


def place_of(folder: Path) -> Place:
    """The place that a folder is."""
    return find_data(settings(folder))


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(row: int, mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> Image.Image:
    """A picture of its own for each row."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(row).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels, mode=mode)


def write_parquet(
    path: Path,
    labels: Sequence[int | None],
    *,
    pictures: Sequence[bytes | None] | None = None,
    named: bool = True,
) -> Path:
    """A parquet file as the hub has them, with class names in its metadata or (named=False) plain integers."""
    pictures = pictures or [encoded(noise(row)) for row in range(len(labels))]
    columns = {"img": [{"bytes": p, "path": None} for p in pictures], "label": list(labels)}
    path.parent.mkdir(parents=True, exist_ok=True)
    if named:
        label = datasets.ClassLabel(names=list(CLASSES))
        features = datasets.Features({"img": datasets.Image(), "label": label})
        schema = features.arrow_schema
    else:
        picture = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        schema = pa.schema({"img": picture, "label": pa.int64()})
    pq.write_table(pa.table(columns, schema=schema), path, row_group_size=16)
    return path


def write_folders(
    root: Path, count: int = 20, *, classes: Sequence[str] = CLASSES, mode: str = "RGB"
) -> Path:
    """ROOT/<class>/<number>.png, `count` pictures a class."""
    for number, name in enumerate(classes):
        _made(root / name)
        for row in range(count):
            noise(number * count + row, mode).save(root / name / f"{row:03d}.png")
    return root


def decoded(folder: Path, size: tuple[int, int] = (8, 8)) -> Pictures:
    """The pictures of a folder."""
    return decode_pictures(place_of(folder), size)


def parquet_of(folder: Path, *pictures: bytes | None) -> Path:
    """A folder with a parquet file of these pictures, the classes taking turns."""
    write_parquet(folder / "train.parquet", [row % 2 for row in range(len(pictures))], pictures=pictures)
    return folder


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
