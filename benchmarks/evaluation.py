"""How fast subnets are scored, one at a time and in one walk: `suite bench evaluation`.

Both ways take turns on the same pictures and threads, in one run; the rate of each is the median over the turns. One
at a time is made as fast as we know how: networks extracted beforehand, channels last, eager, the best of three batch
sizes, a thread per network. Weights are random, which changes no speed.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from suite.blocks import Shape
from suite.cnn import StandaloneCNN
from suite.device import device_facts, open_device
from suite.progress import Display
from suite.space import Genome, SearchSpace
from suite.study import SpaceSettings
from suite.supernet import Supernet
from suite.supernet.fc_plan import FcPlan
from suite.supernet.prefix_plan import Stack
from suite.supernet.prefix_tree import PrefixTree
from suite.supernet.scoring import ROWS, pictures_per_block

_BATCHES = (25, 125, 250)
_SAMPLE = 40  # networks of a larger set that are timed one at a time


def run(display: Display, turns: int = 5, urls: Sequence[str] = ()) -> dict[str, Any]:
    """Rates in networks x pictures per second, of each set of genomes, on the CIFAR-10 space."""
    device, threads = open_device("cpu"), torch.get_num_threads()
    space = SearchSpace(SpaceSettings(), (3, 32, 32), 10)
    supernet = Supernet(space, 0.5).draw(torch.Generator().manual_seed(0)).eval()
    sets = genome_sets(space)
    rows = []
    torch.set_num_threads(1)
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        peak = _peak_gmacs(pool, threads)
        with display.phase("Evaluation", turns * len(sets)) as phase:
            for number, (name, genomes) in enumerate(sets.items()):
                row = _measure(
                    name, genomes, space, supernet, pool, threads, turns, phase.update, number * turns
                )
                rows.append({**row, "of_peak": row["walk_gmacs"] / peak})
            phase.finish(turns * len(sets))
    torch.set_num_threads(threads)
    return {"machine": device_facts(device).to_json(), "peak_gmacs": peak, "sets": rows}


def genome_sets(space: SearchSpace) -> dict[str, list[Genome]]:
    """The sets compared, smallest first."""
    rng = random.Random(0)
    everything = list(space)
    return {
        "50 random, depths drawn evenly": _distinct(lambda: space.sample(rng), 50),
        "50 random networks": rng.sample(everything, 50),
        "50 of a late generation": _late_generation(space, rng),
        "1,000 random, depths drawn evenly": _distinct(lambda: space.sample(rng), 1_000),
        "the whole space": everything,
    }


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    machine = result["machine"]
    lines = [
        f"{machine['name']}, {machine['threads']} threads; matmul peak {result['peak_gmacs']:.0f} GMAC/s",
        f"{'networks x pictures per second':<36} {'one at a time':>14} {'one walk':>12} {'ratio':>7} {'of peak':>8}",
    ]
    lines += [
        f"{row['set']:<36} {row['alone_rate']:>14,.0f} {row['walk_rate']:>12,.0f} {row['ratio']:>7.1f} "
        f"{100 * row['of_peak']:>6.0f} %"
        for row in result["sets"]
    ]
    return "\n".join(lines)


def _measure(
    name: str,
    genomes: list[Genome],
    space: SearchSpace,
    supernet: Supernet,
    pool: ThreadPoolExecutor,
    threads: int,
    turns: int,
    progress: Callable[[int, str], None],
    done: int,
) -> dict[str, Any]:
    """Both ways in turn on one set."""
    some = genomes if len(genomes) <= _SAMPLE else random.Random(1).sample(genomes, _SAMPLE)
    networks = [supernet.extract(genome) for genome in some]
    block = pictures_per_block(len(genomes))
    tree = PrefixTree(supernet, genomes, most_nodes=max(1, ROWS // block))
    pictures = torch.randn(250, *space.shape, generator=torch.Generator().manual_seed(0))
    pictures = pictures.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(250, dtype=torch.int64)
    alone: dict[int, list[float]] = {batch: [] for batch in _BATCHES}
    walk: list[float] = []
    for turn in range(turns):
        for batch in _BATCHES:
            seconds = _seconds(pool, [(_alone, network, pictures, batch) for network in networks])
            alone[batch].append(len(networks) * len(pictures) / seconds)
        jobs = [(_walk, tree, pictures[:block], labels[:block]) for _ in range(threads)]
        walk.append(len(genomes) * block * threads / _seconds(pool, jobs))
        progress(done + turn + 1, name)
    alone_rate = max(statistics.median(rates) for rates in alone.values())
    walk_rate = statistics.median(walk)
    macs = sum(map(space.macs, genomes)) / len(genomes)
    return {
        "set": name,
        "genomes": len(genomes),
        "alone_rate": alone_rate,
        "alone_rates": alone,
        "walk_rate": walk_rate,
        "walk_rates": walk,
        "ratio": walk_rate / alone_rate,
        "alone_gmacs": alone_rate * macs / 1e9,
        "walk_gmacs": walk_rate * _walk_macs(tree.plan, space.shape, space.classes) / len(genomes) / 1e9,
    }


def _seconds(pool: ThreadPoolExecutor, jobs: Sequence[tuple[Any, ...]]) -> float:
    start = time.perf_counter()
    for future in [pool.submit(*job) for job in jobs]:
        future.result()
    return time.perf_counter() - start


@torch.inference_mode()
def _alone(network: StandaloneCNN, pictures: Tensor, batch: int) -> None:
    for part in torch.split(pictures, batch):
        network(part)


def _walk(tree: PrefixTree, pictures: Tensor, labels: Tensor) -> None:
    tree.score_block(pictures, labels)


def _walk_macs(stack: Stack, shape: Shape, classes: int) -> int:
    """Multiply-accumulates that the walk does for one picture, from this stack on; `shape` is of its maps."""
    channels, height, width = shape
    convs = sum(
        filters * part * plan.kernel**2 * height * width
        for plan in stack.convs
        for filters, part in zip(plan.filters, _parts([w or channels for w in plan.widths]), strict=True)
    )
    fcs = _fc_macs(stack.fcs, height * width, classes) if stack.fcs else 0
    below = sum(_walk_macs(b.stack, (b.stack.width, height // 2, width // 2), classes) for b in stack.below)
    return stack.nodes * (convs + fcs) + below


def _fc_macs(plan: FcPlan, per_width: int, classes: int) -> int:
    """For one column in: of an FC layer whose input widths are `per_width` features each, and of all behind it."""
    behind = sum(
        (following.stop - following.start)
        * (
            classes * max(following.ends, default=0)
            + (_fc_macs(following.further, 1, classes) if following.further else 0)
        )
        for following in plan.followings
    )
    own = sum(units * part for units, part in zip(plan.units, _parts(plan.widths), strict=True))
    return own * per_width + behind


def _parts(widths: Sequence[int]) -> list[int]:
    """What each width adds to the one before it."""
    return [width - before for before, width in pairwise((0, *widths))]


def _peak_gmacs(pool: ThreadPoolExecutor, threads: int) -> float:
    """The best of ten rounds of large matrix products, a thread each."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)

    def multiply() -> None:
        with torch.inference_mode():
            for _ in range(8):
                torch.mm(a, b)

    best = min(_seconds(pool, [(multiply,)] * threads) for _ in range(10))
    return threads * 8 * 1024**3 / 1e9 / best


def _late_generation(space: SearchSpace, rng: random.Random) -> list[Genome]:
    """The last population of the latest run on this space; without one, neighbours of one genome."""
    for path in sorted(Path("runs").glob("cifar10*/*/results/search.json"), reverse=True):
        population = [Genome.parse(text) for text in json.loads(path.read_text())["population"]]
        if len(population) == 50 and all(genome in space for genome in population):
            return population
    centre = space.encode(space.sample(rng, depth=3))

    def neighbour() -> Genome:
        chromosome = list(centre)
        for i in rng.sample(range(len(chromosome)), 3):
            chromosome[i] = rng.randrange(len(space.genes[i].choices))
        return space.decode(chromosome)

    return _distinct(neighbour, 50)


def _distinct(draw: Callable[[], Genome], count: int) -> list[Genome]:
    genomes: dict[Genome, None] = {}
    while len(genomes) < count:
        genomes.setdefault(draw())
    return list(genomes)
