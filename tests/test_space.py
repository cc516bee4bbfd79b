"""The space: canonical genomes, exact counts, arithmetic equal to what torch counts."""

from __future__ import annotations

import json
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from suite.cnn import StandaloneCNN
from suite.errors import GenomeError
from suite.space import Genome, SearchSpace
from tests.conftest import space_of

CIFAR = space_of()
FASHION = space_of((1, 28, 28))
SMALL = space_of((1, 16, 16), depth=[1, 3], filters=[4, 6], kernel=[1, 3], fc_layers=[1, 3], fc_units=[8, 9])
NORMED = space_of((3, 16, 16), depth=[2], filters=[4, 8], norm="batch")

chromosomes = st.tuples(*(st.integers(0, len(gene.choices) - 1) for gene in CIFAR.genes))


def test_sizes_of_the_design() -> None:
    assert CIFAR.size == FASHION.size == 271_296
    assert len(CIFAR.genes) == 16


@pytest.mark.parametrize(
    ("space", "fewest", "most"), [(CIFAR, 17_018, 2_472_778), (FASHION, 10_586, 1_978_058)]
)
def test_parameter_extremes_of_the_design(space: SearchSpace, fewest: int, most: int) -> None:
    parameters = [space.parameters(genome) for genome in space]
    assert (min(parameters), max(parameters)) == (fewest, most)


def test_mac_extremes_of_the_design() -> None:
    by_macs = sorted(CIFAR, key=CIFAR.macs)
    smallest, largest = by_macs[0], by_macs[-1]
    assert (CIFAR.macs(smallest), len(smallest.convs)) == (1_164_544, 2)
    assert (CIFAR.macs(largest), len(largest.convs)) == (39_719_936, 4)
    assert CIFAR.parameters(largest) == 711_626


def test_fashion_maps_shrink_to_one_pixel() -> None:
    genome = FASHION.parse("16k3max-16k3max-16k3max-16k3max-fc128")
    assert [shape[1] for shape in FASHION.shapes(genome)[:5]] == [28, 14, 7, 3, 1]


@pytest.mark.parametrize("space", [CIFAR, FASHION, SMALL, NORMED])
def test_arithmetic_equals_what_torch_counts(space: SearchSpace) -> None:
    rng = random.Random(3)
    for _ in range(25):
        genome = space.sample(rng)
        network = StandaloneCNN(space, genome).draw(torch.Generator().manual_seed(0)).eval()
        assert sum(p.numel() for p in network.parameters()) == space.parameters(genome)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, *space.shape))
        assert counter.get_total_flops() == 2 * space.macs(genome)


def test_iterating_gives_every_genome_once() -> None:
    genomes = list(SMALL)
    assert len(genomes) == len(set(genomes)) == SMALL.size
    assert all(genome in SMALL for genome in genomes)


@given(chromosomes)
def test_genomes_round_trip(chromosome: tuple[int, ...]) -> None:
    genome = CIFAR.decode(chromosome)
    assert Genome.parse(genome.text) == genome
    assert CIFAR.parse(genome.text) == genome
    assert Genome.from_json(json.loads(json.dumps(genome.to_json()))) == genome
    assert CIFAR.decode(CIFAR.encode(genome)) == genome
    assert genome in CIFAR


@given(chromosomes, chromosomes)
def test_inactive_genes_never_make_two_genomes_differ(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    genome = CIFAR.decode(one)
    active = CIFAR.active_genes(genome)
    mixed = [a if gene.name in active else b for gene, a, b in zip(CIFAR.genes, one, other, strict=True)]
    assert CIFAR.decode(mixed) == genome
    assert hash(CIFAR.decode(mixed)) == hash(genome)


@given(chromosomes)
def test_active_genes_name_the_choices(chromosome: tuple[int, ...]) -> None:
    active = CIFAR.active_genes(CIFAR.decode(chromosome))
    for gene, index in zip(CIFAR.genes, chromosome, strict=True):
        if gene.name in active:
            assert active[gene.name] == gene.choices[index]
    assert len(active) == 2 + 3 * int(active["depth"]) + int(active["fc.layers"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "32k3max",
        "fc128",
        "32k3max-fc128-32k3max",
        "32k3min-fc128",
        "0k3max-fc128",
        "32k3max-fc",
        "x" * 500,
    ],
)
def test_text_that_is_no_genome_is_refused(text: str) -> None:
    with pytest.raises(GenomeError):
        Genome.parse(text)


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        genome = Genome.parse(text)
    except GenomeError:
        return
    assert Genome.parse(genome.text) == genome


@pytest.mark.parametrize("text", ["32k7max-32k3max-fc128", "32k3max-fc128", "32k3max-32k3max-fc100"])
def test_a_genome_outside_the_space_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(GenomeError, match="kernel \\[3, 5\\]"):
        CIFAR.parse(text)


def test_depth_is_drawn_evenly() -> None:
    rng = random.Random(0)
    depths = [len(CIFAR.sample(rng).convs) for _ in range(3_000)]
    assert all(abs(depths.count(depth) - 1_000) < 120 for depth in (2, 3, 4))  # 4.6 standard deviations
    assert {len(CIFAR.sample(rng, depth=3).convs) for _ in range(20)} == {3}


@given(chromosomes)
def test_neighbours_are_one_step_away_and_so_is_the_way_back(chromosome: tuple[int, ...]) -> None:
    genome = CIFAR.decode(chromosome)
    neighbours = CIFAR.neighbours(genome)
    assert len(set(neighbours)) == len(neighbours)
    assert genome not in neighbours
    assert all(neighbour in CIFAR for neighbour in neighbours)
    assert all(genome in CIFAR.neighbours(neighbour) for neighbour in neighbours[::7])
    depth, fcs = len(genome.convs), len(genome.fcs)
    moved = depth * (2 + 1 + 1) + fcs * 2
    deeper, shallower = 12 * (depth < 4), depth > 2
    assert len(neighbours) == moved + deeper + shallower + (3 if fcs == 1 else 1)


def test_counts_that_are_no_neighbours_are_a_step_apart() -> None:
    genome = Genome.parse("4k1max-fc8")
    steps = SMALL.neighbours(genome)
    deeper = [step for step in steps if len(step.convs) == 3]
    wider = [step for step in steps if len(step.fcs) == 3]
    assert {g.convs[:1] for g in deeper} == {genome.convs}
    assert [len(set(g.convs[1:])) for g in deeper] == [1] * 8  # both layers alike, each of eight kinds
    assert [len(set(g.fcs[1:])) for g in wider] == [1] * 2
