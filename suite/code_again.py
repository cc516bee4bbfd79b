"""The code that goes on with a run: another than the one that began it is said, and kept in run.json."""

from __future__ import annotations

from suite.own_code import code_in_words, own_code
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.run_facts import amend_facts
from suite.winner import PHASE as FINAL


def note_code(run: RunDirectory, display: Display) -> None:
    """By other code, run.json names both from now on; of a run that an older suite began, it knows only the new."""
    facts, now = run.read_json("run.json") or {}, own_code().to_json()
    before = facts.get("code")
    if run.read_result(FINAL) is not None or (before is not None and before["source"] == now["source"]):
        return
    if before is not None:
        display.say(f"Note: so far this ran by {code_in_words(before)}; it goes on by {code_in_words(now)}.")
    earlier = [*facts.get("earlier_code", []), before]
    amend_facts(run, code=now, earlier_code=earlier)
