"""Answers about a study whose trials cannot change are worked out once, all others whenever they are asked."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from suite.dashboard.kept_answers import KeptAnswers

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class Dashboard:
    """Counts what it is asked; its server adds to the headers, as servers do."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = "200 OK"
        self.crowd = threading.Barrier(1)
        self.versions: dict[int, int | None] = {1: 7, 2: None}
        self.kept = KeptAnswers(self._answer, self.versions.get)

    def get(self, path: str, query: str = "after=0", method: str = "GET") -> tuple[str, int, bytes]:
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], error: object = None) -> Any:
            headers.append(("Content-Length", "1"))
            said.extend((status, len(headers)))

        body = b"".join(
            self.kept({"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}, start)
        )
        return said[0], said[1], body

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.asked.append(f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}")
        with suppress(threading.BrokenBarrierError):  # until all are here, if they come
            self.crowd.wait(timeout=0.3)
        start_response(self.status, [("Content-Type", "text/plain")])
        return [b"answer ", str(len(self.asked)).encode()]


@pytest.fixture
def dashboard() -> Dashboard:
    return Dashboard()


def test_what_cannot_change_is_worked_out_once(dashboard: Dashboard) -> None:
    once = ("200 OK", 2, b"answer 1")
    assert [dashboard.get("/api/studies/1") for _ in range(3)] == [once] * 3
    assert dashboard.get("/api/studies/1", "after=5")[2] == b"answer 2"
    assert dashboard.get("/api/studies/1", "")[2] == b"answer 1", "after nothing is after 0"
    dashboard.versions[1] = 8
    assert dashboard.get("/api/studies/1")[2] == b"answer 3"


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/studies/2", "GET"),  # under way
        ("/api/studies/3", "GET"),  # not there
        ("/api/studies", "GET"),
        ("/api/studies/1/param_importances", "GET"),
        ("/api/studies/1", "HEAD"),
        (f"/api/studies/{'9' * 5000}", "GET"),
    ],
)
def test_all_else_is_asked_each_time(path: str, method: str, dashboard: Dashboard) -> None:
    assert [dashboard.get(path, method=method)[2] for _ in range(2)] == [b"answer 1", b"answer 2"]


def test_an_error_is_not_kept(dashboard: Dashboard) -> None:
    dashboard.status = "500 Internal Server Error"
    assert dashboard.get("/api/studies/1")[0] == dashboard.status
    dashboard.status = "200 OK"
    assert dashboard.get("/api/studies/1") == ("200 OK", 2, b"answer 2")


def test_what_is_prepared_is_there_when_it_is_asked(dashboard: Dashboard) -> None:
    dashboard.kept.prepare([1])
    assert dashboard.get("/api/studies/1")[2] == b"answer 1"


def test_of_many_answers_the_oldest_are_forgotten(dashboard: Dashboard) -> None:
    for number in range(20):
        dashboard.get("/api/studies/1", f"after={number}")
        assert dashboard.get("/api/studies/1")[2] == b"answer 1", "asked again and again, it stays"
    assert dashboard.get("/api/studies/1", "after=19")[2] == b"answer 20"
    assert dashboard.get("/api/studies/1", "after=1")[2] == b"answer 21"


def test_two_who_ask_at_once_get_one_answer(dashboard: Dashboard) -> None:
    found: list[bytes] = []
    dashboard.crowd = threading.Barrier(8)
    threads = [
        threading.Thread(target=lambda: found.append(dashboard.get("/api/studies/1")[2])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"answer 1"] * 8
