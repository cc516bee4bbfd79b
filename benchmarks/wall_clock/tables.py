"""The tables of a race: accuracies by budget and side, every seed of every side, what a network costs to judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.wall_clock.race import SURE, AtBudget, Lead, Piece, Race, Values, minutes_of
from benchmarks.wall_clock.sides import BY_HAND, OPTUNA, OPTUNA_SHORT, OURS, RIVALS, THE_SUITE
from suite.escaping import in_code
from suite.report.style import table
from suite.wording import count, in_short, plural

NAMES = {OURS: THE_SUITE, **RIVALS}


def accuracies(budgets: Sequence[AtBudget], pictures: int) -> str:
    """A row for each side at each budget, and how the suite laid the budget out."""
    rows = []
    for at in budgets:
        for side, of_side in {OURS: at.ours, **at.rivals}.items():
            rows.append(
                [
                    f"{at.minutes:g}",
                    NAMES[side],
                    str(len(at.seeds)),
                    f"{of_side.minutes.mean():.2f}",
                    _mean_and_deviation(of_side.accuracy),
                    "" if side == OURS else _difference(at.ahead_of(side)),
                ]
            )
    header = ["Budget (minutes)", "Side", "Seeds", "Minutes it took", "Test accuracy (%)"]
    header += [f"{THE_SUITE.capitalize()} is ahead by (points)"]
    note = f"On {count(pictures)} test pictures. {_laid_out(budgets)}"
    if any(len(at.seeds) > 1 for at in budgets):
        note += (
            f" Mean and standard deviation over seeds. Differences are paired by seed, with the {1 - SURE:.0%} "
            "interval of their mean by Student's t; there is no sure difference where it holds 0, or of fewer than "
            "three seeds. Each budget and each rival is judged by itself. All seeds share one split of the pictures."
        )
    return f"{table(header, rows, left=2)}\n\n{note}"


def seed_by_seed(race: Race) -> str:
    """What each side came to in each seed, and by what."""
    pieces = [(piece["minutes"], piece["seed"], side, piece) for side in NAMES for piece in race.pieces[side]]
    order = list(NAMES)
    pieces.sort(key=lambda row: (row[0], row[1], order.index(row[2])))
    rows = [
        [
            f"{minutes:g}",
            str(seed),
            NAMES[side],
            _searched(side, piece),
            in_code(piece["genome"]),
            count(piece["test"]["epoch"]),
            f"{minutes_of(piece):.1f}",
            f"{100 * piece['test']['eval_accuracy']:.2f}",
        ]
        for minutes, seed, side, piece in pieces
    ]
    header = ["Budget (minutes)", "Seed", "Side", "Searched", "Network", "Its epochs", "Minutes", "Test (%)"]
    return table(header, rows, left=5)


def _searched(side: str, piece: Piece) -> str:
    if side == OURS:
        return f"{count(piece['evaluated'])} scored"
    if side == BY_HAND:
        return "nothing"
    length = plural(piece["epochs_of_a_trial"], "epoch")
    return f"{plural(piece['trials'], 'trial')} of up to {length}, {count(piece['pruned'])} pruned"


def seconds_a_network(race: Race) -> str:
    """What it costs to know what a network is worth, on each side that searches."""
    rows = []
    for minutes, pieces in _by_budget(race.pieces[OURS]):
        evaluated = np.mean([piece["evaluated"] for piece in pieces])
        seconds = np.mean([piece["evaluating"] / piece["evaluated"] for piece in pieces])
        rows.append([f"{THE_SUITE}, {minutes:g} minutes", count(evaluated), f"{seconds:.3g}"])
    of_optuna = {side: race.pieces[side] for side in (OPTUNA, OPTUNA_SHORT)}
    for side, of_side in of_optuna.items():
        for minutes, pieces in _by_budget(of_side):
            trials, pruned = (np.mean([piece[name] for piece in pieces]) for name in ("trials", "pruned"))
            seconds = np.mean([piece["seconds"] / max(1, piece["trials"]) for piece in pieces])
            networks = f"{trials:.3g}, {pruned:.3g} pruned"
            rows.append([f"{NAMES[side]}, {minutes:g} minutes", networks, f"{seconds:.3g}"])
    trained = [piece for of_side in of_optuna.values() for piece in of_side]
    an_epoch = sum(piece["seconds"] for piece in trained) / max(1, sum(piece["epochs"] for piece in trained))
    for epochs in sorted({piece["epochs_of_a_trial"] for piece in trained}):
        words = f"a training of {plural(epochs, 'epoch')}, nothing pruned"
        rows.append([words, "", f"{an_epoch * epochs:.3g}"])
    note = (
        "Means over seeds. The suite's seconds have the training of the supernet in them, without which no network "
        "could be scored. What they buy is a score by shared weights, which says less of a network than a training "
        "of it does; finalists' trainings are not among them. What is not pruned is reckoned from Optuna's own "
        "seconds an epoch."
    )
    return table(["Side", "Networks evaluated", "Seconds a network"], rows) + f"\n\n{note}"


def _by_budget(pieces: Sequence[Piece]) -> Iterator[tuple[float, list[Piece]]]:
    for minutes in sorted({piece["minutes"] for piece in pieces}):
        yield minutes, [piece for piece in pieces if piece["minutes"] == minutes]


def _laid_out(budgets: Sequence[AtBudget]) -> str:
    """What the suite made of each budget."""
    of_each = (f"in {at.minutes:g} minutes, {_epochs(at.laid_out)}{_changes(at.laid_out)}" for at in budgets)
    return f"The suite's epochs: {'; '.join(of_each)}.{_evolution(budgets)}"


def _epochs(pieces: Sequence[Piece]) -> str:
    supernet, finalists, final = (
        _one_or_more([piece["epochs"][phase] for piece in pieces])
        for phase in ("supernet", "finalists", "final")
    )
    return f"{supernet} of the supernet, {finalists} of a finalist, {final} of fine-tuning"


def _changes(pieces: Sequence[Piece]) -> str:
    """What else the budget changed, and in how many seeds if not in all; pieces of older suites tell of nothing."""
    early = sum(piece.get("stop") == "early" for piece in pieces)
    limits = [piece["max_macs"] for piece in pieces if piece.get("max_macs") is not None]
    changes = []
    if early:
        changes.append((early, "finalists that stop early"))
    if limits:
        changes.append((len(limits), f"networks of at most {_one_or_more(limits, in_short)} MACs"))
    return "".join(
        f", {words}" + (f" (in {seeds} of {plural(len(pieces), 'seed')})" if seeds < len(pieces) else "")
        for seeds, words in changes
    )


def _evolution(budgets: Sequence[AtBudget]) -> str:
    """Which evolution raced: what the contests find best is not what every study has."""
    searches = [piece["search"] for at in budgets for piece in at.laid_out if "search" in piece]
    if not searches or {search["method"] for search in searches} != {"evolution"}:
        return ""
    pool, generations, preselection = (
        _one_or_more([search[name] for search in searches])
        for name in ("random_pool", "generations", "preselection")
    )
    size = _one_or_more([search["offspring"] or search["population"] for search in searches])
    proposes = "without pre-selection" if preselection == "1" else f"pre-selection out of {preselection}"
    return f" Its evolution: a pool of {pool}, then {generations} generations of {size}, {proposes}."


def _one_or_more(numbers: Sequence[int], in_words: Callable[[int], str] = count) -> str:
    least, most = min(numbers), max(numbers)
    return in_words(least) if least == most else f"{in_words(least)} to {in_words(most)}"


def _mean_and_deviation(accuracy: Values) -> str:
    deviation = f" ± {100 * accuracy.std(ddof=1):.2f}" if len(accuracy) > 1 else ""
    return f"{100 * accuracy.mean():.2f}{deviation}"


def _difference(ahead: Lead) -> str:
    mean = _points(ahead.mean)
    if ahead.interval is None:
        return mean
    return f"{mean} ({_points(ahead.interval[0])} to {_points(ahead.interval[1])})"


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.2f}"
