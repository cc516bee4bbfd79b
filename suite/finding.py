"""One thing that was looked at on a machine, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["good", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is as it should be, and what to do if not."""

    subject: str
    state: State
    text: str
