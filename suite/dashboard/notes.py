"""Notes for the dashboard, in Markdown: what a study found, what a network of the front or a finalist is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from suite.dashboard.all_genes import ABSENT, FIRST_NUMBER
from suite.dashboard.network_facts import (
    Facts,
    Searched,
    accuracy_in_words,
    latency_in_words,
    origin_facts,
    place_in_words,
    size_facts,
)
from suite.escaping import escaped, in_code
from suite.report.record import RunRecord
from suite.wording import a_pass, count, duration, in_short, percent

_PHASES = {
    "search": "Each trial is a network, scored with the supernet's weights on val-A and timed.",
    "finalists": "Each trial is a network trained on its own, its accuracy on val-B reported epoch by epoch.",
}


def study_note(record: RunRecord, name: str, study: int) -> str:
    """The summary of the Optuna study of that name and number, with a link to the report that the same server has."""
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
    if phase == "search":
        lines.append(
            f"[With a value for every gene](/dashboard/studies/{FIRST_NUMBER + study}/note), for the plots"
        )
    return "\n\n".join(lines)


def trial_note(record: RunRecord, trial: FrozenTrial, searched: Searched) -> str:
    """A network of the search's front: what it is and where it came from."""
    attributes = trial.user_attrs
    genome = record.space.parse(attributes["genome"])
    facts = [
        ("On the front of", ", ".join(record.study.search.objectives)),
        *_on_val_a(record, trial),
        ("Latency", latency_in_words(attributes.get("latency"))),
        *size_facts(genome, record.space),
        *origin_facts(trial, record.space, searched),
    ]
    return _page(genome.text, facts, "Scores are those of shared weights, not of a trained network.")


def finalist_note(record: RunRecord, row: dict[str, Any], searched: Searched) -> str:
    """A network that was trained on its own; the winner with its test."""
    genome, final = record.space.parse(row["genome"]), record.final
    rows = record.finalists["finalists"] if record.finalists else [row]
    facts = [
        ("Place", place_in_words(row, rows)),
        ("Accuracy on val-B", accuracy_in_words(row["val_accuracy"], row["val_pictures"])),
        ("Loss on val-B", f"{row['val_loss']:.4f}"),
        (
            "Trained",
            f"{count(row['epochs'])} epochs in {duration(row['seconds'])}"
            + (", then pruned" * row["pruned"]),
        ),
        *size_facts(genome, record.space),
    ]
    if final is not None and final["genome"] == row["genome"]:
        facts.insert(0, ("**Winner**: test accuracy", _tested(final)))
        facts.append(("Latency, fine-tuned", latency_in_words(final["latency"]["objective"])))
    trial = searched.trials.get(genome.text)
    if trial is None:
        return _page(genome.text, facts, "")
    facts += [
        ("Latency in the search", latency_in_words(trial.user_attrs.get("latency"))),
        *((f"{name}, by shared weights", value) for name, value in _on_val_a(record, trial)),
        *origin_facts(trial, record.space, searched),
    ]
    return _page(genome.text, facts, "")


def all_genes_note(name: str, study: int) -> str:
    """Of the search's trials with a value for every gene; `name` is that of what was recorded."""
    page = f"/dashboard/studies/{study}"
    return (
        f"## {escaped(name)}, with a value for every gene\n\n"
        f"The trials of the search once more, for the plots: a gene of a layer that a network lacks is `{ABSENT}` "
        "here, where the record leaves the parameter out. So "
        f"[parallel coordinates]({page}/smartSelection), [slices]({page}/analytics) and [importances]({page}) have "
        "every gene and every trial. Depth decides which genes are absent: what an absent gene seems to do is "
        "depth's doing.\n\nNothing of this is in the storage."
    )


def _found(record: RunRecord) -> str:
    if record.final is None:
        return "The run has no winner yet."
    final, latency = record.final, record.final["latency"]["objective"]
    return (
        f"**Winner** {in_code(final['genome'])}: test accuracy **{percent(final['test']['eval_accuracy'])}**, "
        f"{count(final['params'])} parameters, {in_short(final['macs'])} multiply-accumulates, "
        f"{a_pass(latency['median_ms'], latency['batch'])}."
    )


def _on_val_a(record: RunRecord, trial: FrozenTrial) -> Facts:
    accuracy = accuracy_in_words(
        trial.user_attrs["val_accuracy"], record.facts["dataset"]["counts"]["val_search"]
    )
    return [("Accuracy on val-A", accuracy), ("Loss on val-A", f"{trial.user_attrs['val_loss']:.4f}")]


def _tested(final: dict[str, Any]) -> str:
    return accuracy_in_words(final["test"]["eval_accuracy"], len(final["predicted"]))


def _page(title: str, facts: Sequence[tuple[str, str]], remark: str) -> str:
    rows = "\n".join(f"| {_unbroken(name)} | {value} |" for name, value in facts)
    return f"### {in_code(title)}\n\n| | |\n|:---|:---|\n{rows}\n\n{remark}".rstrip()


def _unbroken(name: str) -> str:
    """In one line, however long the value beside it."""
    return name.replace(" ", "&nbsp;").replace("-", "&#8209;")
