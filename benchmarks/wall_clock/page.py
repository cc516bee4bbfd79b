"""The page of the race: who has the better network after how many minutes, then curves, tables and how it was run."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from benchmarks.remark import remarked
from benchmarks.wall_clock.race import SURE, AtBudget, Lead, Race, Side, Values, read_races
from suite.escaping import code, escaped
from suite.reference_networks import BASE_GENOME
from suite.report.style import BLUE, GREEN, ORANGE, STYLE, Figures, table
from suite.run_directory import write_atomically
from suite.wording import count, in_short, plural

_NEAR = 0.1  # of a budget: what a run may miss it by without a word
_OURS, _THEIRS, _BY_HAND = "the suite", "Optuna over trainings", "by hand"

_METHOD = (
    "The suite's side is a whole run under `--time-budget`, which shortens epochs and generations, and may stop "
    "finalists early and leave the dearest networks out of the search; its time begins after the forecast, of ten "
    "to fifteen seconds. The rival is what a practitioner would write with Optuna: its TPE sampler over all genes "
    "together proposes a network of the whole space, trained by itself by the same "
    "recipe (pictures, augmentation, Adam, batch), its accuracy on val-B reported after every epoch to the "
    "Hyperband pruner. A network counts with its weights after its best epoch, pruned or not; a finalist of the "
    "suite with those after its last. At each budget the rival searches anew, with the same seed, for as many "
    "seconds as the suite took until it had chosen; both then fine-tune what they chose by the same recipe and "
    "test it once, through the sealed test. By hand, nothing is searched: the base CNN of the reference networks, "
    f"{BASE_GENOME.text}, is trained by the same recipe for all of that time, counts with its weights after its "
    "best epoch on val-B, and is fine-tuned and tested alike.\n\n"
    "Not alike: the suite scores on val-A and spreads its finalists along the front of the study's objectives, of "
    "which latency may be one; the rival looks for accuracy alone, and has no use for val-A. A trial is at most "
    "as long as a finalist of the suite at that budget, so the rival trains nothing longer than that until it "
    "fine-tunes; longer trials were not tried. Within Hyperband, Optuna's TPE learns from trials of the same "
    "bracket only, and draws at random until a bracket has ten: in a short budget it is little more than random "
    "search with pruning, as it is for whoever writes it so."
)


def write_page(folder: Path) -> Path:
    """Write report.md and its figures from all pieces kept in `folder`; returns the page's path."""
    figures, races = Figures(folder / "figures"), read_races(folder)
    titles = _titles(races)
    with matplotlib.rc_context(STYLE):
        parts = [
            "# The suite against plain Optuna over trainings, by the clock",
            *(_conclusion(race, titles[race.name]) for race in races),
            *remarked(folder),
            *(_section(race, titles[race.name], figures) for race in races),
            f"## How it was run\n\n{_METHOD}",
        ]
    figures.remove_others()
    page = folder / "report.md"
    write_atomically(page, ("\n\n".join(parts) + "\n").encode())
    return page


def _conclusion(race: Race, title: str) -> str:
    """Budget by budget, who is ahead and whether that is sure; in bold who surely wins."""
    return "\n".join([f"**{title}**", "", *map(_verdict, race.budgets)])


def _titles(races: Sequence[Race]) -> dict[str, str]:
    """By name of a race: its study, what was laid over it, the machine; and its name where that is another's too."""
    texts = {race.name: ", ".join([race.study.name, *race.overrides, race.device["name"]]) for race in races}
    taken = Counter(texts.values())
    return {name: escaped(text if taken[text] == 1 else f"{text} ({name})") for name, text in texts.items()}


def _verdict(at: AtBudget) -> str:
    taken = float(at.ours.minutes.mean())
    missed = abs(taken - at.minutes) > _NEAR * at.minutes
    budget = f"- {at.minutes:g} minutes{f' ({taken:.3g} taken)' if missed else ''}"
    against = f"{budget}: {_compared(at.ahead, _THEIRS)}."
    if at.ahead_of_hand is None:
        return against
    return (
        f"{against} Against one network trained by hand for as long: {_compared(at.ahead_of_hand, _BY_HAND)}."
    )


def _compared(ahead: Lead, rival: str) -> str:
    """Who is ahead and whether that is sure; in bold who surely wins."""
    mean, seeds = ahead.mean, len(ahead.values)
    leader, in_front = (_OURS, ahead.values > 0) if mean > 0 else (rival, ahead.values < 0)
    if ahead.sure:
        return f"**{leader} wins** by {100 * abs(mean):.2f} points"
    if mean == 0:
        return "both reach the same"
    if seeds == 1:
        return f"{leader} is ahead by {100 * abs(mean):.2f} points, in one seed, which decides nothing"
    return (
        f"no sure difference; {leader} is ahead by {100 * abs(mean):.2f} points, in "
        f"{int(in_front.sum())} of {plural(seeds, 'seed')}"
    )


def _section(race: Race, title: str, figures: Figures) -> str:
    figure, (axes,) = figures.axes()
    budgets = race.budgets
    for name, sides, colour in (
        (_OURS, [at.ours for at in budgets], BLUE),
        (_THEIRS, [at.theirs for at in budgets], ORANGE),
        (_BY_HAND, [at.by_hand for at in budgets if at.by_hand is not None], GREEN),
    ):
        if sides:
            _curve(axes, name, sides, colour)
    axes.set(xlabel="minutes in all", ylabel="test accuracy (%)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)  # a dot may lie anywhere
    alt = f"Test accuracy on {race.study.name} over minutes: the suite and its rivals, mean and each seed"
    return "\n\n".join(
        [
            f"## {title}",
            figures.save(figure, race.name, alt),
            *(["One budget, so a dot is all there is of each curve."] if len(budgets) == 1 else []),
            _accuracies(budgets, race.test_pictures),
            *(f"> {escaped(note)}" for note in race.notes),
            _seconds_a_genome(race),
            _made_by(race),
        ]
    )


def _curve(axes: Axes, name: str, sides: Sequence[Side], colour: str) -> None:
    mean = [(side.minutes.mean(), 100 * side.accuracy.mean()) for side in sides]
    axes.plot(*zip(*mean, strict=True), color=colour, marker="o", label=name)
    for side in sides:
        axes.scatter(side.minutes, 100 * side.accuracy, color=colour, alpha=0.4, s=25)


def _accuracies(budgets: Sequence[AtBudget], pictures: int) -> str:
    by_hand = any(at.by_hand is not None for at in budgets)
    rows = [
        [
            f"{at.minutes:g}",
            str(len(at.seeds)),
            _mean_and_deviation(at.ours.accuracy),
            _mean_and_deviation(at.theirs.accuracy),
            _difference(at.ahead),
            *(_hand_cells(at) if by_hand else ()),
            f"{at.ours.minutes.mean():.2f}",
            f"{at.theirs.minutes.mean():.2f}",
        ]
        for at in budgets
    ]
    header = [
        "Budget (minutes)",
        "Seeds",
        f"Test accuracy (%), {_OURS}",
        _THEIRS,
        "Ahead by (points)",
        *(["By hand", "Ahead of that by"] if by_hand else []),
        f"Minutes it took, {_OURS}",
        _THEIRS,
    ]
    note = f"On {count(pictures)} test pictures. {_shortened(budgets)}"
    if any(len(at.seeds) > 1 for at in budgets):
        note += (
            f" Mean and standard deviation over seeds. Differences are paired by seed, with the {1 - SURE:.0%} "
            "interval of their mean by Student's t; there is no sure difference where it holds 0, or of fewer than "
            "three seeds. Each budget is judged by itself. All seeds share one split of the pictures."
        )
    return f"{table(header, rows)}\n\n{note}"


def _shortened(budgets: Sequence[AtBudget]) -> str:
    """How the suite laid out each budget."""
    of_each = (
        f"in {at.minutes:g} minutes, {_one_or_more(at.epochs['supernet'])} of the supernet, "
        f"{_one_or_more(at.epochs['finalists'])} of a finalist, {_one_or_more(at.epochs['final'])} of fine-tuning"
        f"{_cut_short(at)}"
        for at in budgets
    )
    return f"The suite's epochs: {'; '.join(of_each)}."


def _cut_short(at: AtBudget) -> str:
    """What else the budget changed, and in how many seeds if not in all."""
    limited = [macs for macs in at.most_macs if macs is not None]
    changes = []
    if at.early:
        changes.append((at.early, "finalists that stop early"))
    if limited:
        changes.append((len(limited), f"networks of at most {_one_or_more(limited, in_short)} MACs"))
    return "".join(
        f", {words}" + (f" (in {seeds} of {plural(len(at.seeds), 'seed')})" if seeds < len(at.seeds) else "")
        for seeds, words in changes
    )


def _one_or_more(numbers: Sequence[int], in_words: Callable[[int], str] = str) -> str:
    least, most = min(numbers), max(numbers)
    return in_words(least) if least == most else f"{in_words(least)} to {in_words(most)}"


def _mean_and_deviation(accuracy: Values) -> str:
    deviation = f" ± {100 * accuracy.std(ddof=1):.2f}" if len(accuracy) > 1 else ""
    return f"{100 * accuracy.mean():.2f}{deviation}"


def _hand_cells(at: AtBudget) -> tuple[str, str]:
    if at.by_hand is None or at.ahead_of_hand is None:
        return "", ""
    return _mean_and_deviation(at.by_hand.accuracy), _difference(at.ahead_of_hand)


def _difference(ahead: Lead) -> str:
    mean = _points(ahead.mean)
    if ahead.interval is None:
        return mean
    return f"{mean} ({_points(ahead.interval[0])} to {_points(ahead.interval[1])})"


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.2f}"


def _seconds_a_genome(race: Race) -> str:
    """What it costs to know what a network is worth, on each side."""
    rows = []
    for minutes in sorted({piece["minutes"] for piece in race.ours}):
        of_budget = [piece for piece in race.ours if piece["minutes"] == minutes]
        evaluated = np.mean([piece["evaluated"] for piece in of_budget])
        seconds = np.mean([piece["evaluating"] / piece["evaluated"] for piece in of_budget])
        rows.append([f"{_OURS}, {minutes:g} minutes", count(evaluated), f"{seconds:.3g}"])
    for minutes in sorted({piece["minutes"] for piece in race.theirs}):
        of_budget = [piece for piece in race.theirs if piece["minutes"] == minutes]
        trials, pruned = (np.mean([piece[name] for piece in of_budget]) for name in ("trials", "pruned"))
        seconds = np.mean([piece["seconds"] / piece["trials"] for piece in of_budget])
        rows.append(
            [f"{_THEIRS}, {minutes:g} minutes", f"{trials:.3g}, {pruned:.3g} pruned", f"{seconds:.3g}"]
        )
    an_epoch = sum(piece["seconds"] for piece in race.theirs) / sum(piece["epochs"] for piece in race.theirs)
    for epochs in sorted({piece["epochs_of_a_trial"] for piece in race.theirs}):
        rows.append(
            [f"a training of {plural(epochs, 'epoch')}, nothing pruned", "", f"{an_epoch * epochs:.3g}"]
        )
    note = (
        "The suite's seconds have the training of the supernet in them, without which no network could be scored. "
        "What they buy is a score by shared weights, which says less of a network than a training of it does; "
        "finalists' trainings are not among them. What is not pruned is reckoned from the rival's own seconds an "
        "epoch."
    )
    return table(["Side", "Networks evaluated", "Seconds a network"], rows) + f"\n\n{note}"


def _made_by(race: Race) -> str:
    device = race.device
    where = f"{device['name']}, {plural(device['threads'], 'thread')}, torch {device['torch']}"
    codes = len({piece.get("code") for piece in (*race.ours, *race.theirs, *race.by_hand)})
    mixed = f" Its pieces were made by at least {codes} versions of the code." if codes > 1 else ""
    return f"Made by {'; '.join(map(code, _commands(race)))} on {escaped(where)}.{mixed}"


def _commands(race: Race) -> list[str]:
    """One for all budgets of as many seeds."""
    seeds = sorted({len(at.seeds) for at in race.budgets}, reverse=True)
    budgets = {n: ",".join(f"{at.minutes:g}" for at in race.budgets if len(at.seeds) == n) for n in seeds}
    asked = ["suite", "bench", "wall-clock", "--study", race.file]
    asked += [word for override in race.overrides for word in ("--set", override)]
    return [shlex.join([*asked, "--budgets", budgets[n], "--seeds", str(n)]) for n in seeds]
