"""The one test: the evaluation fields, per-class results, and the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.escaping import escaped
from suite.own_words import Markdown
from suite.report.pictures import MOST_WRITTEN_IN, confusion
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.winner import balanced_accuracy
from suite.wording import count, percent


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The winner on the test pictures."""
    if record.final is None:
        return None
    matrix = np.asarray(record.final["confusion"])
    figure = confusion(figures, matrix, record.classes)
    image = figures.save(figure, "confusion", _confusion_alt(matrix, record.classes))
    caption = (
        "Per cent of each true class (row); blanks are 0.5 % and less."
        if len(record.classes) <= MOST_WRITTEN_IN
        else "Shares of each true class (row): the darker, the more."
    )
    body = [_fields(record.final["test"]), *_balanced(record.final, matrix), image, caption]
    return Section("The test", Markdown("\n\n".join([*body, _per_class(matrix, record.classes)])))


def _balanced(final: dict[str, Any], matrix: np.ndarray) -> list[str]:
    """Where accuracy says little of the small classes."""
    balanced, sizes = balanced_accuracy(final), matrix.sum(axis=1)
    if balanced is None:
        return []
    return [
        f"**Balanced accuracy {percent(balanced)}**: the mean over classes of the share classed right. The classes "
        f"have {count(sizes.min())} to {count(sizes.max())} test pictures, and accuracy favours the large ones."
    ]


def _fields(test: dict[str, Any]) -> str:
    formats = {
        "eval_loss": (".4f", ""),
        "eval_accuracy": (".4f", ""),
        "eval_runtime": (".2f", " s"),
        "eval_samples_per_second": (",.0f", " /s"),
        "eval_steps_per_second": (",.1f", " /s"),
        "epoch": (".0f", ""),
    }
    rows = [[f"`{name}`", f"{test[name]:{spec}}{unit}"] for name, (spec, unit) in formats.items()]
    return table(["Field", "Value"], rows)


def _per_class(matrix: np.ndarray, classes: list[str]) -> str:
    rows = []
    for i, name in enumerate(classes):
        true, said, hit = matrix[i].sum(), matrix[:, i].sum(), matrix[i, i]
        recall, precision = hit / max(true, 1), hit / max(said, 1)
        f1 = 2 * recall * precision / (recall + precision) if hit else 0.0
        rows.append([escaped(name), count(true), percent(precision), percent(recall), f"{f1:.3f}"])
    return table(["Class", "Pictures", "Precision", "Recall", "F1"], rows)


def _confusion_alt(matrix: np.ndarray, classes: list[str]) -> str:
    off = matrix - np.diag(np.diag(matrix))
    if not off.any():
        return "Confusion matrix; every picture is classed right."
    i, j = np.unravel_index(off.argmax(), off.shape)
    return f"Confusion matrix; most often, {classes[i]} is taken for {classes[j]}, {off[i, j]} times."
