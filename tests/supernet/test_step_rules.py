"""Step rules: what each teaches, and that shared activations give the gradients of subnets one at a time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from suite.blocks import DenseLayer, Dropout
from suite.space import Genome, SearchSpace
from suite.study import FirstFc, StepRule
from suite.supernet.step_rules import STEP_RULES
from suite.supernet.step_rules.tree import tree
from suite.supernet.weights import Supernet
from tests.conftest import odd_space, space_of

SPACES = {
    "as cifar10, narrower": space_of((3, 16, 16), filters=[2, 4, 8], fc_units=[4, 8, 16]),
    "odd": odd_space(),
    "two FC layers only": space_of((3, 8, 8), 4, depth=[2], filters=[6], fc_layers=[2], fc_units=[7, 9]),
    "one and three": space_of((1, 8, 8), 4, depth=[1, 2], filters=[4], fc_layers=[1, 3], fc_units=[3, 5]),
    "normed": space_of((3, 16, 16), 5, depth=[1, 2], filters=[4, 8], fc_units=[8, 16], norm="batch"),
}


def supernet(space: SearchSpace, dropout: float = 0.0, first_fc: FirstFc = "per-depth") -> Supernet:
    shared = Supernet(space, dropout, first_fc).draw(torch.Generator().manual_seed(0)).train()
    for module in shared.modules():
        if isinstance(module, Dropout):
            module.generator = torch.Generator().manual_seed(0)
    return shared


def pictures(space: SearchSpace, count: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(count, *space.shape, generator=generator)
    return drawn, torch.randint(0, space.classes, (count,), generator=generator)


def gradients(shared: Supernet, loss: Tensor) -> dict[str, Tensor]:
    """Of the weights that took part; the others have none."""
    shared.zero_grad(set_to_none=True)
    loss.backward()
    return {name: p.grad for name, p in shared.named_parameters() if p.grad is not None}


def of_the_tree(space: SearchSpace, rng: random.Random) -> Iterator[Genome]:
    """The networks of one tree step, from the same draw."""
    choices = space.settings
    path = space.sample(rng, depth=max(choices.depth)).convs
    for depth, count in itertools.product(choices.depth, choices.fc_layers):
        for units in itertools.product(choices.fc_units, repeat=count):
            yield Genome(path[:depth], tuple(map(DenseLayer, units)))


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(sorted(SPACES)),
    st.integers(0, 10_000),
    st.sampled_from(["per-depth", "per-depth-and-count"]),
)
def test_the_tree_learns_what_its_networks_learn_one_at_a_time(
    name: str, seed: int, first_fc: FirstFc
) -> None:
    space = SPACES[name]
    shared, (drawn, labels) = supernet(space, first_fc=first_fc), pictures(space)
    genomes = list(of_the_tree(space, random.Random(seed)))
    assert all(genome in space for genome in genomes)
    assert len(set(genomes)) == len(genomes)
    alone = torch.stack([F.cross_entropy(shared(drawn, genome), labels) for genome in genomes]).mean()
    together = tree(shared, drawn, labels, random.Random(seed))
    torch.testing.assert_close(together, alone, rtol=1e-6, atol=0)
    expected, found = gradients(shared, alone), gradients(shared, together)
    assert expected.keys() == found.keys()
    for weight, gradient in expected.items():  # float32 sums in another order
        scale = float(gradient.abs().max())
        torch.testing.assert_close(found[weight], gradient, rtol=1e-4, atol=2e-6 * scale, msg=weight)


def test_the_tree_is_36_networks_on_cifar10() -> None:
    assert len(list(of_the_tree(space_of(), random.Random(0)))) == 36


def test_dropout_in_the_tree_is_that_of_each_network() -> None:
    """The mean over many masks of the loss is the same, whether networks share them or not."""
    space = SPACES["odd"]
    shared, (drawn, labels) = supernet(space, dropout=0.5), pictures(space)
    genomes = list(of_the_tree(space, random.Random(3)))
    with torch.no_grad():
        together = torch.stack([tree(shared, drawn, labels, random.Random(3)) for _ in range(60)])
        alone = torch.stack(
            [F.cross_entropy(shared(drawn, genome), labels) for genome in genomes for _ in range(30)]
        )
    spread = float(together.std() / 60**0.5 + alone.std() / len(alone) ** 0.5)
    assert float(together.std()) > 0
    assert float(together.mean()) == pytest.approx(float(alone.mean()), abs=4 * spread)


@pytest.mark.parametrize("rule", STEP_RULES)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_every_rule_teaches_every_weight_in_time(rule: StepRule, space: SearchSpace) -> None:
    shared, (drawn, labels) = supernet(space, dropout=0.1), pictures(space, 4)
    rng = random.Random(0)
    taught: set[str] = set()
    for _ in range(40):
        loss = STEP_RULES[rule](shared, drawn, labels, rng)
        assert loss.shape == ()
        taught |= gradients(shared, loss).keys()
    assert taught == dict(shared.named_parameters()).keys()


@pytest.mark.parametrize("rule", STEP_RULES)
def test_the_same_draw_is_the_same_step(rule: StepRule) -> None:
    space = SPACES["odd"]
    losses = [
        STEP_RULES[rule](supernet(space, dropout=0.5), *pictures(space), random.Random(seed))
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("rule", STEP_RULES)
def test_weights_that_are_all_alike_are_none(rule: StepRule) -> None:
    space = SPACES["odd"]
    (drawn, labels), alike = pictures(space), torch.full((space.classes,), 2.5)
    weighed = STEP_RULES[rule](supernet(space), drawn, labels, random.Random(0), alike)
    assert torch.allclose(weighed, STEP_RULES[rule](supernet(space), drawn, labels, random.Random(0), None))


@pytest.mark.parametrize("rule", ["single-path", "tree"])
def test_a_class_that_weighs_nothing_teaches_nothing(rule: StepRule) -> None:
    space = SPACES["odd"]
    shared, (drawn, labels) = supernet(space), pictures(space, 12)
    without_first = torch.ones(space.classes).index_fill(0, torch.tensor(0), 0.0)
    others = labels != 0
    assert 0 < int(others.sum()) < 12
    weighed = STEP_RULES[rule](shared, drawn, labels, random.Random(0), without_first)
    alone = STEP_RULES[rule](shared, drawn[others], labels[others], random.Random(0), None)
    assert torch.allclose(weighed, alone)


class Recorded(Supernet):
    """Notes which subnets were asked, and what they answered."""

    def __init__(self, space: SearchSpace, dropout: float) -> None:
        super().__init__(space, dropout)
        self.asked: list[tuple[Genome, Tensor]] = []

    def forward(self, pictures: Tensor, genome: Genome) -> Tensor:
        answer = super().forward(pictures, genome)
        self.asked.append((genome, answer))
        return answer


def sandwich_of(space: SearchSpace, seed: int) -> tuple[Tensor, list[Genome], list[Tensor], Tensor]:
    shared, (drawn, labels) = Recorded(space, dropout=0.5), pictures(space)
    shared.draw(torch.Generator().manual_seed(0)).train()
    for module in shared.modules():
        if isinstance(module, Dropout):
            module.generator = torch.Generator().manual_seed(0)
    loss = STEP_RULES["sandwich"](shared, drawn, labels, random.Random(seed))
    genomes, answers = zip(*shared.asked, strict=True)
    return loss, list(genomes), list(answers), labels


def test_a_sandwich_is_the_extremes_of_a_depth_and_two_between() -> None:
    space = SPACES["odd"]
    depths = set()
    for seed in range(8):
        _, genomes, _, _ = sandwich_of(space, seed)
        (depth,) = {len(genome.convs) for genome in genomes}
        depths.add(depth)
        assert all(genome in space for genome in genomes)
        assert len(genomes) == 4
        same_depth = [genome for genome in space if len(genome.convs) == depth][::37]
        for size in (space.parameters, space.macs):
            assert size(genomes[0]) >= max(map(size, same_depth))
            assert size(genomes[1]) <= min(map(size, same_depth))
    assert depths == {1, 3}


def test_in_a_sandwich_only_the_largest_sees_the_labels_and_teaches_by_the_same_answer() -> None:
    loss, _, answers, labels = sandwich_of(SPACES["odd"], 0)
    largest, *pupils = answers
    targets = largest.detach().softmax(1)
    wanted = [F.cross_entropy(largest, labels), *(F.cross_entropy(pupil, targets) for pupil in pupils)]
    torch.testing.assert_close(loss, torch.stack(wanted).mean(), rtol=0, atol=0)
    (own,) = torch.autograd.grad(wanted[0], largest, retain_graph=True)
    (of_all,) = torch.autograd.grad(loss, largest)
    torch.testing.assert_close(of_all, own / 4)  # nothing comes back to the teacher
