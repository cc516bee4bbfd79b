"""`suite predict MODEL IMAGE ...`: what a network says of pictures."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from suite.cli.options import starting
from suite.data.folders import PICTURE_ENDINGS
from suite.errors import DataError
from suite.escaping import one_line, paragraph

EXAMPLES = (
    "suite predict runs/digits/20260101-120000 picture.png",
    "suite predict small pictures/ --top 3",
    "suite predict small pictures/ --json",
)


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="What suite export wrote, or a run directory: its winner.")
    ],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Pictures, and folders of pictures at any depth.")
    ],
    top: Annotated[int, typer.Option(min=1, help="How many classes to name of each.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, with every file.")] = False,
) -> None:
    """Class pictures with a run's winner or an export.

    They may be of any format, mode and size; one that cannot be read is said, and the rest goes on.
    """
    with starting():
        from suite.export import load_model

        network = load_model(model)
    said: list[dict[str, Any]] = []
    for file in _files(images):
        try:
            ranked = network.predict(file).ranked[:top]
        except DataError as error:
            said.append({"file": str(file), "error": error.what})
            print(f"suite: {paragraph(str(error))}", file=sys.stderr)
            continue
        classes = [{"class": name, "probability": probability} for name, probability in ranked]
        said.append({"file": str(file), **classes[0], **({"top": classes} if top > 1 else {})})
        if not as_json:
            print(one_line(str(file)), *(f"{one_line(name)} {p:.1%}" for name, p in ranked), sep="\t")
    if as_json:
        print(json.dumps(said, indent=1))
    if any("error" in row for row in said):
        raise typer.Exit(1)


def _files(images: list[Path]) -> Iterator[Path]:
    """The files named, and those in folders that are pictures by their names, in order.

    Raises:
        DataError: a folder holds none.
    """
    for image in images:
        if not image.is_dir():
            yield image
            continue
        found = sorted(
            Path(folder, name)
            for folder, _, names in os.walk(image)
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in PICTURE_ENDINGS
        )
        if not found:
            raise DataError(
                "holds no pictures.", where=str(image), remedy="Name pictures, or a folder of them."
            )
        yield from found
