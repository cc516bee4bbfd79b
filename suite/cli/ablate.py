"""`suite ablate FILE`: which settings train a supernet that ranks better in the same time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from suite.cli.options import DataDir, Device, Quiet, absolute, interruptible, starting
from suite.fidelity.truth_table import TRUTH
from suite.progress import Display
from suite.run_directory import RUNS

EXAMPLES = (
    "suite ablate studies/ablations/supernet.toml",
    "suite ablate studies/ablations/supernet.toml --publish",
)


def ablate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table of settings, in studies/ablations/.")],
    run_dir: Annotated[
        Path | None, typer.Option(help="Where it keeps its files (default: runs/ablations/<name>).")
    ] = None,
    truth: Annotated[Path, typer.Option(metavar="DIR", help="Where truth tables are kept.")] = TRUTH,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", envvar="SUITE_STORAGE", help="If not in the run directory.")
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Copy the page to reports/ablation-<name>/ as well.")
    ] = False,
    data_dir: DataDir = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train supernets under the settings of a table, and compare.

    Each is held against the same truth; goes on where it stopped.
    """
    from suite.ablation.settings import read_ablation
    from suite.data.places import find_data

    ablation = read_ablation(file)
    place = find_data(ablation.cells[0].study.data, data_dir)

    with starting():
        from suite.ablation.run import Asked, open_ablation, run_ablation
        from suite.clean_stop import clean_stop
        from suite.report.ablation_page import publish_ablation, write_ablation_page
        from suite.storage_url import shown_url, storage_url

    run = open_ablation(run_dir or RUNS / "ablations" / ablation.name, ablation.name)
    url = shown_url(storage_url(run, storage))
    with interruptible(), run.locked(), clean_stop(run.path, url, "the same command"):
        run_ablation(ablation, Asked(truth, place, device, absolute(storage)), run, Display(quiet=quiet))
        print(write_ablation_page(run))
        if publish:
            print(publish_ablation(run, Path("reports")))
