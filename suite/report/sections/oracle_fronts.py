"""The exact front of every price, and how much of it the search found."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator

from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, ORANGE, VERMILION, Figures, log_ticks, table
from suite.report.walked_space import WalkedSpace
from suite.space_analysis import FrontShare, Rows, front, front_share
from suite.wording import count, percent

Shares = dict[tuple[str, str], FrontShare]

_CLOUD = LinearSegmentedColormap.from_list("cloud", ["#D8DEE3", "#56636E"])


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The cloud of all networks with both fronts, and shares of the hypervolume."""
    if record.oracle is None or record.search is None:
        return None
    walked = record.walked
    shares = _shares(walked)
    texts = [_lead(walked, shares), _picture(record, walked, figures), _table(walked, shares)]
    if "latency_ms" in walked.prices:
        texts.append(_latency(record))
    return Section("The front, exact and found", Markdown("\n\n".join(texts)))


def _shares(walked: WalkedSpace) -> Shares:
    """By score and price; accuracy beside loss where the study scores by loss."""
    scores = ["loss", "accuracy"] if walked.score == "loss" else ["accuracy"]
    return {
        (score, price): front_share(
            np.column_stack([walked.columns[price], walked.costs("val_search", score)]), walked.evaluated
        )
        for score in scores
        for price in walked.prices
    }


def _lead(walked: WalkedSpace, shares: Shares) -> str:
    found = ", ".join(
        f"{percent(shares[walked.score, price].share)} against {words}"
        for price, words in walked.prices.items()
    )
    return f"Of the exact front's hypervolume, by {walked.score} on val-A, the search reached {found}."


def _picture(record: RunRecord, walked: WalkedSpace, figures: Figures) -> str:
    """One panel per price: every network, the exact front, and that of the networks the search evaluated."""
    prices = walked.prices
    figure, panels = figures.axes(len(prices), width=5.2 * len(prices), height=5.4, share_y=True)
    winner = walked.row(record.final["genome"]) if record.final else None
    for axes, (name, words) in zip(panels, prices.items(), strict=True):
        _panel(axes, walked, name, winner)
        axes.set_xlabel(f"{words} (ms)" if name == "latency_ms" else words)
    panels[0].set_ylabel("supernet accuracy on val-A (%)")
    panels[0].yaxis.set_major_locator(MaxNLocator(integer=True))
    lowest, highest = (100 * end(walked.columns["accuracy_val_search"]) for end in (np.min, np.max))
    panels[0].set_ylim(
        lowest - 0.5, highest + 0.04 * (highest - lowest) + 0.5
    )  # the front's top stays in sight
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    alt = (
        f"All {count(walked.networks)} networks by supernet accuracy against {', '.join(prices.values())}, with the "
        "exact front and the front of the networks the search evaluated."
    )
    return figures.save(figure, "oracle", alt)


def _panel(axes: Axes, walked: WalkedSpace, price: str, winner: int | None) -> None:
    prices, accuracy = walked.columns[price], 100 * walked.columns["accuracy_val_search"]
    scale: Any = "linear" if price == "latency_ms" else "log"
    axes.hexbin(
        prices, accuracy, xscale=scale, bins="log", gridsize=45, cmap=_CLOUD, mincnt=1, linewidths=0.2
    )
    fronts: list[tuple[str, Rows, dict[str, Any]]] = [
        ("exact front", np.arange(walked.networks), {"color": BLUE, "linewidth": 4.5}),
        ("the search's front", walked.evaluated, {"color": ORANGE, "linewidth": 2.6}),
    ]
    for label, rows, style in fronts:
        chosen = rows[front(prices[rows], -accuracy[rows])]
        # What is best at some price stays so at any higher one: the line goes on to the dearest network.
        steps = np.append(prices[chosen], prices.max()), np.append(accuracy[chosen], accuracy[chosen].max())
        axes.step(*steps, where="post", label=label, **style)
    if scale == "log":
        log_ticks(axes.xaxis)
    if winner is not None:
        axes.plot(
            prices[winner], accuracy[winner], "*", color=VERMILION, markersize=22, mec="white", label="winner"
        )


def _table(walked: WalkedSpace, shares: Shares) -> str:
    """One row per score and price."""
    rows = [
        [f"{score} × {walked.prices[price]}", count(of.networks), count(of.evaluated), percent(of.share)]
        for (score, price), of in shares.items()
    ]
    header = ["Front", "Networks on it", "Of these evaluated", "Share of hypervolume"]
    return (
        f"{table(header, rows)}\n\nScores of both fronts are the oracle's, on val-A. The hypervolume's reference "
        "point is the worst corner of the exact front (its nadir), moved out by a tenth of the front's extent."
    )


def _latency(record: RunRecord) -> str:
    """That latency is predicted, and how well."""
    text = "Latency is predicted for every network, the search's too, so that like is compared with like."
    if record.latency_model is None:
        return text
    model, error = record.latency_model, record.latency_model["held_out"]
    text += f" The prediction was fitted to {count(model['networks'])} timed networks"
    if error is None:
        return f"{text}, too few to hold any out and say how far it is off."
    median, worst = (f"{100 * error[f'{part}_relative_error']:.1f} %" for part in ("median", "p90"))
    ranks = "" if error["spearman"] is None else f", rank correlation {error['spearman']:.3f}"
    return (
        f"{text}; on others, held out, it is off by {error['mean_absolute_error_ms']:.3f} ms on average ({median} in "
        f"the median, {worst} at the ninetieth percentile{ranks}), where timing the same network again differs by "
        f"{model['noise_floor_ms']:.3f} ms."
    )
