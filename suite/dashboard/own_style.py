"""Rules of style that optuna-dashboard's page lacks here.

Links of notes have the colour of the text around them: a browser's own blue cannot be read on the dark page. And what
would change the record is not shown: it is refused in any case, but who presses it would only see an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from suite.dashboard.answer import answer_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_CHANGING = ", ".join(
    f'{around}:has(svg[data-testid="{icon}Icon"])'
    for around, icon in (
        ("button", "AddBox"),  # a study, a note
        ("button", "Delete"),
        ("button", "DriveFileRenameOutline"),
        ("button", "Edit"),
        (".MuiCard-root", "UploadFile"),
    )
)
# The dashboard's own links have classes.
_STYLE = f"<style>a:not([class]) {{ color: inherit }} {_CHANGING} {{ display: none }}</style>".encode()


def with_own_style(dashboard: WSGIApplication) -> WSGIApplication:
    """The dashboard, whose page, one for all addresses, gets rules of style."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith("/dashboard"):
            return dashboard(environ, start_response)
        status, headers, page = answer_of(dashboard, environ)
        styled = page.replace(b"</head>", _STYLE + b"</head>", 1)
        if page:  # not if only the headers were asked for
            headers = [(k, str(len(styled)) if k.lower() == "content-length" else v) for k, v in headers]
        start_response(status, headers)
        return [styled]

    return application
