"""Multi-layer perceptrons: arithmetic equal to what torch counts, and weights from a generator alone."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from suite.mlp import Mlp, StandaloneMLP

SMALL, LARGE = Mlp((64, 32), (0.0, 0.0)), Mlp((128, 64, 32), (0.2, 0.2, 0.0))


@pytest.mark.parametrize(
    ("mlp", "params", "macs"),
    [
        (SMALL, 3072 * 64 + 64 + 64 * 32 + 32 + 330, 3072 * 64 + 64 * 32 + 320),
        (LARGE, 3072 * 128 + 128 + 128 * 64 + 64 + 64 * 32 + 32 + 330, 3072 * 128 + 128 * 64 + 64 * 32 + 320),
    ],
)
def test_arithmetic_equals_what_torch_counts(mlp: Mlp, params: int, macs: int) -> None:
    shape, pictures = (3, 32, 32), torch.zeros(1, 3, 32, 32)
    network = StandaloneMLP(mlp, shape, 10).draw(torch.Generator().manual_seed(0)).eval()
    assert mlp.parameters(shape, 10) == params == sum(p.numel() for p in network.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert network(pictures).shape == (1, 10)
    assert mlp.macs(shape, 10) == macs == counter.get_total_flops() // 2


def test_dropout_stands_behind_the_first_two_layers_only() -> None:
    rates = [block.dropout.rate for block in StandaloneMLP(LARGE, (1, 8, 8), 10).fcs]
    assert rates == [0.2, 0.2, 0.0]
    assert LARGE.text == "fc128-fc64-fc32, dropout 0.2 0.2 0"


def test_weights_come_from_the_generator() -> None:
    one, same, other = (
        StandaloneMLP(SMALL, (1, 4, 4), 3).draw(torch.Generator().manual_seed(seed)).state_dict()
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["fcs.0.linear.weight"], other["fcs.0.linear.weight"])
