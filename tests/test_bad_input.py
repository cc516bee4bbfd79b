"""Bad input of any kind at the door: exit code 2 and one paragraph; no traceback, no hang, nothing changed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from suite.ask.from_timings import FORMAT_VERSION, read_timings
from suite.errors import GenomeError, RunDirectoryError, StudyFileError, SuiteError, TimingsError
from suite.run_directory import RunDirectory
from suite.space import Genome, SearchSpace
from suite.study import read_study, study_toml, validate_study
from tests.conftest import ROOT, odd_space, refusal, said, space_of, tiny_table
from tests.damage import DAMAGES, damaged

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NASTY = st.sampled_from(
    ["\n\n", "\x1b[2J", "\x00", "\u202e", "\udcff", "../", "|", "`", "9" * 5_000, "0x" + "F" * 9_000]
)
TEXT = st.text(st.characters(), max_size=12)
WORDS = st.lists(TEXT | NASTY, max_size=4).map("".join)
KEYS = st.sampled_from(
    [
        "name",
        "seed",
        "data",
        "data.name",
        "data.image_size",
        "space.filters",
        "space.fc_layers",
        "search.limits",
    ]
)
SHAPE = (1, 16, 16)
STUDY = study_toml(validate_study(tiny_table(), where="tiny"))


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but locks, to see that nothing changed."""
    found = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".lock"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "no-hub"))


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(STUDY)
    return path


@given(content=st.binary(max_size=60) | WORDS.map(lambda text: text.encode(errors="surrogatepass")))
@quick
def test_a_study_file_of_junk(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "junk.toml"
    path.write_bytes(content)
    refusal("search", path)
    assert [file.name for file in tmp_path.iterdir()] == ["junk.toml"]


@given(place=st.integers(0, len(STUDY)), length=st.integers(0, 20), junk=WORDS)
@quick
def test_a_study_file_damaged_anywhere_is_read_or_refused(
    place: int, length: int, junk: str, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.toml"
    path.write_bytes((STUDY[:place] + junk + STUDY[place + length :]).encode(errors="surrogatepass"))
    try:
        study = read_study(path)
    except StudyFileError:
        refusal("search", path)
    else:
        path.write_text(study_toml(study), encoding="utf-8")
        assert read_study(path) == study


@given(key=KEYS | WORDS, value=WORDS)
@quick
def test_an_override_of_junk(key: str, value: str, study_file: Path) -> None:
    word = f"{key}={value}".replace("\x00", "")  # which no argument can hold
    try:
        study = read_study(study_file, [word])
    except StudyFileError:
        refusal("search", study_file, "--set", word)
    else:
        assume(study.data.name != "digits")
        refusal("search", study_file, "--set", word)  # data that is nowhere
    assert [file.name for file in study_file.parent.iterdir()] == ["tiny.toml"]


@given(
    key=st.sampled_from(["depth", "filters", "kernel", "fc_layers", "fc_units"]),
    choices=st.lists(st.integers(1, 10**9) | st.integers(1, 12), min_size=1, max_size=300),
)
@quick
def test_a_space_that_is_accepted_can_be_counted_and_its_genomes_written(
    key: str, choices: list[int]
) -> None:
    try:
        study = validate_study(tiny_table(space={key: choices}, data={"image_size": [4096, 4096]}), where="x")
    except StudyFileError:
        return
    space = SearchSpace(study.space, (3, 4096, 4096), 10)
    assert f"{space.size:,}"
    largest = space.decode(tuple(len(gene.choices) - 1 for gene in space.genes))
    assert space.parse(largest.text) == largest


@pytest.mark.parametrize(
    "override",
    [
        "space.fc_layers=[1, 100000]",
        "space.filters=[1000000]",
        "data.image_size=[1000000, 1000000]",
        f"space.filters={list(range(1, 400))}",
        "supernet.batch_size=0x" + "F" * 9_000,
        f"name={'a' * 300}",
    ],
)
def test_what_would_end_in_a_hang_or_no_memory_is_refused(override: str, study_file: Path) -> None:
    assert len(refusal("search", study_file, "--set", override)) < 1_000


@given(
    text=WORDS
    | st.lists(st.sampled_from(["5k3avg", "12k7avg", "fc6", "fc9", "fc06", "5k3AVG", ""])).map("-".join)
)
@settings(max_examples=300, deadline=None)
def test_a_genome_text_is_one_of_the_space_or_refused(text: str) -> None:
    space = odd_space()
    try:
        genome = space.parse(text)
    except GenomeError as error:
        assert_short_refusal(error)
    else:
        assert genome in space
        assert Genome.parse(genome.text) == genome


def assert_short_refusal(error: SuiteError) -> None:
    assert (error.exit_code, len(str(error)) < 1_000) == (2, True)


def test_a_space_without_end_is_walked_by_nobody(study_file: Path) -> None:
    endless = f"space.filters={list(range(1, 200))}", "--set", "space.depth=[3]"
    told = refusal("search", study_file, "--quiet", "--set", *endless, "--set", "search.method=exhaustive")
    assert "networks, and 10,000,000 at most can be scored one and all" in told
    assert not (study_file.parent / "runs").exists()
    with pytest.raises(StudyFileError, match="at most can be scored"):
        next(iter(space_of(filters=list(range(1, 200)))))


VERSIONS = (
    st.integers(2) | st.integers(max_value=0) | st.floats() | st.booleans() | st.none() | TEXT | st.just([1])
)
COMMANDS = (["report"], ["oracle"], ["fidelity"], ["export"], ["ask"], ["report", "--publish"], ["dashboard"])


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory as `suite search` leaves it before its first phase has ended."""
    run = RunDirectory.create(tmp_path_factory.mktemp("begun") / "run")
    (run.path / "study.toml").write_text(STUDY)
    study = validate_study(tiny_table(), where="tiny")
    device = {"device": "cpu", "threads": 1, "name": "a processor"}
    dataset = {"sha256": "0" * 64, "picture_shape": list(SHAPE), "classes": list("0123456789")}
    run.write_json(
        "run.json",
        {
            "run": "run",
            "asked": study.model_dump(mode="json"),
            "device": device,
            "dataset": dataset,
            "storage": None,
        },
    )
    return run.path


GENOMES = WORDS | st.lists(
    st.sampled_from(["4k3max", "8k5avg", "8k3MAX", "fc8", "fc16", "fc08", "", "9k3max"])
).map("-".join)


@given(text=GENOMES)
@quick
def test_a_genome_to_export_is_one_of_the_space_or_refused(text: str, begun: Path) -> None:
    word, before = text.replace("\x00", ""), files(begun)
    is_one = word in {
        genome.text for genome in SearchSpace(read_study(begun / "study.toml").space, SHAPE, 10)
    }
    told = refusal("export", begun, "--genome", word)
    assert ("has no trained supernet yet" in told) == is_one, told
    assert len(told) < 1_500
    assert files(begun) == before


@given(
    option=st.sampled_from(["--max-latency", "--max-params", "--max-macs"]),
    text=WORDS | st.from_regex(r"[0-9]{0,3}\.?[0-9]{0,3} ?(us|ms|s|k|M|G)?", fullmatch=True),
)
@quick
def test_a_limit_is_a_number_or_refused(option: str, text: str, begun: Path) -> None:
    word, before = text.replace("\x00", ""), files(begun)
    told = refusal("ask", begun, option, word)
    assert ("has no oracle yet" in told) != (f"{option}: " in told), told
    assert files(begun) == before


JSON = (
    st.sampled_from([None, math.inf, -math.inf, math.nan])
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.lists(st.integers(), max_size=2)
)
TIMED = st.fixed_dictionaries(
    {"genome": st.just("4k3max-fc8") | JSON, "median_ms": st.just(0.5) | JSON, "p90_ms": st.just(0.5) | JSON},
    optional={"iqr_ms": st.just(0.1) | JSON},
)


@given(
    device=st.fixed_dictionaries({"name": JSON, "onnxruntime": JSON, "threads": st.just(1) | JSON}) | JSON,
    noise=st.just(0.1) | JSON,
    timings=st.lists(TIMED, max_size=2) | JSON,
)
@settings(max_examples=300, deadline=None)
def test_timings_of_any_kind_are_read_or_refused(
    device: object, noise: object, timings: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "timings.json"
    value = {"format_version": FORMAT_VERSION, "study": "tiny", "run": "run", "device": device}
    path.write_text(json.dumps({**value, "noise_floor_ms": noise, "timings": timings}))
    try:
        read = read_timings(path, "tiny/run", {"4k3max-fc8": {}})
    except TimingsError as error:
        assert_short_refusal(error)
    else:
        assert set(read.of) == {"4k3max-fc8"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@given(version=VERSIONS)
@settings(max_examples=15, deadline=None)
def test_a_run_of_a_newer_format_is_left_alone(command: list[str], version: object, begun: Path) -> None:
    whole = (begun / "run.json").read_bytes()
    (begun / "run.json").write_text(json.dumps({**json.loads(whole), "format_version": version}))
    before = files(begun)
    try:
        words = [command[0], str(begun), *command[1:]]
        assert "format version" in refusal(*words)
        assert files(begun) == before
    finally:
        (begun / "run.json").write_bytes(whole)


@pytest.mark.parametrize(
    "phase",
    [
        "supernet",
        "search",
        "candidates",
        "finalists",
        "final",
        "oracle",
        "latency_model",
        "fidelity",
        "promise",
        "references",
    ],
)
@pytest.mark.parametrize(
    "content", ['{"format_version": 2}', "[" * 100_000, "{", "[1]", '{"a": 1}', '{"format_version": true}']
)
def test_a_result_of_a_newer_format_or_of_none(phase: str, content: str, begun: Path) -> None:
    result = begun / "results" / f"{phase}.json"
    result.write_text(content)
    before = files(begun)
    try:
        assert str(result) in refusal("report", begun)
        assert files(begun) == before
    finally:
        result.unlink()


@pytest.mark.fault("run.json or a result is truncated, or has a flipped bit: refused")
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["run.json", "results/search.json"])
def test_a_damaged_file_of_a_run(name: str, damage: str, begun: Path, study_file: Path) -> None:
    RunDirectory(begun).write_result("search", {"evaluated": list(range(40)), "front": []})
    whole = {file: (begun / file).read_bytes() for file in ("run.json", "results/search.json")}
    damaged(begun / name, damage)
    before = files(begun)
    try:
        assert str(begun / name) in refusal("report", begun)
        if name == "run.json":
            refusal("search", study_file, "--run-dir", begun, "--resume")
        assert files(begun) == before
    finally:
        (begun / "run.json").write_bytes(whole["run.json"])
        (begun / "results" / "search.json").unlink()


def test_a_resume_of_a_newer_format(begun: Path, study_file: Path) -> None:
    whole = (begun / "run.json").read_bytes()
    (begun / "run.json").write_text(json.dumps({**json.loads(whole), "format_version": 2}))
    try:
        assert "format version 2" in refusal("search", study_file, "--run-dir", begun, "--resume")
    finally:
        (begun / "run.json").write_bytes(whole)


@pytest.mark.parametrize("words", [["report"], ["search", "--resume", "--run-dir"], ["search", "--data"]])
def test_a_path_too_long_to_be_one(words: list[str], study_file: Path) -> None:
    command, *options = words
    study = [study_file] if command == "search" else []
    refusal(command, *study, *options, "a" * 5_000)


def test_a_run_directory_too_long_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="cannot be made: File name too long"):
        RunDirectory.create(tmp_path / ("a" * 300))


def test_a_fault_of_the_suite_is_one_paragraph_without_locals(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's input, but what nobody foresaw must not print a storage URL either."""

    def broken(*_: object) -> str:
        secret = "postgresql://me:s3cret@host/db"
        raise KeyError(len(secret))

    monkeypatch.setattr("suite.report.write_report", broken)
    code, text = said("report", begun)
    assert code == 1
    assert "cli/report.py" in text
    assert "KeyError: 30" in text
    assert "s3cret" not in text
    assert "Traceback" not in text
    assert str(ROOT) not in text
