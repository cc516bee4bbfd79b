"""Evolution against the whole space: what the search lost, and which choices matter, with nothing estimated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.oracle import read_table
from suite.pareto import pareto_front
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, ORANGE, VERMILION, Figures, count, duration, percent, table
from suite.space import Genome

Columns = dict[str, NDArray[Any]]


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The search beside the oracle."""
    if record.oracle is None or record.search is None:
        return None
    columns = read_table(record.run)
    pictures = record.oracle["pictures"]
    texts = [
        _cloud(record, columns, figures),
        _regrets(record, columns),
        _costs(record),
        _effects(record, columns),
    ]
    lead = (
        f"All {count(record.oracle['networks'])} networks of the space were scored by the supernet, on "
        f"{count(pictures['val_search'])} pictures of val-A, which the search saw, and "
        f"{count(pictures['val_choice'])} of val-B, which it did not. This says how well the search searched, "
        "not how well the supernet ranks."
    )
    return Section("Evolution against the whole space", "\n\n".join([lead, *texts]))


def _cloud(record: RunRecord, columns: Columns, figures: Figures) -> str:
    """Every network by size and accuracy, with the exact front and what the search found."""
    assert record.search is not None
    figure, (axes,) = figures.axes(height=5.6)
    params, accuracy = columns["params"], columns["accuracy_val_search"]
    axes.hexbin(params, accuracy, xscale="log", bins="log", gridsize=70, cmap="Greys", mincnt=1, linewidths=0)
    exact = _front(params, accuracy)
    axes.step(params[exact], accuracy[exact], where="post", color=BLUE, label="exact front")
    found = [row for row in record.search["evaluated"] if row["failure"] is None]
    sizes, scores = (np.array([row[key] for row in found]) for key in ("params", "val_accuracy"))
    front = _front(sizes, scores)
    axes.step(
        sizes[front], scores[front], where="post", color=ORANGE, label="the search's front", linestyle="--"
    )
    if record.final:
        row = next(row for row in found if row["genome"] == record.final["genome"])
        axes.plot(row["params"], row["val_accuracy"], "*", color=VERMILION, markersize=20, label="winner")
    axes.set(xlabel="parameters", ylabel="supernet accuracy on val-A", xscale="log")
    axes.legend(loc="lower right")
    alt = f"All {len(params)} networks by parameters and accuracy, the exact front and the search's."
    return figures.save(figure, "oracle", alt)


def _front(params: NDArray[Any], accuracy: NDArray[Any]) -> NDArray[np.int64]:
    """Indices of the front of accuracy against parameters, smallest first."""
    values = {i: (float(a), float(p)) for i, (a, p) in enumerate(zip(accuracy, params, strict=True))}
    front = np.array(pareto_front(values, (1.0, -1.0)), dtype=np.int64)
    return front[np.argsort(params[front], kind="stable")]


def _regrets(record: RunRecord, columns: Columns) -> str:
    """What was lost on the pictures of the search and on others, by the study's own score."""
    assert record.search is not None
    by_loss = record.study.search.score == "loss"
    best = record.search["front"][0]["genome"]
    chosen = {"best of the search": best, **({"winner": record.final["genome"]} if record.final else {})}
    place = {genome: i for i, genome in enumerate(columns["genome"])}
    rows = []
    for what, genome in chosen.items():
        i = place[genome]
        for split, name, kind in (("val_search", "val-A", "optimiser"), ("val_choice", "val-B", "selection")):
            badness = columns[f"loss_{split}"] if by_loss else -columns[f"accuracy_{split}"]
            rank = int((badness < badness[i]).sum()) + 1
            ideal = int(np.argmin(badness))
            accuracy = columns[f"accuracy_{split}"]
            rows.append(
                [
                    f"{what}, {kind} regret ({name})",
                    f"{badness[i] - badness[ideal]:.4f}",
                    f"{100 * (accuracy.max() - accuracy[i]):.2f}",
                    f"{count(rank)}",
                    f"{100 * rank / len(badness):.3f} %",
                ]
            )
    header = [
        "",
        "Regret (loss)" if by_loss else "Regret (accuracy)",
        "Points to the best accuracy",
        "Rank",
        "Top",
    ]
    return table(header, rows)


def _costs(record: RunRecord) -> str:
    assert record.search is not None
    assert record.oracle is not None
    search, oracle = record.search, record.oracle
    return (
        f"Evolution scored {count(search['evaluations'])} networks in {duration(search['seconds']['scoring'])}; "
        f"the walk over all {count(oracle['networks'])}, on both splits, took {duration(oracle['seconds'])} on "
        f"{oracle['threads']} threads."
    )


def _effects(record: RunRecord, columns: Columns) -> str:
    """The exact mean accuracy under each choice of each gene that every network has."""
    accuracy = columns["accuracy_val_choice"]
    genomes = [Genome.parse(text) for text in columns["genome"]]
    rows = []
    for label, choice_of in _GENES.items():
        values = np.array([choice_of(genome) for genome in genomes])
        means = {value: accuracy[values == value].mean() for value in np.unique(values)}
        spread = max(means.values()) - min(means.values())
        shown = ", ".join(f"{value}: {percent(mean)}" for value, mean in means.items())
        rows.append((spread, [label, shown, f"{100 * spread:.2f}"]))
    rows.sort(key=lambda row: -row[0])
    text = "Mean supernet accuracy on val-B of all networks with a choice, exact, strongest first:"
    header = ["Gene", "Choice: mean accuracy", "Spread (points)"]
    return f"{text}\n\n{table(header, [row for _, row in rows], left=2)}"


_GENES: dict[str, Any] = {
    "depth": lambda genome: len(genome.convs),
    "conv1 filters": lambda genome: genome.convs[0].filters,
    "conv1 kernel": lambda genome: genome.convs[0].kernel,
    "conv1 pool": lambda genome: genome.convs[0].pool,
    "last conv filters": lambda genome: genome.convs[-1].filters,
    "last conv kernel": lambda genome: genome.convs[-1].kernel,
    "last conv pool": lambda genome: genome.convs[-1].pool,
    "FC layers": lambda genome: len(genome.fcs),
    "first FC units": lambda genome: genome.fcs[0].units,
    "last FC units": lambda genome: genome.fcs[-1].units,
}
