"""The page of the race: who has the better network after how many minutes, then curves, tables and how it was run."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes

from benchmarks.remark import remarked
from benchmarks.wall_clock.race import AtBudget, Lead, Race, Side, read_races
from benchmarks.wall_clock.sides import BY_HAND, OPTUNA, OPTUNA_SHORT, OURS, RIVALS, THE_SUITE
from benchmarks.wall_clock.tables import accuracies, seconds_a_network, seed_by_seed
from suite.escaping import code, escaped
from suite.reference_networks import BASE_GENOME
from suite.report.style import BLUE, GREEN, ORANGE, PURPLE, STYLE, Figures
from suite.run_directory import write_atomically
from suite.wording import plural

_NEAR = 0.1  # of a budget: what a run may miss it by without a word
_COLOURS = {OURS: BLUE, OPTUNA: ORANGE, OPTUNA_SHORT: PURPLE, BY_HAND: GREEN}

_METHOD = (
    "The suite's side is a whole run under `--time-budget`, which shortens epochs and generations, and may stop "
    "finalists early and leave the dearest networks out of the search; its time begins after the forecast, of ten "
    "to fifteen seconds. Optuna's is what a practitioner would write: its TPE sampler over all genes "
    "together proposes a network of the whole space, trained by itself by the same "
    "recipe (pictures, augmentation, Adam, batch), its accuracy on val-B reported after every epoch to the "
    "Hyperband pruner. A network counts with its weights after its best epoch, pruned or not; a finalist of the "
    "suite with those after its last. At each budget Optuna searches anew, with the same seed, for as many "
    "seconds as the suite took until it had chosen; all then fine-tune what they chose by the same recipe and "
    "test it once, through the sealed test. By hand, nothing is searched: the base CNN of the reference networks, "
    f"{BASE_GENOME.text}, is trained by the same recipe for all of that time, counts with its weights after its "
    "best epoch on val-B, and is fine-tuned and tested alike. A side that had no network with an epoch behind it "
    "counts as guessing does.\n\n"
    "How long a trial of Optuna's is, is our choice, and weighs: many short ones are compared better and trained "
    "worse. So it races twice, with trials of at most as many epochs as a finalist of the suite at that budget, and "
    "of a third of that; other lengths were not tried. The suite was fitted to races like this one, Optuna was "
    "not: sampler and pruner are as Optuna has them. Within Hyperband, its TPE learns from trials of the same "
    "bracket only, and draws at random until a bracket has ten: in a short budget it is little more than random "
    "search with pruning, as it is for whoever writes it so.\n\n"
    "Not alike: the suite scores on val-A and spreads its finalists along the front of the study's objectives, of "
    "which latency may be one; Optuna looks for accuracy alone, and has no use for val-A."
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
    budget = f"- {at.minutes:g} minutes{f' ({taken:.3g} taken)' if missed else ''}:"
    against = [
        f"    - against {RIVALS[rival]}: {_compared(at.ahead_of(rival), RIVALS[rival])}."
        for rival in at.rivals
    ]
    return "\n".join([budget, *against])


def _compared(ahead: Lead, rival: str) -> str:
    """Who is ahead and whether that is sure; in bold who surely wins."""
    mean, seeds = ahead.mean, len(ahead.values)
    leader, in_front = (THE_SUITE, ahead.values > 0) if mean > 0 else (rival, ahead.values < 0)
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
    _curve(axes, OURS, THE_SUITE, [at.ours for at in budgets])
    for rival, name in RIVALS.items():
        _curve(axes, rival, name, [at.rivals[rival] for at in budgets if rival in at.rivals])
    axes.set(xlabel="minutes in all", ylabel="test accuracy (%)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)  # a dot may lie anywhere
    alt = f"Test accuracy on {race.study.name} over minutes: the suite and its rivals, mean and each seed"
    return "\n\n".join(
        [
            f"## {title}",
            figures.save(figure, race.name, alt),
            *(["One budget, so a dot is all there is of each curve."] if len(budgets) == 1 else []),
            accuracies(budgets, race.test_pictures),
            *(f"> {escaped(note)}" for note in race.notes),
            seed_by_seed(race),
            seconds_a_network(race),
            _made_by(race),
        ]
    )


def _curve(axes: Axes, side: str, name: str, at_budgets: Sequence[Side]) -> None:
    if not at_budgets:
        return
    mean = [(at.minutes.mean(), 100 * at.accuracy.mean()) for at in at_budgets]
    axes.plot(*zip(*mean, strict=True), color=_COLOURS[side], marker="o", label=name)
    for at in at_budgets:
        axes.scatter(at.minutes, 100 * at.accuracy, color=_COLOURS[side], alpha=0.4, s=25)


def _made_by(race: Race) -> str:
    device = race.device
    where = f"{device['name']}, {plural(device['threads'], 'thread')}, torch {device['torch']}"
    codes = len({piece.get("code") for pieces in race.pieces.values() for piece in pieces})
    mixed = f" Its pieces were made by at least {codes} versions of the code." if codes > 1 else ""
    return f"Made by {'; '.join(map(code, _commands(race)))} on {escaped(where)}.{mixed}"


def _commands(race: Race) -> list[str]:
    """One for all budgets of as many seeds."""
    seeds = sorted({len(at.seeds) for at in race.budgets}, reverse=True)
    budgets = {n: ",".join(f"{at.minutes:g}" for at in race.budgets if len(at.seeds) == n) for n in seeds}
    asked = ["suite", "bench", "wall-clock", "--study", race.file]
    asked += [word for override in race.overrides for word in ("--set", override)]
    return [shlex.join([*asked, "--budgets", budgets[n], "--seeds", str(n)]) for n in seeds]
