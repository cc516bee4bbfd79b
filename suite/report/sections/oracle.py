"""The search against the whole space: what it found and lost, beside what scoring every network finds and costs."""

from __future__ import annotations

import math

import numpy as np

from suite.escaping import in_code
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.report.walked_space import WalkedSpace
from suite.space_analysis import rank
from suite.wording import count, duration, method_in_words, percent, plural

_SPLITS = {"val_search": ("val-A", "Optimiser"), "val_choice": ("val-B", "Selection")}


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The search beside the oracle."""
    if record.oracle is None or record.search is None:
        return None
    walked = record.walked
    best = int(walked.evaluated[np.argmin(walked.costs("val_search")[walked.evaluated])])
    ideal = int(np.argmin(walked.costs("val_search")))
    texts = [
        _search(record, walked, best),
        _exhaustive(record, walked, best, ideal),
        _loss(walked, best, ideal),
        _networks(record, walked, best, ideal),
        _notes(record, walked),
    ]
    return Section("The search against the whole space", Markdown("\n\n".join(texts)))


def _search(record: RunRecord, walked: WalkedSpace, best: int) -> str:
    assert record.search is not None
    a, b = (rank(walked.costs(split), best) for split in _SPLITS)
    return (
        f"**The search** ({method_in_words(record.search['method'])}) {_scored(record, walked)} in "
        f"{duration(record.search['seconds']['scoring'])}. The best of them is {_scores(walked, best)}. By "
        f"{walked.score} it is number {count(a)} of {count(walked.networks)} on val-A (top {_top(a, walked)}) and "
        f"number {count(b)} on val-B (top {_top(b, walked)})."
    )


def _scored(record: RunRecord, walked: WalkedSpace) -> str:
    assert record.search is not None
    if record.search["method"] == "exhaustive":
        return f"scored all networks, and the {count(len(walked.evaluated))} best of them once more,"
    return f"scored {count(len(walked.evaluated))} networks"


def _exhaustive(record: RunRecord, walked: WalkedSpace, best: int, ideal: int) -> str:
    assert record.oracle is not None
    oracle, b = record.oracle, rank(walked.costs("val_choice"), ideal)
    which = (
        "the same network" if ideal == best else f"{_scores(walked, ideal)}; on val-B it is number {count(b)}"
    )
    return (
        f"**Exhaustive scoring** took {duration(oracle['seconds'])} on {plural(oracle['threads'], 'thread')}: all "
        f"{count(oracle['networks'])} networks, each on {count(oracle['pictures']['val_search'])} pictures of val-A, "
        f"which the search saw, and {count(oracle['pictures']['val_choice'])} of val-B, which it did not. Its best "
        f"by {walked.score} on val-A is {which}."
    )


def _loss(walked: WalkedSpace, best: int, ideal: int) -> str:
    """Both regrets in words, and how much of them no search on val-A could have spared."""
    optimiser, selection = (_regret(walked, split, best) for split in _SPLITS)
    unavoidable = (
        "all of the latter"
        if ideal == best
        else f"the best of the space on val-A loses {_regret(walked, 'val_choice', ideal)} on val-B, which"
    )
    return (
        f"**What the search lost**: {optimiser} on the pictures it searched on (optimiser regret), {selection} on "
        f"pictures it never saw (selection regret); {unavoidable} comes from choosing on these pictures, however "
        "well one searches."
    )


def _networks(record: RunRecord, walked: WalkedSpace, best: int, ideal: int) -> str:
    """The search's best, the winner and the best of the space, column by column."""
    roles: dict[int, list[str]] = {best: ["Best of the search"]}
    if record.final:
        roles.setdefault(walked.row(record.final["genome"]), []).append("Winner")
    roles.setdefault(ideal, []).append("Best of the space on val-A")
    header = ["", *("; ".join(words) for words in roles.values())]
    rows = [["Genome", *(in_code(walked.columns["genome"][row]) for row in roles)]]
    for split, (name, kind) in _SPLITS.items():
        accuracy = walked.columns[f"accuracy_{split}"]
        rows.append([f"Accuracy on {name}", *(percent(accuracy[row]) for row in roles)])
        if walked.score == "loss":
            gaps = [f"{100 * (accuracy.max() - accuracy[row]):.2f}" for row in roles]
            rows.append(["Points to the best accuracy", *gaps])
            rows.append([f"Loss on {name}", *(f"{walked.costs(split)[row]:.4f}" for row in roles)])
        ranks = [rank(walked.costs(split), row) for row in roles]
        rows.append([f"Rank by {walked.score} on {name}", *map(count, ranks)])
        rows.append([f"{kind} regret ({name})", *(_regret(walked, split, row) for row in roles)])
    return table(header, rows)


def _notes(record: RunRecord, walked: WalkedSpace) -> str:
    """What the numbers do not say."""
    assert record.oracle is not None
    searched_on = record.facts["dataset"]["counts"]["val_search"]
    few = record.oracle["pictures"]["val_search"]
    chance = (
        f" The walk used {count(few)} of the search's {count(searched_on)} pictures, so part of a regret is chance."
        if few < searched_on
        else ""
    )
    winner = (
        " The winner was chosen by training finalists alone, not by these scores." if record.final else ""
    )
    return (
        "All scores are the supernet's: this says how well the search searched, not how well the supernet ranks."
        + winner
        + chance
        + walked.limits_in_words
    )


def _scores(walked: WalkedSpace, row: int) -> str:
    a, b = (percent(walked.columns[f"accuracy_{split}"][row]) for split in _SPLITS)
    return f"{in_code(walked.columns['genome'][row])}, {a} right on val-A and {b} on val-B"


def _regret(walked: WalkedSpace, split: str, row: int) -> str:
    costs = walked.costs(split)
    regret = costs[row] - costs.min()
    return f"{regret:.4f} nats" if walked.score == "loss" else f"{100 * regret:.2f} points"


def _top(place: int, walked: WalkedSpace) -> str:
    """A rank as a share of the networks, with two digits that count: 27 of 271,296 -> `0.010 %`."""
    share = 100 * place / walked.networks
    return f"{share:.{max(0, 1 - math.floor(math.log10(share)))}f} %"
