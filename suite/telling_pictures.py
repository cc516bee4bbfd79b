"""The test pictures that tell most of a network: those it is most wrong about, and classes that it confuses."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from suite.data import Split
from suite.errors import RunDirectoryError
from suite.evaluation import Outcome
from suite.run_directory import RunDirectory, write_atomically

FILE = "results/telling.npy"
HARDEST = 12
PAIRS = 3  # of classes, the most confused ones
OF_EACH = 6  # pictures


def write_telling_pictures(run: RunDirectory, outcome: Outcome, pictures: Split) -> dict[str, Any]:
    """Keep these pictures with the run, for its report; returns which they are, for results/final.json.

    `hardest` are indices of the test pictures, worst first; `confused` are (true class, class said, indices). `rows`
    says which picture each of the file's is, `sha256` what its bytes are.
    """
    hardest, confused = _hardest(outcome), _confused(outcome)
    rows = sorted({*hardest, *(index for _, _, indices in confused for index in indices)})
    buffer = io.BytesIO()
    np.save(buffer, pictures.pictures[rows].cpu().numpy(), allow_pickle=False)
    content = buffer.getvalue()
    write_atomically(run.path / FILE, content)
    labels = outcome.labels[hardest].tolist()
    return {"hardest": hardest, "labels": labels, "confused": confused, "rows": rows} | {
        "sha256": hashlib.sha256(content).hexdigest()
    }


def read_telling_pictures(run: RunDirectory, sha256: str | None) -> NDArray[np.uint8]:
    """(K, C, H, W) bytes, in the order of `rows`; older runs have no checksum of them.

    Raises:
        RunDirectoryError: the file is missing or damaged.
    """
    path = run.path / FILE
    try:
        content = path.read_bytes()
        is_whole = sha256 in (None, hashlib.sha256(content).hexdigest())
        pictures = np.load(io.BytesIO(content), allow_pickle=False) if is_whole else None
    except (OSError, ValueError, EOFError):
        pictures = None
    if not isinstance(pictures, np.ndarray) or pictures.dtype != np.uint8 or pictures.ndim != 4:
        raise RunDirectoryError("is missing or damaged.", where=str(path))
    return pictures


def _hardest(outcome: Outcome) -> list[int]:
    """Of those classed wrong, the ones of highest cross-entropy."""
    losses = torch.where(outcome.correct, -1.0, outcome.losses)
    worst = losses.argsort(descending=True, stable=True)[:HARDEST]
    return [int(index) for index in worst if not outcome.correct[index]]


def _confused(outcome: Outcome) -> list[tuple[int, int, list[int]]]:
    """The pairs of classes that are confused most often, and for each the pictures it is surest about."""
    pairs: dict[tuple[int, int], list[int]] = {}
    for index in outcome.wrong:
        pairs.setdefault((int(outcome.labels[index]), int(outcome.predicted[index])), []).append(index)
    often = sorted(pairs.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:PAIRS]
    return [
        (true, said, sorted(indices, key=lambda i: -float(outcome.confidences[i]))[:OF_EACH])
        for (true, said), indices in often
    ]
