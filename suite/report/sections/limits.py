"""Limits of the claim: what the run does not say, and what would."""

from __future__ import annotations

import math

from suite.escaping import escaped
from suite.fidelity.in_words import number, supernet_row
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures
from suite.run_directory import searched_on
from suite.wording import count, duration, in_short, plural, threads_in_words


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Only of a finished run: others claim nothing yet."""
    if record.final is None or record.search is None:
        return None
    limits = [
        _training(record),
        _test(record),
        _latency(record),
        _search(record),
        _left_out(record),
        _ranking(record),
        _rivals(record),
    ]
    return Section("Limits of the claim", Markdown("\n".join(f"- {limit}" for limit in limits if limit)))


def _training(record: RunRecord) -> str:
    seeds = record.study.finalists.seeds
    text = (
        f"The winner's accuracy is that of one network, of {plural(seeds, 'training')} as a finalist. Another seed "
        "gives another accuracy"
    )
    perfect = record.fidelity and record.fidelity["perfect"]
    if not perfect:
        return f"{text}; how far off, this run does not say."
    assert record.fidelity is not None
    deviation = 100 * math.sqrt(perfect["seeds"])
    return (
        f"{text}: trainings of one network lie {deviation:.2f} points apart (standard deviation, in the truth "
        f"table's {count(record.fidelity['epochs'])} epochs on {count(record.fidelity['train_images'])} pictures)."
    )


def _test(record: RunRecord) -> str:
    assert record.final is not None
    counts = record.facts["dataset"]["counts"]
    seen = counts["train"] + counts["val_search"] + counts["val_choice"]
    return (
        f"The interval is for the chance of {count(len(record.final['predicted']))} test pictures, and for nothing "
        f"else: not for pictures of another kind than the {count(seen)} it was trained on ({count(counts['train'])} "
        "as a finalist, all of them when it was fine-tuned)."
    )


def _latency(record: RunRecord) -> str:
    settings, device = record.study.latency, record.facts["device"]
    machine = searched_on(record.search or {}, record.facts)
    moved = (
        f" The search timed its networks before the run moved here, on {escaped(machine)}."
        if machine != device["name"]
        else ""
    )
    return (
        f"Latency is that of PyTorch on {escaped(device['name'])}, batch {settings.batch}, "
        f"{threads_in_words(settings.threads, device['device'])}. Another device, or another runtime, may order "
        f"networks otherwise.{moved}"
    )


def _search(record: RunRecord) -> str:
    assert record.search is not None
    if record.oracle is not None:
        scored = "every network" if record.left_out_above is None else "every network that it was limited to"
        return f"What the search missed by the supernet's scores is known, as {scored} was scored; see above."
    return (
        f"{count(record.search['evaluations'])} of {count(record.space.size)} networks were looked at. What the "
        "others would have scored is not known; `suite oracle` tells."
    )


def _left_out(record: RunRecord) -> str:
    if record.left_out_above is None:
        return ""
    return (
        f"Networks of more than {in_short(record.left_out_above)} MACs were not searched: in the time that the run "
        "was given, they could not be trained for long. With more time, one of them may be better."
    )


def _ranking(record: RunRecord) -> str:
    if record.fidelity is None:
        return (
            "Whether the supernet ranks networks as training each would is not known for this run; `suite fidelity` "
            "tells."
        )
    tau = supernet_row(record.fidelity, record.study.search.score)["against_one"]["tau"]
    return (
        f"The supernet ranks networks with Kendall's tau {number(tau)} against one training of each, so a better "
        "network may have been passed over."
    )


def _rivals(record: RunRecord) -> str:
    if record.rivals:
        return (
            "The reference networks had as many epochs as the winner, and none of the time that the search for it "
            f"took ({duration(record.search_seconds)}). With that for training, they might do better than here."
        )
    return (
        "No other network was trained and tested beside the winner, not even one made by hand; `suite references` "
        "does that."
    )
