"""Answers that cannot change any more, kept.

optuna-dashboard puts all trials of an Optuna study into its form whenever it is asked, and of ten thousand that takes
seconds; its page asks every ten.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from suite.dashboard.answer import Answer, answer_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_OF_A_STUDY = re.compile(r"/api/studies/(\d{1,18})")
_AFTER = re.compile(r"(?:after=(\d{1,9}))?")
_MOST = 8  # answers: two of each study that its page asks; one of ten thousand trials has 50 MB

Version = Callable[[int], Hashable | None]
"""What tells an Optuna study's present state from later ones; None as long as its trials may change."""


class KeptAnswers:
    """A WSGI application: the dashboard, but that what it said of a study is said again while that stays as it is."""

    def __init__(self, dashboard: WSGIApplication, version: Version) -> None:
        self._dashboard, self._version = dashboard, version
        self._kept: dict[tuple[int, int], tuple[Hashable, Answer]] = {}  # the last asked for is the last
        self._working_out = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = _OF_A_STUDY.fullmatch(environ.get("PATH_INFO", ""))
        after = _AFTER.fullmatch(environ.get("QUERY_STRING", ""))
        if path is None or after is None or environ["REQUEST_METHOD"] != "GET":
            return self._dashboard(environ, start_response)
        key = int(path[1]), int(after[1] or 0)
        version = self._version(key[0])
        if version is None:
            return self._dashboard(environ, start_response)
        with self._working_out:  # or two who ask at once would both do it
            answer = self._answer(key, version, environ)
        start_response(answer.status, [*answer.headers])
        return [answer.body]

    def prepare(self, studies: Sequence[int]) -> None:
        """Work out what the page of each study asks first."""
        for study in studies:
            environ: dict[str, Any] = {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": f"/api/studies/{study}",
                "QUERY_STRING": "after=0",
                "wsgi.input": BytesIO(),
            }
            self(environ, lambda status, headers, error=None: lambda body: None)

    def _answer(self, key: tuple[int, int], version: Hashable, environ: WSGIEnvironment) -> Answer:
        kept_version, answer = self._kept.pop(key, (None, None))
        if answer is None or kept_version != version:
            answer = answer_of(self._dashboard, environ)
        if answer.status.startswith("200"):
            self._kept[key] = version, answer
        for oldest in list(self._kept)[:-_MOST]:
            del self._kept[oldest]
        return answer
