"""The answer first: the winner, its tested accuracy with an interval, size, speed and cost."""

from __future__ import annotations

from typing import Any

from suite.accuracy_interval import accuracy_interval
from suite.escaping import escaped, in_code
from suite.fidelity.in_words import conclusion
from suite.own_words import Markdown
from suite.references.in_words import beside_base, beside_best
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.winner import balanced_accuracy
from suite.wording import count, duration, in_short, method_in_words, percent, plural, threads_in_words


def section(record: RunRecord, figures: Figures) -> Section | None:
    """What was found."""
    if record.final is None or record.search is None or record.finalists is None:
        return None
    final, test = record.final, record.final["test"]
    pictures = len(final["predicted"])
    interval = " to ".join(map(percent, accuracy_interval(test["eval_accuracy"], pictures)))
    latency = final["latency"]["objective"]
    device = record.facts["device"]
    rows = [
        ["Winner", in_code(final["genome"])],
        [
            "Test accuracy",
            f"**{percent(test['eval_accuracy'])}** on {count(pictures)} pictures, {_times_seen(record)}",
        ],
        ["95 % interval (Wilson)", interval],
        *_balanced(final),
        ["Test loss", f"{test['eval_loss']:.4f}"],
        ["Parameters", count(final["params"])],
        ["Multiply-accumulates", f"{in_short(final['macs'])} a picture"],
        [
            "One forward pass",
            f"{latency['median_ms']:.3f} ms (90 % within {latency['p90_ms']:.3f} ms; batch "
            f"{count(latency['batch'])}, {threads_in_words(latency['threads'], device['device'])})",
        ],
        ["Searched", f"{_how_many(record)} networks, by {method_in_words(record.search['method'])}"],
        ["Time to the tested winner", duration(record.search_seconds + final["seconds"])],
        ["Machine", f"{escaped(device['name'])}, {plural(device['threads'], 'thread')}"],
    ]
    notes = [
        f"> {escaped(note)}"
        for note in (*record.facts["dataset"]["notes"], *record.facts["dataset"]["warnings"])
    ]
    return Section(
        "The answer",
        Markdown(
            "\n\n".join(
                [
                    _in_a_sentence(record, interval),
                    table(["", ""], rows, left=2),
                    *_how_far_to_believe(record),
                    *notes,
                ]
            )
        ),
    )


def _in_a_sentence(record: RunRecord, interval: str) -> str:
    """What was done and what came of it; `interval` is that of the test accuracy."""
    assert record.final is not None
    assert record.search is not None
    assert record.finalists is not None
    final = record.final
    method = record.search["method"]
    scored = (
        f"All {count(record.space.size)} networks were scored with the weights of one supernet"
        if method == "exhaustive"
        else f"Of {count(record.space.size)} networks, {method_in_words(method)} scored "
        f"{count(record.search['evaluations'])} with the weights of one supernet"
    )
    return (
        f"{scored}. "
        f"{plural(len(record.finalists['finalists']), 'network')} were trained alone. The winner, of "
        f"{in_short(final['params'])} parameters, has {percent(final['test']['eval_accuracy'])} of "
        f"{count(len(final['predicted']))} test pictures right ({interval}) and takes "
        f"{final['latency']['objective']['median_ms']:.3f} ms a pass."
    )


def _how_far_to_believe(record: RunRecord) -> list[str]:
    """Where these are known: the winner beside a network made by hand and the best rival; does the supernet rank."""
    beside = [
        tell(record.references, record.search_seconds)
        for tell in (beside_base, beside_best)
        if record.references is not None
    ]
    rivals = " ".join(sentence for sentence in beside if sentence)
    said = [escaped(rivals)] if rivals else []
    if record.fidelity is not None:
        said.append(
            f"Does the supernet rank? {escaped(conclusion(record.fidelity, record.study.search.score))}"
        )
    return said


def _balanced(final: dict[str, Any]) -> list[list[str]]:
    """A row where accuracy says little of the small classes."""
    balanced = balanced_accuracy(final)
    return [] if balanced is None else [["Balanced accuracy", f"{percent(balanced)}, the mean over classes"]]


def _how_many(record: RunRecord) -> str:
    """Of the space; the exhaustive method evaluates anew only what it found best."""
    assert record.search is not None
    if record.search["method"] == "exhaustive":
        return f"all {count(record.space.size)}"
    return f"{count(record.search['evaluations'])} of {count(record.space.size)}"


def _times_seen(record: RunRecord) -> str:
    seed = record.study.seed  # the winner trained anew from other seeds is another network
    looks = sum((entry.network, entry.seed) == ("winner", seed) for entry in record.ledger)
    return "seen once" if looks == 1 else f"evaluated {looks} times (see the ledger)"
