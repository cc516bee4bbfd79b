"""Where the winner errs: the test pictures it is most wrong about, and the classes it takes for each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from suite.escaping import escaped, one_line
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures
from suite.telling_pictures import read_telling_pictures

_COLUMNS = 6
_SIDE, _GAP, _TITLE = 2.0, 0.3, 0.6  # inches


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Pictures, of runs that kept them; none of a winner without a fault."""
    telling = (record.final or {}).get("telling")
    if telling is None or not telling["hardest"]:
        return None
    pictures = dict(
        zip(telling["rows"], read_telling_pictures(record.run, telling.get("sha256")), strict=True)
    )
    parts = [_hardest(record, telling, pictures, figures), _confused(record, telling, pictures, figures)]
    return Section("Where it errs", Markdown("\n\n".join(parts)))


def _hardest(
    record: RunRecord, telling: dict[str, Any], pictures: dict[int, NDArray[np.uint8]], figures: Figures
) -> str:
    shown = [
        (pictures[index], _title(record, index, label))
        for index, label in zip(telling["hardest"], telling["labels"], strict=False)
    ]
    alt = f"The {len(shown)} test pictures that the winner is most wrong about: what they are, and what it said."
    return f"{figures.save(_grid(shown), 'hardest', alt)}\n\nThe hardest test pictures, by cross-entropy."


def _confused(
    record: RunRecord, telling: dict[str, Any], pictures: dict[int, NDArray[np.uint8]], figures: Figures
) -> str:
    shown, pairs = [], []
    for true, said, indices in telling["confused"]:
        shown += [(pictures[index], _title(record, index, true)) for index in indices]
        pairs.append(f"{record.classes[true]} taken for {record.classes[said]}")
    words = "; ".join(pairs)
    alt = f"Pictures of the classes that are confused most often: {words}."
    return (
        f"{figures.save(_grid(shown), 'confused', alt)}\n\nThe most confused pairs, and of each the "
        f"pictures that the winner was surest about: {escaped(words)}."
    )


def _title(record: RunRecord, index: int, true: int) -> str:
    """What a test picture is, what the winner said, and how sure it was."""
    assert record.final is not None
    said, sure = record.classes[record.final["predicted"][index]], record.final["confidences"][index]
    return f"{_short(record.classes[true])}\nsaid {_short(said)}, {100 * sure:.0f} %"


def _grid(shown: Sequence[tuple[NDArray[np.uint8], str]]) -> Figure:
    """Pictures with their titles, row after row."""
    rows, columns = -(-len(shown) // _COLUMNS), min(len(shown), _COLUMNS)
    width, height = columns * (_SIDE + _GAP), rows * (_SIDE + _TITLE)
    # All in one pair of axes, whose units are inches: as many pairs as pictures take far longer to draw.
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    for number, (picture, title) in enumerate(shown):
        row, column = divmod(number, _COLUMNS)
        left, bottom = column * (_SIDE + _GAP) + _GAP / 2, height - (row + 1) * (_SIDE + _TITLE)
        _show(axes, picture, left, bottom)
        axes.text(left + _SIDE / 2, bottom + _SIDE + 0.08, title, ha="center", va="bottom", fontsize=12)
    axes.set(xlim=(0, width), ylim=(0, height), aspect="auto")
    return figure


def _show(axes: Axes, picture: NDArray[np.uint8], left: float, bottom: float) -> None:
    """(C, H, W) bytes, as large as they can be in the middle of a square."""
    maps = np.moveaxis(picture, 0, -1)
    wide, tall = (_SIDE * side / max(maps.shape[:2]) for side in (maps.shape[1], maps.shape[0]))
    left, bottom = left + (_SIDE - wide) / 2, bottom + (_SIDE - tall) / 2
    axes.imshow(
        maps[..., 0] if maps.shape[-1] == 1 else maps,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="nearest",
        extent=(left, left + wide, bottom, bottom + tall),
    )


def _short(name: str) -> str:
    return name if len(name := one_line(name)) <= 12 else name[:11] + "…"
