"""The walk: every subnet scored as its extracted standalone network alone would score."""

from __future__ import annotations

import random

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from suite.blocks import ElasticDense, dense
from suite.space import Genome, SearchSpace
from suite.study import FirstFc
from suite.supernet.fc_plan import FcPlan
from suite.supernet.prefix_plan import Stack, build_plan, build_tree
from suite.supernet.prefix_tree import BlockScore, PrefixTree
from suite.supernet.scoring import MostAtOnce, most_at_once
from suite.supernet.weights import Supernet
from tests.conftest import odd_space, space_of

SPACES = {
    "cifar10": space_of(),
    "fashion_mnist": space_of((1, 28, 28)),
    "digits": space_of((1, 16, 16)),
    "odd": odd_space(),
    "one width": space_of((3, 8, 8), 4, depth=[2], filters=[6], kernel=[3], fc_layers=[2], fc_units=[7]),
}
NORMED = space_of((3, 16, 16), 5, depth=[1, 2], filters=[4, 8], fc_units=[8, 16], norm="batch")


FIRST_FCS: tuple[FirstFc, ...] = ("per-depth", "per-depth-and-count")


def supernet(space: SearchSpace, first_fc: FirstFc = "per-depth") -> Supernet:
    return Supernet(space, 0.5, first_fc).draw(torch.Generator().manual_seed(0)).eval()


def pictures(space: SearchSpace, count: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, *space.shape, generator=generator)
    return drawn, torch.randint(0, space.classes, (count,), generator=generator)


def check_against_each_network_alone(
    shared: Supernet,
    genomes: list[Genome],
    score: BlockScore,
    data: tuple[Tensor, Tensor],
    calibration: Tensor | None = None,
) -> None:
    """Losses within 1e-5 relative; counts equal but for pictures whose top two logits lie within 1e-4."""
    drawn, labels = data
    assert score.bits is not None
    for i, genome in enumerate(genomes):
        with torch.no_grad():
            logits = shared.extract(genome, calibration)(drawn)
        loss = F.cross_entropy(logits, labels, reduction="none").double().sum().item()
        assert score.loss_sums[i].item() == pytest.approx(loss, rel=1e-5), genome
        top = logits.topk(2).values
        clear = top[:, 0] - top[:, 1] > 1e-4
        assert torch.equal(score.bits[i][clear], (logits.argmax(1) == labels)[clear]), genome
        assert int(score.correct[i]) == int(score.bits[i].sum())


@settings(max_examples=16, deadline=None)
@given(
    st.sampled_from(sorted(SPACES)),
    st.integers(0, 10_000),
    st.integers(1, 40),
    st.sampled_from([1, 3, 64]),
    st.sampled_from(FIRST_FCS),
)
def test_any_set_of_genomes_scores_as_each_alone(
    name: str, seed: int, count: int, most_nodes: int, first_fc: FirstFc
) -> None:
    space, rng = SPACES[name], random.Random(seed)
    shared = supernet(space, first_fc)
    genomes = list(dict.fromkeys(space.sample(rng) for _ in range(count)))
    data = pictures(space, 6)
    score = PrefixTree(shared, genomes, rows=most_nodes).score_block(*data, bits=True)
    check_against_each_network_alone(shared, genomes, score, data)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([1, 5, 64]), st.sampled_from(FIRST_FCS))
def test_under_batch_norm_each_node_takes_its_own_statistics(
    seed: int, count: int, most_nodes: int, first_fc: FirstFc
) -> None:
    rng = random.Random(seed)
    shared = supernet(NORMED, first_fc)
    genomes = list(dict.fromkeys(NORMED.sample(rng) for _ in range(count)))
    calibration, data = pictures(NORMED, 50, seed=2)[0] * 2 + 1, pictures(NORMED, 6)
    tree = PrefixTree(shared, genomes, rows=most_nodes)
    tree.calibrate(calibration)
    check_against_each_network_alone(shared, genomes, tree.score_block(*data, bits=True), data, calibration)


def test_batch_norm_without_statistics_is_refused() -> None:
    tree = PrefixTree(supernet(NORMED), [NORMED.sample(random.Random(0))], rows=1)
    with pytest.raises(RuntimeError, match="calibrate"):
        tree.score_block(*pictures(NORMED, 2))


@pytest.mark.parametrize("first_fc", FIRST_FCS)
@pytest.mark.parametrize("name", ["odd", "one width"])
def test_a_whole_space(name: str, first_fc: FirstFc) -> None:
    space = SPACES[name]
    shared, genomes, data = supernet(space, first_fc), list(space), pictures(space, 4)
    score = PrefixTree(shared, genomes, rows=50).score_block(*data, bits=True)
    some = random.Random(0).sample(range(len(genomes)), min(60, len(genomes)))
    chosen = BlockScore(
        4, score.loss_sums[some], score.correct[some], score.bits[some] if score.bits is not None else None
    )
    check_against_each_network_alone(shared, [genomes[i] for i in some], chosen, data)
    assert score.loss_sums.min() > 0, "a genome that was never reached"


def test_the_size_of_stacks_and_of_blocks_changes_nothing_that_counts() -> None:
    space, rng = SPACES["digits"], random.Random(0)
    shared = supernet(space)
    genomes = list(dict.fromkeys(space.sample(rng) for _ in range(80)))
    drawn, labels = pictures(space, 12)
    whole = PrefixTree(shared, genomes, rows=64).score_block(drawn, labels)
    tree = PrefixTree(shared, genomes, rows=2)
    parts = [tree.score_block(drawn[i : i + 5], labels[i : i + 5]) for i in range(0, 12, 5)]
    torch.testing.assert_close(sum(part.loss_sums for part in parts), whole.loss_sums, rtol=1e-6, atol=0)
    assert torch.equal(sum(part.correct for part in parts), whole.correct)


def test_a_bfloat16_screen_is_close_but_not_exact() -> None:
    space, rng = SPACES["cifar10"], random.Random(0)
    shared = supernet(space)
    genomes = list(dict.fromkeys(space.sample(rng) for _ in range(20)))
    data = pictures(space, 16)
    exact = PrefixTree(shared, genomes, rows=8).score_block(*data).loss_sums
    screen = PrefixTree(shared, genomes, rows=8, dtype=torch.bfloat16).score_block(*data).loss_sums
    torch.testing.assert_close(screen, exact, rtol=1e-2, atol=0)
    assert not torch.equal(screen, exact)


def test_narrower_layers_and_poolings_need_no_nodes_of_their_own() -> None:
    space = SPACES["cifar10"]
    root, count = build_tree((g for g in space if len(g.convs) == 2), [(1, 2)])
    plan = build_plan(root, most_nodes=64)
    stacks = _all_stacks(plan)
    nodes = [sum(stack.nodes for stack in stacks if stack.depth == depth) for depth in range(3)]
    assert nodes == [
        1,
        2 * 2,
        2 * 2 * 3 * 2 * 2,
    ]  # kernels x poolings, then x input widths x kernels x poolings
    assert sum(nodes) == count
    assert max(stack.nodes for stack in stacks) <= 64
    numbers = sorted(int(n) for stack in stacks for plan in stack.fcs.values() for n in _genomes_of(plan))
    assert numbers == list(range(144 * 12))


def _genomes_of(plan: FcPlan | None) -> list[int]:
    if plan is None:
        return []
    return [n for f in plan.followings for n in (*f.genomes.ravel().tolist(), *_genomes_of(f.further))]


def _all_stacks(stack: Stack) -> list[Stack]:
    return [stack, *(s for below in stack.below for s in _all_stacks(below.stack))]


def test_sets_that_share_little_are_given_more_pictures_at_once() -> None:
    space = SPACES["cifar10"]
    shared = supernet(space)
    whole = [genome for genome in space if len(genome.convs) < 4]
    some = random.Random(0).sample(whole, len(whole) // 2)
    pictures = [
        PrefixTree(shared, genomes, rows=512, most_pictures=100).pictures
        for genomes in (whole, some, some[:50])
    ]
    assert pictures == sorted(pictures)
    assert pictures[0] < 8
    assert pictures[2] == 100


def test_larger_pictures_and_less_memory_make_smaller_blocks() -> None:
    assert most_at_once(SPACES["cifar10"], 1 << 29) == MostAtOnce(192, 1_024)
    assert most_at_once(SPACES["cifar10"], 1 << 28) == MostAtOnce(128, 512)
    assert most_at_once(space_of((3, 224, 224)), 1 << 30) == MostAtOnce(10, 41)
    assert most_at_once(space_of((3, 224, 224)), 1 << 20) == MostAtOnce(1, 1)


@pytest.mark.parametrize("share", [0.0, 1.01])
def test_leaving_out_idle_units_changes_no_score(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """With rows that are 0 throughout left out of every product, and of none."""
    monkeypatch.setattr(dense, "_ENOUGH_COLUMNS", 1)
    monkeypatch.setattr(dense, "_WORTH_SKIPPING", share)
    space = SPACES["odd"]
    shared = supernet(space)
    with torch.no_grad():
        for fc in [*shared.first_fcs.values(), *shared.later_fcs]:
            assert isinstance(fc, ElasticDense)
            fc.bias[::2] = -100.0  # never active
        for fc in shared.first_fcs.values():
            assert isinstance(fc, ElasticDense)
            fc.bias[:6] = -100.0  # no unit of the narrowest layer
    genomes = list(space)[::7]
    data = pictures(space, 5)
    score = PrefixTree(shared, genomes, rows=9).score_block(*data, bits=True)
    check_against_each_network_alone(shared, genomes, score, data)


def test_what_is_not_a_number_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "_ENOUGH_COLUMNS", 1)
    space = SPACES["digits"]
    shared = supernet(space)
    genomes = [genome for genome in space if genome.text.startswith("16k3max-16k3max-fc128-fc")]
    drawn, labels = pictures(space, 4)
    drawn[2] = float("nan")
    assert PrefixTree(shared, genomes, rows=8).score_block(drawn, labels).loss_sums.isnan().all()
    with torch.no_grad():
        later = shared.later_fcs[0]
        assert isinstance(later, ElasticDense)
        later.weight[0, 0] = float("inf")
    drawn, labels = pictures(space, 4)
    alone = F.cross_entropy(shared.extract(genomes[0])(drawn), labels)
    scored = PrefixTree(shared, genomes, rows=8).score_block(drawn, labels).loss_sums[0]
    assert not alone.isfinite()
    assert not scored.isfinite()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_scores_are_those_of_the_cpu() -> None:
    space, rng = SPACES["cifar10"], random.Random(0)
    shared, data = supernet(space), pictures(space, 16)
    genomes = list(dict.fromkeys(space.sample(rng) for _ in range(30)))
    here = PrefixTree(shared, genomes, rows=8).score_block(*data)
    there = PrefixTree(shared.cuda(), genomes, rows=8).score_block(*(t.cuda() for t in data))
    torch.testing.assert_close(there.loss_sums.cpu(), here.loss_sums, rtol=1e-4, atol=0)
