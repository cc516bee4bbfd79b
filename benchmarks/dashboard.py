"""How soon the dashboard answers and shows a search of many trials: `suite bench dashboard`.

A run over CIFAR-10's space is served as `suite dashboard` does it, by a server that has read nothing yet. `answered`
is the study with all its trials, `again` what the page asks every ten seconds from then on, `shown` the study's page
in Chromium, from its address to the first point of a plot. `plain` are the first and the last of these with
optuna-dashboard alone on the same record; these four are means of two, in turns. `kept` and `shown kept` are by a
server that has worked its answers out, as `suite dashboard` does on starting; it does so for a search that has been
over for a while, as this one says it has.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import optuna_dashboard

from benchmarks.browsing import chromium
from benchmarks.recording import evaluated
from suite.cli.read_only import new_server
from suite.dashboard import dashboard_of
from suite.dashboard.shown_storage import ShownStorage
from suite.fitness import OBJECTIVES
from suite.pareto import pareto_front
from suite.progress import Display
from suite.run_directory import RunDirectory
from suite.space import SearchSpace
from suite.study import StudySettings, study_toml, validate_study
from suite.trials import Trials, open_storage

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from selenium.webdriver import Chrome

SIZES = (1_000, 10_000)
STORAGES = {"sqlite": "sqlite:///{}/study.db", "journal": "journal:{}/study.log"}
_CRITERIA = [OBJECTIVES["loss"], OBJECTIVES["latency"]]


def run(
    display: Display, sizes: Sequence[int] = SIZES, urls: Sequence[str] = (), browse: bool = True
) -> dict[str, Any]:
    """Seconds for records of each size on SQLite, the journal and further storage URLs."""
    with ExitStack() as stack:
        chrome = stack.enter_context(chromium(browse))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        storages = {kind: url.format(folder) for kind, url in STORAGES.items()}
        storages |= {f"storage {number}": url for number, url in enumerate(urls, 1)}
        rows = [row for kind, url in storages.items() for row in _rows(kind, url, sizes, chrome, display)]
    return {"rows": rows}


def show(result: dict[str, Any]) -> str:
    """The result as lines of text."""
    columns = (
        *("plain answered", "answered", "kept", "again", "all genes", "importances"),
        *("plain shown", "shown", "shown kept"),
    )
    lines = [
        f"{'storage':<12}{'trials':>8}{'noted':>7}"
        + "".join(f"{column:>16}" for column in columns)
        + "   seconds"
    ]
    for row in result["rows"]:
        spent = "".join(f"{row[c]:>16.2f}" if row[c] is not None else f"{'no browser':>16}" for c in columns)
        lines.append(f"{row['storage']:<12}{row['trials']:>8,}{row['noted']:>7}{spent}")
    return "\n".join(lines)


def _rows(
    kind: str, url: str, sizes: Sequence[int], chrome: Chrome | None, display: Display
) -> Iterator[dict[str, Any]]:
    """The record grows from one size to the next, and is served anew at each."""
    settings = {"name": "bench", "data": {"name": "cifar10", "image_size": [32, 32]}}
    study = validate_study(settings, where="benchmarks/dashboard.py")
    space = SearchSpace(study.space, (3, 32, 32), 10)
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory.create(Path(folder) / f"run-{time.time_ns()}")
        trials = Trials(open_storage(url), f"bench/{directory.run_id}/search", space, _CRITERIA)
        values: dict[str, tuple[float, ...]] = {}
        recorded = 0
        for size in sorted(sizes):
            with display.phase(f"Recording on {kind}", size) as phase:
                for number in range(recorded, size):
                    _record(trials, space, number, values)
                    phase.update(number + 1)
                phase.finish(size)
            recorded = size
            _write_run(directory, study, values)
            yield {
                "storage": kind,
                "trials": size,
                **_measured(directory, url, trials.study.study_name, chrome),
            }


def _record(trials: Trials, space: SearchSpace, number: int, values: dict[str, tuple[float, ...]]) -> None:
    """A trial as large as real ones; its network's loss falls as latency rises, with chance in it."""
    batch, proposal = evaluated(space, number)
    (evaluation,) = batch.evaluations
    latency = evaluation.macs / 4e7
    loss = random.Random(evaluation.genome.text).uniform(0.8, 1.2) - latency / 2
    values[evaluation.genome.text] = (loss, latency)
    trials.record(batch, replace(evaluation, loss=loss), proposal, number // 50, (loss, latency), {})


def _write_run(directory: RunDirectory, study: StudySettings, values: dict[str, tuple[float, ...]]) -> None:
    """What a search that was finished an hour ago leaves for the dashboard."""
    front = pareto_front(values, [criterion.weight for criterion in _CRITERIA])
    counts = {"train": 40_000, "val_search": 5_000, "val_choice": 5_000, "test": 10_000}
    dataset = {"picture_shape": [3, 32, 32], "classes": [str(i) for i in range(10)], "counts": counts}
    (directory.path / "study.toml").write_text(study_toml(study))
    facts = {"run": directory.run_id, "dataset": dataset, "device": {"name": "this machine"}}
    directory.write_json("run.json", facts)
    directory.write_result("search", {"method": "evolution", "front": [{"genome": text} for text in front]})
    an_hour_ago = time.time() - 3600
    for path in directory.path.rglob("*"):
        os.utime(path, (an_hour_ago, an_hour_ago))


def _measured(directory: RunDirectory, url: str, name: str, chrome: Chrome | None) -> dict[str, Any]:
    shown = ShownStorage(directory, open_storage(url))
    search, all_genes = (shown.get_study_id_from_name(of) for of in (name, f"{name}, all genes"))
    notes = [key for key in shown.get_study_system_attrs(search) if key.endswith(":note_ver")]

    def ours() -> WSGIApplication:
        return dashboard_of(directory, open_storage(url))

    def plain() -> WSGIApplication:
        application: WSGIApplication = optuna_dashboard.wsgi(open_storage(url))
        return application

    def asked(address: str) -> float:
        return _seconds(lambda: _ask(f"{address}/api/studies/{search}"))

    def opened(address: str) -> float | None:
        page = f"{address}/dashboard/studies/{search}"
        return _seconds(lambda: _open(chrome, page)) if chrome is not None else None

    with _served(ours()) as address:  # also what is paid once a process: imports, the browser's first page
        of_search, of_all = (f"{address}/api/studies/{study}" for study in (search, all_genes))
        asked(address)
        later = {
            "kept": asked(address),
            "again": _seconds(lambda: _ask(f"{of_search}?after=1000000")),
            "all genes": _seconds(lambda: _ask(of_all)),
            "importances": _seconds(lambda: _ask(f"{of_all}/param_importances")),
        }
        opened(address)
        shown_kept = opened(address)
    return {
        "noted": len(notes) - 1,  # the study itself has one too
        **_in_turns(plain, ours, asked, "answered"),
        **later,
        **_in_turns(plain, ours, opened, "shown"),
        "shown kept": shown_kept,
    }


def _in_turns(
    plain: Callable[[], WSGIApplication],
    ours: Callable[[], WSGIApplication],
    measure: Callable[[str], float | None],
    name: str,
) -> dict[str, float | None]:
    """Plain, ours, ours, plain, each by a server that has read nothing yet; the mean of both."""
    spent: dict[str, list[float]] = {f"plain {name}": [], name: []}
    for kind, application in ((f"plain {name}", plain), (name, ours), (name, ours), (f"plain {name}", plain)):
        with _served(application()) as address:
            if (seconds := measure(address)) is not None:
                spent[kind].append(seconds)
    return {kind: fmean(seconds) if seconds else None for kind, seconds in spent.items()}


@contextmanager
def _served(application: WSGIApplication) -> Iterator[str]:
    """The address of a dashboard that has read nothing yet."""
    with new_server(application, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _ask(address: str) -> None:
    with urllib.request.urlopen(address, timeout=600) as answer:
        answer.read()


def _open(chrome: Chrome, page: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    chrome.get(page)
    WebDriverWait(chrome, 600, poll_frequency=0.05).until(
        lambda c: c.find_elements(By.CSS_SELECTOR, ".plotly .point, .plotly .gl-canvas")
    )


def _seconds(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start
