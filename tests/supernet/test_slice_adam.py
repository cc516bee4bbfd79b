"""Adam by slices: Adam where a step has taught, nothing elsewhere."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor, nn

from suite.supernet.slice_adam import SliceAdam

SHAPES = {"bias": (6,), "dense": (6, 8), "conv": (6, 8, 3, 3)}


def weight(shape: tuple[int, ...], seed: int = 0) -> nn.Parameter:
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    if len(shape) == 4:
        drawn = drawn.contiguous(memory_format=torch.channels_last)
    return nn.Parameter(drawn)


def gradient(like: Tensor, seed: int, ends: tuple[int, ...] = (6, 8)) -> Tensor:
    """0 outside of the leading block."""
    drawn = torch.zeros_like(like)
    block = tuple(slice(end) for end in ends[: like.dim()])
    drawn[block] = torch.randn(drawn[block].shape, generator=torch.Generator().manual_seed(seed))
    return drawn


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_with_gradients_everywhere_it_is_adam(shape: tuple[int, ...]) -> None:
    mine, torchs = weight(shape), weight(shape)
    for seed in range(5):
        for parameter, optimiser in ((mine, SliceAdam), (torchs, torch.optim.Adam)):
            if seed == 0:
                parameter.stepper = optimiser([parameter], lr=0.01)  # type: ignore[attr-defined]
            parameter.grad = gradient(parameter, seed)
            parameter.stepper.step()  # type: ignore[attr-defined]
    torch.testing.assert_close(mine, torchs, rtol=0, atol=1e-7)


@pytest.mark.parametrize("ends", [(3, 8), (6, 2), (1, 1), (0, 0)])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_beyond_the_slice_neither_weight_nor_moments_change(
    shape: tuple[int, ...], ends: tuple[int, ...]
) -> None:
    parameter = weight(shape)
    optimiser = SliceAdam([parameter], lr=0.01)
    parameter.grad = gradient(parameter, 0)
    optimiser.step()
    state = optimiser.state[parameter]
    tensors = (parameter, state["exp_avg"], state["exp_avg_sq"])
    before = [tensor.detach().clone() for tensor in tensors]
    parameter.grad = gradient(parameter, 1, ends)
    optimiser.step()
    outside = parameter.grad == 0
    for tensor, old in zip(tensors, before, strict=True):
        assert torch.equal(tensor[outside], old[outside])
        assert (tensor[~outside] != old[~outside]).all()


def test_a_zero_within_the_slice_is_a_gradient_like_any_other() -> None:
    parameter = weight((6, 8))
    optimiser = SliceAdam([parameter], lr=0.01)
    parameter.grad = gradient(parameter, 0)
    optimiser.step()
    before = parameter.detach().clone()
    parameter.grad = gradient(parameter, 1)
    parameter.grad[2, 3] = 0
    optimiser.step()
    assert parameter[2, 3] != before[2, 3]


def test_a_gradient_that_is_no_number_is_not_overlooked() -> None:
    parameter = weight((6, 8))
    optimiser = SliceAdam([parameter], lr=0.01)
    parameter.grad = torch.zeros_like(parameter)
    parameter.grad[5, 7] = float("nan")
    optimiser.step()
    assert parameter[5, 7].isnan()


def test_weights_without_a_gradient_are_left_alone_and_states_are_adams_own() -> None:
    parameters = [weight((6, 8)), weight((6,))]
    theirs = torch.optim.Adam(parameters, lr=0.01)
    for parameter in parameters:
        parameter.grad = gradient(parameter, 0)
    theirs.step()
    buffer = io.BytesIO()
    torch.save(theirs.state_dict(), buffer)
    buffer.seek(0)
    mine = SliceAdam(parameters, lr=0.01)
    mine.load_state_dict(torch.load(buffer, weights_only=True))
    before = [parameter.detach().clone() for parameter in parameters]
    parameters[0].grad = None
    mine.step()
    assert torch.equal(parameters[0], before[0])
    assert not torch.equal(parameters[1], before[1])
    assert mine.state[parameters[1]]["step"] == 2
