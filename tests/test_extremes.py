"""The extremes of a space, against the walk of all its networks."""

from __future__ import annotations

import pytest

from suite.extremes import Size, largest, smallest
from suite.space import SearchSpace
from tests.conftest import odd_space, space_of

CIFAR = space_of()
FASHION = space_of((1, 28, 28))
NORMED = space_of((3, 16, 16), depth=[1, 2], filters=[4, 8], norm="batch")


@pytest.mark.parametrize("space", [CIFAR, odd_space(), NORMED])
@pytest.mark.parametrize("size", ["params", "macs"])
def test_extremes_are_those_of_the_walk(space: SearchSpace, size: Size) -> None:
    of = space.parameters if size == "params" else space.macs
    sizes = {genome: of(genome) for genome in space}
    least, most = min(sizes.values()), max(sizes.values())
    pool = "max" if "max" in space.settings.pool else "avg"  # which costs neither
    pooled = [genome for genome in sizes if {conv.pool for conv in genome.convs} == {pool}]
    assert smallest(space, size) == min(genome for genome in pooled if sizes[genome] == least)
    assert largest(space, size) == min(genome for genome in pooled if sizes[genome] == most)


def test_extremes_of_the_design() -> None:
    assert CIFAR.parameters(smallest(CIFAR, "params")) == 17_018
    assert CIFAR.parameters(largest(CIFAR, "params")) == 2_472_778
    assert CIFAR.macs(smallest(CIFAR, "macs")) == 1_164_544
    assert CIFAR.macs(largest(CIFAR, "macs")) == 39_719_936
    assert CIFAR.parameters(largest(CIFAR, "macs")) == 711_626
    assert FASHION.parameters(smallest(FASHION, "params")) == 10_586
    assert FASHION.parameters(largest(FASHION, "params")) == 1_978_058


def test_depths_need_not_be_neighbours_nor_begin_at_one() -> None:
    space = space_of((3, 32, 32), depth=[2, 5], filters=[8], kernel=[3], fc_layers=[2], fc_units=[16, 4])
    assert len(largest(space, "macs").convs) == 5
    assert smallest(space, "params").fcs == space.parse("8k3max-8k3max-fc4-fc4").fcs
