"""`suite fidelity [RUN]`: networks trained by themselves, and whether the supernet ranks them alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DataDir, Device, Quiet, Run, absolute, interruptible, opened, starting
from suite.fidelity.truth_table import TRUTH
from suite.progress import Display
from suite.study import read_study

EXAMPLES = (
    "suite fidelity",
    "suite fidelity runs/digits/20260101-120000 --networks 30 --seeds 1",
    "suite fidelity --networks 12 --seeds 1 --epochs 50 --train-images 40000",
)


def fidelity(
    run: Run = None,
    networks: Annotated[
        int, typer.Option(min=3, help="How many to train, drawn evenly within each depth.")
    ] = 60,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each.")] = 2,
    epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = 10,
    train_images: Annotated[
        int, typer.Option(min=1, help="Pictures each trains on; all of train, if there are fewer.")
    ] = 10_000,
    top: Annotated[
        int,
        typer.Option(min=0, help="Of the supernet's own best as well: what would choosing by it lose?"),
    ] = 0,
    truth: Annotated[Path, typer.Option(metavar="DIR", help="Where truth tables are kept.")] = TRUTH,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", envvar="SUITE_STORAGE", help="If not the run's own.")
    ] = None,
    data_dir: DataDir = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Measure how well a run's supernet ranks networks.

    For that, some are trained by themselves, once per data set.
    """
    directory = opened(run)

    from suite.data.places import find_data

    study = read_study(directory.path / "study.toml")
    place = find_data(study.data, data_dir)

    with starting():
        from suite.fidelity.in_words import in_words
        from suite.fidelity.measure_run import Asked
        from suite.launch_measurements import measure_fidelity

    asked = Asked(networks, seeds, epochs, train_images, top, truth, absolute(storage), place, device)
    with interruptible():
        print(in_words(measure_fidelity(directory, asked, Display(quiet=quiet)), study.search.score))
