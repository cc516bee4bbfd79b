"""One method on one judge: which networks it evaluates, in which order, until the budget is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from suite.methods import G, Judgement, Method

PROPOSALS = 10  # at most, for each evaluation of the budget: repeats are free, but not for ever


@dataclass(frozen=True)
class Trace:
    """What one seed of a method did."""

    evaluated: NDArray[np.int64]  # rows of the judge's table, in the order of evaluation, each once
    proposed: int
    seconds: float  # of a core, spent by the method itself


def run_method(
    method: Method[G], judge: Callable[[G], Judgement], place: Mapping[G, int], budget: int
) -> Trace:
    """Ask and tell until so many different networks are judged; of networks in the same place, one is paid for."""
    judged: dict[G, Judgement] = {}
    evaluated: dict[int, None] = {}
    proposed, seconds = 0, 0.0
    while len(evaluated) < budget and proposed < PROPOSALS * budget and not method.done:
        clock = time.process_time()
        proposals = method.ask()
        seconds += time.process_time() - clock
        if not proposals:
            break
        proposed += len(proposals)
        for proposal in proposals:
            genome, row = proposal.genome, place[proposal.genome]
            if genome not in judged and (row in evaluated or len(evaluated) < budget):
                evaluated[row] = None
                judged[genome] = judge(genome)
        clock = time.process_time()
        method.tell(proposals, judged)
        seconds += time.process_time() - clock
    return Trace(np.array(list(evaluated)), proposed, seconds)
