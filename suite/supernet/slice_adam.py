"""Adam for shared weights: what no subnet of a step has used stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam


class SliceAdam(torch.optim.Adam):
    """Adam (Kingma and Ba 2015), of each weight on the slice that the subnets of the step have used.

    The channels and units beyond a narrower subnet get no gradient. Their moments from earlier steps would move them
    all the same, and would fade meanwhile; here neither weight nor moments change. For rows of embeddings, that is
    torch.optim.SparseAdam's rule.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step by the gradients; weights without one are left alone."""
        assert closure is None, "no training here evaluates a loss again within a step"
        for group in self.param_groups:
            taught = [weight for weight in group["params"] if weight.grad is not None]
            states = [self._state_of(weight) for weight in taught]
            used = _used_slices([weight.grad for weight in taught])
            beta1, beta2 = group["betas"]
            adam(
                _of(taught, used),
                _of([weight.grad for weight in taught], used),
                _of([state["exp_avg"] for state in states], used),
                _of([state["exp_avg_sq"] for state in states], used),
                [],
                [state["step"] for state in states],
                amsgrad=False,
                beta1=beta1,
                beta2=beta2,
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )

    def _state_of(self, weight: Tensor) -> dict[str, Tensor]:
        """Of a weight: as torch.optim.Adam's, so that states stored by it are read."""
        state: dict[str, Tensor] = self.state[weight]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        return state


def _of(tensors: list[Tensor], slices: list[tuple[slice, ...]]) -> list[Tensor]:
    return [tensor[used] for tensor, used in zip(tensors, slices, strict=True)]


def _used_slices(gradients: list[Tensor]) -> list[tuple[slice, ...]]:
    """Of each gradient the leading rows and columns outside of which it is 0 throughout.

    Widths nest, so what the subnets of a step have used of a weight begins at its first row and column.
    """
    if not gradients:
        return []
    ends = torch.stack([end for gradient in gradients for end in _used_ends(gradient)])
    numbers = iter(ends.tolist())  # once for all weights: on CUDA it waits for the device
    return [tuple(slice(next(numbers)) for _ in range(min(2, g.dim()))) for g in gradients]


def _used_ends(gradient: Tensor) -> list[Tensor]:
    """One past the last row that is not 0 throughout, and for (rows, columns, ...) the same of columns."""
    ends = []
    table = gradient if gradient.dim() > 1 else gradient[:, None]
    for dim in range(min(2, gradient.dim())):
        others = [d for d in range(table.dim()) if d != dim]
        # Two quick reductions: torch's norms and `any` are 5 to 50 times slower here.
        used = (table.amax(others) != 0) | (table.amin(others) != 0)
        ends.append((used * torch.arange(1, len(used) + 1, device=gradient.device)).amax())
    return ends
