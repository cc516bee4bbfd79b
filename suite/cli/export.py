"""`suite export [RUN]`: a network as a folder of its own, or the search's front to be timed elsewhere."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DataDir, Run, interruptible, opened, starting
from suite.errors import ExportError
from suite.progress import Display

EXAMPLES = (
    "suite export",
    "suite export runs/digits/20260101-120000 --genome 32k3max-fc128 --output small",
    "suite export --genome 32k3max-fc128 --train",
    "suite export --onnx",
    "suite export --front --timer --output for-the-pi",
)


def export(
    run: Run = None,
    genome: Annotated[
        str | None, typer.Option(metavar="GENOME", help="A network of the space; the winner when left out.")
    ] = None,
    train: Annotated[
        bool,
        typer.Option(
            "--train",
            help="With --genome: train it first, as the winner was. What was never trained has shared weights.",
        ),
    ] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="As ONNX too: held against torch on val-B, and timed beside it.")
    ] = False,
    front: Annotated[
        bool, typer.Option("--front", help="Every network of the search's front, as ONNX files alone.")
    ] = False,
    timer: Annotated[
        bool, typer.Option("--timer", help="With --front: and a script that times them on another device.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder (default: RUN/model/GENOME, RUN/model/front)."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Write networks to be used without the run.

    The winner, any network of the space, or the search's front.
    """
    if front and (genome is not None or onnx or train):
        raise ExportError(
            "has a form and networks of its own.", where="--front", remedy="Leave the others out."
        )
    if train and genome is None:
        raise ExportError(
            "trains another network of the space; the winner is trained already.",
            where="--train",
            remedy="Name the network: --genome.",
        )
    if timer and not front:
        raise ExportError("times a front.", where="--timer", remedy="Add --front.")
    directory = opened(run)
    if front or onnx:
        with starting():
            from suite.export.onnx_file import require_onnx

        require_onnx()
    if front:
        with starting():
            from suite.export.front import TIMER, export_front

        display = Display()
        folder = export_front(directory, output, data_dir, display, timer=timer)
        print(folder)
        if timer:
            display.say(
                f"Next, on the other device: python3 {folder.name}/{TIMER}; then here: "
                f"suite ask {shlex.quote(str(directory.path))} --timings timings.json"
            )
        return

    with starting():
        from suite.export.from_run import export_network

    with interruptible():
        exported = export_network(directory, genome, output, data_dir, Display(), onnx=onnx, train=train)
    print(exported)
