"""Notes for the dashboard, in Markdown: what a study found, what a network of the front or a finalist is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from suite.escaping import escaped, in_code
from suite.report.pictures import architecture_in_words
from suite.report.record import RunRecord
from suite.wording import count, duration, in_short, percent

_PHASES = {
    "search": "Each trial is a network, scored with the supernet's weights on val-A and timed.",
    "finalists": "Each trial is a network trained on its own, its accuracy on val-B reported epoch by epoch.",
}


def study_note(record: RunRecord, name: str) -> str:
    """The summary of an Optuna study, with a link to the report that the same server has."""
    phase = name.rpartition("/")[2]
    lines = [
        f"## {escaped(record.study.name)}, run {escaped(record.run.run_id)}",
        _PHASES.get(phase, "Networks trained on their own, to hold the supernet against."),
        _found(record),
        f"Searched by {record.study.search.method} among {count(record.space.size)} networks for "
        f"{', '.join(record.study.search.objectives)}; seed {record.study.seed}; "
        f"{escaped(record.facts['device']['name'])}.",
        "[The whole report](/report)",
    ]
    return "\n\n".join(lines)


def trial_note(record: RunRecord, trial: FrozenTrial) -> str:
    """A network of the search's front: what it is and where it came from."""
    attributes = trial.user_attrs
    genome = record.space.parse(attributes["genome"])
    parents = ", ".join(in_code(parent) for parent in attributes["parents"]) or "none"
    facts = [
        ("On the front of", ", ".join(record.study.search.objectives)),
        ("Loss, accuracy on val-A", f"{attributes['val_loss']:.4f}, {percent(attributes['val_accuracy'])}"),
        ("Parameters, MACs", f"{count(attributes['params'])}, {in_short(attributes['macs'])}"),
        ("Latency", _latency(attributes.get("latency"))),
        ("Made by", f"{escaped(attributes['origin'])}, in generation {escaped(attributes['generation'])}"),
        ("Parents", parents),
        ("Layers", architecture_in_words(genome, record.space)),
    ]
    return _page(genome.text, facts, "Scores are those of shared weights, not of a trained network.")


def finalist_note(record: RunRecord, row: dict[str, Any]) -> str:
    """A network that was trained on its own; the winner with its test."""
    genome = record.space.parse(row["genome"])
    facts = [
        ("Accuracy, loss on val-B", f"{percent(row['val_accuracy'])}, {row['val_loss']:.4f}"),
        (
            "Trained",
            f"{escaped(row['epochs'])} epochs in {duration(row['seconds'])}"
            + (", then pruned" * row["pruned"]),
        ),
        ("Parameters, MACs", f"{count(row['params'])}, {in_short(row['macs'])}"),
        ("Layers", architecture_in_words(genome, record.space)),
    ]
    final = record.final
    if final is None or final["genome"] != row["genome"]:
        return _page(genome.text, facts, "")
    facts.insert(0, ("**Winner**: test accuracy", percent(final["test"]["eval_accuracy"])))
    facts.append(("Latency, fine-tuned", f"{final['latency']['objective']['median_ms']:.3f} ms"))
    return _page(genome.text, facts, "")


def _found(record: RunRecord) -> str:
    if record.final is None:
        return "The run has no winner yet."
    final = record.final
    return (
        f"**Winner** {in_code(final['genome'])}: test accuracy **{percent(final['test']['eval_accuracy'])}**, "
        f"{count(final['params'])} parameters, {in_short(final['macs'])} multiply-accumulates, "
        f"{final['latency']['objective']['median_ms']:.3f} ms a picture."
    )


def _latency(latency: dict[str, Any] | None) -> str:
    if latency is None:
        return "not measured"
    batch = escaped(latency["batch"])
    return f"{latency['median_ms']:.3f} ms (90 % within {latency['p90_ms']:.3f} ms), batch {batch}"


def _page(title: str, facts: Sequence[tuple[str, str]], remark: str) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts)
    return f"### {in_code(title)}\n\n| | |\n|:---|:---|\n{rows}\n\n{remark}".rstrip()
