"""Every search method through the same cases, and evolution's own promises."""

from __future__ import annotations

import json
import random

import pytest
from deap import tools
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.errors import StudyFileError
from suite.methods import (
    BEGIN_WITH_A_POOL,
    AgingEvolution,
    Judgement,
    Method,
    Problem,
    Proposal,
    evaluations_at_most,
    new_method,
)
from suite.methods.evolution import Evolution, _Individual
from suite.methods.surrogate import Surrogate
from suite.pareto import pareto_front
from suite.space import Genome
from suite.study import SearchSettings
from tests.conftest import space_of

SPACE = space_of()
METHODS = ("evolution", "random", "local", "aging", "tpe", "nsga2")
POOLED = ("evolution", "random", "local")  # begin with distinct networks, drawn evenly over depths


def problem(objectives: int = 2, allowed: object = None) -> Problem:
    return Problem(SPACE, (-1.0,) * objectives, allowed or (lambda genome: True))  # type: ignore[arg-type]


def judge(genome: Genome, objectives: int = 2) -> Judgement:
    """Two objectives that pull apart: capacity is good for the first and bad for the second."""
    macs = SPACE.macs(genome) / 1e6
    return Judgement((1 / macs + 0.001 * genome.fcs[0].units, macs)[:objectives])


def run(method: Method[Genome], objectives: int = 2) -> list[list[Proposal[Genome]]]:
    generations = []
    while not method.done:
        proposals = method.ask()
        generations.append(proposals)
        method.tell(proposals, {p.genome: judge(p.genome, objectives) for p in proposals})
    return generations


def small(**keys: object) -> SearchSettings:
    return SearchSettings.model_validate({"random_pool": 24, "population": 10, "generations": 4, **keys})


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("objectives", [1, 2])
def test_the_same_seed_proposes_the_same(name: str, objectives: int) -> None:
    one, other = (
        run(new_method(small(method=name), problem(objectives), random.Random(5)), objectives)
        for _ in range(2)
    )
    assert one == other
    different = run(new_method(small(method=name), problem(objectives), random.Random(6)), objectives)
    assert one != different


@pytest.mark.parametrize("name", METHODS)
def test_a_method_put_back_from_its_state_goes_on_the_same(name: str) -> None:
    method = new_method(small(method=name), problem(), random.Random(1))
    for _ in range(2):
        proposals = method.ask()
        method.tell(proposals, {p.genome: judge(p.genome) for p in proposals})
    restored = new_method(small(method=name), problem(), random.Random(99))
    restored.load(method.state())
    assert run(restored) == run(method)
    assert restored.population == method.population


@pytest.mark.parametrize("seed", range(8))
def test_nsga2_put_back_after_any_generation_has_the_parents_it_had(seed: int) -> None:
    """Their order decides who is drawn as one, and differs between those it has kept and those it chooses again."""
    settings = small(method="nsga2", population=6, generations=8)
    method, states = new_method(settings, problem(), random.Random(seed)), []
    generations = []
    while not method.done:
        states.append(method.state())
        proposals = method.ask()
        generations.append(proposals)
        method.tell(proposals, {p.genome: judge(p.genome) for p in proposals})
    for done, state in enumerate(states):
        restored = new_method(settings, problem(), random.Random(99))
        restored.load(json.loads(json.dumps(state)))
        assert run(restored) == generations[done:]


@pytest.mark.parametrize("name", METHODS)
def test_only_methods_that_are_said_to_begin_with_a_pool_do(name: str) -> None:
    first, second, *_ = run(new_method(small(method=name), problem(), random.Random(1)))
    drawn, later = ({proposal.origin for proposal in part} for part in (first, second))
    assert (drawn == {"random"} != later) == (name in BEGIN_WITH_A_POOL)


@pytest.mark.parametrize("name", METHODS)
def test_global_random_state_is_left_alone(name: str) -> None:
    random.seed(123)
    before = random.getstate()
    run(new_method(small(method=name), problem(), random.Random(1)))
    assert random.getstate() == before


@pytest.mark.parametrize("name", METHODS)
def test_nothing_forbidden_is_proposed(name: str) -> None:
    allowed = lambda genome: SPACE.parameters(genome) < 100_000  # noqa: E731
    generations = run(new_method(small(method=name), problem(allowed=allowed), random.Random(1)))
    assert all(allowed(p.genome) for proposals in generations for p in proposals)
    assert all(generations)


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_limits_that_few_keep_leave_a_sampler_fewer_to_propose(name: str) -> None:
    def allowed(genome: Genome) -> bool:
        return genome.text.startswith("16k3max-16k3")  # one in 72, of a hundred tries

    settings = small(method=name, population=4, generations=2)
    generations = run(new_method(settings, problem(allowed=allowed), random.Random(1)))
    assert len(generations) == 3
    proposed = [p.genome for proposals in generations for p in proposals]
    assert proposed
    assert all(map(allowed, proposed))
    assert any(len(proposals) < 4 for proposals in generations)


@pytest.mark.parametrize("name", METHODS)
def test_no_more_is_evaluated_than_was_forecast(name: str) -> None:
    """With offspring of their own number too, which all methods have a generation."""
    for offspring in (0, 4):
        settings = small(method=name, offspring=offspring)
        generations = run(new_method(settings, problem(), random.Random(2)))
        seen: set[Genome] = set()
        paid_for = []
        for proposals in generations:
            new = {p.genome for p in proposals} - seen
            paid_for.append(len(new))
            seen |= new
        assert sum(paid_for) <= evaluations_at_most(settings)
        assert max(paid_for[1:]) <= (offspring or 10)


@pytest.mark.parametrize("name", METHODS)
def test_limits_that_nothing_keeps_are_an_error(name: str) -> None:
    with pytest.raises(StudyFileError, match=r"search\.limits"):
        new_method(small(method=name), problem(allowed=lambda genome: False), random.Random(1)).ask()


@pytest.mark.parametrize("name", METHODS)
def test_the_best_that_was_judged_is_known(name: str) -> None:
    judged: dict[Genome, float] = {}
    method = new_method(small(method=name, generations=8), problem(1), random.Random(1))
    for proposals in iter(method.ask, []):
        judged |= {p.genome: judge(p.genome, 1).values[0] for p in proposals}
        method.tell(proposals, {p.genome: judge(p.genome, 1) for p in proposals})
        if method.done:
            break
    known = judged if name != "aging" else {genome: judged[genome] for genome in method.population}
    assert judged[method.population[0]] == min(known.values())
    assert len(method.population) <= 10


@pytest.mark.parametrize("name", ["evolution", "local", "aging", "tpe", "nsga2"])
def test_what_was_told_is_made_use_of(name: str) -> None:
    """The networks proposed last are better on average than those proposed first."""
    generations = run(new_method(small(method=name, generations=12), problem(1), random.Random(3)), 1)
    first, last = (
        sum(judge(p.genome, 1).values[0] for p in proposals) / len(proposals)
        for proposals in (generations[0], [p for late in generations[-4:] for p in late])
    )
    assert last < first


def test_local_search_goes_on_from_the_best_and_asks_for_nothing_twice() -> None:
    method = new_method(small(method="local", generations=30), problem(1), random.Random(0))
    asked = [p for proposals in run(method, 1) for p in proposals]
    assert len({p.genome for p in asked}) == len(asked)
    around = [p for p in asked if p.origin == "neighbour"]
    assert all(p.genome in SPACE.neighbours(p.parents[0]) for p in around)
    best_of_pool = min(asked[:24], key=lambda p: judge(p.genome, 1).values[0]).genome
    assert around[0].parents == (best_of_pool,)


def test_local_search_has_as_many_evaluations_as_other_methods() -> None:
    """Networks have fewer neighbours than a batch, so that it takes more batches."""
    settings = small(method="local", population=20, generations=5)
    generations = run(new_method(settings, problem(1), random.Random(0)), 1)
    assert sum(map(len, generations)) == evaluations_at_most(settings) == 124
    assert len(generations) > 6


def test_counts_far_apart_do_not_make_millions_of_neighbours() -> None:
    far = space_of((3, 256, 256), depth=[2, 8], fc_layers=[1, 6])
    genome = far.sample(random.Random(0), depth=2)
    assert len(far.neighbours(genome)) < 50
    method = new_method(small(method="local"), Problem(far, (-1.0,), lambda g: True), random.Random(0))
    method.tell(pool := method.ask(), {p.genome: Judgement((far.macs(p.genome),)) for p in pool})
    assert len(method.ask()) == 10


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_a_sampler_is_told_of_limits_that_cost_something_to_check(name: str) -> None:
    """Of networks beyond a limit on latency, say; it learns to keep away from them."""
    beyond = lambda genome: max(0.0, SPACE.macs(genome) / 1e6 - 6)  # noqa: E731

    def kept(told: bool) -> int:
        settings = small(method=name, population=20, generations=15)
        method = new_method(settings, problem(1), random.Random(4))
        while not method.done:
            proposals = method.ask()
            judged = {
                p.genome: Judgement((-SPACE.macs(p.genome),), told * beyond(p.genome)) for p in proposals
            }
            method.tell(proposals, judged)
        return sum(beyond(p.genome) == 0 for p in proposals)

    assert kept(told=True) > kept(told=False) + 5


def test_who_is_within_reach_does_not_depend_on_how_many_are_held_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = small(preselection=4, generations=3)
    together = run(Evolution(settings, problem(), random.Random(2)))
    monkeypatch.setattr("suite.methods.evolution._HELD_TOGETHER", 7)
    assert run(Evolution(settings, problem(), random.Random(2))) == together


def test_an_aging_population_forgets_its_oldest() -> None:
    method = new_method(small(method="aging", generations=1), problem(1), random.Random(0))
    first, second = run(method, 1)
    assert set(method.population) == {p.genome for p in second}
    assert {p.parents[0] for p in second} <= {p.genome for p in first}
    assert all(p.genome != p.parents[0] or p.chromosome[0] for p in second)


@pytest.mark.parametrize("left", [8, 2])
def test_aging_evolution_ends_where_no_single_move_is_allowed(left: int) -> None:
    """Of networks two moves apart and more; the living are told from strangers, which are drawn if any are left."""
    few = space_of((1, 8, 8), depth=[1], filters=[4, 8], kernel=[3, 5], fc_layers=[1], fc_units=[8, 16])
    apart = [g for g in few if sum(few.encode(g)) % 2 == 0][:left]
    method = AgingEvolution(
        Problem(few, (-1.0,), lambda g: g in apart), random.Random(0), population=2, batch=3, batches=4
    )
    generations = run(method, 1)
    assert [len(proposals) for proposals in generations] == (
        [2, 3, 3, 3, 3] if left == 8 else [2, 0, 0, 0, 0]
    )
    assert {p.genome for proposals in generations for p in proposals} <= set(apart)


@pytest.mark.parametrize("factor", [1, 3])
def test_judgements_are_kept_for_a_surrogate_alone(factor: int) -> None:
    method = Evolution(small(preselection=factor, generations=2), problem(1), random.Random(5))
    run(method, 1)
    assert len(method.state()["judged"]) == (0 if factor == 1 else 44)


def test_a_state_from_before_judgements_were_kept_is_read() -> None:
    """By a surrogate too, which begins to choose once there is something to learn from."""
    plain = small(preselection=1)
    method = Evolution(plain, problem(), random.Random(1))
    pool = method.ask()
    method.tell(pool, {p.genome: judge(p.genome) for p in pool})
    old = {key: value for key, value in method.state().items() if key != "judged"}
    restored = Evolution(plain, problem(), random.Random(9))
    restored.load(old)
    assert run(restored) == run(method)
    choosing = Evolution(small(preselection=3), problem(), random.Random(9))
    choosing.load(old)
    assert all(run(choosing))


def test_preselection_pays_for_offspring_that_a_surrogate_expects_to_survive() -> None:
    few, many = (
        run(Evolution(small(preselection=factor, generations=2), problem(1), random.Random(5)), 1)
        for factor in (1, 20)
    )

    def mean(proposals: list[Proposal[Genome]]) -> float:
        return sum(judge(p.genome, 1).values[0] for p in proposals) / len(proposals)

    assert few[0] == many[0]
    assert [len(proposals) for proposals in many] == [24, 10, 10]
    assert mean(many[1]) < mean(few[1])
    assert len({p.genome for proposals in many for p in proposals}) == 44


def test_the_surrogate_is_mostly_followed_and_never_blindly() -> None:
    """It is told that wide networks are bad, half of which live: few of them are evaluated, but some."""
    method = Evolution(small(preselection=30, generations=2), problem(1), random.Random(5))

    def is_wide(genome: Genome) -> bool:
        return genome.convs[0].filters > 16

    pool = method.ask()
    noise = random.Random(0)
    method.tell(pool, {p.genome: Judgement((is_wide(p.genome) + noise.gauss(0, 0.05),)) for p in pool})
    method._population += [
        _Individual(p.chromosome, p.genome, method._fitness(Judgement((1.0,))))
        for p in pool
        if is_wide(p.genome)
    ]
    wide = [is_wide(p.genome) for _ in range(20) for p in method.ask()]
    assert 0 < sum(wide) < 0.3 * len(wide)


def test_neighbours_of_the_population_are_among_what_is_evaluated() -> None:
    method = Evolution(small(preselection=3, generations=8), problem(), random.Random(5))
    beside = [p for proposals in run(method)[1:] for p in proposals if p.origin == "neighbour"]
    assert beside
    assert all(p.genome in SPACE.neighbours(p.parents[0]) for p in beside)


def test_only_the_order_of_what_was_judged_counts() -> None:
    """A network far off, or a scale that is bent, changes nothing of what is drawn for others."""
    genomes = [p.genome for p in Evolution(small(), problem(), random.Random(5)).ask()]
    judged = {genome: Judgement((float(n), -float(n))) for n, genome in enumerate(genomes)}
    bent = {genome: Judgement((float(n) ** 3, -1e9 / (25 - n))) for n, genome in enumerate(genomes)}
    one, other = (Surrogate(SPACE, known).draws(genomes[:5], random.Random(1)) for known in (judged, bent))
    assert one == other
    assert one != Surrogate(SPACE, judged).draws(genomes[:5], random.Random(2))


@pytest.mark.parametrize("name", POOLED)
def test_the_first_round_is_distinct_and_even_over_depths(name: str) -> None:
    pool = new_method(small(method=name), problem(), random.Random(1)).ask()
    assert len({p.genome for p in pool}) == 24
    assert [len(p.genome.convs) for p in pool].count(2) == 8


def test_a_space_smaller_than_the_budget_is_used_up() -> None:
    tiny = space_of((1, 8, 8), depth=[1], filters=[4], kernel=[3, 5], fc_layers=[1], fc_units=[8])
    settings_ = small(method="random")
    method = new_method(settings_, Problem(tiny, (-1.0,), lambda genome: True), random.Random(0))
    proposed = []
    while not method.done:
        proposals = method.ask()
        proposed += proposals
        method.tell(proposals, {p.genome: Judgement((1.0,)) for p in proposals})
    assert len(proposed) == tiny.size == 4


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 13), st.sampled_from([1, 2]))
def test_evolution_keeps_its_size_and_its_best(seed: int, population: int, objectives: int) -> None:
    """From four on: with ties at both ends of a front, NSGA-II takes up to four networks for its ends."""
    settings_ = SearchSettings(random_pool=20, population=population, generations=3)
    method = Evolution(settings_, problem(objectives), random.Random(seed))
    seen: dict[Genome, tuple[float, ...]] = {}
    while not method.done:
        proposals = method.ask()
        new = {p.genome for p in proposals} - set(seen)
        assert len(new) <= (20 if method.generation == 0 else population)
        assert len(proposals) <= 20 * population
        judged = {p.genome: judge(p.genome, objectives) for p in proposals}
        seen |= {genome: judgement.values for genome, judgement in judged.items()}
        method.tell(proposals, judged)
        assert len(set(method.population)) == len(method.population) == population
        front = pareto_front(seen, [-1.0] * objectives)
        assert front[0] in method.population or seen[method.population[0]] == seen[front[0]]


def test_every_generation_pays_for_a_population_of_new_genomes() -> None:
    generations = run(Evolution(small(generations=8), problem(), random.Random(0)))
    seen: set[Genome] = set()
    for proposals in generations:
        new = {p.genome for p in proposals} - seen
        assert len(new) == (10 if seen else 24)
        seen |= new


def test_mutation_moves_exactly_one_active_gene() -> None:
    method = Evolution(small(crossover=0.0, mutation=1.0), problem(), random.Random(2))
    run(method)
    one = method._population[0]
    for child in (c for _ in range(50) for c in method._offspring(one, one)):
        changed = [g.name for g, a, b in zip(SPACE.genes, one, child.chromosome, strict=True) if a != b]
        assert len(changed) == 1
        assert changed[0] in SPACE.active_genes(one.genome)
        assert child.origin == "mutation"
        assert child.genome != one.genome or changed[0] in ("depth", "fc.layers")


def test_rates_are_kept() -> None:
    method = Evolution(small(), problem(), random.Random(4))
    run(method)
    one, other = method._population[:2]
    origins = [child.origin for _ in range(2_000) for child in method._offspring(one, other)]
    crossed = sum("crossover" in origin for origin in origins) / len(origins)
    mutated = sum("mutation" in origin for origin in origins) / len(origins)
    assert crossed == pytest.approx(0.9, abs=0.03)
    assert mutated == pytest.approx(0.1, abs=0.03)


def test_children_of_a_crossover_take_every_gene_from_a_parent() -> None:
    method = Evolution(small(crossover=1.0, mutation=0.0), problem(), random.Random(4))
    run(method)
    one, other = method._population[:2]
    for child in method._offspring(one, other):
        assert all(
            gene in pair for gene, pair in zip(child.chromosome, zip(one, other, strict=True), strict=True)
        )


def test_survivors_are_deaps_own_selection() -> None:
    method = Evolution(small(), problem(), random.Random(3))
    pool = method.ask()
    method.tell(pool, {p.genome: judge(p.genome) for p in pool})
    contenders = [
        _Individual(p.chromosome, p.genome, method._fitness_type(judge(p.genome).values)) for p in pool
    ]
    assert list(method.population) == [i.genome for i in tools.selNSGA2(contenders, 10)]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), min_size=1, max_size=40),
    st.integers(1, 40),
)
def test_survivors_of_a_thinned_crowd_are_those_of_the_whole(
    judged: list[tuple[int, int, int]], wanted: int
) -> None:
    """In the same order too, though many are equal and some break the limits."""
    method = Evolution(small(), problem(), random.Random(3))
    [proposal, *_] = method.ask()
    crowd = [
        _Individual(
            proposal.chromosome, proposal.genome, method._fitness(Judgement((one, other), violation=amount))
        )
        for one, other, amount in judged
    ]
    whole = tools.selNSGA2(crowd, wanted)
    distances = [individual.fitness.crowding_dist for individual in whole]
    for individual in crowd:
        individual.fitness.crowding_dist = -1.0
    assert [id(survivor) for survivor in method._survivors(crowd, wanted)] == list(map(id, whole))
    assert [survivor.fitness.crowding_dist for survivor in whole] == distances


def test_preselection_learns_what_breaks_the_limits() -> None:
    """More filters are better here, and forbidden: only a surrogate that knows of limits stops paying for them."""

    def judged(genome: Genome) -> Judgement:
        filters = sum(layer.filters for layer in genome.convs) / len(genome.convs)
        return Judgement((-filters,), violation=max(0.0, filters - 30))

    method = Evolution(small(preselection=20, generations=6), problem(1), random.Random(5))
    paid: list[list[bool]] = []
    while not method.done:
        proposals = method.ask()
        paid.append([judged(p.genome).violation == 0 for p in proposals])
        method.tell(proposals, {p.genome: judged(p.genome) for p in proposals})
    pool, bred = paid[0], [kept for generation in paid[1:] for kept in generation]
    assert 0 < sum(pool) < len(pool)
    assert sum(bred) > 0.3 * len(bred), (
        "the best lie at the limit, so many miss it; without knowing, nearly all do"
    )


def test_a_genome_within_the_limits_outlives_any_beyond_them() -> None:
    method = Evolution(small(), problem(), random.Random(3))
    pool = method.ask()
    kept = {p.genome for p in pool[:10]}
    judged = {
        p.genome: Judgement((9.0, 9.0)) if p.genome in kept else Judgement((0.0, 0.0), violation=1.0)
        for p in pool
    }
    method.tell(pool, judged)
    assert set(method.population) == kept


def test_a_failed_genome_never_enters_the_population() -> None:
    method = Evolution(small(), problem(), random.Random(3))
    pool = method.ask()
    failed = pool[0].genome
    method.tell(pool, {p.genome: judge(p.genome) for p in pool if p.genome != failed})
    assert failed not in method.population
