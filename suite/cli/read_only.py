"""Serving a web application to viewers: reading is answered, whatever could change something is refused.

A guard and not a copy of the record: a copy of a search under way is old at once, and of a PostgreSQL server there is
none to be made. The guard sees every request before the application does, so nothing it adds later slips through.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_READING = ("GET", "HEAD")


def read_only(application: WSGIApplication, host: str) -> WSGIApplication:
    """The application behind a guard: only requests that read, and only under the names of this machine.

    A page elsewhere may have its own name point to 127.0.0.1 (DNS rebinding) and would then read as if it were ours;
    its requests still carry that name. A bare address cannot be taken over so.
    """
    names = frozenset({"localhost", host.lower(), socket.gethostname().lower()})

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked_for = environ.get("HTTP_HOST", "")
        if not _is_ours(asked_for, names):
            reason = f"This dashboard is not called {asked_for!r}; ask for it by the address that it printed."
            return _refused(start_response, "403 Forbidden", reason)
        if environ["REQUEST_METHOD"] not in _READING:
            reason = "This dashboard is read-only: a run's record is not changed by those who look at it."
            return _refused(start_response, "405 Method Not Allowed", reason)
        return application(environ, start_response)

    return guarded


def new_server(application: WSGIApplication, host: str, port: int) -> WSGIServer:
    """A server of the guarded application, listening; `serve_forever` answers.

    Raises:
        OSError: the address cannot be had.
    """
    family = _Server6 if ":" in host else _Server
    return make_server(host, port, read_only(application, host), server_class=family, handler_class=_Quiet)


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request, so that a slow one keeps nobody waiting; none of them outlives the command."""

    daemon_threads = True


class _Server6(_Server):
    """The same on an IPv6 address."""

    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    """No line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _is_ours(asked_for: str, names: frozenset[str]) -> bool:
    """Whether a Host header has one of the names, or an address."""
    try:
        name = urlsplit(f"//{asked_for}").hostname or ""
    except ValueError:
        return False
    return name in names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused(start_response: StartResponse, status: str, reason: str) -> list[bytes]:
    """An answer in the form in which the dashboard's page expects one, and shows it."""
    headers = [("Content-Type", "application/json"), ("Allow", ", ".join(_READING))]
    start_response(status, headers)
    return [json.dumps({"reason": reason}).encode()]
