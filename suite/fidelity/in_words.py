"""results/fidelity.json for people: what it comes to in a sentence or two, and its rankings as a table."""

from __future__ import annotations

from typing import Any

from suite.fidelity.measures import TOP
from suite.wording import aligned

_KINDS = {
    "supernet": "supernet, by {}",
    "trivial": "{}",
    "proxy": "{} (untrained)",
    "short training": "short training: {}",
}


def in_words(result: dict[str, Any], score: str) -> str:
    """All of it as lines of text; `score` is the one that the study ranks by."""
    table = aligned(lines(result))
    return "\n".join([conclusion(result, score), "", *table, "", *notes(result, score)])


def conclusion(result: dict[str, Any], score: str) -> str:
    """How well the supernet ranks beside a second training, and whether one could do without it."""
    tau = supernet_row(result, score)["against_one"]["tau"]
    if tau is None:
        return f"All {result['networks']} networks have the same {score} or the same truth: there is nothing to rank."
    text = (
        f"Against one training, the supernet's {score} ranks {result['networks']} networks with Kendall's tau "
        f"{number(tau, words='90 % interval ')}"
    )
    if result["between_trainings"] is not None:
        text += f"; training them once more ranks them with {number(result['between_trainings']['tau'])}"
    return f"{text}. {_beside_the_best_rival(result, score)}".strip()


def lines(result: dict[str, Any]) -> list[list[str]]:
    """A header and a row for each ranking; what is not defined, or needs a second training, is empty."""
    many = len(result["seeds"])
    several = result["between_trainings"] is not None
    header = [
        "Ranking",
        "tau, one training",
        f"tau, mean of {many}",
        "within depth",
        "Spearman",
        "top 10",
        "regret (points)",
    ]
    rows = [_line(row) for row in result["rankings"]]
    supernet = sum(row["kind"] == "supernet" for row in result["rankings"])
    if several:
        between, perfect = result["between_trainings"], result["perfect"]
        own = [["one more training", number(between["tau"]), "", number(between["within_depth"]), "", "", ""]]
        if perfect:
            taus = [number(perfect["against_one"]), number(perfect["against_mean"])]
            rest = [_share(perfect["precision"]), _points(perfect["regret"])]
            own.append(["a perfect ranking, simulated", *taus, "", "", *rest])
        rows[supernet:supernet] = own
    table = [header, *rows]
    return table if several else [[*row[:2], *row[3:]] for row in table]


def notes(result: dict[str, Any], score: str) -> list[str]:
    """What was measured on, what the columns are, and what else is known."""
    texts = [_measured_on(result), _columns(result["networks"]), _depths(result, score)]
    if "biases" in result:  # older results lack them
        texts.append(_biases(result["biases"][score], score))
    if len(result["seeds"]) == 1:
        texts.append(
            "With one training of each network, how well one more would rank them is not known, and short trainings "
            "are beginnings of the very training they are held against."
        )
    if result["favourites"] is not None:
        choice = result["favourites"]["choices"][score]
        texts.append(
            f"With {result['favourites']['networks']} favourites of a supernet (its best by score) trained as well, "
            f"the choice by {score} among {result['favourites']['among']} loses {_points(choice['regret'])} points."
        )
    texts += [
        f"This truth ranks the {row['networks']} networks it shares with the longer table {row['table']} with tau "
        f"{number(row['tau'])}."
        for row in result["longer_truths"]
    ]
    return texts


def number(estimate: dict[str, Any] | None, *, words: str = "") -> str:
    """`0.53 (0.40 to 0.64)`; empty for what is not defined."""
    if estimate is None:
        return ""
    if estimate["low"] is None:
        return _signed(estimate["value"])
    return f"{_signed(estimate['value'])} ({words}{_signed(estimate['low'])} to {_signed(estimate['high'])})"


def _line(row: dict[str, Any]) -> list[str]:
    one, mean = row["against_one"], row["against_mean"]
    return [
        named(row),
        number(one["tau"]),
        number(mean["tau"]) if mean else "",
        number(one["within_depth"]),
        number(row["spearman"]),
        _share(row["precision"]),
        _points(row["regret"]),
    ]


def named(row: dict[str, Any]) -> str:
    """A ranking's name, such as `supernet, by loss`."""
    return _KINDS[row["kind"]].format(row["name"])


def supernet_row(result: dict[str, Any], score: str) -> dict[str, Any]:
    """The supernet's row by a score, `loss` or `accuracy`."""
    rows: list[dict[str, Any]] = result["rankings"]
    (row,) = [row for row in rows if (row["kind"], row["name"]) == ("supernet", score)]
    return row


def _measured_on(result: dict[str, Any]) -> str:
    several, pictures = len(result["seeds"]) > 1, result["pictures"]
    trainings = f"{len(result['seeds'])} trainings" if several else "one training"
    return (
        f"Truth: table {result['table']}, {trainings} of each network, {result['epochs']} epochs on "
        f"{result['train_images']:,} pictures, read on {pictures['val_choice']:,} of val-B; the supernet's scores on "
        f"{pictures['val_search']:,} of val-A. Intervals are 90 % bootstraps over networks"
        + (
            "; a perfect ranking is simulated with trainings that vary alike for every network."
            if several
            else "."
        )
    )


def _columns(networks: int) -> str:
    return (
        "Within depth: the mean of the taus within each depth. Top 10: the share of a ranking's best ten that are "
        f"truly among the best ten, by chance {_share(min(1, TOP / networks))}. Regret: what its best loses to the "
        "truly best, in points of accuracy. More parameters, more MACs and more layers count as better; the linear "
        "fit predicts each network from its sizes and choices, by all others. NASWOT: how differently an untrained "
        "network's units switch on different pictures (Mellor et al. 2021)."
    )


def _depths(result: dict[str, Any], score: str) -> str:
    taus = [_by_depth(f"the supernet's {score}", supernet_row(result, score)["against_one"])]
    if result["between_trainings"] is not None:
        taus.append(_by_depth("one more training", result["between_trainings"]))
    return f"By depth, against one training: {'; '.join(taus)}."


def _biases(kinds: list[dict[str, Any]], score: str) -> str:
    """By kind of network: how far it is over-ranked, and whether that pays to be taken off."""
    several = [kind for kind in kinds if len(kind["offsets"]) > 1 and kind["gain"]]
    told = [
        f"by {kind['kind']}, "
        + ", ".join(f"{group}: {_signed(offset)}" for group, offset in kind["offsets"].items())
        + f" (taken off as others of its kind tell, tau changes by {number(kind['gain'], words='90 % interval ')})"
        for kind in several
    ]
    return (
        f"How far the supernet's {score} puts kinds of networks too high, in standard deviations: "
        f"{'; '.join(told) or 'there is one kind only'}."
    )


def _by_depth(name: str, agreement: dict[str, Any]) -> str:
    """`one more training 0.41 (0.20 to 0.60) at depth 2, ...`."""
    taus = agreement["by_depth"].items()
    return f"{name} " + ", ".join(f"{number(tau) or 'nothing'} at depth {depth}" for depth, tau in taus)


def _beside_the_best_rival(result: dict[str, Any], score: str) -> str:
    comparison = result["comparisons"].get(score)
    if comparison is None:
        return ""
    difference = number(comparison["difference"], words="90 % interval ")
    verdicts = {
        "better": "It ranks better than the best ranking without a supernet",
        "no better": "It ranks no better than a ranking without any supernet",
        "worse": "It ranks worse than a ranking without any supernet",
    }
    return f"{verdicts[comparison['verdict']]} ({comparison['than']}): the difference in tau is {difference}."


def _share(precision: float | None) -> str:
    return "" if precision is None else f"{100 * precision:.0f} %"


def _points(regret: float | None) -> str:
    return "" if regret is None else f"{100 * regret:.2f}"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")
