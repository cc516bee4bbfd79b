"""What reference networks share with a run: its pictures, its recipe and its machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from suite.data import Data
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings
from suite.supernet import Scorer


@dataclass(frozen=True)
class RunToMatch:
    """A run whose pictures, recipe and machine the reference networks share."""

    run: RunDirectory
    study: StudySettings
    space: SearchSpace
    data: Data
    device: torch.device
    scorer: Callable[[], Scorer]  # of its supernet, should its finalists have begun from that
