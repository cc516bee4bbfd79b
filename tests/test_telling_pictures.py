"""Which test pictures are kept to be shown, against outcomes made up by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from suite.data import Split
from suite.errors import RunDirectoryError
from suite.evaluation import Outcome
from suite.run_directory import RunDirectory
from suite.telling_pictures import FILE, HARDEST, OF_EACH, read_telling_pictures, write_telling_pictures


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run")


def outcome(
    labels: list[int], predicted: list[int], losses: list[float], confidences: list[float]
) -> Outcome:
    return Outcome(
        torch.tensor(losses, dtype=torch.float64),
        torch.tensor(predicted),
        torch.tensor(labels),
        torch.tensor(confidences, dtype=torch.float64),
    )


def pictures_of(labels: list[int]) -> Split:
    """Each picture is filled with its own index."""
    maps = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
    return Split(maps, torch.tensor(labels))


def test_the_worst_first_and_the_most_confused_pairs_by_sureness(run: RunDirectory) -> None:
    labels, predicted = [0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 2, 2]
    losses, confidences = [9.0, 1.0, 3.0, 0.1, 2.0, 0.2], [0.5, 0.6, 0.9, 0.9, 0.8, 0.9]
    telling = write_telling_pictures(
        run, outcome(labels, predicted, losses, confidences), pictures_of(labels)
    )
    assert telling["hardest"] == [2, 4, 1]  # the first is right, however high its loss
    assert telling["labels"] == [0, 1, 0]
    assert telling["confused"] == [(0, 1, [2, 1]), (1, 2, [4])]
    assert telling["rows"] == [1, 2, 4]
    kept = read_telling_pictures(run, telling["sha256"])
    assert kept.shape == (3, 3, 4, 4)
    assert kept[:, 0, 0, 0].tolist() == telling["rows"]


def test_a_network_without_a_fault_has_nothing_to_show(run: RunDirectory) -> None:
    telling = write_telling_pictures(
        run, outcome([0, 1], [0, 1], [0.1, 0.1], [0.9, 0.9]), pictures_of([0, 1])
    )
    assert (telling["hardest"], telling["confused"]) == ([], [])
    assert read_telling_pictures(run, telling["sha256"]).shape[0] == 0


def test_many_faults_are_cut_to_what_a_page_can_show(run: RunDirectory) -> None:
    count = 100
    labels, predicted = [0] * count, [1] * count
    losses = np.linspace(1, 2, count).tolist()
    telling = write_telling_pictures(run, outcome(labels, predicted, losses, losses), pictures_of(labels))
    assert telling["hardest"] == list(range(count - 1, count - 1 - HARDEST, -1))
    assert telling["confused"] == [(0, 1, list(range(count - 1, count - 1 - OF_EACH, -1)))]


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array"])
def test_a_damaged_file_is_said_to_be(run: RunDirectory, content: bytes) -> None:
    (run.path / FILE).write_bytes(content)
    with pytest.raises(RunDirectoryError, match="damaged"):
        read_telling_pictures(run, None)


@pytest.mark.fault("pictures kept for the report have a flipped bit: refused")
def test_a_flipped_bit_is_not_shown(run: RunDirectory) -> None:
    telling = write_telling_pictures(run, outcome([0], [1], [1.0], [0.9]), pictures_of([0]))
    path = run.path / FILE
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunDirectoryError, match="damaged"):
        read_telling_pictures(run, telling["sha256"])
