"""What may be promised of networks that were never trained: predicted accuracy, its intervals, the winner's place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from suite.escaping import in_code
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import BLUE, GREY, ORANGE, OVER_DATA, VERMILION, Figures, table
from suite.wording import count, percent, plural

_NAMES = {
    "loss": "supernet loss, as it is",
    "accuracy": "supernet accuracy, as it is",
    "features": "predictor of features",
    "features and scores": "predictor of features and supernet scores",
}


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The promise in one sentence, ranking and coverage out of sample, and the likely best of the space."""
    promise = record.promise
    if promise is None:
        return None
    texts = [_lead(promise), _gain(promise), _picture(promise, figures), _rankings(promise), _notes(promise)]
    if promise["space"] is not None and promise["space"]["best"]:
        texts.append(_best(promise["space"]))
    return Section("What can be promised", Markdown("\n\n".join(texts)))


def _lead(promise: dict[str, Any]) -> str:
    """The conclusion."""
    winner = promise["winner"]
    if winner is None:
        return (
            f"**A network's accuracy is predicted to within {100 * promise['mean_absolute_error']:.2f} points on "
            f"average, out of sample**; {percent(promise['coverage'])} of the 90 % intervals hold it."
        )
    confident = "with 90 % confidence, if the predictor errs alike everywhere"
    predicted = f"in the true top {_share(winner['top'])} {confident}"
    said = f"Predicted for it are {percent(winner['predicted'])} ({_interval(winner)})"
    meant = "by the accuracy that a network of the truth table's recipe reaches on average"
    counted = winner["counted"]
    if counted is None:
        return f"**Among all {count(winner['among'])} networks the winner is {predicted}**, {meant}. {said}."
    return (
        f"**Among all {count(winner['among'])} networks the winner is in the true top {_share(counted['top'])} with "
        f"90 % confidence**, {meant}: trained by that recipe, {count(counted['better'])} of "
        f"{count(counted['networks'])} networks drawn evenly came out better. By prediction it is {predicted}. "
        f"{said}, found were {percent(counted['accuracy'])}."
    )


def _gain(promise: dict[str, Any]) -> str:
    """Whether the supernet's scores help where few networks are trained."""
    fitted, tau = promise["gain"]["fitted"], promise["gain"]["tau"]
    if tau is None or tau["low"] is None:
        return "What the supernet's scores add to the predictor cannot be told from these networks."
    sure = tau["low"] > 0 or tau["high"] < 0
    verdict = ("adds to" if tau["value"] > 0 else "takes from") if sure else "changes nothing for sure in"
    return (
        f"Knowing the supernet's scores {verdict} the order by a predictor that is fitted to {fitted} trained "
        f"networks: tau {tau['value']:+.3f} (90 % interval {tau['low']:+.3f} to {tau['high']:+.3f}, paired)."
    )


def _picture(promise: dict[str, Any], figures: Figures) -> str:
    """Predicted against true accuracies, and tau by the number of networks fitted to."""
    figure, (scatter, curve) = figures.axes(2, width=12.6, height=5.4)
    _draw_predictions(scatter, promise["rows"])
    _draw_curve(curve, promise)
    alt = (
        f"{count(promise['networks'])} networks by predicted and true accuracy with 90 % intervals, and Kendall's "
        "tau of the predictors by the number of networks they were fitted to."
    )
    return figures.save(figure, "promise", alt)


def _draw_predictions(axes: Axes, rows: list[dict[str, Any]]) -> None:
    keys = ("accuracy", "predicted", "low", "high")
    every = 100 * np.array([[row[key] for key in keys] for row in rows])
    true, _, low, high = every.T
    held = (low <= true) & (true <= high)
    for chosen, colour, label in ((held, BLUE, "in its interval"), (~held, VERMILION, "outside")):
        true, said, low, high = every[chosen].T
        axes.vlines(true, low, high, color=colour, alpha=0.35, linewidth=1.8)
        axes.plot(true, said, "o", color=colour, label=f"{label} ({len(true)})")
    axes.axline((every[0, 0], every[0, 0]), slope=1, color=GREY, linewidth=1.5, linestyle="--")
    axes.set_xlabel("true accuracy (%)")
    axes.set_ylabel("predicted by the others (%)")
    axes.legend(loc="upper left")


def _draw_curve(axes: Axes, promise: dict[str, Any]) -> None:
    known = [row for row in promise["rankings"] if row["tau"] and row["tau"]["low"] is not None]
    for by, colour in (("features and scores", BLUE), ("features", ORANGE)):
        rows = [row for row in known if row["by"] == by]
        sizes, taus = [row["fitted"] for row in rows], [row["tau"] for row in rows]
        axes.plot(sizes, [tau["value"] for tau in taus], "o-", color=colour, label=_NAMES[by])
        low, high = ([tau[end] for tau in taus] for end in ("low", "high"))
        axes.fill_between(sizes, low, high, color=colour, alpha=0.15)
    levels = [(row["tau"]["value"], _NAMES[row["by"]]) for row in known if not row["fitted"]]
    if promise["ceiling"] is not None:
        levels.append((promise["ceiling"], "a perfect ranking (ceiling)"))
    for (tau, label), style in zip(levels, (":", "--", "-"), strict=False):
        axes.axhline(tau, color=GREY, linestyle=style, linewidth=1.8, label=label)
    axes.set_xticks(sorted({row["fitted"] for row in known if row["fitted"]}))
    axes.set_xlabel("trained networks it is fitted to")
    axes.set_ylabel("Kendall's tau-b, out of sample")
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.0)
    axes.legend(loc="lower right", fontsize=12, **OVER_DATA)


def _rankings(promise: dict[str, Any]) -> str:
    """Tau by ranking: the raw supernet, and the predictor at 15 networks and at all but those held out."""
    most = max(row["fitted"] for row in promise["rankings"])
    rows = [
        [_NAMES[row["by"]], count(row["fitted"]) if row["fitted"] else "none", *_tau(row["tau"])]
        for row in promise["rankings"]
        if row["fitted"] in (0, promise["gain"]["fitted"], most)
    ]
    if promise["ceiling"] is not None:
        rows.append(["a perfect ranking (ceiling)", "", f"{promise['ceiling']:.3f}", ""])
    return (
        table(["Ranking by", "Fitted to networks", "Kendall's tau-b", "90 % interval"], rows)
        + f"\n\nOf the 90 % intervals of networks left out, {percent(promise['coverage'])} hold the accuracy found."
    )


def _notes(promise: dict[str, Any]) -> str:
    """What the numbers are of, and what they assume."""
    trainings = (
        "one training" if promise["seeds"] == 1 else f"the mean of {count(promise['seeds'])} trainings"
    )
    text = (
        f"True is the accuracy on val-B of {trainings} ({plural(promise['epochs'], 'epoch')} on "
        f"{count(promise['train_images'])} pictures) of each of {count(promise['networks'])} networks drawn by depth "
        "and number of FC layers. Every network is predicted, and its interval (jackknife+) made, from the others; "
        "an interval is for a network drawn likewise."
    )
    if promise["winner"] is not None:
        if promise["winner"]["counted"] is not None:
            text += (
                " The count needs no predictor and no supernet; each depth with each number of FC layers counts by "
                "its number of networks, and the winner's own luck is allowed for."
            )
        text += (
            " The winner's place by prediction is simulated: true accuracies of all networks together, with what is "
            "not known of the predictor shared by all of them. The 90 % hold if the predictor's errors are alike and "
            "independent for the rest. In a public table of really trained networks (NAS-Bench-Macro) they are not "
            "quite, and such promises were kept in 72 to 88 of 100 cases for a network that was never trained, in 39 "
            "of 40 for the best of five trained finalists."
        )
    return text


def _best(space: dict[str, Any]) -> str:
    """The networks that are likely the best."""
    rows = [[in_code(row["genome"]), percent(row["predicted"]), _interval(row)] for row in space["best"]]
    return (
        f"By prediction these come first of {count(space['networks'])}; the intervals of {count(space['reaching'])} "
        "networks reach the first one's prediction.\n\n"
        + table(["Network", "Predicted accuracy", "90 % interval"], rows)
    )


def _tau(tau: dict[str, float | None] | None) -> list[str]:
    if tau is None:
        return ["not defined", ""]
    return [f"{tau['value']:.3f}", "" if tau["low"] is None else f"{tau['low']:.3f} to {tau['high']:.3f}"]


def _interval(row: dict[str, Any]) -> str:
    return f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %"


def _share(share: float) -> str:
    """With two digits that count, rounded up: 0.01234 -> `1.3 %`."""
    digits = max(0, 1 - math.floor(math.log10(100 * share)))
    return f"{math.ceil(100 * share * 10**digits - 1e-9) / 10**digits:.{digits}f} %"
