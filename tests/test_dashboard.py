"""The dashboard as its viewers meet it, over real HTTP: they read, and can neither change nor delete the record."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import optuna_dashboard
import pytest
from optuna.trial import create_trial
from sqlalchemy import create_engine, text

from suite.run_directory import RunDirectory
from suite.trials import open_storage
from tests.conftest import refusal
from tests.serving import serving

HOSTILE = "<script>alert(1)</script> | `x` \n[a](javascript:alert(2))"


@dataclass
class Dashboard:
    """A served record."""

    host: str
    port: int
    database: Path

    def ask(
        self, method: str, path: str, body: Any = None, *, host: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, content) of one request; `host` is what it says whom it asks."""
        headers = {"Content-Type": "application/json"} | ({"Host": host} if host is not None else {})
        with closing(http.client.HTTPConnection(self.host, self.port, timeout=30)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()

    def record(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        with create_engine(f"sqlite:///{self.database}").connect() as connection:
            tables = [
                row[0]
                for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
            ]
            return {
                table: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table}"))]
                for table in tables
            }


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record with two trials, whose attributes nobody would want to see run."""
    path = tmp_path_factory.mktemp("record") / "study.db"
    study = optuna.create_study(
        storage=open_storage(f"sqlite:///{path}"), study_name="s/r/search", direction="maximize"
    )
    study.add_trial(create_trial(value=0.5, user_attrs={"failure": HOSTILE, "genome": "8k3max-fc8"}))
    study.add_trial(create_trial(value=0.7, user_attrs={"genome": "4k3max-fc8"}))
    return path


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def served(request: pytest.FixtureRequest, database: Path) -> Iterator[Dashboard]:
    """The dashboard on a free port."""
    application = optuna_dashboard.wsgi(open_storage(f"sqlite:///{database}"))
    with ExitStack() as stack:
        try:
            port = stack.enter_context(serving(application, request.param))
        except OSError:
            assert request.param == "::1", "loopback is everywhere"
            pytest.skip("no IPv6 here")
        yield Dashboard(request.param, port, database)


def test_a_viewer_sees_the_trials(served: Dashboard) -> None:
    status, _, content = served.ask("GET", "/api/studies")
    assert status == 200
    assert [study["study_name"] for study in json.loads(content)["study_summaries"]] == ["s/r/search"]
    assert served.ask("GET", "/")[0] == 302
    assert served.ask("HEAD", "/dashboard")[0] == 200


def test_what_a_trial_says_is_data_and_never_a_page(served: Dashboard) -> None:
    status, headers, content = served.ask("GET", "/api/studies/1")
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    (attribute,) = [
        a for t in json.loads(content)["trials"] for a in t["user_attrs"] if a["key"] == "failure"
    ]
    assert attribute["value"] == HOSTILE
    _, headers, page = served.ask("GET", "/dashboard/studies/1")
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"].split("script-src")[1]
    assert b"alert" not in page


# Every way by which the dashboard itself would change its storage, and some it does not know.
CHANGES = [
    ("DELETE", "/api/studies/1", {}),
    ("POST", "/api/studies", {"study_name": "mine", "directions": ["minimize"]}),
    ("POST", "/api/studies/1/rename", {"study_name": "mine"}),
    ("PUT", "/api/studies/1/note", {"version": 1, "body": "a note"}),
    ("PUT", "/api/studies/1/1/note", {"version": 1, "body": "a note"}),
    ("POST", "/api/trials/1/user-attrs", {"user_attrs": {"genome": "forged"}}),
    ("POST", "/api/trials/1/tell", {"state": "Complete", "values": [1.0]}),
    ("POST", "/api/studies/1/1/skip", {}),
    ("PUT", "/api/studies/1/preference_feedback_component", {"output_type": "note"}),
    ("POST", "/incompatible-rdb-schema", None),
    ("PATCH", "/api/studies/1", {}),
    ("delete", "/api/studies/1", {}),
    ("TRACE", "/", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_viewer_changes_nothing(served: Dashboard, method: str, path: str, body: Any) -> None:
    before = served.record()
    status, headers, content = served.ask(method, path, body)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"
    assert "read-only" in json.loads(content)["reason"]
    assert served.record() == before


def test_reading_changes_nothing_either(served: Dashboard) -> None:
    before = served.record()
    for path in ("/api/meta", "/api/studies", "/api/studies/1", "/api/studies/1/param_importances", "/csv/1"):
        served.ask("GET", path)
    assert served.record() == before


def test_without_the_guard_the_same_request_deletes(tmp_path: Path) -> None:
    """So that the tests above ask for what would happen."""
    storage = open_storage(f"sqlite:///{tmp_path / 'study.db'}")
    optuna.create_study(storage=storage, study_name="s")
    environ = {
        "REQUEST_METHOD": "DELETE",
        "PATH_INFO": "/api/studies/1",
        "CONTENT_LENGTH": "0",
        "wsgi.errors": None,
    }
    list(optuna_dashboard.wsgi(storage)(environ, lambda *_: None))
    assert storage.get_all_studies() == []


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[::1", "a@b:1", "localhost.evil"],
)
def test_another_name_for_this_machine_is_refused(served: Dashboard, host: str) -> None:
    """DNS rebinding: the browser believes to be on evil.example, and says so."""
    status, _, content = served.ask("GET", "/api/studies", host=host)
    assert status == 403
    assert "the address that it printed" in json.loads(content)["reason"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:8080", "LocalHost", "[::1]:8080", "192.168.1.7:80", socket.gethostname()]
)
def test_its_own_names_and_addresses_are_answered(served: Dashboard, host: str) -> None:
    assert served.ask("GET", "/api/studies", host=host)[0] == 200


def test_it_listens_on_loopback_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory.create(tmp_path / "run")
    run.write_json("run.json", {"run": "run", "storage": None})
    open_storage(f"sqlite:///{run.path / 'study.db'}")
    asked: list[str] = []

    def no_server(page: object, host: str, port: int) -> None:
        asked.append(host)
        raise OSError(98, "Address already in use")

    monkeypatch.setattr("suite.cli.read_only.new_server", no_server)
    assert "Give another --port" in refusal("dashboard", run.path)
    assert asked == ["127.0.0.1"]


@pytest.mark.parametrize("storage", [None, "journal:nowhere.log", "sqlite:///nowhere.db"])
def test_looking_makes_no_empty_record(
    storage: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = RunDirectory.create(tmp_path / "run")
    run.write_json("run.json", {"run": "run", "storage": None})
    before = sorted(tmp_path.rglob("*"))
    words = [] if storage is None else ["--storage", storage]
    assert "has no trials yet" in refusal("dashboard", run.path, *words)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("host", ["no such host", "a..b", "256.256.256.256"])
def test_an_address_that_is_none(host: str, tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    run.write_json("run.json", {"run": "run", "storage": None})
    open_storage(f"sqlite:///{run.path / 'study.db'}")
    assert "cannot listen" in refusal("dashboard", run.path, "--host", host)
