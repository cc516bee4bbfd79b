"""optuna-dashboard over a run's storage, its notes and pictures beside it, and the report under the same address."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import optuna_dashboard
from optuna.storages import BaseStorage

from suite.dashboard.kept_answers import KeptAnswers
from suite.dashboard.own_style import with_own_style
from suite.dashboard.shown_storage import ShownStorage
from suite.run_directory import RunDirectory

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

REPORT = "/report"
_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
    # The page came with the run, and may be anybody's: an origin of its own, from which the dashboard cannot be read,
    # and nothing is loaded or sent. Scripts run, for the explorer's sake.
    (
        "Content-Security-Policy",
        "sandbox allow-scripts; default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
)


def dashboard_of(run: RunDirectory, storage: BaseStorage, *, prepare: bool = False) -> WSGIApplication:
    """The application; nothing is written to the run or to its storage.

    With `prepare`, what the page of a search that is over will ask is worked out at once, in the background: of ten
    thousand trials it takes seconds.
    """
    shown = ShownStorage(run, storage)
    kept = KeptAnswers(optuna_dashboard.wsgi(shown, artifact_store=shown.annotations), shown.version)
    dashboard = with_own_style(kept)
    if prepare:
        threading.Thread(target=_prepare, args=(kept, shown), daemon=True).start()
    page = run.path / "report" / "report.html"

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").rstrip("/") != REPORT:
            return dashboard(environ, start_response)
        if not page.is_file():
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"There is no report yet: suite report {run.path}".encode()]
        start_response("200 OK", [*_HEADERS])  # a list of its own: the server adds this page's length to it
        return [page.read_bytes()]

    return application


def _prepare(kept: KeptAnswers, shown: ShownStorage) -> None:
    with suppress(Exception):  # whatever is wrong, who asks for it is told
        kept.prepare(shown.searches())
