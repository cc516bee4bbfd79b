"""What a user does: run a study on real digits, stop it anywhere, go on, read the report, browse the trials."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from suite.halving import rungs
from suite.run_directory import RunDirectory
from suite.study import read_study
from suite.trials import open_storage
from suite.wording import method_in_words
from tests.end_to_end.conftest import ENVIRONMENT, hear_ctrl_c, suite, write_study
from tests.end_to_end.stopping import search_with

PHASES = ("supernet", "search", "finalists", "final")


def outcome(run: Path) -> dict[str, Any]:
    """What must be the same whenever and however often a run was stopped: no seconds, no latencies."""
    results = json.loads((run / "results.json").read_text())
    search = json.loads((run / "results" / "search.json").read_text())
    finalists = json.loads((run / "results" / "finalists.json").read_text())
    return {
        "winner": {key: results["winner"][key] for key in ("genome", "params", "macs")},
        "test": {key: results["test"][key] for key in ("eval_loss", "eval_accuracy", "epoch")},
        "supernet": json.loads((run / "results" / "supernet.json").read_text())["sha256"],
        "evaluated": search["evaluated"],
        "generations": [(g["proposed"], g["population"]) for g in search["generations"]],
        "finalists": [{k: row[k] for k in row if k != "seconds"} for row in finalists["finalists"]],
    }


def test_a_run_leaves_what_the_contract_says(finished: Path) -> None:
    results = json.loads((finished / "results.json").read_text())
    assert {"format_version", "study", "seed", "dataset", "search", "winner", "test", "references"} <= set(
        results
    )
    assert {"name", "source", "sha256"} <= set(results["dataset"])
    assert set(results["search"]["seconds"]) == {"supernet", "search", "finalists", "final", "total"}
    assert set(results["winner"]["latency_ms"]) == {"median", "p90", "iqr", "batch", "threads", "device"}
    assert results["test"]["epoch"] == 5.0
    for name in (
        "study.toml",
        "study.db",
        "run.json",
        "supernet.safetensors",
        "trials.csv",
        "report/report.md",
    ):
        assert (finished / name).is_file(), name
    assert list((finished / "checkpoints").iterdir()) == []


def test_every_evaluated_genome_is_a_trial(finished: Path) -> None:
    search = json.loads((finished / "results" / "search.json").read_text())
    study = optuna.load_study(
        study_name="tiny/run/search", storage=open_storage(f"sqlite:///{finished}/study.db")
    )
    assert [t.user_attrs["genome"] for t in study.trials] == [row["genome"] for row in search["evaluated"]]
    assert len(study.trials) == search["evaluations"] == 12 + 2 * 6 <= search["proposed"]
    finalists = optuna.load_study(
        study_name="tiny/run/finalists", storage=open_storage(f"sqlite:///{finished}/study.db")
    )
    assert len(finalists.trials) == 3
    assert {t.state.name for t in finalists.trials} == {"PRUNED", "COMPLETE"}
    assert all(len(t.intermediate_values) in (1, 2, 4) for t in finalists.trials)


def test_the_test_was_opened_once(finished: Path) -> None:
    lines = (finished / "results" / "test_ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["network"] for line in lines] == ["winner"]


def test_the_report_answers_first_and_shows_every_figure(finished: Path) -> None:
    page = (finished / "report" / "report.md").read_text()
    titles = [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]
    assert titles[:2] == ["The answer", "The winner"]
    assert {
        "The front",
        "The finalists",
        "The test",
        "What it cost",
        "Test ledger",
        "How to repeat it",
    } <= set(titles)
    final = json.loads((finished / "results" / "final.json").read_text())
    first, _, _ = page.partition("## The answer\n\n")[2].partition("\n\n")
    assert first.startswith("Of 432 networks, evolution scored ")
    assert "3 networks were trained alone. The winner, of " in first
    assert f"has {100 * final['test']['eval_accuracy']:.2f} % of 359 test pictures right" in first
    figures = set(re.findall(r"\]\((figures/[^)]+)\)", page))
    assert len(figures) == 11
    for figure in figures:
        assert (finished / "report" / figure).read_bytes().startswith(b"\x89PNG")
    for line in page.splitlines():
        if line.startswith("!["):
            assert len(line.split("]")[0]) > 20, "a figure without a telling alt text"


def test_publishing_copies_neither_weights_nor_databases(finished: Path) -> None:
    done = suite("report", finished, "--publish", cwd=finished.parent)
    assert done.returncode == 0, done.stderr
    published = finished.parent / "reports" / "tiny" / "run"
    kinds = {path.suffix for path in published.rglob("*") if path.is_file()}
    assert kinds == {".md", ".png", ".json", ".csv", ".toml"}
    index = (finished.parent / "reports" / "README.md").read_text()
    assert "tiny/run/report.md" in index


def test_the_same_seed_gives_the_same_run(finished: Path, tmp_path: Path) -> None:
    done = suite("search", write_study(tmp_path), "--run-dir", "run", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path / "run") == outcome(finished)


@pytest.mark.parametrize("where", [*PHASES, "recording"])
def test_a_run_stopped_by_ctrl_c_anywhere_goes_on_to_the_same_end(
    where: str, finished: Path, tmp_path: Path
) -> None:
    study = write_study(tmp_path)
    stopped = _run_and_interrupt(where, study, tmp_path)
    assert stopped.returncode == 130, stopped.stderr
    assert "go on with" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert RunDirectory(tmp_path / "run").read_result("search" if where == "recording" else where) is None
    resumed = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    (going_on,) = re.findall(r"^Going on with .*/run; finished: (.*)\.$", resumed.stderr, re.MULTILINE)
    assert ("search" in going_on) == (where in ("finalists", "final"))
    assert outcome(tmp_path / "run") == outcome(finished)
    storage = open_storage(f"sqlite:///{tmp_path}/run/study.db")
    genomes = [
        t.user_attrs["genome"]
        for t in optuna.load_study(study_name="tiny/run/search", storage=storage).trials
    ]
    assert len(genomes) == len(set(genomes))


def _run_and_interrupt(where: str, study: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Ctrl-C, by a real signal: at a phase's second checkpoint, or in the middle of recording a generation."""
    if where == "recording":
        return search_with("at(Trials, 'record', 15, interrupt)", study, folder)
    wanted = f"lambda phase, state: phase.startswith({where.removesuffix('s')!r})"
    number = 1 if where == "final" else 2
    fault = f"at(RunDirectory, 'save_checkpoint', {number}, interrupt, {wanted})"
    return search_with(fault, study, folder)


def test_a_resume_in_another_storage_is_refused(finished: Path) -> None:
    study, parent = finished.parent / "tiny.toml", finished.parent
    done = suite(
        "search", study, "--run-dir", "run", "--resume", "--storage", "journal:other.log", cwd=parent
    )
    assert done.returncode == 2
    assert "--storage: sqlite:///" in done.stderr
    assert not (parent / "other.log").exists()


def test_limits_that_no_network_keeps_say_how_near_the_nearest_is(tmp_path: Path) -> None:
    study = write_study(tmp_path, search={"objectives": ["accuracy"], "limits": {"max_latency_ms": 0.0001}})
    done = suite("search", study, "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 1
    assert "keeps to the limits; the nearest" in done.stderr
    assert "Traceback" not in done.stderr


def test_resuming_with_other_settings_is_refused_naming_the_difference(finished: Path) -> None:
    study = finished.parent / "tiny.toml"
    done = suite(
        "search", study, "--run-dir", "run", "--resume", "--set", "search.population=8", cwd=finished.parent
    )
    assert done.returncode == 2
    assert "search.population: 6 then, 8 now" in done.stderr
    done = suite("search", study, "--run-dir", "run", "--resume", "--time-budget", "1h", cwd=finished.parent)
    assert done.returncode == 2
    assert "--time-budget: none then, 3600 s now" in done.stderr


def test_a_run_begun_before_a_key_was_there_goes_on_with_its_default(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    facts = RunDirectory(run).read_json("run.json")
    assert facts is not None
    del facts["asked"]["supernet"]["average"]
    RunDirectory(run).write_json("run.json", facts)
    done = suite("search", finished.parent / "tiny.toml", "--run-dir", run, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_new_run_never_overwrites_an_old_one(finished: Path) -> None:
    before = (finished / "results.json").read_bytes()
    done = suite("search", finished.parent / "tiny.toml", "--run-dir", "run", cwd=finished.parent)
    assert (done.returncode, "is there already" in done.stderr) == (2, True)
    assert (finished / "results.json").read_bytes() == before


def test_a_time_budget_shortens_the_run_and_is_recorded(tmp_path: Path) -> None:
    study = write_study(
        tmp_path, supernet={"epochs": 400}, finalists={"epochs": 400}, search={"generations": 90}
    )
    done = suite("search", study, "--run-dir", "run", "--time-budget", "8s", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Shortened to fit" in done.stderr
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["time_budget_seconds"] == 8
    assert facts["asked"]["supernet"]["epochs"] == 400
    supernet = json.loads((tmp_path / "run" / "results" / "supernet.json").read_text())
    assert len(supernet["train_loss"]) < 400
    assert "shortened to fit" in (tmp_path / "run" / "report" / "report.md").read_text()
    left = json.loads((tmp_path / "run" / "results" / "time_left.json").read_text())
    finalists = json.loads((tmp_path / "run" / "results" / "finalists.json").read_text())
    used = read_study(tmp_path / "run" / "study.toml")
    assert 0 < left["seconds"] < 8
    assert left["epochs"] == {"finalists": finalists["epochs"], "final": used.final.epochs}
    assert used.finalists.epochs == finalists["epochs"] < 400
    assert left["stop"] == used.finalists.stop == "early"
    assert stops(finalists) <= rungs(finalists["epochs"], 3, "early").keys()
    again = suite("search", study, "--run-dir", "run", "--time-budget", "8s", "--resume", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("written", ["results/time_left.json", "study.toml"])
def test_finalists_keep_the_epochs_they_were_given_over_a_kill(written: str, tmp_path: Path) -> None:
    study = write_study(tmp_path, supernet={"epochs": 400}, finalists={"epochs": 400})
    budget = ("--time-budget", "8s")
    after = f"""
import suite.time_left
at(RunDirectory, "write_json", 1, kill, lambda name, value: name == {written!r})
real = suite.time_left.write_atomically
def write(path, content):
    real(path, content)
    path.name == {written!r} and kill()
suite.time_left.write_atomically = write
"""
    assert search_with(after, study, tmp_path, *budget).returncode == -signal.SIGKILL
    run = RunDirectory(tmp_path / "run")
    planned = run.read_result("time_left")
    assert planned is not None
    done = suite("search", study, "--run-dir", "run", *budget, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    finalists = run.read_result("finalists")
    assert finalists is not None
    used, left = read_study(run.path / "study.toml"), run.read_result("time_left") or {}
    assert left["epochs"] == {"finalists": planned["epochs"]["finalists"], "final": used.final.epochs}
    assert used.finalists.epochs == finalists["epochs"] == planned["epochs"]["finalists"] < 400
    assert stops(finalists) <= rungs(finalists["epochs"], 3, left["stop"]).keys()
    changed = {name for name in left if left[name] != planned.get(name)}
    assert {"seconds_for_final"} <= changed <= {"seconds_for_final", "epochs"}


def test_what_a_budget_left_out_of_the_search_stays_out_of_it(tmp_path: Path) -> None:
    """Where the dearest networks are slow to train; stopped in the search and gone on with."""
    study = write_study(tmp_path, finalists={"epochs": 40})
    slow = """
import suite.launch
from suite.forecast import Pace
alone = tuple((1_000 * n, n * n / 100) for n in range(1, 101))
suite.launch.measure_pace = lambda *words: Pace(supernet_epoch=0.1, alone=alone, evaluation=0.01)
at(Trials, "record", 4, kill)
"""
    budget = ("--time-budget", "300s")
    stopped = search_with(slow, study, tmp_path, *budget)
    assert stopped.returncode == -signal.SIGKILL, stopped.stderr
    assert "Networks of more than 50.0 k MACs are left out" in stopped.stderr
    done = suite("search", study, "--run-dir", "run", *budget, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    run = RunDirectory(tmp_path / "run")
    assert read_study(run.path / "study.toml").search.limits.max_macs == 50_000
    searched = run.read_result("search")
    assert searched is not None
    assert all(row["macs"] <= 50_000 for row in searched["evaluated"])
    page = (run.path / "report" / "report.md").read_text()
    assert page.count("Networks of more than 50.0 k MACs were") == 2, "left out, and what that means"


def stops(finalists: Mapping[str, Any]) -> set[int]:
    """After which epochs some finalists stopped; none of them after one where all were level."""
    return {row["epochs"] for row in finalists["finalists"] if row["pruned"]}


@pytest.mark.fault("a search is told to end, or its terminal is closed", storage="sqlite")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_search_that_is_told_to_end_is_gone_on_with_elsewhere(name: str, tmp_path: Path) -> None:
    study = write_study(tmp_path)
    told = f"at(RunDirectory, 'write_result', 1, lambda: os.kill(os.getpid(), signal.{name}))"
    stopped = search_with(told, study, tmp_path)
    assert stopped.returncode == 130, stopped.stderr
    assert "Interrupted. What was done is kept in" in stopped.stderr
    assert not (tmp_path / "run" / ".lock-holder.json").exists(), "or another machine would be refused"
    done = suite("search", study, "--run-dir", "run", "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_latency_limits_and_the_journal(tmp_path: Path) -> None:
    study = write_study(
        tmp_path,
        search={
            "objectives": ["accuracy", "latency"],
            "limits": {"max_params": 4000, "max_latency_ms": 1000.0},
        },
    )
    done = suite("search", study, "--run-dir", "run", "--storage", "journal:trials.log", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    study_ = optuna.load_study(
        study_name="tiny/run/search", storage=open_storage(f"journal:{tmp_path}/trials.log")
    )
    assert all(t.user_attrs["params"] <= 4000 for t in study_.trials)
    assert all(set(t.constraints) == {"max_params", "max_latency_ms"} for t in study_.trials)
    assert all(t.user_attrs["latency"]["median_ms"] > 0 for t in study_.trials)


def test_random_search_on_one_objective(tmp_path: Path) -> None:
    study = write_study(
        tmp_path, search={"method": "random", "objectives": ["accuracy"], "score": "accuracy"}
    )
    done = suite("search", study, "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    search = json.loads((tmp_path / "run" / "results" / "search.json").read_text())
    assert (search["method"], search["evaluations"]) == ("random", 24)
    assert "## The front" not in (tmp_path / "run" / "report" / "report.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "nowhere.toml"], "no such study file"),
        (["search", "tiny.toml", "--set", "search.mutation=2"], "search.mutation"),
        (["search", "tiny.toml", "--time-budget", "soon"], "no time"),
        (["search", "tiny.toml", "--storage", "nonsense"], "no storage URL"),
        (["search", "tiny.toml", "--device", "tpu"], "no device"),
        (["search", "tiny.toml", "--resume"], "no run yet"),
        (["report"], "no run yet"),
        (["report", "."], "no run directory"),
        (["bench", "everything"], "no benchmark"),
        (["search"], "Missing argument"),
    ],
)
def test_wrong_use_is_one_paragraph_and_exit_2(words: list[str], said: str, tmp_path: Path) -> None:
    write_study(tmp_path)
    done = suite(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs" / "tiny").exists(), "a refused run leaves nothing behind"


def test_a_data_set_that_is_nowhere_is_said_before_torch_is_loaded(tmp_path: Path) -> None:
    study = write_study(tmp_path, data={"name": "cifar10", "image_size": [32, 32]})
    empty = {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "SUITE_DATA_DIR": str(tmp_path / "none")}
    script = (
        "import sys\nfrom suite.cli import main\nsys.argv = ['suite', 'search', 'tiny.toml']\n"
        "try:\n    main()\nfinally:\n    print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**ENVIRONMENT, **empty},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert study.exists()
    assert str(tmp_path / "none") in done.stderr
    assert done.stdout.strip() == "False"


def test_the_dashboard_shows_the_trials_on_loopback_and_lets_nobody_delete_them(finished: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "suite", "dashboard", str(finished), "--port", str(port)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
    )
    try:
        assert server.stdout is not None
        assert address in server.stdout.readline()  # printed once it listens
        connection = http.client.HTTPConnection(address, timeout=30)
        connection.request("DELETE", "/api/studies/1")
        assert connection.getresponse().status == 405
        connection.close()
        connection.request("GET", "/api/studies")
        studies = json.loads(connection.getresponse().read())
    finally:
        server.send_signal(signal.SIGINT)
        try:
            _, said = server.communicate(timeout=30)
        finally:
            server.kill()
    names = {s["study_name"].removeprefix("tiny/run/") for s in studies["study_summaries"]}
    assert names == {"search", "search, all genes", "finalists"}
    assert (server.returncode, said) == (0, "")


@pytest.mark.parametrize("method", ["local", "aging", "tpe", "nsga2"])
def test_every_method_finds_a_winner(method: str, tmp_path: Path) -> None:
    study = write_study(
        tmp_path, search={"method": method}, supernet={"epochs": 1}, finalists={"count": 2, "epochs": 1}
    )
    done = suite("search", study, "--run-dir", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{method}, up to " in done.stderr
    search = json.loads((tmp_path / "run" / "results" / "search.json").read_text())
    assert search["method"] == method
    assert 12 <= search["evaluations"] <= 24
    assert (
        f"networks, by {method_in_words(method)} |" in (tmp_path / "run" / "report" / "report.md").read_text()
    )
