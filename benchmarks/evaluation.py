"""How fast subnets are scored, one at a time and in one walk: `suite bench evaluation`.

Both ways take turns on the same pictures and threads, in one run; the rate of each is the median over the turns. One
at a time is made as fast as we know how: networks extracted beforehand, channels last, eager, the best of three batch
sizes, a thread per network. Weights and pictures are those of the latest CIFAR-10 run in runs/ if there is one, since
the walk leaves out what no picture activates; otherwise random, where less is idle.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from suite.blocks import Shape
from suite.cnn import StandaloneCNN
from suite.data import find_data, open_data
from suite.device import device_facts, open_device
from suite.errors import DataError
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import SpaceSettings, read_study
from suite.supernet import Supernet, load_supernet
from suite.supernet.fc_plan import FcPlan
from suite.supernet.prefix_plan import Stack
from suite.supernet.prefix_tree import PrefixTree
from suite.supernet.scoring import MEMORY, most_at_once

_BATCHES = (25, 125, 250)
_SAMPLE = 40  # networks of a larger set that are timed one at a time
_PICTURES = 250
_WALKED = 8  # pictures a thread, of a set that is walked a picture at a time
_WIDENED = SpaceSettings(filters=(16, 24, 32, 48, 64))


@dataclass(frozen=True)
class Subject:
    """What is scored: a supernet, and pictures (N, C, H, W) normalised, channels last."""

    supernet: Supernet
    pictures: Tensor
    source: str  # for people
    late_generation: list[Genome]


def run(display: Display, turns: int = 5, urls: Sequence[str] = ()) -> dict[str, Any]:
    """Rates in networks x pictures per second, of each set of genomes, on the CIFAR-10 space and a wider one."""
    device, threads = open_device("cpu"), torch.get_num_threads()
    subject, wider = _subject(), _random_subject(SearchSpace(_WIDENED, (3, 32, 32), 10))
    sets = [(name, subject, genomes, torch.float32) for name, genomes in genome_sets(subject).items()]
    everything = sets[-1][2]
    sets.append(("the whole space, in bfloat16", subject, everything, torch.bfloat16))
    sets.append(("a wider space, random weights", wider, list(wider.supernet.space), torch.float32))
    rows = []
    torch.set_num_threads(1)
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        peak = _peak_gmacs(pool, threads)
        with display.phase("Evaluation", turns * len(sets), "sets") as phase:
            for number, (name, of, genomes, dtype) in enumerate(sets):
                phase.update(number * turns, name)
                row = _measure(of, genomes, dtype, pool, threads, turns)
                rows.append({"set": name, **row, "of_peak": row["walk_gmacs"] / peak})
            phase.finish(turns * len(sets))
    torch.set_num_threads(threads)
    return {
        "machine": device_facts(device).to_json(),
        "source": subject.source,
        "peak_gmacs": peak,
        "sets": rows,
    }


def genome_sets(subject: Subject) -> dict[str, list[Genome]]:
    """The sets compared, smallest first."""
    rng, space = random.Random(0), subject.supernet.space
    everything = list(space)
    return {
        "50 random, depths drawn evenly": _distinct(lambda: space.sample(rng), 50),
        "50 random networks": rng.sample(everything, 50),
        "50 of a late generation": subject.late_generation or _neighbours(space, rng),
        "1,000 random, depths drawn evenly": _distinct(lambda: space.sample(rng), 1_000),
        "the whole space": everything,
    }


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    machine = result["machine"]
    lines = [
        f"{machine['name']}, {machine['threads']} threads; matmul peak {result['peak_gmacs']:.0f} GMAC/s (float32)",
        f"{result['source']}",
        "Of peak: MACs by the plan, those with idle units among them, so that it can be above 100 %.",
        f"{'networks x pictures per second':<34} {'networks':>9} {'one at a time':>14} {'one walk':>10} "
        f"{'ratio':>6} {'of peak':>8}",
    ]
    lines += [
        f"{row['set']:<34} {row['genomes']:>9,} {row['alone_rate']:>14,.0f} {row['walk_rate']:>10,.0f} "
        f"{row['ratio']:>6.1f} {100 * row['of_peak']:>6.0f} %"
        for row in result["sets"]
    ]
    return "\n".join(lines)


def _measure(
    subject: Subject,
    genomes: list[Genome],
    dtype: torch.dtype,
    pool: ThreadPoolExecutor,
    threads: int,
    turns: int,
) -> dict[str, Any]:
    """Both ways in turn on one set."""
    supernet, space = subject.supernet, subject.supernet.space
    some = genomes if len(genomes) <= _SAMPLE else random.Random(1).sample(genomes, _SAMPLE)
    networks = [supernet.extract(genome).to(dtype) for genome in some]
    most = most_at_once(space, MEMORY // threads)
    tree = PrefixTree(supernet, genomes, rows=most.rows, most_pictures=most.pictures, dtype=dtype)
    walked = max(tree.pictures, _WALKED)
    pictures, labels = subject.pictures.to(dtype), torch.zeros(_PICTURES, dtype=torch.int64)
    alone: dict[int, list[float]] = {batch: [] for batch in _BATCHES}
    walk: list[float] = []
    for _ in range(turns):
        for batch in _BATCHES:
            seconds = _seconds(pool, [(_alone, network, pictures, batch) for network in networks])
            alone[batch].append(len(networks) * len(pictures) / seconds)
        jobs = [
            (_walk, tree, pictures[first:][:walked], labels[:walked], tree.pictures)
            for first in range(0, threads * _WALKED, _WALKED)
        ]
        walk.append(len(genomes) * walked * threads / _seconds(pool, jobs))
    alone_rate = max(statistics.median(rates) for rates in alone.values())
    walk_rate = statistics.median(walk)
    macs = sum(map(space.macs, genomes)) / len(genomes)
    return {
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


def _walk(tree: PrefixTree, pictures: Tensor, labels: Tensor, block: int) -> None:
    for part, its in zip(torch.split(pictures, block), torch.split(labels, block), strict=True):
        tree.score_block(part, its)


def _walk_macs(stack: Stack, shape: Shape, classes: int) -> int:
    """Multiply-accumulates that the walk does for one picture, from this stack on; `shape` is of its maps."""
    channels, height, width = shape
    convs = sum(
        filters * part * plan.kernel**2 * height * width
        for plan in stack.convs
        for filters, part in zip(plan.filters, _parts([w or channels for w in plan.widths]), strict=True)
    )
    fcs = sum(_fc_macs(plan, height * width, classes) for plan in stack.fcs.values())
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


def _subject() -> Subject:
    """The latest CIFAR-10 run whose pictures are at hand; random weights and pictures without one."""
    searched = Path("runs").glob("cifar10*/*/results/search.json")
    for path in sorted(searched, key=lambda path: path.parent.parent.name, reverse=True):
        run = RunDirectory.open(path.parent.parent)
        study = read_study(run.path / "study.toml")
        if study.space != SpaceSettings():
            continue
        try:
            data = open_data(study.data, find_data(study.data))
        except DataError:
            continue
        space = SearchSpace(study.space, data.picture_shape, len(data.classes))
        population = [space.parse(text) for text in json.loads(path.read_text())["population"]]
        return Subject(
            load_supernet(study, space, run),
            _channels_last(data.normalise(data.val_search.pictures[:_PICTURES])),
            f"the supernet of {run.path}, pictures of val-A, the last generation of its search",
            population,
        )
    return _random_subject(SearchSpace(SpaceSettings(), (3, 32, 32), 10))


def _random_subject(space: SearchSpace) -> Subject:
    generator = torch.Generator().manual_seed(0)
    supernet = Supernet(space, 0.5).draw(generator).eval()
    pictures = torch.randn(_PICTURES, *space.shape, generator=generator)
    return Subject(
        supernet, _channels_last(pictures), "random weights and pictures, a late generation imitated", []
    )


def _channels_last(pictures: Tensor) -> Tensor:
    return pictures.contiguous(memory_format=torch.channels_last)


def _neighbours(space: SearchSpace, rng: random.Random) -> list[Genome]:
    """What a late generation is like: genomes that differ from one in a few genes."""
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
