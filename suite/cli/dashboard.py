"""`suite dashboard [RUN]`: a run's trials in optuna-dashboard."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import Run, absolute, opened, starting
from suite.errors import RunDirectoryError

EXAMPLES = (
    "suite dashboard",
    "suite dashboard runs/digits/20260101-120000 --port 8081",
)


def dashboard(
    run: Run = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 8080,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others can then see the run.")
    ] = "127.0.0.1",
    storage: Annotated[
        str | None, typer.Option(metavar="URL", envvar="SUITE_STORAGE", help="If not the run's own.")
    ] = None,
) -> None:
    """Browse a run's trials in optuna-dashboard.

    Nothing can be changed or deleted there.
    """
    directory = opened(run)

    with starting():  # slow to import: a wrong RUN is told before
        from suite.cli.read_only import new_server
        from suite.dashboard import dashboard_of
        from suite.storage_url import storage_url
        from suite.trials import open_storage

        url = storage_url(directory, absolute(storage))
        _check_is_there(url, directory.path)
        page = dashboard_of(directory, open_storage(url), prepare=True)
    try:
        server = new_server(page, host, port)
    except (OSError, UnicodeError) as error:
        raise RunDirectoryError(
            f"cannot listen: {getattr(error, 'strerror', None) or error}.",
            where=f"{host}:{port}",
            remedy="Give another --port, or leave --host out.",
        ) from None
    shown = f"[{host}]" if ":" in host else host
    print(f"The trials of {directory.path}: http://{shown}:{port}  (read-only; Ctrl-C ends it)", flush=True)
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()


def _check_is_there(url: str, run: Path) -> None:
    """Refuse a file that is not there: opening would make an empty one."""
    from suite.storage_url import file_of

    file = file_of(url)
    if file is not None and not file.is_file():
        raise RunDirectoryError(
            f"has no trials yet: there is no {file}.",
            where=str(run),
            remedy="Let its search begin first.",
        )
