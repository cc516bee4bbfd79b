"""Data: where the pictures are, what they are once decoded, how they are split, and the sealed test.

Names are loaded on first use, so that `suite.data.places` can be asked without paying for torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suite.data.augmentation import augment
    from suite.data.dataset import Data, Provenance, open_data
    from suite.data.decode import Pictures, decode_pictures
    from suite.data.places import Place, find_data
    from suite.data.sealed_test import LedgerEntry, OpenTest, SealedTest, WrittenChoice, read_ledger
    from suite.data.splits import Split
else:
    _HOMES = {
        "augment": "augmentation",
        "Data": "dataset",
        "Provenance": "dataset",
        "open_data": "dataset",
        "Pictures": "decode",
        "decode_pictures": "decode",
        "Place": "places",
        "find_data": "places",
        "LedgerEntry": "sealed_test",
        "OpenTest": "sealed_test",
        "SealedTest": "sealed_test",
        "WrittenChoice": "sealed_test",
        "read_ledger": "sealed_test",
        "Split": "splits",
    }

    def __getattr__(name):
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "Data",
    "LedgerEntry",
    "OpenTest",
    "Pictures",
    "Place",
    "Provenance",
    "SealedTest",
    "Split",
    "WrittenChoice",
    "augment",
    "decode_pictures",
    "find_data",
    "open_data",
    "read_ledger",
]
