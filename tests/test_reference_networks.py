"""Which networks the names stand for, and how large they are."""

from __future__ import annotations

from typing import Any

from suite.mlp import Mlp
from suite.reference_networks import BASE, MLPS, NAMES, RANDOM, reference_networks
from suite.space import Genome, SearchSpace
from suite.study import StudySettings, validate_study
from tests.conftest import tiny_table


def study_of(**tables: Any) -> tuple[StudySettings, SearchSpace]:
    seed = {"seed": tables.pop("seed", 0)}
    study = validate_study({**tiny_table(**tables), **seed}, where="tiny")
    return study, SearchSpace(study.space, (3, *study.data.image_size), 10)


def standard(seed: int = 0) -> tuple[StudySettings, SearchSpace]:
    data = {"name": "x", "image_size": [32, 32]}
    study = validate_study({"name": "x", "seed": seed, "data": data}, where="x")
    return study, SearchSpace(study.space, (3, 32, 32), 10)


def test_sizes_of_the_standard_space() -> None:
    study, space = standard()
    networks = {network.name: network for network in reference_networks(study, space)}
    assert tuple(networks) == NAMES
    assert networks["fewest parameters"].parameters(space) == 17_018
    assert networks["most parameters"].parameters(space) == 2_472_778
    assert networks["most MACs"].macs(space) == 39_719_936
    assert networks["fewest MACs"].macs(space) == 1_164_544
    base = networks[BASE]
    assert base.architecture in space  # type: ignore[operator]
    conv1, conv2, fc, classifier = 3 * 9 * 32 + 32, 32 * 9 * 64 + 64, 64 * 8 * 8 * 128 + 128, 1290
    assert base.parameters(space) == conv1 + conv2 + fc + classifier
    assert networks[MLPS[0]].parameters(space) == 199_082


def test_the_base_is_built_where_the_space_does_not_hold_it_and_left_out_of_the_tiniest_pictures() -> None:
    study, space = study_of()
    base = reference_networks(study, space)[0]
    assert base.name == BASE
    assert base.architecture not in space  # type: ignore[operator]
    parameters = sum(p.numel() for p in base.undrawn(space).parameters())
    assert base.parameters(space) == parameters
    names = [n.name for n in reference_networks(*study_of(data={"image_size": [2, 8]}, space={"depth": [1]}))]
    assert names == [name for name in NAMES if name != BASE]


def test_random_networks_are_drawn_by_depth_and_by_the_studys_seed() -> None:
    def drawn(seed: int) -> list[Genome | Mlp]:
        return [n.architecture for n in reference_networks(*standard(seed)) if n.name in RANDOM]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert len(set(drawn(3))) == 5
    assert [len(genome.convs) for genome in drawn(3) if isinstance(genome, Genome)] == [2, 3, 4, 2, 3]


def test_a_space_of_two_networks_gives_five_all_the_same() -> None:
    space = {
        "depth": [1],
        "filters": [4],
        "kernel": [3],
        "pool": ["max"],
        "fc_layers": [1],
        "fc_units": [8, 16],
    }
    networks = reference_networks(*study_of(space=space))
    assert len({n.architecture for n in networks if n.name in RANDOM}) == 2
    assert [n.name for n in networks] == list(NAMES)


def test_mlps_have_the_settings_in_their_names_and_all_others_the_studys() -> None:
    study, space = study_of(supernet={"learning_rate": 0.003, "batch_size": 48})
    for network in reference_networks(study, space):
        pace = f"rate {network.learning_rate}, batch {network.batch_size}"
        if network.name in MLPS:
            assert network.name.endswith(pace)
        else:
            assert pace == "rate 0.003, batch 48"
