"""`suite oracle [RUN]`: the whole space scored, or its exact fronts alone."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DataDir, Device, Quiet, Run, interruptible, opened, starting
from suite.errors import StudyFileError
from suite.progress import Display
from suite.study import read_study

EXAMPLES = (
    "suite oracle",
    "suite oracle runs/digits/20260101-120000 --pictures 1000",
    "suite oracle --shortlist --screen",
)


def oracle(
    run: Run = None,
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Only the first of val-A and of val-B; all when left out.")
    ] = None,
    shortlist: Annotated[
        bool, typer.Option("--shortlist", help="Only the exact fronts on val-A, in less time.")
    ] = False,
    screen: Annotated[
        bool, typer.Option("--screen", help="With --shortlist: in bfloat16 first, exactly what that leaves.")
    ] = False,
    order: Annotated[int, typer.Option(help="Seed of the order of the shortlist's pictures.")] = 0,
    memory: Annotated[int, typer.Option(min=16, metavar="MIB", help="For activations.")] = 1024,
    data_dir: DataDir = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Score every network of the space with a run's supernet.

    What the search lost is then known exactly.
    """
    directory = opened(run)
    if shortlist and pictures is not None:
        raise StudyFileError("needs all pictures.", where="--shortlist", remedy="Leave out --pictures.")
    if screen and not shortlist:
        raise StudyFileError("is a part of the shortlist.", where="--screen", remedy="Add --shortlist.")

    from suite.data.places import find_data

    place = find_data(read_study(directory.path / "study.toml").data, data_dir)

    with starting():
        from suite.launch_measurements import Walk, score_every_network, shortlist_networks
        from suite.shortlist import in_words

    asked, display = Walk(place, device, memory << 20), Display(quiet=quiet)
    with interruptible():
        if shortlist:
            print(in_words(shortlist_networks(directory, asked, order, display, screen=screen)))
        else:
            print(score_every_network(directory, asked, pictures, display))
