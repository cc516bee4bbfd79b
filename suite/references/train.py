"""Train, time and test what a winner is set beside; what is finished is kept, and never done again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from suite.data import WrittenChoice, read_ledger
from suite.device import device_facts
from suite.errors import RunDirectoryError
from suite.evaluation import evaluate
from suite.finalists import PHASE as FINALISTS
from suite.progress import Display, Phase
from suite.reference_networks import EXTREMES, ReferenceNetwork, as_trained, reference_networks
from suite.references.run_to_match import RunToMatch
from suite.references.timing import timed
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.standalone import alone_recipe, fine_tuning_recipe
from suite.training import Training, train_on
from suite.winner import CHOICE_FILE, LEDGER_FILE
from suite.winner import PHASE as FINAL
from suite.wording import plural

PHASE = "references"
WINNER = "winner"


@dataclass(frozen=True)
class _Wanted:
    """One training: a network and its seed."""

    number: int  # of the network, in the order of the result
    network: ReferenceNetwork
    seed: int


def train_references(match: RunToMatch, seeds: int, display: Display) -> dict[str, Any]:
    """Train and test each network from each of so many seeds; returns results/references.json.

    That file is written after every training, so a stop costs at most the one under way, which goes on from its
    checkpoint. The winner is among the networks: its own test is its first seed's, the others are trained anew.

    Raises:
        RunDirectoryError: the run has no tested winner, or one whose choice declares no reference networks.
        TrainingError: a loss is no longer a number.
    """
    final = _tested_winner(match.run)
    networks = _networks(match, final)
    asked = range(match.study.seed, match.study.seed + seeds)
    _check_declared(match.run, final, networks, asked)
    result = _begun(match, networks, final, display)
    done = {(row["name"], row["seed"]) for row in result["trainings"]}
    result["seeds"] = sorted({*asked, *(seed for _, seed in done)})
    match.run.write_result(PHASE, result)

    wanted = [_Wanted(i, network, seed) for seed in asked for i, network in enumerate(networks)]
    epochs = match.study.finalists.epochs + match.study.final.epochs
    with display.phase("References", len(wanted) * epochs, "epochs") as phase:
        for behind, want in enumerate(wanted):
            if (want.network.name, want.seed) not in done:
                result["trainings"].append(_trained_and_tested(match, want, phase, behind * epochs))
                match.run.write_result(PHASE, result)
            _drop_checkpoints(match.run, want)
        phase.finish(len(wanted) * epochs, f"{len(networks) - 1} networks beside the winner")
    return result


def _tested_winner(run: RunDirectory) -> dict[str, Any]:
    final = run.read_result(FINAL)
    if final is None:
        raise RunDirectoryError(
            "has no tested winner yet.", where=str(run.path), remedy="Let its search go on: --resume"
        )
    return final


def _networks(match: RunToMatch, final: dict[str, Any]) -> list[ReferenceNetwork]:
    """The winner, then what it is set beside."""
    winner = as_trained(WINNER, match.space.parse(final["genome"]), match.study)
    begun = (match.run.read_result(PHASE) or {"networks": []})["networks"]
    # Which of several equally large networks is an extreme has changed: those that were begun with stay.
    kept = {row["name"]: row["architecture"] for row in begun if row["name"] in EXTREMES}
    beside = reference_networks(match.study, match.space)
    return [winner, *(_as_kept(network, match.space, kept) for network in beside)]


def _as_kept(network: ReferenceNetwork, space: SearchSpace, kept: Mapping[str, str]) -> ReferenceNetwork:
    if network.name not in kept:
        return network
    return replace(network, architecture=space.parse(kept[network.name]))


def _check_declared(
    run: RunDirectory, final: dict[str, Any], networks: Sequence[ReferenceNetwork], seeds: Sequence[int]
) -> None:
    choice = WrittenChoice.read(run.path / CHOICE_FILE)
    missing = [f"network {network.name}" for network in networks if network.name not in choice.declared]
    missing += [f"seed {seed}" for seed in seeds if seed not in choice.seeds]
    if missing:
        raise RunDirectoryError(
            f"does not declare {missing[0]}: it was written by an older suite, and what is tested is declared before "
            "the test is opened.",
            where=str(run.path / CHOICE_FILE),
            remedy="Begin a new run: suite search",
        )
    if "wrong" not in final:
        raise RunDirectoryError(
            "was written by an older suite and does not say which test pictures the winner has wrong.",
            where=str(run.path / "results" / f"{FINAL}.json"),
            remedy="Begin a new run: suite search",
        )


def _begun(
    match: RunToMatch, networks: Sequence[ReferenceNetwork], final: dict[str, Any], display: Display
) -> dict[str, Any]:
    """The result as it stands; if there is none, all networks timed and only the winner's own test in it."""
    result = match.run.read_result(PHASE)
    if result is None:
        return {
            "seed": match.study.seed,
            "seeds": [],
            "pictures": len(final["predicted"]),
            "from_supernet": match.study.finalists.start == "supernet",  # the winner alone
            "networks": timed(match, networks, display),
            "trainings": [_winners_own(match, final)],
        }
    if [(row["name"], row["architecture"]) for row in result["networks"]] != [
        (network.name, network.architecture.text) for network in networks
    ]:
        raise RunDirectoryError(
            "has other networks than this suite would train.",
            where=str(match.run.path / "results" / f"{PHASE}.json"),
            remedy="Go on with the suite that wrote it.",
        )
    return result


def _winners_own(match: RunToMatch, final: dict[str, Any]) -> dict[str, Any]:
    """The winner's test, as the row of a training."""
    finalists = match.run.read_result(FINALISTS) or {"finalists": [], "seeds": []}
    alone = sum(
        row["seconds"] / len(finalists["seeds"])
        for row in finalists["finalists"]
        if row["genome"] == final["genome"]
    )
    facts = match.run.read_json("run.json") or {}
    return {
        "name": WINNER,
        "seed": match.study.seed,
        "accuracy": final["test"]["eval_accuracy"],
        "loss": final["test"]["eval_loss"],
        "wrong": final["wrong"],
        "seconds": alone + final["seconds"],
        "machine": _machine(facts["device"]),
    }


def _trained_and_tested(match: RunToMatch, want: _Wanted, phase: Phase, behind: int) -> dict[str, Any]:
    """The row of one training, which goes on from its checkpoints; `behind` epochs of the phase are."""
    name, data, run = want.network.name, match.data, match.run

    def train(training: Training, checkpoint: str, before: int) -> float:
        def on_step(step: int, note: str) -> None:
            said = ", ".join(filter(None, (name, f"seed {want.seed}", note)))
            phase.update(before + step // training.steps_per_epoch, said)

        return float(train_on(training, checkpoint, run, on_step)["seconds"])

    alone, tuned = _checkpoints(want)
    training = alone_training(match, want.network, want.seed)
    seconds = train(training, alone, behind)
    epochs = training.recipe.epochs
    training = fine_tuning(match, want.network, training.network, want.seed)
    seconds += train(training, tuned, behind + epochs)

    why = "a network declared in the choice, to set the winner beside"
    if any((entry.network, entry.seed) == (name, want.seed) for entry in read_ledger(run.path / LEDGER_FILE)):
        why = "again, as a stop came between the test and its record"
    test = data.open_test(run.path / CHOICE_FILE, run.path / LEDGER_FILE)
    outcome = evaluate(training.network, data, test.pictures_for(name, want.seed, why), match.device)
    return {
        "name": name,
        "seed": want.seed,
        "accuracy": outcome.accuracy,
        "loss": outcome.loss,
        "wrong": outcome.wrong,
        "seconds": seconds,
        "machine": _machine(device_facts(match.device).to_json()),
    }


def alone_training(match: RunToMatch, network: ReferenceNetwork, seed: int) -> Training:
    """The first training before its first step: a finalist's, at the network's own learning rate and batch."""
    recipe = replace(
        alone_recipe(match.study), learning_rate=network.learning_rate, batch_size=network.batch_size
    )
    return Training(_first(match, network, seed), match.data, match.data.train, recipe, seed, match.device)


def fine_tuning(
    match: RunToMatch, network: ReferenceNetwork, trained: torch.nn.Module, seed: int
) -> Training:
    """The second before its first step: the winner's fine-tuning on train + val, at the network's own batch."""
    recipe = replace(fine_tuning_recipe(match.study), batch_size=network.batch_size)
    return Training(trained, match.data, match.data.all_training, recipe, seed, match.device)


def _first(match: RunToMatch, network: ReferenceNetwork, seed: int) -> torch.nn.Module:
    """With its first weights: drawn, but where finalists begin from the supernet's, the winner's are those too."""
    if network.name == WINNER and match.study.finalists.start == "supernet":
        scorer = match.scorer()
        genome = network.architecture
        return scorer.supernet.extract(match.space.parse(genome.text), scorer.calibration)
    return network.drawn(match.space, seed)


def _checkpoints(want: _Wanted) -> tuple[str, str]:
    """Names of the two trainings' checkpoints."""
    name = f"{PHASE}-{want.number}-{want.seed}"
    return name, f"{name}-tuned"


def _drop_checkpoints(run: RunDirectory, want: _Wanted) -> None:
    for checkpoint in _checkpoints(want):
        run.drop_checkpoint(checkpoint)


def _machine(device: dict[str, Any]) -> str:
    return f"{device['name']}, {plural(device['threads'], 'thread')}, torch {device['torch']}"
