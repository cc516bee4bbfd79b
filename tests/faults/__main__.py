"""Kill runs at random moments of every phase, on every storage, and write down what was lost: docs/faults.md.

    python -m tests.faults --kills 100 --each 3

Each round is a run with its oracle, shortlist, fidelity, references and ablation, killed (SIGKILL) a few times in
each phase and each time gone on with; in the end it is held, bit for bit, against one that was never killed. There
are rounds until there were enough kills in all, and enough in every phase on every storage.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.atomic import written
from suite.device import device_facts, open_device
from tests.faults.ending import differences, ending
from tests.faults.scenarios import Scenario, run_scenarios
from tests.faults.victim import LAST_OF_COMMANDS, PHASES, ExecutionError, Victim
from tests.postgresql import Server, what_is_missing

PAGE = Path("docs/faults.md")
_LATE = 1.1  # delays go a little beyond a phase's end, so that what comes between two phases is hit too

_QUICKER = 1.5


@dataclass
class Tally:
    """Kills by storage and phase, and what the rounds lost."""

    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: dict[str, list[str]] = field(default_factory=dict)  # by storage

    def missing(self, storage: str, each: int) -> int:
        """Kills on a storage until each of its phases was hit so many times."""
        return sum(max(0, each - self.kills[storage, phase]) for phase in PHASES)

    def next_storage(self, storages: Sequence[str], kills: int, each: int) -> str | None:
        """The one that lacks most kills, or has had the fewest; None if there were enough of everything."""
        if self.kills.total() >= kills and not any(self.missing(storage, each) for storage in storages):
            return None

        def need(storage: str) -> tuple[int, int]:
            return self.missing(storage, each), -sum(self.kills[storage, phase] for phase in _ORDER)

        return max(storages, key=need)


def main() -> int:
    """Run, and write the page; 1 if anything was lost."""
    words = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    words.add_argument("--kills", type=int, default=100, help="in all, at least")
    words.add_argument("--each", type=int, default=3, help="in each phase on each storage, at least")
    words.add_argument("--seed", type=int, default=0, help="of the moments")
    words.add_argument("--out", type=Path, default=PAGE, help="the page to write")
    asked = words.parse_args()
    began, rng, tally = time.monotonic(), random.Random(asked.seed), Tally()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        storages, server = _storages(folder, stack)
        reference = Victim(folder / "reference", None)
        for phase in LAST_OF_COMMANDS:
            reference.finish(phase)
        expected = ending(reference.folder, None)
        _say(f"never killed: {time.monotonic() - began:.0f} s, " + _rounded(reference.seconds))
        number, broken = 0, False
        while not broken and (storage := tally.next_storage(storages, asked.kills, asked.each)):
            victim = Victim(folder / f"round-{number}", _url(storage, folder, number, server))
            try:
                _kill_all_over(victim, storage, reference.seconds, asked.each, rng, tally)
                wrong = differences(_as_text(expected), _as_text(ending(victim.folder, victim.storage)))
            except ExecutionError as error:  # the next round would come to the same
                wrong, broken = [" ".join(str(error).split())], True
            tally.lost.setdefault(storage, []).extend(wrong)
            number += 1
            _say(f"round {number}, {storage}: {tally.kills.total()} kills so far; lost: {wrong or 'nothing'}")
        _write(asked.out, _page(tally, [], number, time.monotonic() - began))  # should the rest be cut off
    scenarios = run_scenarios()
    _write(asked.out, _page(tally, scenarios, number, time.monotonic() - began))
    _say(f"{asked.out}: {tally.kills.total()} kills")
    return int(any(tally.lost.values()) or not all(scenario.passed for scenario in scenarios))


def _write(path: Path, page: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as file:
        file.write(page.encode())


def _storages(folder: Path, stack: ExitStack) -> tuple[list[str], Server | None]:
    if missing := what_is_missing():
        _say(f"without PostgreSQL: {missing}")
        return ["sqlite", "journal"], None
    (folder / "postgresql").mkdir()
    server = Server.start(folder / "postgresql")
    stack.callback(server.stop)
    return ["sqlite", "journal", "postgresql"], server


def _url(storage: str, folder: Path, number: int, server: Server | None) -> str | None:
    if storage == "journal":
        return f"journal:{folder / f'trials-{number}.log'}"
    return server.new_database() if storage == "postgresql" and server else None


def _kill_all_over(
    victim: Victim, storage: str, seconds: dict[str, float], each: int, rng: random.Random, tally: Tally
) -> None:
    """Kill in each phase as often as its storage lacks, or once more as often, and let it come to its end."""
    for phase in PHASES:
        lacking = each - tally.kills[storage, phase]
        wanted = tally.kills[storage, phase] + max(1, lacking if lacking > 0 else each)
        while tally.kills[storage, phase] < wanted and not victim.is_done(phase):
            hit = victim.kill_in(phase, rng.uniform(0, _LATE * seconds[phase]))
            if hit != phase:  # too late: what else the machine did when the time was taken is over
                seconds[phase] /= _QUICKER
            if hit is not None:
                tally.kills[storage, hit] += 1
                _say(f"killed in {hit}")
        if phase in LAST_OF_COMMANDS:
            victim.finish(phase)


def _as_text(value: dict[str, Any]) -> dict[str, str]:
    """Compared as JSON: floats to the last bit, tuples and lists alike."""
    return {name: json.dumps(part, sort_keys=True) for name, part in value.items()}


def _page(tally: Tally, scenarios: list[Scenario], rounds: int, seconds: float) -> str:
    device = device_facts(open_device("cpu"))
    rows = [
        f"| kill -9 in {_WORDS.get(phase, phase)} | {storage} | {tally.kills[storage, phase]} | "
        f"{', '.join(sorted(set(lost))) or 'nothing'} |"
        for phase in _ORDER
        for storage, lost in tally.lost.items()
        if tally.kills[storage, phase]
    ]
    if missing := what_is_missing():
        rows.append(f"| kill -9 in any phase | postgresql | 0 | not caused: {missing} |")
    rows += [f"| {s.fault} | {s.storage} | {s.times} | {s.lost} |" for s in scenarios]
    command = shlex.join(["python", "-m", "tests.faults", *sys.argv[1:]])
    return (
        f"""# What is lost when something goes wrong

Written by `{command}` (`nox -s faults`), on {device.name}, Python {platform.python_version()}, torch {device.torch},
{device.system}, in {seconds / 60:.0f} minutes: {tally.kills.total()} kills in {rounds} runs.

A kill is SIGKILL from outside, at a random moment of the phase; then the same command goes on. In the end genomes,
values, trials, supernet weights, finalists, winner, test, oracle, shortlist, reference networks and truth table are
those of a run that was never killed, bit for bit (latency is no objective there, and seconds are left out), nothing
is recorded twice, and no checkpoint, lock or half-written file is left. An ablation's clock is real: of its
supernets, each is there, once.

| fault | storage | times | lost |
|:---|:---|---:|:---|
"""
        + "\n".join(rows)
        + "\n"
    )


_ORDER = (*PHASES, "report")
_WORDS = {
    "final": "fine-tuning and test",
    "supernet": "supernet training",
    "search": "the search",
    "references": "reference networks",
}


def _rounded(seconds: dict[str, float]) -> str:
    return ", ".join(f"{phase} {spent:.1f}" for phase, spent in seconds.items())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
