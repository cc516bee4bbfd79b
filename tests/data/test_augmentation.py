"""Augmentation: what it may do to a picture, by whose chance, and that it leaves global chance alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from suite.data import augment

HOWS = ("none", "crop", "flip-crop")


def batch(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def outcomes(picture: Tensor, *, flips: bool) -> list[Tensor]:
    """Every crop of a picture (C, H, W), its border mirrored in, with or without a flip; slowly, by torch's pad."""
    _, height, width = picture.shape
    down, right = height // 8, width // 8
    padded = torch.nn.functional.pad(picture[None].float(), (right, right, down, down), mode="reflect")[
        0
    ].byte()
    crops = [
        padded[:, y : y + height, x : x + width] for y in range(2 * down + 1) for x in range(2 * right + 1)
    ]
    return crops + ([crop.flip(2) for crop in crops] if flips else [])


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([1, 3]),
    st.integers(1, 20),
    st.integers(1, 20),
    st.sampled_from(HOWS[1:]),
    st.integers(0, 99),
)
def test_each_picture_is_a_crop_or_a_flipped_crop(c: int, h: int, w: int, how: str, seed: int) -> None:
    pictures = batch(4, c, h, w)
    changed = augment(pictures, how, seeded(seed))
    assert (changed.shape, changed.dtype) == (pictures.shape, torch.uint8)
    assert changed.is_contiguous()
    for before, after in zip(pictures, changed, strict=True):
        assert any(torch.equal(after, possible) for possible in outcomes(before, flips=how == "flip-crop"))


def test_every_outcome_happens() -> None:
    picture = batch(1, 1, 8, 8)
    changed = augment(picture.expand(600, -1, -1, -1).contiguous(), "flip-crop", seeded(0))
    assert len({tuple(p.flatten().tolist()) for p in changed}) == 3 * 3 * 2


def test_none_gives_the_pictures_back() -> None:
    pictures = batch(2, 3, 8, 8)
    assert augment(pictures, "none", seeded(0)) is pictures


def test_an_unknown_augmentation_is_refused() -> None:
    with pytest.raises(ValueError, match="'mixup' is no augmentation; use none, crop or flip-crop"):
        augment(batch(1, 1, 8, 8), "mixup", seeded(0))


@pytest.mark.parametrize("how", HOWS[1:])
def test_the_generator_alone_decides(how: str) -> None:
    pictures = batch(64, 3, 32, 32)
    before, original = torch.get_rng_state(), pictures.clone()
    first = augment(pictures, how, seeded(1))
    torch.manual_seed(999)
    torch.set_rng_state(before)
    assert torch.equal(first, augment(pictures, how, seeded(1)))
    assert not torch.equal(first, augment(pictures, how, seeded(2)))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(pictures, original)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_with_a_generator_of_either_kind() -> None:
    pictures = batch(16, 3, 32, 32)
    there = augment(pictures.cuda(), "flip-crop", seeded(3))
    assert torch.equal(there.cpu(), augment(pictures, "flip-crop", seeded(3)))
    generator = torch.Generator("cuda").manual_seed(3)
    assert augment(pictures.cuda(), "flip-crop", generator).device.type == "cuda"
