"""Which choices matter: shares of the variance between all networks, exact, by gene and by pair of genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from suite.choice_effects import DepthEffects, Pair, Values, depth_effects, share_of_depth
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import CYCLE, GREY, Figures, table
from suite.space import Gene
from suite.wording import gene_in_words, percent

_SHOWN_PAIRS = 5


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Main effects, shares of variance, and the strongest interactions, of accuracy on val-B."""
    if record.oracle is None:
        return None
    depths = depth_effects(record.space, record.walked.everything["accuracy_val_choice"])
    if not any(of_depth.main for of_depth in depths):
        return None
    texts = [_lead(depths), _picture(depths, figures), _shares(depths), _interactions(depths)]
    return Section("Which choices matter", Markdown("\n\n".join(text for text in texts if text)))


def _lead(depths: Sequence[DepthEffects]) -> str:
    """The answer, and what is counted."""
    strongest = "; ".join(
        f"{gene_in_words(gene.name)} at depth {of_depth.depth} ({_share(share)})"
        for of_depth in depths
        for gene, share in [max(of_depth.main.items(), key=lambda item: item[1])]
    )
    parts = [
        _range([sum(of_depth.main.values()) for of_depth in depths]),
        _range([sum(of_depth.pairs.values()) for of_depth in depths]),
        _range([of_depth.higher for of_depth in depths]),
    ]
    between = (
        f"Depth accounts for {_share(share_of_depth(depths))} of the variance of supernet accuracy on val-B between "
        "all networks. "
        if len(depths) > 1
        else "What is explained is the variance of supernet accuracy on val-B between all networks. "
    )
    return (
        f"{between}Within a depth, single choices account for {parts[0]}, pairs of choices for {parts[1]} beyond "
        f"that, three and more together for {parts[2]}. The strongest choice: {strongest}.\n\nNothing is estimated: "
        "the networks of one depth and one number of FC layers are every combination of their choices once, so sums "
        "of squares add up exactly. They are taken within each number of FC layers and added up; what lies between "
        "these numbers is the share of `FC layers`. All this describes this supernet on these pictures."
    )


def _picture(depths: Sequence[DepthEffects], figures: Figures) -> str:
    """A row per depth, a column per kind of gene: what each choice does at each layer, in points of accuracy."""
    kinds: dict[str, list[Gene]] = {}
    for gene in _genes(depths):
        kinds.setdefault(_kind(gene), []).append(gene)
    widths = [1.2 + len(genes) for genes in kinds.values()]
    figure, grid = figures.grid(widths, len(depths), width=14, height=1.5 + 2.5 * len(depths), share_y=True)
    for row, of_depth in zip(grid, depths, strict=True):
        for axes, genes in zip(row, kinds.values(), strict=True):
            _panel(axes, of_depth, genes)
            axes.tick_params(labelbottom=row is grid[-1])
        row[0].set_ylabel(f"depth {of_depth.depth}\npoints")
    for axes, (kind, genes) in zip(grid[0], kinds.items(), strict=True):
        axes.set_title(kind, pad=34)
        axes.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 0.97),
            ncols=len(genes[0].choices),
            handletextpad=-0.2,
            columnspacing=0.5,
            borderpad=0,
        )
    alt = "Mean supernet accuracy on val-B under each choice of each gene, by depth, in points from the mean."
    caption = (
        "Mean accuracy on val-B of all networks with a choice, in points from the mean of all with that gene."
    )
    return f"{figures.save(figure, 'oracle-choices', alt)}\n\n{caption}"


def _panel(axes: Axes, of_depth: DepthEffects, genes: Sequence[Gene]) -> None:
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set_xticks(range(len(genes)), [gene.name.partition(".")[0] for gene in genes], fontsize=12)
    axes.set_xlim(-0.6, len(genes) - 0.4)
    axes.grid(visible=False, axis="x")
    for i, choice in enumerate(genes[0].choices):
        at = [x for x, gene in enumerate(genes) if gene in of_depth.effects]
        points = [100 * of_depth.effects[genes[x]][i] for x in at]
        axes.plot(at, points, "o", color=_colour(genes[0], i), markersize=11, label=str(choice))


def _colour(gene: Gene, index: int) -> Any:
    """Numbers go from pale to dark, words by colours of their own."""
    if isinstance(gene.choices[0], str):
        return CYCLE[1:][index % (len(CYCLE) - 1)]
    return colormaps["Blues"](0.35 + 0.6 * index / (len(gene.choices) - 1))


def _shares(depths: Sequence[DepthEffects]) -> str:
    """One row per gene, one column per depth."""
    rows = [
        [gene_in_words(gene.name), *(_share(of_depth.main.get(gene)) for of_depth in depths)]
        for gene in _genes(depths)
    ]
    rows += [
        ["**single choices**", *(f"**{_share(sum(of_depth.main.values()))}**" for of_depth in depths)],
        ["**pairs**", *(f"**{_share(sum(of_depth.pairs.values()))}**" for of_depth in depths)],
        ["**three and more**", *(f"**{_share(of_depth.higher)}**" for of_depth in depths)],
        ["mean accuracy", *(percent(of_depth.mean) for of_depth in depths)],
        ["standard deviation (points)", *(f"{100 * of_depth.variance**0.5:.2f}" for of_depth in depths)],
    ]
    return table(["Share of the variance within a depth", *(f"Depth {d.depth}" for d in depths)], rows)


def _interactions(depths: Sequence[DepthEffects]) -> str:
    """The strongest pairs, by their greatest share at any depth, with the two choices that do most."""
    strongest: dict[Pair, DepthEffects] = {}
    for of_depth in depths:
        for pair, share in of_depth.pairs.items():
            if pair not in strongest or share > strongest[pair].pairs[pair]:
                strongest[pair] = of_depth
    if not strongest:
        return ""
    pairs = sorted(strongest, key=lambda pair: -strongest[pair].pairs[pair])[:_SHOWN_PAIRS]
    rows = [
        [
            f"{gene_in_words(pair[0].name)} × {gene_in_words(pair[1].name)}",
            _cell(pair, strongest[pair].pair_effects[pair], strongest[pair].depth),
            *(_share(of_depth.pairs.get(pair)) for of_depth in depths),
        ]
        for pair in pairs
    ]
    header = ["Strongest pairs", "What they do beyond both alone", *(f"Depth {d.depth}" for d in depths)]
    return table(header, rows, left=2)


def _cell(pair: Pair, effects: Values, depth: int) -> str:
    """The two choices with the greatest effect together: `conv1 pool max with conv2 kernel 5: +1.20 points`."""
    place = np.unravel_index(int(np.abs(effects).argmax()), effects.shape)
    words = " with ".join(
        f"{gene_in_words(gene.name)} {gene.choices[i]}" for gene, i in zip(pair, place, strict=True)
    )
    return f"{words}: {100 * effects[place]:+.2f} points (depth {depth})".replace("-", "−")


def _genes(depths: Sequence[DepthEffects]) -> list[Gene]:
    """Every gene, layer by layer: those of the deepest networks, which have all."""
    return list(max(depths, key=lambda of_depth: of_depth.depth).main)


def _kind(gene: Gene) -> str:
    """`conv1.filters` -> `conv filters`."""
    layer, _, name = gene.name.partition(".")
    return f"{layer.rstrip('0123456789')} {name}".replace("fc ", "FC ")


def _share(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _range(shares: Sequence[float]) -> str:
    """`70.1 to 83.4 %`, or the one number."""
    low, high = (f"{100 * share:.1f}" for share in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low} to {high} %"
