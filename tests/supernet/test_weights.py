"""The shared weights: a subnet is exactly the standalone network of its slices."""

from __future__ import annotations

import random

import pytest
import torch

from suite.space import SearchSpace
from suite.study import FirstFc
from suite.supernet.weights import Supernet
from tests.conftest import odd_space, space_of

SPACES = {
    "cifar10": space_of(),
    "fashion_mnist": space_of((1, 28, 28)),
    "digits": space_of((1, 16, 16)),
    "odd": odd_space(),
}


def supernet(space: SearchSpace, first_fc: FirstFc = "per-depth") -> Supernet:
    return Supernet(space, 0.5, first_fc).draw(torch.Generator().manual_seed(0))


@pytest.mark.parametrize("first_fc", ["per-depth", "per-depth-and-count"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_an_extracted_network_answers_as_its_subnet(space: SearchSpace, first_fc: FirstFc) -> None:
    shared = supernet(space, first_fc).eval()
    pictures = torch.randn(7, *space.shape, generator=torch.Generator().manual_seed(1))
    rng = random.Random(0)
    for _ in range(12):
        genome = space.sample(rng)
        with torch.no_grad():
            torch.testing.assert_close(
                shared.extract(genome)(pictures), shared(pictures, genome), rtol=0, atol=1e-5
            )


def test_under_batch_norm_the_statistics_are_those_of_the_calibration_pictures() -> None:
    space = space_of((3, 16, 16), depth=[1, 2], filters=[4, 8], norm="batch")
    shared = supernet(space).eval()
    pictures = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 3 + 1
    rng = random.Random(0)
    for _ in range(8):
        genome = space.sample(rng)
        with torch.no_grad():  # on the calibration pictures themselves, batch statistics are the statistics
            extracted = shared.extract(genome, calibration=pictures)
            torch.testing.assert_close(extracted(pictures), shared(pictures, genome), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="calibration"):
        shared.extract(genome)


def test_an_extracted_network_shares_no_memory_with_the_supernet() -> None:
    space = SPACES["digits"]
    shared = supernet(space)
    genome = space.sample(random.Random(0))
    network = shared.extract(genome)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(7)
    assert not any((parameter == 7).any() for parameter in shared.parameters())


def test_a_step_teaches_only_the_subnets_slices() -> None:
    space = SPACES["digits"]
    shared = supernet(space)
    genome = space.parse("16k3max-32k3avg-fc128")
    pictures = torch.randn(4, *space.shape, generator=torch.Generator().manual_seed(1))
    for module in shared.modules():
        if hasattr(module, "generator"):
            module.generator = torch.Generator().manual_seed(0)
    shared(pictures, genome).sum().backward()
    gradients = {name: p.grad for name, p in shared.named_parameters() if p.grad is not None}
    assert set(gradients) == {
        "convs.0.weights.3",
        "convs.0.biases.3",
        "convs.1.weights.3",
        "convs.1.biases.3",
        "first_fcs.2.weight",
        "first_fcs.2.bias",
        "classifiers.1.weight",
        "classifiers.1.bias",
    }
    second = gradients["convs.1.weights.3"]
    assert second[:32, :16].abs().sum() > 0
    assert second[32:].abs().sum() == second[:, 16:].abs().sum() == 0


def test_there_is_one_first_fc_per_depth_and_one_classifier_per_fc_count() -> None:
    shared = supernet(SPACES["cifar10"])
    assert {depth: tuple(fc.weight.shape) for depth, fc in shared.first_fcs.items()} == {
        "2": (512, 64 * 8 * 8),
        "3": (512, 64 * 4 * 4),
        "4": (512, 64 * 2 * 2),
    }
    assert list(shared.classifiers) == ["1", "2"]


def test_networks_with_more_fc_layers_can_have_a_first_fc_of_their_own() -> None:
    space = SPACES["cifar10"]
    shared = supernet(space, "per-depth-and-count")
    assert {name: tuple(fc.weight.shape) for name, fc in shared.first_fcs.items()} == {
        f"{depth}-{count}": (512, 64 * side**2)
        for depth, side in ((2, 8), (3, 4), (4, 2))
        for count in (1, 2)
    }
    (one,), (first, later) = (
        shared.fcs_of(space.parse(f"16k3max-16k3max-{fcs}")) for fcs in ("fc128", "fc128-fc128")
    )
    assert (one, first, later) == (shared.first_fcs["2-1"], shared.first_fcs["2-2"], shared.later_fcs[0])


def test_first_weights_come_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    one = supernet(SPACES["digits"]).state_dict()
    torch.manual_seed(2)
    other = supernet(SPACES["digits"]).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert all(value.isfinite().all() for value in one.values())
