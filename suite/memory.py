"""Memory that runs out: told from other errors in whatever words torch says so, and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from suite.errors import OutOfMemoryError

# Of torch's allocators on the CPU and on CUDA, of the C++ library, and of cuBLAS and cuDNN.
_SAID = ("allocate memory", "out of memory", "bad_alloc", "_ALLOC_FAILED")


def ran_out(error: BaseException) -> bool:
    """Whether an error says that an allocation failed, on the CPU or on CUDA."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)


@contextmanager
def too_little_memory(to_do: str, *, where: str, remedy: str) -> Iterator[None]:
    """Work that may need more memory than there is; `to_do` is what there is too little for.

    Raises:
        OutOfMemoryError: an allocation failed.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise OutOfMemoryError(
            f"there is too little memory to {to_do}.", where=where, remedy=remedy
        ) from None


def give_back(device: torch.device) -> None:
    """Let go of what torch keeps of a device's memory for later, before less is asked for."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
