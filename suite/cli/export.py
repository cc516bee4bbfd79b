"""`suite export [RUN]`: a network as a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DataDir, Run, opened

EXAMPLES = (
    "Examples:  suite export   |   suite export runs/digits/20260101-120000 --genome 32k3max-fc128 "
    "--output small"
)


def export(
    run: Run = None,
    genome: Annotated[
        str | None, typer.Option(metavar="GENOME", help="A network of the space; the winner when left out.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder (default: RUN/model/GENOME).")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Write the winner, or any network of the space, as a folder to be used without the run."""
    directory = opened(run)

    from suite.export.from_run import export_network

    print(export_network(directory, genome, output, data_dir))
