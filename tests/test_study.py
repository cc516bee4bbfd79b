"""The study file: those that come with the suite are read, and what cannot be done is refused in words."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.errors import StudyFileError
from suite.study import StudySettings, read_study, study_toml, validate_study
from tests.conftest import ROOT, tiny_table

STUDIES = sorted((ROOT / "studies").glob("*.toml"))
SMALLEST = 'name = "x"\n[data]\nname = "digits"\nimage_size = [32, 32]\n'

Refusal = Callable[..., str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The smallest study there can be."""
    path = tmp_path / "mine.toml"
    path.write_text(SMALLEST)
    return path


@pytest.fixture
def refusal(file: Path) -> Refusal:
    """What is said of the smallest study with `--set`s laid over it."""

    def refuse(*overrides: str) -> str:
        with pytest.raises(StudyFileError) as raised:
            read_study(file, overrides)
        assert raised.value.exit_code == 2
        return str(raised.value)

    return refuse


class TestTheStudiesThatComeAlong:
    @pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
    def test_each_is_valid_and_named_like_its_file(self, path: Path) -> None:
        assert read_study(path).name == path.stem

    @pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
    def test_each_writes_every_key_out(self, path: Path) -> None:
        written = tomllib.loads(path.read_text())
        known = read_study(path).model_dump(mode="json")
        known["search"]["limits"] = {}
        assert {
            name: sorted(value) if isinstance(value, dict) else "" for name, value in written.items()
        } == {name: sorted(value) if isinstance(value, dict) else "" for name, value in known.items()}

    def test_cifar10_is_the_defaults(self) -> None:
        cifar10 = read_study(ROOT / "studies" / "cifar10.toml")
        assert cifar10 == validate_study(
            {"name": "cifar10", "data": {"name": "cifar10", "image_size": [32, 32]}}, where="defaults"
        )

    def test_fashion_mnist_differs_from_cifar10_in_its_pictures_only(self) -> None:
        cifar10, fashion_mnist = (
            read_study(ROOT / "studies" / f"{n}.toml") for n in ("cifar10", "fashion_mnist")
        )
        assert fashion_mnist.data.image_size == (28, 28)
        as_cifar10 = fashion_mnist.model_dump() | {"name": "cifar10"}
        as_cifar10["data"] |= {"name": "cifar10", "image_size": (32, 32)}
        assert as_cifar10 == cifar10.model_dump()

    @pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
    def test_the_quick_ones_cut_time_and_nothing_else(self, name: str) -> None:
        whole, quick = (read_study(ROOT / "studies" / f"{stem}.toml") for stem in (name, f"{name}-quick"))
        assert (quick.data, quick.space, quick.search) == (whole.data, whole.space, whole.search)
        assert quick.supernet.epochs < whole.supernet.epochs
        assert quick.finalists.count * quick.finalists.epochs < whole.finalists.count * whole.finalists.epochs
        assert quick.final.epochs < whole.final.epochs
        assert quick.latency.budget_ms < whole.latency.budget_ms

    def test_digits_are_never_mirrored(self) -> None:
        assert read_study(ROOT / "studies" / "digits.toml").data.augment == "crop"


class TestRefusals:
    """Each with the file, the key, and what is known or allowed."""

    @pytest.mark.parametrize(
        ("override", "key", "nearest"),
        [
            ("space.kernels=[3]", "space.kernels", "kernel"),
            ("sreach.population=60", "sreach", "search"),
            ("search.popultion=60", "search.popultion", "population"),
            ("search.limits.max_parms=1", "search.limits.max_parms", "max_params"),
        ],
    )
    def test_an_unknown_key_names_the_nearest_known_one(
        self, refusal: Refusal, override: str, key: str, nearest: str
    ) -> None:
        assert f"{key}: unknown key; did you mean {nearest!r}." in refusal(override)

    def test_an_unknown_key_like_no_other_lists_what_is_known(self, refusal: Refusal) -> None:
        said = refusal("latency.qqq=1")
        assert "latency.qqq: unknown key; known here are batch, threads, budget_ms." in said

    @pytest.mark.parametrize(
        ("override", "said"),
        [
            ("supernet.epochs=ten", "supernet.epochs: 'ten' is not allowed: should be a valid integer."),
            ("seed=true", "seed: True is not allowed: should be a valid integer."),
            ("seed=1.0", "seed: 1.0 is not allowed: should be a valid integer."),
            ("data.name=3", "data.name: 3 is not allowed: should be a valid string."),
            ("space.kernel=3", "space.kernel: 3 is not allowed: should be a list."),
            ("space.kernel=[3.0]", "space.kernel.0: 3.0 is not allowed: should be a valid integer."),
            ("search=3", "search: 3 is not allowed: should be a table."),
            (
                "data.image_size=[32, 32, 3]",
                "data.image_size: (32, 32, 3) is not allowed: should have at most 2",
            ),
            (
                "supernet.learning_rate=inf",
                "supernet.learning_rate: inf is not allowed: should be a finite number",
            ),
        ],
    )
    def test_a_wrong_type(self, refusal: Refusal, override: str, said: str) -> None:
        assert said in refusal(override)

    @pytest.mark.parametrize("gene", ["depth", "filters", "kernel", "pool", "fc_layers", "fc_units"])
    def test_an_empty_choice_list(self, refusal: Refusal, gene: str) -> None:
        assert f"space.{gene}: is empty; give at least one." in refusal(f"space.{gene}=[]")

    def test_no_objective(self, refusal: Refusal) -> None:
        assert "search.objectives: is empty; give at least one." in refusal("search.objectives=[]")

    @pytest.mark.parametrize(
        ("override", "twice"),
        [
            ("space.filters=[16, 32, 16]", "space.filters: 16"),
            ("search.objectives=['macs', 'macs']", "search.objectives: 'macs'"),
        ],
    )
    def test_a_choice_listed_twice(self, refusal: Refusal, override: str, twice: str) -> None:
        assert f"{twice} is listed twice; list it once." in refusal(override)

    @pytest.mark.parametrize("kernels", ["[4]", "[3, 2]"])
    def test_even_kernels(self, refusal: Refusal, kernels: str) -> None:
        said = refusal(f"space.kernel={kernels}")
        assert "space.kernel: " in said
        assert 'is even, and "same" padding needs odd sizes; use 3 or 5' in said

    @pytest.mark.parametrize("size", ["[32, 32]", "[32, 500]", "[63, 32]"])
    def test_pooling_below_one_pixel(self, file: Path, refusal: Refusal, size: str) -> None:
        read_study(file, [f"data.image_size={size}", "space.depth=[5]"])
        said = refusal(f"data.image_size={size}", "space.depth=[6]")
        assert "space.depth: 6 layers of 2x2 pooling" in said
        assert "use depths up to 5, or larger pictures (data.image_size)." in said

    @pytest.mark.parametrize("population", [0, 1, -3])
    def test_a_population_of_nobody(self, refusal: Refusal, population: int) -> None:
        said = refusal(f"search.population={population}")
        assert (
            f"search.population: {population} is not allowed: should be greater than or equal to 2." in said
        )

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("search.crossover", "1.1"),
            ("search.crossover", "-0.1"),
            ("search.mutation", "2"),
            ("search.mutation", "nan"),
            ("space.dropout", "1.0"),
            ("supernet.dropout", "-0.5"),
            ("supernet.average", "1.0"),
            ("data.val_search", "0.0"),
            ("data.val_choice", "0.5"),
        ],
    )
    def test_a_rate_out_of_range(self, refusal: Refusal, key: str, value: str) -> None:
        said = refusal(f"{key}={value}")
        assert f"{key}: {value} is not allowed: should be " in said
        assert "than" in said

    @pytest.mark.parametrize(
        ("override", "allowed"),
        [
            ("search.method=gradient", "'evolution'"),
            ("data.augment=mixup", "'flip-crop'"),
            ("data.class_weights=heavy", "'balanced'"),
            ("supernet.first_fc=per-count", "'per-depth-and-count'"),
            ("supernet.step_rule=branch", "'single-path', 'sandwich' or 'tree'"),
            ("space.pool=['min']", "'avg'"),
            ("search.objectives=['speed']", "'latency'"),
            ("finalists.stop=soon", "'early'"),
            ("finalists.choose=best", '"one_se"'),
            ("finalists.choose=cheapest_above:80", '"cheapest_above:0.75"'),
        ],
    )
    def test_a_word_that_is_not_allowed_names_those_that_are(
        self, refusal: Refusal, override: str, allowed: str
    ) -> None:
        assert allowed in refusal(override)

    def test_a_pool_smaller_than_the_population(self, refusal: Refusal) -> None:
        assert "random_pool (10) is smaller than population (50)" in refusal("search.random_pool=10")

    def test_a_rule_that_weighs_several_where_one_is_left(self, file: Path, refusal: Refusal) -> None:
        assert "leaves one finalist" in refusal("finalists.stop=early", "finalists.choose=one_se")
        read_study(file, ["finalists.stop=early"])

    def test_two_objectives_that_are_one(self, file: Path, refusal: Refusal) -> None:
        both = "search.objectives=['accuracy', 'loss']"
        assert "are the same thing" in refusal(both)
        read_study(file, [both, "search.score=accuracy"])

    @pytest.mark.parametrize("name", ["", "../up", "a b", "-x", "a/b"])
    def test_a_name_that_is_no_folder_name(self, refusal: Refusal, name: str) -> None:
        assert "name: " in refusal(f"name={name}")

    def test_several_faults_are_told_at_once(self, refusal: Refusal) -> None:
        said = refusal("space.kernel=[4]", "search.mutation=2", "extra=1")
        assert "3 faults:" in said
        assert all(key in said for key in ("space.kernel", "search.mutation", "extra"))

    def test_what_must_be_there(self, file: Path) -> None:
        file.write_text('name = "x"\n')
        with pytest.raises(StudyFileError, match="data: is missing; add it"):
            read_study(file)

    def test_a_refused_override_is_shown_beside_the_file(self, refusal: Refusal, file: Path) -> None:
        assert refusal("search.population=0").startswith(
            f"{file} --set search.population=0: search.population: 0"
        )


class TestFiles:
    def test_a_missing_file_names_the_studies_beside_it(self, file: Path) -> None:
        with pytest.raises(StudyFileError, match=r"mien\.toml: no such study file\. There are .*mine\.toml"):
            read_study(file.with_name("mien.toml"))

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(
            StudyFileError, match=r"is a folder, and no study file\. For pictures in it, write"
        ):
            read_study(tmp_path)

    @pytest.mark.parametrize(
        "content",
        [
            b"name = ",
            b"name = 'x'\nname = 'y'",
            b"\xff\xfe",
            b"a = " + b"[" * 10_000,
            b"a = " + b"1" * 10_000,
        ],
        ids=["unfinished", "twice", "bytes", "nested", "endless"],
    )
    def test_what_is_no_toml(self, file: Path, content: bytes) -> None:
        file.write_bytes(content)
        with pytest.raises(StudyFileError, match="is not valid TOML"):
            read_study(file)


class TestOverrides:
    @pytest.mark.parametrize("override", ["seed", "", "=3", "search..x=1", ".seed=1", "search.=1"])
    def test_what_is_no_key_and_value(self, refusal: Refusal, override: str) -> None:
        assert "is not KEY=VALUE. For example: --set search.population=100" in refusal(override)

    def test_a_key_below_a_value(self, refusal: Refusal) -> None:
        assert "seed is a value, not a table." in refusal("seed=1", "seed.x=1")

    def test_values_are_toml_and_bare_words_are_strings(self, file: Path) -> None:
        study = read_study(
            file,
            [
                "seed=3",
                "search . population = 60",
                "space.kernel=[5, 3]",
                "data.augment=none",
                "search.limits.max_params=1000",
                "supernet.learning_rate=1e-4",
                'data.name="a=b"',
            ],
        )
        assert (study.seed, study.search.population, study.space.kernel) == (3, 60, (3, 5))
        assert (study.data.augment, study.search.limits.max_params) == ("none", 1000)
        assert (study.supernet.learning_rate, study.data.name) == (0.0001, "a=b")

    def test_the_last_one_counts(self, file: Path) -> None:
        assert read_study(file, ["seed=1", "seed=2"]).seed == 2


# No other words than a file's own: a key made of any letters would never meet a known one.
INNER_KEYS = (
    "image_size",
    "kernel",
    "depth",
    "pool",
    "objectives",
    "limits",
    "max_params",
    "population",
    "epochs",
)
KEYS = st.sampled_from([*StudySettings.model_fields, *INNER_KEYS, "choose", "budget_ms", "extra"])
ENDLESS = st.integers(5_000, 6_000).map(lambda digits: 16**digits)  # more digits than Python writes out
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)
counts = st.integers(1, 10**15)
rates = st.floats(0, 1)


@st.composite
def studies(draw: st.DrawFn) -> StudySettings:
    """Any valid study, as far as its values can make a difference to being written down."""
    population = draw(st.integers(2, 100))
    table: dict[str, Any] = tiny_table(
        data={
            "name": draw(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1)),
            "val_search": draw(st.floats(0.01, 0.49)),
        },
        space={
            "filters": draw(st.lists(st.integers(1, 4096), min_size=1, max_size=4, unique=True)),
            "pool": draw(st.lists(st.sampled_from(["max", "avg"]), min_size=1, unique=True)),
        },
        supernet={"learning_rate": draw(st.floats(min_value=0, exclude_min=True, allow_infinity=False))},
        search={
            "population": population,
            "random_pool": population + draw(st.integers(0, 100)),
            "crossover": draw(rates),
            "limits": draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "max_params": counts,
                        "max_latency_ms": st.floats(1e-9, 1e9),
                        "max_macs": counts,
                    },
                )
            ),
        },
    )
    return validate_study({**table, "seed": draw(st.integers(0, 2**31 - 1))}, where="drawn")


@given(study=studies())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_study_written_and_read_is_the_same(study: StudySettings, tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(study_toml(study), encoding="utf-8")
    assert read_study(path) == study


@given(table=st.dictionaries(KEYS, VALUES | ENDLESS | st.dictionaries(KEYS, ENDLESS, max_size=2)))
@settings(deadline=None)
def test_tables_of_junk_are_valid_or_refused(table: dict[str, Any]) -> None:
    try:
        study = validate_study(tiny_table() | table, where="junk")
    except StudyFileError:
        return
    assert study_toml(study)


@given(content=st.binary() | st.text().map(str.encode) | st.text(alphabet="[]{}=\"'.\n#ab1-").map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_files_of_junk_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "junk.toml"
    path.write_bytes(content)
    with pytest.raises(StudyFileError):
        read_study(path)


@given(key=st.lists(KEYS | st.text(), max_size=3).map(".".join), value=st.text() | VALUES.map(str))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_overrides_of_junk_are_taken_or_refused(key: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALLEST)
    for override in (f"{key}={value}", key, value):
        try:
            study = read_study(path, [override])
        except StudyFileError:
            continue
        path.write_text(study_toml(study), encoding="utf-8")
        assert read_study(path) == study
        path.write_text(SMALLEST)


def test_a_file_with_the_mark_that_windows_puts_first_is_read(file: Path) -> None:
    plain = read_study(file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert read_study(file) == plain
