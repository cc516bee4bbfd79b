"""`suite dashboard [RUN]`: a run's trials in optuna-dashboard."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import Run, absolute, opened
from suite.errors import RunDirectoryError

EXAMPLES = "Examples:  suite dashboard   |   suite dashboard runs/digits/20260101-120000 --port 8081"


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
    """Browse a run's trials in optuna-dashboard."""
    import optuna_dashboard

    from suite.trials import open_storage, storage_url

    directory = opened(run)
    store = open_storage(storage_url(directory, absolute(storage)))
    print(f"The trials of {directory.path}: http://{host}:{port}  (Ctrl-C ends it)")
    try:
        optuna_dashboard.run_server(store, host=host, port=port)
    except OSError as error:
        raise RunDirectoryError(
            f"cannot listen: {error.strerror}.", where=f"{host}:{port}", remedy="Give another --port."
        ) from None
