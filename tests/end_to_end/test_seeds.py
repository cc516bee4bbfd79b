"""Several seeds by one command, stopped and gone on with; runs compared; both published."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from suite.run_directory import RunDirectory
from suite.study import read_study, study_toml
from suite.used_study import with_epochs
from tests.conftest import refusal
from tests.end_to_end.conftest import suite, write_study
from tests.end_to_end.stopping import search_with


def quick_study(folder: Path) -> Path:
    return write_study(
        folder,
        supernet={"epochs": 1},
        search={"random_pool": 8, "population": 4, "generations": 1},
        finalists={"count": 2, "epochs": 1},
    )


def outcomes(folder: Path) -> dict[int, tuple[str, float]]:
    """Winner and test accuracy of every seed of a set."""
    runs = [json.loads(file.read_text()) for file in folder.glob("*/results.json")]
    return {run["seed"]: (run["winner"]["genome"], run["test"]["eval_loss"]) for run in runs}


@pytest.fixture(scope="module")
def two_seeds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A set that was never stopped, and what was said of it."""
    folder = tmp_path_factory.mktemp("seeds")
    done = suite("search", quick_study(folder), "--seeds", 2, "--run-dir", "set", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "set", done


def test_every_seed_is_a_run_and_a_table_says_how_they_came_out(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = two_seeds
    for seed in (0, 1):
        run = RunDirectory.open(folder / f"set-seed-{seed}")
        assert (run.read_json("results.json") or {})["seed"] == seed
        assert (run.path / "report" / "report.md").is_file()
        assert len((run.path / "results" / "test_ledger.jsonl").read_text().splitlines()) == 1
    header, *rows, compared = done.stdout.splitlines()
    assert header.split()[:2] == ["Seed", "Winner"]
    assert [row.split()[0] for row in rows] == ["0", "1", "mean"]
    assert compared == f"Compared {folder / 'report' / 'report.md'}"
    assert "Seed 1, 2 of 2" in done.stderr
    assert "Study tiny, seed 1, on cpu" in done.stderr


def test_the_page_of_a_set_holds_its_seeds_side_by_side(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = two_seeds
    page = (folder / "report" / "report.md").read_text()
    assert page.startswith("# Comparison: tiny, 2 seeds\n")
    assert "Nothing but the seed" in page
    assert "exact test of McNemar" in page
    figures = list((folder / "report" / "figures").iterdir())
    assert {figure.name for figure in figures} == {"accuracy.png", "search.png", "fronts.png"}
    assert min(figure.stat().st_size for figure in figures) > 5_000


def test_what_time_budgets_made_different_is_said_beside_the_mean(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Each seed's own pace decides."""
    copied = Path(shutil.copytree(two_seeds[0], tmp_path / "set"))
    used = read_study(copied / "set-seed-1" / "study.toml")
    (copied / "set-seed-1" / "study.toml").write_text(study_toml(with_epochs(used, 1, 1, stop="early")))
    fitted = {"seconds": 1.0, "epochs": {"finalists": 1, "final": 1}, "stop": "early"}
    RunDirectory(copied / "set-seed-1").write_result("time_left", fitted)
    words = ("search", quick_study(tmp_path), "--seeds", 2, "--run-dir", "set", "--resume")
    done = suite(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Not the same for all seeds, see the page: finalists.stop" in done.stdout.splitlines()
    assert "Not the same" not in two_seeds[1].stdout


def test_what_was_wrong_is_kept_for_paired_tests(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    final = RunDirectory(two_seeds[0] / "set-seed-0").read_result("final") or {}
    right = sum(row[place] for place, row in enumerate(final["confusion"]))
    assert len(set(final["wrong"])) == len(final["wrong"]) == len(final["predicted"]) - right
    assert set(final["wrong"]) <= set(range(len(final["predicted"])))


SAYING = (
    "from suite.progress import Display; at(Display, 'say', 1, interrupt, lambda text: text.startswith('{}'))"
)
BEFORE, BETWEEN = SAYING.format("Seed 0"), SAYING.format("Seed 1")
WITHIN = "at(RunDirectory, 'write_result', 2, interrupt, lambda phase, value: phase == 'search')"


@pytest.mark.parametrize("fault", [BETWEEN, WITHIN], ids=["between seeds", "within a seed"])
def test_a_set_stopped_by_ctrl_c_goes_on_and_keeps_what_is_finished(
    fault: str, two_seeds: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    study = quick_study(tmp_path)
    stopped = search_with(fault, study, tmp_path, "--seeds", "2")
    assert stopped.returncode == 130, stopped.stderr
    assert f"--seeds 2 --run-dir {tmp_path / 'run'} --resume" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    first = tmp_path / "run" / "run-seed-0" / "results.json"
    before, written = first.read_bytes(), first.stat().st_mtime_ns
    resumed = suite("search", study, "--seeds", 2, "--run-dir", "run", "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert f"finished before, in {tmp_path / 'run' / 'run-seed-0'}" in resumed.stderr
    assert (first.read_bytes(), first.stat().st_mtime_ns) == (before, written)
    assert outcomes(tmp_path / "run") == outcomes(two_seeds[0])


def test_a_set_stopped_before_its_first_run_leaves_nothing(tmp_path: Path) -> None:
    stopped = search_with(BEFORE, quick_study(tmp_path), tmp_path, "--seeds", "2")
    assert stopped.returncode == 130
    assert "nothing was kept" in stopped.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.fault("the disk is full while a seed of a set is trained")
def test_a_full_disk_says_how_to_go_on_with_the_set(tmp_path: Path) -> None:
    stopped = search_with(
        "RunDirectory.save_checkpoint = full", quick_study(tmp_path), tmp_path, "--seeds", "2"
    )
    assert stopped.returncode == 1
    assert stopped.stderr.endswith(f"go on: the same command with --resume --run-dir {tmp_path / 'run'}\n")
    assert (tmp_path / "run" / "set.json").is_file()


def test_a_set_grows_in_the_place_and_the_storage_it_was_begun_in(tmp_path: Path) -> None:
    study = quick_study(tmp_path)
    words = ("search", study, "--quiet", "--seed", 5)
    begun = suite(
        *words, "--seeds", 2, "--storage", "journal:trials.log", "--time-budget", "1h", cwd=tmp_path
    )
    assert begun.returncode == 0, begun.stderr
    other = suite(*words, "--seeds", 3, "--resume", "--time-budget", "2h", cwd=tmp_path)
    assert (other.returncode, "3600 s then, 7200 s now" in other.stderr) == (2, True)
    grown = suite(*words, "--seeds", 3, "--resume", cwd=tmp_path)
    assert grown.returncode == 0, grown.stderr
    assert [line.split()[0] for line in grown.stdout.splitlines()[1:4]] == ["5", "6", "7"]
    runs = sorted((tmp_path / "runs" / "tiny").glob("*/run.json"))
    facts = [json.loads(file.read_text()) for file in runs]
    assert [run["time_budget_seconds"] for run in facts] == [3600] * 3
    assert {run["storage"] for run in facts} == {f"journal:{tmp_path / 'trials.log'}"}
    assert list((tmp_path / "runs" / "tiny").glob("*/study.db")) == []


def test_a_set_is_refused_before_anything_is_written(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = two_seeds
    monkeypatch.chdir(tmp_path)
    study = quick_study(tmp_path)
    again = ("search", study, "--run-dir", folder, "--resume")
    assert "no set of seeds of tiny yet" in refusal("search", study, "--seeds", 2, "--resume")
    assert "is there already" in refusal("search", study, "--seeds", 2, "--run-dir", folder)
    assert "seeds 0 to 1, not 1 to 2" in refusal(*again, "--seeds", 2, "--seed", 1)
    before = (folder / "set.json").stat().st_mtime_ns
    assert "search.population: 4 then, 5 now" in refusal(*again, "--seeds", 3, "--set", "search.population=5")
    assert (folder / "set.json").stat().st_mtime_ns == before
    assert "is no set of seeds" in refusal(
        "search", study, "--run-dir", folder / "set-seed-0", "--resume", "--seeds", 2
    )
    assert "go beyond 2147483647" in refusal("search", study, "--seeds", 2, "--seed", 2**31 - 1)
    for words, why in ((("--seeds", 2, "--device", "tpu"), "no device"), (("--seeds", 1), "--seeds")):
        done = suite("search", study, *words, cwd=tmp_path)
        assert (done.returncode, why in done.stderr) == (2, True)
    assert not (tmp_path / "runs" / "tiny").exists()


def test_a_password_is_not_sent_to_a_server_that_only_a_sets_files_name(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(two_seeds[0], tmp_path / "set"))
    for seed in (0, 1):
        run = RunDirectory(folder / f"set-seed-{seed}")
        run.write_json(
            "run.json", {**(run.read_json("run.json") or {}), "storage": "postgresql://me@127.0.0.1:1/db"}
        )
    again = ("search", quick_study(tmp_path), "--run-dir", folder, "--resume", "--seeds", 3)
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    assert "goes only to a server that you name yourself" in refusal(*again).replace("\n  ", " ")
    assert not (folder / "set-seed-2").exists()


def test_sets_and_runs_are_compared_in_a_page_of_their_own(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]], finished: Path, tmp_path: Path
) -> None:
    done = suite("compare", two_seeds[0], finished, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (page,) = (tmp_path / "runs" / "comparisons").glob("*/report.md")
    assert page == tmp_path / done.stdout.strip()
    text = page.read_text()
    assert text.startswith("# Comparison: tiny (1), 2 seeds; tiny (2)\n")
    assert "<code>supernet.epochs</code> | <code>1</code> | <code>2</code>" in text
    assert "2 tested pairs" in text
    again = suite("compare", finished, two_seeds[0] / "set-seed-1", "--out", "here", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "here" / "figures").iterdir())) == 3


def test_what_cannot_be_compared_is_one_paragraph(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]],
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    unfinished = Path(shutil.copytree(two_seeds[0], tmp_path / "unfinished"))
    (unfinished / "set-seed-1" / "results" / "final.json").unlink()
    assert "has no tested winner yet" in refusal("compare", finished, unfinished)
    shutil.rmtree(unfinished / "set-seed-1")
    assert "has no run of seed 1 yet" in refusal("compare", finished, unfinished)
    assert "is no run directory" in refusal("compare", finished, tmp_path)
    assert "takes two or more" in refusal("compare", finished, finished)
    (tmp_path / "diary").mkdir()
    (tmp_path / "diary" / "report.md").write_text("# My diary\n")
    assert "other than a comparison" in refusal(
        "compare", finished, two_seeds[0], "--out", tmp_path / "diary"
    )
    assert not (tmp_path / "runs").exists()
    assert suite("compare", cwd=tmp_path).returncode == 2


def test_a_set_is_published_run_by_run_and_as_a_whole(
    two_seeds: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = suite("report", two_seeds[0], "--publish", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    published = tmp_path / "reports" / "tiny"
    assert {folder.name for folder in published.iterdir()} == {"set-seed-0", "set-seed-1", "comparison-set"}
    assert {path.suffix for path in (published / "comparison-set").rglob("*.*")} == {".md", ".png"}
    index = (tmp_path / "reports" / "README.md").read_text()
    assert "tiny/set-seed-1/report.md" in index
    assert "- [Comparison: tiny, 2 seeds](tiny/comparison-set/report.md)\n" in index
