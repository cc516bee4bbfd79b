"""results/references.json for people: who is more accurate for sure, and at what size."""

from __future__ import annotations

from typing import Any

from suite.reference_networks import BASE
from suite.references.rows import Rival, Row, rivals, rows, trainings_wanted, winner_row
from suite.wording import duration, percent, plural

SURE = 0.05  # error of calling any one of the rivals different that is not


def in_words(result: dict[str, Any]) -> str:
    """The answer, and each network's accuracy and size as lines of text."""
    lines = [
        f"{row.name:<36}{spread(row):>18}{row.params:>14,.0f} parameters{row.macs / 1e6:>10.2f} M MACs"
        for row in rows(result)
    ]
    return "\n".join([conclusion(result), "", *lines])


def conclusion(result: dict[str, Any]) -> str:
    """Whom the winner beats, who beats it, and where it can't be told apart; on the run's own seed."""
    every = rivals(result)
    if not every:
        return "No reference network has been tested yet."
    behind = [rival for rival in every if rival.ahead < 0 and rival.corrected < SURE]
    ahead = [rival for rival in every if rival.ahead > 0 and rival.corrected < SURE]
    unsure = [rival for rival in every if rival.corrected >= SURE]
    accuracy = every[0].accuracy - every[0].ahead
    texts = [
        f"By one training of each, of as many epochs, the winner ({percent(accuracy)}) is surely more accurate than "
        f"{len(behind)} of {len(every)} reference networks."
    ]
    if result["from_supernet"]:
        texts.append(
            "It began with the supernet's weights, all others with drawn ones, which is part of the difference."
        )
    texts += [_beaten(rival, winner_row(result)) for rival in ahead]
    if not ahead:
        texts.append("None is surely more accurate than it.")
    if unsure:
        names = ", ".join(f"{rival.row.name} ({_points(rival.ahead)})" for rival in unsure)
        texts.append(f"Beside {len(unsure)} the difference may be chance: {names}.")
    return " ".join(texts)


def beside_base(result: dict[str, Any], search_seconds: float) -> str | None:
    """The winner beside the hand-made CNN, in a few sentences; None as long as that is not tested."""
    for rival in rivals(result):
        if rival.row.name == BASE:
            start = " from drawn weights" if result["from_supernet"] else ""
            name = f"The hand-made base CNN, trained by the same recipe{start},"
            return f"{name} {_set_beside(rival, winner_row(result), search_seconds)}"
    return None


def beside_best(result: dict[str, Any], search_seconds: float) -> str | None:
    """The winner beside the most accurate of the rivals, likewise; None as long as there is no choice of them.

    Which rival is the best was seen on the test pictures; the correction for all of them makes up for that.
    """
    every = rivals(result)
    if len(every) < 2:
        return None
    best = max(every, key=lambda rival: rival.accuracy)
    among = f"the best of {plural(len(every), 'reference network')}"
    if best.row.name == BASE:
        return f"It is {among}."
    told = _set_beside(best, winner_row(result), search_seconds)
    return f"{among[0].upper()}{among[1:]}, {best.row.name}, {told}"


def notes(result: dict[str, Any]) -> list[str]:
    """What the columns are, and what is still missing."""
    done, wanted = len(result["trainings"]), trainings_wanted(result)
    seeds = len(result["seeds"])
    texts = [
        "All are trained like the winner: a finalist's epochs on train, then fine-tuning on train + val, last epoch, "
        f"one test each, from {plural(seeds, 'seed')}; ± is the standard deviation over seeds, and "
        "over networks in the mean of the random ones. The MLPs have the learning rate and batch in their names.",
        "p: exact McNemar test of the winner against each on the same test pictures, both from the run's own seed, "
        "with Holm's correction for all of them. What is sure by it holds for these trainings on any pictures of the "
        "kind; trained anew, a network is another, and how far trainings of one lie apart is not in it.",
        "Latencies are medians, all networks timed in turn: batch 1 on the study's threads, batch 64 on all. The "
        "winner's search is its supernet, its search and all finalists, its own first training among them; that "
        "training's seconds include evaluating on val-B after each epoch.",
    ]
    if done < wanted:
        texts.insert(0, f"Only {done} of {wanted} trainings are done; `suite references` goes on.")
    return texts


def p_value(value: float) -> str:
    """Such as `= 0.031`, or that it is smaller than three digits can say."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def spread(row: Row) -> str:
    """Mean accuracy, and the deviation where there are several."""
    text = percent(row.accuracy)
    return text if row.deviation is None else f"{text} ± {100 * row.deviation:.2f}"


def _beaten(rival: Rival, winner: Row) -> str:
    return (
        f"{rival.row.name} is surely more accurate than the winner: {percent(rival.accuracy)} "
        f"({_points(rival.ahead)}, p {p_value(rival.corrected)}), with {_times(rival.row.params, winner.params)} the "
        f"parameters and {_times(rival.row.macs, winner.macs)} the multiply-accumulates."
    )


def _set_beside(rival: Rival, winner: Row, search_seconds: float) -> str:
    points = f"{100 * abs(rival.ahead):.2f} points {'less' if rival.ahead > 0 else 'more'}"
    verdict = "sure for these two trainings" if rival.corrected < SURE else "which may be chance"
    return (
        f"reaches {percent(rival.accuracy)}; the winner has {points} ({verdict}: p {p_value(rival.corrected)}), with "
        f"{_times(winner.params, rival.row.params)} the parameters, {_times(winner.macs, rival.row.macs)} the "
        f"multiply-accumulates and {_times(winner.batch_1_ms, rival.row.batch_1_ms)} the milliseconds a pass. "
        f"Training it took {duration(rival.row.seconds)}, the winner {duration(winner.seconds)}; finding the winner "
        f"took {duration(search_seconds)}, its training as a finalist among it."
    )


def _times(one: float, other: float) -> str:
    ratio = one / other
    return f"{ratio:.2f} times" if ratio < 10 else f"{ratio:.0f} times"


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.2f} points"
