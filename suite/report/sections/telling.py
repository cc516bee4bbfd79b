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


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Pictures, of runs that kept them; none of a winner without a fault."""
    telling = (record.final or {}).get("telling")
    if telling is None or not telling["hardest"]:
        return None
    pictures = dict(zip(telling["rows"], read_telling_pictures(record.run), strict=True))
    parts = [_hardest(record, telling, pictures, figures), _confused(record, telling, pictures, figures)]
    return Section("Where it errs", Markdown("\n\n".join(parts)))


def _hardest(
    record: RunRecord, telling: dict[str, Any], pictures: dict[int, NDArray[np.uint8]], figures: Figures
) -> str:
    assert record.final is not None
    shown = []
    for index, label in zip(telling["hardest"], telling["labels"], strict=False):
        said = record.classes[record.final["predicted"][index]]
        sure = 100 * record.final["confidences"][index]
        shown.append((pictures[index], f"{_short(record.classes[label])}\nsaid {_short(said)}, {sure:.0f} %"))
    alt = f"The {len(shown)} test pictures that the winner is most wrong about: what they are, and what it said."
    return f"{figures.save(_grid(shown, figures), 'hardest', alt)}\n\nThe hardest test pictures, by cross-entropy."


def _confused(
    record: RunRecord, telling: dict[str, Any], pictures: dict[int, NDArray[np.uint8]], figures: Figures
) -> str:
    shown, pairs = [], []
    for true, said, indices in telling["confused"]:
        title = f"{_short(record.classes[true])}\ntaken for {_short(record.classes[said])}"
        shown += [(pictures[index], title) for index in indices]
        pairs.append(f"{record.classes[true]} taken for {record.classes[said]}")
    words = "; ".join(pairs)
    alt = f"Pictures of the classes that are confused most often: {words}."
    return (
        f"{figures.save(_grid(shown, figures), 'confused', alt)}\n\nThe most confused pairs, and of each the "
        f"pictures that the winner was surest about: {escaped(words)}."
    )


def _grid(shown: Sequence[tuple[NDArray[np.uint8], str]], figures: Figures) -> Figure:
    """Pictures with their titles, row after row."""
    rows = -(-len(shown) // _COLUMNS)
    figure, axes = figures.grid([1] * _COLUMNS, rows, width=13, height=2.7 * rows + 0.3)
    places = [place for row in axes for place in row]
    for place in places:
        place.set_axis_off()
    for place, (picture, title) in zip(places, shown, strict=False):
        _show(place, picture, title)
    return figure


def _show(axes: Axes, picture: NDArray[np.uint8], title: str) -> None:
    """(C, H, W) bytes."""
    maps = np.moveaxis(picture, 0, -1)
    axes.imshow(
        maps[..., 0] if maps.shape[-1] == 1 else maps, cmap="gray", vmin=0, vmax=255, interpolation="nearest"
    )
    axes.set_title(title, fontsize=13)


def _short(name: str) -> str:
    return name if len(name := one_line(name)) <= 12 else name[:11] + "…"
