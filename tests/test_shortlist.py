"""Successive rejection: sums that say what brute force says, and the front of the full walk whatever the order.

With a screen as well: on a small space really walked both ways, and on badness drawn so that a screen misleads. And
stopped, wherever that may be: the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from suite.data import Data, Split, find_data, open_data
from suite.pareto import front_rows
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.shortlist import in_words, screen, shortlist_space, walks
from suite.shortlist.rejection import Contest, Rejection, Round, Terms, everybody, widest_shift
from suite.shortlist.screen import measure_slack, slack_of, spread_evenly
from suite.shortlist.tally import Tally, rivals_among
from suite.space import Genome, SearchSpace
from suite.study import StudySettings, validate_study
from suite.supernet import Scorer, Supernet
from suite.supernet.prefix_tree import BlockScore, PrefixTree
from tests.conftest import space_of, tiny_table

PRICES = np.array([[1, 5], [2, 4], [3, 3], [4, 2], [5, 1], [6, 6]])


def drawn(networks: int, pictures: int, seed: int = 0) -> NDArray[np.float32]:
    """Badness that networks have in part in common, as pictures are easy or hard."""
    rng = np.random.default_rng(seed)
    gaps = rng.normal(0, 0.2, (networks, 1))
    badness = rng.gamma(2.0, 0.8, (1, pictures)) + gaps + rng.normal(0, 0.4, (networks, pictures))
    return badness.astype(np.float32)


def test_the_bound_is_that_of_paired_differences() -> None:
    badness, rivals = drawn(6, 400), np.array([2, 0])
    tally = Tally(6)
    tally.add(badness[:, :100])
    tally.keep(np.ones(6, dtype=bool), rivals)
    for start in range(100, 300, 50):
        tally.add(badness[:, start : start + 50])
    for risk in (1e-12, 1e-6, 1e-3, 0.3):
        quantile = stats.t.isf(risk, 199)
        expected = []
        for i in range(6):
            worse = []
            for r in rivals:
                paired = badness[i, 100:300].astype(float) - badness[r, 100:300]
                gap = (badness[i, :300].astype(float) - badness[r, :300]).mean()
                error = paired.std(ddof=1) * math.sqrt(1 / 300 - 1 / 400)
                worse.append((gap > quantile * error) & (PRICES[i] >= PRICES[r]))
            expected.append(bool(np.all(np.any(worse, axis=0))))
        assert tally.surely_dominated(PRICES, 400, risk).tolist() == expected


def test_the_bound_of_right_and_wrong_is_the_exact_sign_test() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random((1, 400)) < 0.2
    wrong = (hard ^ (rng.random((6, 400)) < np.array([[0.02], [0.3], [0.05], [0.5], [0.02], [0.1]]))).astype(
        np.float32
    )
    rivals, tally = np.array([2, 0]), Tally(6)
    tally.add(wrong[:, :100])
    tally.keep(np.ones(6, dtype=bool), rivals)
    tally.add(wrong[:, 100:300])
    decided = set()
    for risk in (1e-12, 1e-6, 1e-3, 0.3):
        expected = []
        for i in range(6):
            worse = []
            for r in rivals:
                paired = wrong[i, 100:300] - wrong[r, 100:300]
                alone, tried = int((paired > 0).sum()), int((paired != 0).sum())
                p_value = stats.binomtest(alone, tried, alternative="greater").pvalue if tried else 1.0
                worse.append((p_value <= risk) & (PRICES[i] >= PRICES[r]))
            expected.append(bool(np.all(np.any(worse, axis=0))))
        assert tally.surely_dominated(PRICES, 400, risk, by_loss=False).tolist() == expected
        decided.add(sum(expected))
    assert len(decided) > 1


def test_one_picture_more_wrong_decides_nothing() -> None:
    """Alike on every picture since the rival was named, worse by one before: a t bound would see no spread."""
    wrong = np.zeros((2, 216), dtype=np.float32)
    wrong[:, ::9] = 1.0
    wrong[1, 10] = 1.0
    tally = Tally(2)
    tally.add(wrong[:, :64])
    tally.keep(np.ones(2, dtype=bool), np.array([0]))
    tally.add(wrong[:, 64:96])
    prices = np.array([[1, 1], [2, 2]])
    assert tally.surely_dominated(prices, 216, 1e-3)[1]  # what was wrong with it
    assert not tally.surely_dominated(prices, 216, 1e-3, by_loss=False)[1]


def test_after_all_pictures_only_the_fronts_are_left() -> None:
    badness = drawn(6, 60)
    tally = Tally(6)
    tally.add(badness)
    means = badness.mean(axis=1, dtype=np.float64)
    fronts = {
        int(row) for price in PRICES.T for row in front_rows(np.column_stack([means, price]), (-1.0, -1.0))
    }
    assert set(np.flatnonzero(~tally.surely_dominated(PRICES, 60, 0.01))) == fronts


def test_a_network_alike_its_rival_is_not_left_out() -> None:
    badness = np.repeat(drawn(1, 200), 2, axis=0)
    tally = Tally(2)
    tally.add(badness[:, :100])
    tally.keep(np.ones(2, dtype=bool), np.array([0]))
    tally.add(badness[:, 100:150])
    assert not tally.surely_dominated(np.array([[1, 1], [2, 2]]), 200, 0.5).any()


def test_a_twin_that_seems_worse_by_less_than_float32_can_tell_stays() -> None:
    """As two networks of a real space, of which one has idle channels more; in the end it was the better one."""
    badness = np.repeat(drawn(1, 200), 3, axis=0)
    badness[2] += drawn(1, 200, seed=1)[
        0
    ]  # sums are taken from the first rival's, so that twins have some to lose
    badness[1, :150] += 1e-5
    badness[1, 150:] -= 1e-4
    tally = Tally(3)
    tally.add(badness[:, :100])
    tally.keep(np.ones(3, dtype=bool), np.array([2, 0]))
    tally.add(badness[:, 100:132])
    prices = np.array([[1, 1], [2, 2], [1, 1]])
    assert not tally.surely_dominated(prices, 200, 1e-9)[1]
    tally.add(badness[:, 132:])
    assert not tally.surely_dominated(prices, 200, 1e-9)[1]


def test_rivals_are_the_front_so_far() -> None:
    means = np.array([0.3, 0.2, 0.1, 0.4, 0.5, 0.05])
    assert rivals_among(means, PRICES).tolist() == [0, 1, 2, 3, 4, 5]
    assert rivals_among(means, PRICES[:, :1]).tolist() == [0, 1, 2, 5]


def test_a_tally_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    badness, rivals, run = drawn(500, 300), np.arange(0, 500, 4), RunDirectory.create(tmp_path / "run")
    prices = np.column_stack([np.arange(500), np.arange(500)[::-1]])
    never_stopped, tally, sizes = Tally(500), Tally(500), []
    for start, stop in ((0, 100), (100, 164), (164, 200)):
        for each in (never_stopped, tally):
            each.add(badness[:, start:stop])
            if stop == 100:
                each.keep(np.ones(500, dtype=bool), rivals)
        run.save_checkpoint("tally", tally.state())
        state = run.load_checkpoint("tally") or {}
        sizes.append(sum(part.nbytes for part in state.values() if isinstance(part, torch.Tensor)))
        tally = Tally(500)
        tally.load(state)
    assert np.array_equal(tally.means, never_stopped.means)
    dominated = tally.surely_dominated(prices, 300, 0.01)
    assert np.array_equal(dominated, never_stopped.surely_dominated(prices, 300, 0.01))
    assert 0 < dominated.sum() < 500
    little = 8 * (500 + len(rivals))  # nothing is paired yet with rivals just named
    assert sizes == [little, little + 4 * 500 * (len(rivals) + 2), sizes[1]]


@pytest.mark.parametrize("order", range(5))
def test_rejection_keeps_the_front_and_spares_most(order: int) -> None:
    """Two thousand networks on as many pictures, rejected at each doubling."""
    badness = drawn(2_000, 2_000)
    rng = np.random.default_rng(order)
    prices = np.column_stack([np.arange(2_000), rng.permutation(2_000)])
    truth = {
        int(row)
        for price in prices.T
        for row in front_rows(np.column_stack([badness.mean(axis=1, dtype=float), price]), (-1.0, -1.0))
    }
    shuffled = badness[:, rng.permutation(2_000)]
    tally, alive, spent = Tally(2_000), np.arange(2_000), 0
    for stop in (125, 250, 500, 1_000, 2_000):
        spent += len(alive) * (stop - tally.pictures)
        tally.add(shuffled[alive, tally.pictures : stop])
        keep = ~tally.surely_dominated(prices[alive], 2_000, 0.01 / 2_000**2)
        alive = alive[keep]
        tally.keep(keep, rivals_among(tally.means[keep], prices[alive]))
    assert set(alive.tolist()) == truth
    assert spent < 0.5 * badness.size


@dataclass(frozen=True)
class Walkable:
    """A small space, real pictures, and a supernet of random weights over it."""

    study: StudySettings
    space: SearchSpace
    data: Data
    scorer: Scorer
    badness: dict[str, NDArray[np.float64]]  # of every network, by the full walk; by score


@pytest.fixture(scope="module")
def walkable() -> Walkable:
    study = validate_study(
        tiny_table(data={"image_size": [8, 8]}, space={"fc_units": [8, 16, 24]}), where="tiny"
    )
    data = open_data(study.data, find_data(study.data))
    data = replace(data, val_search=data.all_training)
    space = SearchSpace(study.space, data.picture_shape, len(data.classes))
    supernet = Supernet(space, 0.0).draw(torch.Generator().manual_seed(0))
    scorer = Scorer(supernet, data, torch.device("cpu"))
    scores = scorer.score(list(space), data.val_search)
    losses, accuracies = (np.array([getattr(score, of) for score in scores]) for of in ("loss", "accuracy"))
    return Walkable(study, space, data, scorer, {"loss": losses, "accuracy": -accuracies})


def shortlisted(
    walkable: Walkable, tmp_path: Path, order: int, score: str = "loss", *, screen: bool = True
) -> dict[str, Any]:
    """The shortlist, its fronts those of the full walk."""
    w, run = walkable, RunDirectory.create(tmp_path / "run")
    study = w.study.model_copy(update={"search": w.study.search.model_copy(update={"score": score})})
    quiet = Display(quiet=True)
    result = shortlist_space(study, w.space, w.scorer, w.data, run, quiet, order, screen=screen)
    genomes = list(w.space)
    for price, cost in (("params", w.space.parameters), ("macs", w.space.macs)):
        values = np.column_stack([w.badness[score], [cost(genome) for genome in genomes]])
        truth = [genomes[row].text for row in front_rows(values, (-1.0, -1.0))]
        assert [row["genome"] for row in result["fronts"][price]] == truth
    return result


@pytest.mark.parametrize("order", range(4))
def test_a_screened_front_is_that_of_the_full_walk(walkable: Walkable, order: int, tmp_path: Path) -> None:
    result = shortlisted(walkable, tmp_path, order)
    rough, exact = result["screen"]["rounds"], result["rounds"]
    assert result["screen"]["counts"]
    assert exact[0]["networks"] == rough[-1]["left"] == result["screen"]["left"] < walkable.space.size
    assert rough[-1]["pictures"] < exact[-1]["pictures"] == result["pictures"] == 1_438
    assert f"Screened in bfloat16 on {rough[-1]['pictures']:,} pictures" in in_words(result)


@pytest.mark.parametrize("order", range(3))
def test_a_front_by_accuracy_is_that_of_the_full_walk(walkable: Walkable, order: int, tmp_path: Path) -> None:
    result = shortlisted(walkable, tmp_path, order, "accuracy", screen=False)
    assert result["rounds"][-1]["networks"] < walkable.space.size


def test_the_slack_bounds_every_shift_of_the_space(walkable: Walkable) -> None:
    w = walkable
    genomes = list(w.space)
    prices = np.zeros((len(genomes), 2), dtype=np.int64)
    contest = Contest(w.scorer, genomes, prices, w.data.val_search, by_loss=True)
    tree = w.scorer.tree(genomes, dtype=torch.bfloat16)
    sums = [block.loss_sums.numpy() for block in w.scorer.blocks(tree, w.data.val_search)]
    shifts = np.sum(sums, axis=0) / len(w.data.val_search) - w.badness["loss"]
    assert 0 < np.ptp(shifts) < measure_slack(contest, 0.003).value


class Misleading:
    """Scores drawn, not walked; in bfloat16 with a shift of each network's own. Pictures are their numbers."""

    def __init__(
        self, genomes: Sequence[Genome], losses: NDArray[np.float32], shifts: NDArray[np.float32]
    ) -> None:
        self._rows = {genome: row for row, genome in enumerate(genomes)}
        self._losses = {torch.float32: losses, torch.bfloat16: losses + shifts[:, None]}

    def tree(
        self, genomes: Sequence[Genome], *, most_pictures: int = 1, dtype: torch.dtype = torch.float32
    ) -> NDArray[np.float32]:
        return self._losses[dtype][[self._rows[genome] for genome in genomes]]

    def blocks(
        self, tree: NDArray[np.float32], split: Split, *, bits: bool, losses: bool
    ) -> Iterator[BlockScore]:
        for numbers in torch.split(split.pictures, 8):
            seen = torch.from_numpy(tree[:, numbers.numpy()])
            none = torch.zeros(len(tree))
            yield BlockScore(len(numbers), none, none, losses=seen)


def misleading(gap: float = 0.01, shift: float = 0.03) -> tuple[Contest, list[int]]:
    """A contest, and its front: one network, and its like that is dearer and worse by `gap`, but seems better."""
    genomes = list(space_of(depth=[2], filters=[4, 8], kernel=[3], fc_units=[8, 16]))
    rng = np.random.default_rng(0)
    losses = rng.gamma(2.0, 0.5, (1, 2_000)) + rng.normal(0, 0.01, (len(genomes), 2_000))
    losses += np.linspace(0.5, 1, len(genomes))[:, None]  # far from the front
    prices = np.column_stack([np.arange(len(genomes))] * 2) + 10
    losses[7], prices[7] = losses[8] - 1 + gap, 1  # whatever is here: sure to be overtaken
    losses[8], prices[8] = losses[7] - gap, 1
    shifts = rng.normal(0, 0.01, len(genomes))
    shifts[7], shifts[8] = -shift / 2, shift / 2
    scorer: Any = Misleading(genomes, losses.astype(np.float32), shifts.astype(np.float32))
    split = Split(torch.arange(2_000), torch.zeros(2_000, dtype=torch.int64))
    return Contest(scorer, genomes, prices, split, by_loss=True), [8]


def left_by_a_screen(contest: Contest, slack: float) -> set[int]:
    walk = Rejection(contest, everybody(contest), Terms(0.003, torch.bfloat16, slack))
    assert list(walk.go_on())[-1]
    assert walk.pictures < len(contest.split)
    return set(walk.last.left.tolist())


def test_without_its_slack_a_screen_loses_the_front() -> None:
    contest, front = misleading()
    slack = measure_slack(contest, 0.003).value
    assert not left_by_a_screen(contest, 0.0) & set(front)
    left = left_by_a_screen(contest, slack)
    assert left >= set(front)
    assert len(left) < len(contest.genomes) / 2


def test_a_screen_that_is_seen_to_mislead_does_not_count(
    walkable: Walkable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "_APART", 0.1)
    result = shortlisted(walkable, tmp_path, order=0)
    assert not result["screen"]["counts"]
    assert result["screen"]["widest_shift_left"] > result["screen"]["slack"]["value"]
    assert result["rounds"][0]["networks"] == walkable.space.size > result["screen"]["left"]
    assert "does not count" in in_words(result)


def test_the_slack_is_three_t_deviations() -> None:
    shifts = np.random.default_rng(0).normal(0.5, 0.01, 200)
    slack = slack_of(shifts, 300, 100_000, 0.01)
    assert slack.value == pytest.approx(3 * stats.t.isf(5e-8, 199) * shifts.std(ddof=1), rel=3e-3)
    assert (slack.networks, slack.pictures, slack.widest) == (200, 300, np.ptp(shifts))
    assert slack_of(shifts[:1], 300, 1, 0.01).value == 0


def test_the_slack_is_measured_on_every_depth() -> None:
    genomes = list(space_of(depth=[1, 2, 3], filters=[4, 8], fc_units=[8, 16]))
    some = [genomes[i] for i in spread_evenly(genomes, 120)]
    kinds = [(len(genome.convs), len(genome.fcs)) for genome in some]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        (1, 1): 16,
        (1, 2): 20,
        (2, 1): 20,
        (2, 2): 20,
        (3, 1): 20,
        (3, 2): 20,
    }


def test_shifts_are_compared_of_networks_that_both_passes_saw() -> None:
    """Of the networks 1, 2 and 5; number 3 was lost on the way."""
    rough = Round(64, np.array([1, 2, 3, 5]), np.array([0.1, 0.4, 9.0, 0.2]), np.ones(4, dtype=bool))
    exact = Round(64, np.array([1, 2, 5]), np.array([0.1, 0.3, 0.25]), np.ones(3, dtype=bool))
    assert widest_shift(rough, exact) == pytest.approx(0.15)


def asked(w: Walkable, run: RunDirectory, order: int = 0, *, screen: bool = True) -> dict[str, Any]:
    """What an execution comes to, all of it but times; nothing is left of an earlier execution but the run."""
    scorer = Scorer(w.scorer.supernet, w.data, torch.device("cpu"))
    result = shortlist_space(w.study, w.space, scorer, w.data, run, Display(quiet=True), order, screen=screen)
    assert run.load_checkpoint("shortlist") is None
    screened = {name: value for name, value in result.get("screen", {}).items() if name != "seconds"}
    times = ("seconds", "exact_seconds", "screen")
    return {**{name: value for name, value in result.items() if name not in times}, "screen": screened}


def stop(monkeypatch: pytest.MonkeyPatch, when: Callable[[dict[str, Any]], bool]) -> None:
    """Stop right after checkpoints of some states."""
    save = RunDirectory.save_checkpoint

    def save_and_stop(run: RunDirectory, phase: str, state: dict[str, Any]) -> None:
        save(run, phase, state)
        if when(state):
            raise KeyboardInterrupt

    monkeypatch.setattr(RunDirectory, "save_checkpoint", save_and_stop)


@pytest.mark.parametrize(
    ("with_screen", "apart"),
    [(False, 3), (True, 3), (True, 0.1)],
    ids=["exact", "screen", "screen that does not count"],
)
def test_stopped_again_and_again_it_ends_as_if_it_had_not_been(
    with_screen: bool, apart: float, walkable: Walkable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside rounds as well as between them, and at a different place in each walk."""
    monkeypatch.setattr(screen, "_APART", apart)
    whole = asked(walkable, RunDirectory.create(tmp_path / "whole"), screen=with_screen)
    assert whole["screen"].get("counts") == (None if not with_screen else apart == 3)
    monkeypatch.setattr(walks, "_SECONDS_BETWEEN_CHECKPOINTS", 0)
    run, saved = RunDirectory.create(tmp_path / "cut"), count(1)
    stop(monkeypatch, lambda state: next(saved) % 5 == 0)
    stopped, cut = 0, None
    while cut is None and stopped < 100:
        try:
            cut = asked(walkable, run, screen=with_screen)
        except KeyboardInterrupt:
            stopped += 1
    assert cut == whole
    assert stopped > 5


def in_its_exact_walk(state: dict[str, Any]) -> bool:
    return bool(state["walks"].get("exact", {}).get("rounds"))


@pytest.mark.parametrize("what", ["order", "screen", "score", "supernet"])
def test_the_checkpoint_of_another_question_is_not_taken_up(
    what: str, walkable: Walkable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory.create(tmp_path / "run")
    run.write_result("supernet", {"sha256": "0"})
    with monkeypatch.context() as stopping:
        stop(stopping, in_its_exact_walk)
        with pytest.raises(KeyboardInterrupt):
            asked(walkable, run)
    other = walkable
    if what == "score":
        search = walkable.study.search.model_copy(update={"score": "accuracy"})
        other = replace(walkable, study=walkable.study.model_copy(update={"search": search}))
    if what == "supernet":
        drawn_again = Supernet(walkable.space, 0.0).draw(torch.Generator().manual_seed(1))
        other = replace(walkable, scorer=Scorer(drawn_again, walkable.data, torch.device("cpu")))
        run.write_result("supernet", {"sha256": "1"})
    order, with_screen = int(what == "order"), what != "screen"
    anew = asked(other, RunDirectory.create(tmp_path / "anew"), order, screen=with_screen)
    assert asked(other, run, order, screen=with_screen) == anew


def test_blocks_that_were_halved_for_want_of_memory_stay_so(
    walkable: Walkable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs out in the last round, with few networks left, is enough again after the stop, and is not used then."""
    score = PrefixTree.score_block

    def score_few(tree: PrefixTree, pictures: torch.Tensor, labels: torch.Tensor, **kept: bool) -> BlockScore:
        if tree.genomes < 0.4 * walkable.space.size and len(labels) > 10:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return score(tree, pictures, labels, **kept)

    run = RunDirectory.create(tmp_path / "cut")
    with monkeypatch.context() as little:
        little.setattr(PrefixTree, "score_block", score_few)
        whole = asked(walkable, RunDirectory.create(tmp_path / "whole"), screen=False)
        little.setattr(walks, "_SECONDS_BETWEEN_CHECKPOINTS", 0)
        stop(little, lambda state: 1_094 < state["walks"]["exact"]["tally"]["pictures"] < 1_438)
        with pytest.raises(KeyboardInterrupt):
            asked(walkable, run, screen=False)
    state = run.load_checkpoint("shortlist") or {}
    assert state["block"]["pictures"] < walkable.scorer.block.pictures
    assert asked(walkable, run, screen=False) == whole
