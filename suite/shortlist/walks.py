"""The walks of a shortlist, one after the other: the run's checkpoint holds how far each of them has come.

A round's end is a small thing to write. Inside a round, each network's products with up to 128 rivals are written as
well, so that is done only where a round takes long.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from suite.errors import OutOfMemoryError
from suite.progress import Display, Phase
from suite.run_directory import EverySeconds, RunDirectory
from suite.shortlist.rejection import Contest, Rejection, Round, Terms
from suite.shortlist.screen import Slack, measure_slack
from suite.supernet.scoring import MostAtOnce

PHASE = "shortlist"
_SECONDS_BETWEEN_CHECKPOINTS = 30  # inside a round


class Walks:
    """What was walked for one question; what an earlier execution did for the same one is not done again.

    `asked` is the question: all that a walk depends on. The checkpoint of another one is not taken up.
    """

    def __init__(
        self, contest: Contest, asked: Mapping[str, Any], run: RunDirectory, display: Display
    ) -> None:
        self.contest = contest
        self.slack_seconds = 0.0
        self._asked, self._run, self._display = asked, run, display
        self._slack: Slack | None = None
        self._walks: dict[str, Rejection] = {}
        self._kept: dict[str, Any] = {}  # states of walks that were not asked for yet, by name
        checkpoint = run.load_checkpoint(PHASE)
        if checkpoint is not None and checkpoint["asked"] == asked:
            self._take_up(checkpoint)

    @property
    def seconds(self) -> float:
        """Of all that was walked, in all executions."""
        return self.slack_seconds + sum(walk.seconds for walk in self._walks.values())

    def slack(self, risk: float) -> Slack:
        """What a screen of the contest must allow for."""
        if self._slack is None:
            began = time.monotonic()
            self._slack = self.contest.scorer.until_it_fits(lambda: measure_slack(self.contest, risk))
            self.slack_seconds = time.monotonic() - began
            self._save()
        return self._slack

    def to_the_end(self, name: str, title: str, before: Round, terms: Terms) -> Rejection:
        """The walk of this name, all of its rounds done."""
        walk = self._walks[name] = Rejection(self.contest, before, terms)
        if name in self._kept:
            walk.load(self._kept.pop(name))
        if not walk.done:
            with self._display.phase(title, len(self.contest.split), "pictures") as phase:
                self.contest.scorer.until_it_fits(lambda: self._go_on(walk, phase))
                left, networks = len(walk.last.left), len(self.contest.genomes)
                phase.finish(walk.pictures, f"{left:,} of {networks:,} networks left")
        return walk

    def _go_on(self, walk: Rejection, phase: Phase) -> None:
        """Walk to the end.

        Raises:
            OutOfMemoryError: with blocks of this size; what was walked is saved.
        """
        clock = EverySeconds(_SECONDS_BETWEEN_CHECKPOINTS)
        try:
            for round_ended in walk.go_on():
                phase.update(walk.pictures, f"{len(walk.last.left):,} networks left")
                if round_ended:
                    self._save()
                    clock = EverySeconds(_SECONDS_BETWEEN_CHECKPOINTS)
                elif clock.due():
                    self._save()
        except OutOfMemoryError:
            self._save()  # before the blocks get smaller: a kill must find both as they belong together
            raise

    def _save(self) -> None:
        state = {
            "asked": self._asked,
            "block": asdict(self.contest.scorer.block),
            "slack": None if self._slack is None else asdict(self._slack),
            "slack_seconds": self.slack_seconds,
            "walks": {name: walk.state() for name, walk in self._walks.items()},
        }
        self._run.save_checkpoint(PHASE, state)

    def _take_up(self, checkpoint: Mapping[str, Any]) -> None:
        """Go on from it, by its blocks too, unless those asked for now are smaller."""
        scorer = self.contest.scorer
        scorer.pin_block(scorer.block.at_most(MostAtOnce(**checkpoint["block"])))
        self._slack = None if checkpoint["slack"] is None else Slack(**checkpoint["slack"])
        self.slack_seconds = checkpoint["slack_seconds"]
        self._kept = checkpoint["walks"]
