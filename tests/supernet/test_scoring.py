"""Scores under faults: memory that runs out, numbers that are none; and that blocks stay for all of a run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from suite.data import Data, find_data, open_data
from suite.errors import OutOfMemoryError
from suite.fitness import Fitness
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer, Supernet
from suite.supernet.prefix_tree import PrefixTree
from suite.supernet.scoring import MostAtOnce

CPU = torch.device("cpu")
SAID = (
    lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    lambda: torch.OutOfMemoryError("CUDA out of memory"),
    lambda: MemoryError(),
)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Blocks go to a pool of threads only where there are several."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run")


@pytest.fixture
def data(tiny_study: StudySettings) -> Data:
    return open_data(tiny_study.data, find_data(tiny_study.data))


@pytest.fixture
def supernet(tiny_study: StudySettings, data: Data) -> Supernet:
    space = SearchSpace(tiny_study.space, data.picture_shape, len(data.classes))
    return Supernet(space, 0.1).draw(torch.Generator().manual_seed(0)).eval()


@contextmanager
def memory_for(pictures: int, fault: Callable[[], Exception] = SAID[0]) -> Iterator[list[int]]:
    """A machine on which a block of more pictures is too many; the sizes asked for are noted."""
    real, asked = PrefixTree.score_block, []

    def score_block(self: PrefixTree, drawn: Any, labels: Any, **kept: bool) -> Any:
        asked.append(len(labels))
        if len(labels) > pictures:
            raise fault()
        return real(self, drawn, labels, **kept)

    with mock.patch.object(PrefixTree, "score_block", score_block):
        yield asked


@pytest.mark.fault("memory runs out in an evaluation")
@pytest.mark.parametrize("fault", SAID)
def test_blocks_are_halved_until_they_fit_and_stay_so_for_all_of_a_run(
    fault: Callable[[], Exception], run: RunDirectory, supernet: Supernet, data: Data
) -> None:
    genomes = [supernet.space.sample(random.Random(i)) for i in range(9)]
    whole = Scorer(supernet, data, CPU, run=run).score(genomes, data.val_search)
    begun_with = json.loads((run.path / "block.json").read_text())
    with memory_for(10, fault) as asked:
        halved = Scorer(supernet, data, CPU, run=run).score(genomes, data.val_search)
    assert asked[0] > 10 >= max(asked[-20:])
    recorded = json.loads((run.path / "block.json").read_text())
    assert recorded["pictures"] < begun_with["pictures"]
    with memory_for(1_000) as asked:
        again = Scorer(supernet, data, CPU, run=run).score(genomes, data.val_search)
    assert max(asked) <= 10, "a later execution does not try the larger blocks once more"
    assert again == halved
    assert [score.correct for score in halved] == [score.correct for score in whole]
    assert [score.loss for score in halved] == pytest.approx([score.loss for score in whole], rel=1e-6)


def test_too_little_memory_for_one_picture_is_a_clear_error(supernet: Supernet, data: Data) -> None:
    genomes = [supernet.space.sample(random.Random(i)) for i in range(3)]
    scorer = Scorer(supernet, data, CPU)
    with memory_for(0), pytest.raises(OutOfMemoryError, match=r"too little memory .* 1 pictures and 1 rows"):
        scorer.score(genomes, data.val_search)
    assert scorer.block == MostAtOnce(1, 1)


def test_too_little_memory_for_statistics_leaves_the_blocks_as_they_are(
    tiny_study: StudySettings, data: Data, run: RunDirectory
) -> None:
    """Smaller ones would need no less, and stay for all of a run."""
    space = SearchSpace(
        tiny_study.space.model_copy(update={"norm": "batch"}), data.picture_shape, len(data.classes)
    )
    supernet = Supernet(space, 0.1).draw(torch.Generator().manual_seed(0)).eval()
    scorer, genomes = Scorer(supernet, data, CPU, run=run), [space.sample(random.Random(0))]
    before = (run.path / "block.json").read_text()
    calls: list[object] = []

    def calibrate(self: PrefixTree, pictures: object) -> None:
        calls.append(pictures)
        raise SAID[0]()

    with (
        mock.patch.object(PrefixTree, "calibrate", calibrate),
        pytest.raises(OutOfMemoryError, match="the statistics of batch norm: there is too little memory"),
    ):
        scorer.score(genomes, data.val_search)
    assert len(calls) == 1
    assert (run.path / "block.json").read_text() == before
    assert len(scorer.score(genomes, data.val_search)) == 1


def test_another_error_is_not_taken_for_a_lack_of_memory(supernet: Supernet, data: Data) -> None:
    scorer = Scorer(supernet, data, CPU)
    before = scorer.block
    with (
        memory_for(0, lambda: RuntimeError("shapes differ")),
        pytest.raises(RuntimeError, match="shapes differ"),
    ):
        scorer.score([supernet.space.sample(random.Random(0))], data.val_search)
    assert scorer.block == before


@pytest.mark.fault("a subnet's numbers are none")
def test_a_subnet_that_says_nan_fails_alone(
    tiny_study: StudySettings, supernet: Supernet, data: Data
) -> None:
    """The last of the wide filters is broken: networks with narrow ones there are as good as before."""
    space = supernet.space
    genomes = list(space)
    fitness = Fitness(tiny_study, space, supernet, Scorer(supernet, data, CPU), data.val_search, CPU)
    before = fitness.evaluate(genomes, random.Random(0)).evaluations
    with torch.no_grad():
        weight = dict(supernet.named_parameters())["convs.0.weights.3"]
        weight[-1] = torch.nan
    after = fitness.evaluate(genomes, random.Random(0)).evaluations
    broken = [genome.convs[0].filters == 8 and genome.convs[0].kernel == 3 for genome in genomes]
    assert any(broken)
    assert not all(broken)
    for is_broken, was, now in zip(broken, before, after, strict=True):
        if is_broken:
            assert (now.loss, now.accuracy, now.failure) == (None, None, "the supernet's loss is nan")
        else:
            assert now == was


def test_of_large_pictures_fewer_are_looked_at_for_batch_norm(
    tiny_study: StudySettings, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their maps are as large, and each tells of more places."""
    normed = tiny_study.space.model_copy(update={"norm": "batch"})
    space = SearchSpace(normed, data.picture_shape, len(data.classes))
    supernet = Supernet(space, 0.1).draw(torch.Generator().manual_seed(0)).eval()

    def looked_at() -> int:
        calibration = Scorer(supernet, data, torch.device("cpu")).calibration
        assert calibration is not None
        return len(calibration)

    assert looked_at() == min(1_000, len(data.train))
    widest = 4 * 8 * 16 * 16
    monkeypatch.setattr("suite.supernet.scoring._CALIBRATION_BYTES", 50 * widest)
    assert looked_at() == 50
