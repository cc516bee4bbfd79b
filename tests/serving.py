"""A web application that is answered for as long as a test looks at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from suite.cli.read_only import new_server

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


@contextmanager
def serving(application: WSGIApplication, host: str = "127.0.0.1") -> Iterator[int]:
    """The port on which it is answered, behind the dashboard's guard.

    Raises:
        OSError: the host has no such address.
    """
    with new_server(application, host, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
