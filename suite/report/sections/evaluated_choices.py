"""Which choices seem to matter: estimated from the networks evaluated, where no oracle knows all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, GREY, Figures
from suite.space import Gene
from suite.wording import count, gene_in_words

_FOLDS = 5
_FEWEST_A_COLUMN = 2  # networks, or a fit is not worth drawing
_SHOWN = 12

Values = NDArray[np.float64]
ActiveGenes = Mapping[str, int | str]


def section(record: RunRecord, figures: Figures) -> Section | None:
    """How much less of the score is explained without each gene, of a run that was searched but not walked."""
    if record.oracle is not None or record.search is None:
        return None
    score = record.study.search.score
    rows = [row for row in record.search["evaluated"] if row["failure"] is None]
    networks = [record.space.active_genes(record.space.parse(row["genome"])) for row in rows]
    scores = np.array([row[f"val_{score}"] for row in rows])
    fitted = explained_by_genes(record.space.genes, networks, scores, record.study.seed)
    if fitted is None:
        return None
    text = (
        f"Estimated from the {count(len(rows))} networks that the search evaluated. A least-squares fit of the "
        f"supernet's {score} on val-A, in which every choice of an active gene adds an amount of its own,"
    )
    if not fitted.share:
        body = [
            f"{text} explains nothing of the networks left out of it: no single choice can be said to matter."
        ]
    else:
        body = [
            f"{text} explains {100 * fitted.share:.0f} % of the variance between networks left out of it (five "
            "folds).",
            _picture(fitted, figures),
            f"A bar is what the fit no longer explains without that gene{_which(fitted)}. What several genes explain "
            "alike is in no bar, and neither is what choices do only together.",
        ]
    return Section(
        "Which choices seem to matter", Markdown("\n\n".join([*body, _caveat(record.search["method"])]))
    )


@dataclass(frozen=True)
class Explained:
    """Shares of the variance between networks left out of a fit."""

    share: float  # by all genes
    lost: dict[str, float]  # without a gene, by its name; below zero, it only misled


def explained_by_genes(
    genes: Sequence[Gene], networks: Sequence[ActiveGenes], scores: Values, seed: int
) -> Explained | None:
    """A main-effects fit to `scores`, (N,), as a whole and without each gene, by cross-validation.

    None of too few networks, or where all score alike. Choices are coded as differences from the mean of the gene's
    choices, and a gene that is not active adds nothing: so depth stands for a layer of middling choices, and that
    layer's genes for what they make of it.
    """
    columns = {gene.name: coded for gene in genes if (coded := _coded(gene, networks)).size}
    width = sum(coded.shape[1] for coded in columns.values())
    if not width or len(scores) < _FEWEST_A_COLUMN * max(width, _FOLDS) or not np.ptp(scores):
        return None
    everything = _share_explained(columns, scores, seed)
    without = {
        name: _share_explained({n: coded for n, coded in columns.items() if n != name}, scores, seed)
        for name in columns
    }
    return Explained(everything, {name: everything - share for name, share in without.items()})


def _coded(gene: Gene, networks: Sequence[ActiveGenes]) -> Values:
    """(N, choices seen - 1): 1 for a choice, -1 for the last one, 0 for others and where the gene is not active."""
    seen = [
        choice for choice in gene.choices if any(network.get(gene.name) == choice for network in networks)
    ]
    taken = np.array(
        [[network.get(gene.name) == choice for choice in seen] for network in networks], dtype=float
    )
    coded: Values = taken[:, :-1] - taken[:, -1:]
    return coded


def _share_explained(columns: Mapping[str, Values], scores: Values, seed: int) -> float:
    """Of the squared distance of networks from the mean of others, what is gone by predicting them from those.

    Nothing, if that is worse than the mean.
    """
    design = np.column_stack([np.ones(len(scores)), *columns.values()])
    left, distance = 0.0, 0.0
    for rest, fold in _folds(len(scores), seed):
        fit = np.linalg.lstsq(design[rest], scores[rest], rcond=None)[0]
        left += float(((scores[fold] - design[fold] @ fit) ** 2).sum())
        distance += float(((scores[fold] - scores[rest].mean()) ** 2).sum())
    return max(0.0, 1 - left / distance)


def _folds(networks: int, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The same for every fit, so that fits differ by their genes alone."""
    everyone = np.random.default_rng(seed).permutation(networks)
    for fold in np.array_split(everyone, _FOLDS):
        yield np.setdiff1d(everyone, fold), fold


def _picture(fitted: Explained, figures: Figures) -> str:
    strongest = sorted(fitted.lost, key=lambda name: -fitted.lost[name])[:_SHOWN]
    shares = [100 * fitted.lost[name] for name in strongest]
    figure, (axes,) = figures.axes(height=1.6 + 0.36 * len(strongest))
    axes.barh(range(len(strongest)), shares, color=BLUE)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(strongest)), [gene_in_words(name) for name in strongest])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("explained less without it (% of the variance)")
    first = f"{gene_in_words(strongest[0])}, {shares[0]:.1f} %"
    return figures.save(
        figure, "evaluated-choices", f"What is explained less without each gene; most by {first}."
    )


def _which(fitted: Explained) -> str:
    return f"; the {_SHOWN} longest of {len(fitted.lost)} are shown" if len(fitted.lost) > _SHOWN else ""


def _caveat(method: str) -> str:
    sample = (
        "The networks were drawn at random, as many of each depth, and not evenly from the whole space."
        if method == "random"
        else "The networks are no even sample of the space: the search goes where scores are good, so what it soon "
        "dropped is seldom among them, and a gene that it soon settled varies little and looks weaker than it is."
    )
    return f"{sample} `suite oracle` tells it exactly, from all networks."
