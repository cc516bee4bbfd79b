"""What a WSGI application answers, whole, before any of it is passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment


class Answer(NamedTuple):
    """Status line, headers and body."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def answer_of(application: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """Ask an application."""
    began: list[Any] = []

    def begin(*answer: Any) -> Any:
        began[:] = answer

    body = b"".join(application(environ, begin))
    return Answer(began[0], began[1], body)
