"""Records of arrays as a checkpoint holds them, in tensors. The memory is the same: nothing is copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def as_tensors(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint can hold."""
    return {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in record.items()
    }


def as_arrays(state: Mapping[str, Any]) -> dict[str, Any]:
    """What `as_tensors` was given."""
    return {name: value.numpy() if isinstance(value, Tensor) else value for name, value in state.items()}
