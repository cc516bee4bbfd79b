"""optuna-dashboard over a run's storage, its notes and pictures beside it, and the report under the same address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import optuna_dashboard
from optuna.storages import BaseStorage

from suite.dashboard.legible_links import with_legible_links
from suite.dashboard.shown_storage import ShownStorage
from suite.run_directory import RunDirectory

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

REPORT = "/report"


def dashboard_of(run: RunDirectory, storage: BaseStorage) -> WSGIApplication:
    """The application; nothing is written to the run or to its storage."""
    shown = ShownStorage(run, storage)
    dashboard = with_legible_links(optuna_dashboard.wsgi(shown, artifact_store=shown.annotations))
    page = run.path / "report" / "report.html"

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").rstrip("/") != REPORT:
            return dashboard(environ, start_response)
        if not page.is_file():
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"There is no report yet: suite report {run.path}".encode()]
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [page.read_bytes()]

    return application
