"""`suite references [RUN]`: the winner beside networks that nobody searched for."""

from __future__ import annotations

from typing import Annotated

import typer

from suite.cli.options import DataDir, Quiet, Run, interruptible, opened, starting
from suite.progress import Display
from suite.study import read_study

EXAMPLES = (
    "suite references",
    "suite references runs/digits/20260101-120000 --seeds 3",
)


def references(
    run: Run = None,
    seeds: Annotated[
        int,
        typer.Option(
            min=1, max=5, help="Trainings of each, of the winner too: its own seed and the next ones."
        ),
    ] = 1,
    data_dir: DataDir = None,
    quiet: Quiet = False,
) -> None:
    """Set the winner beside networks that nobody searched for.

    A hand-made CNN, the extremes of the space, random networks and MLPs are trained by the winner's recipe.
    """
    directory = opened(run)

    from suite.data.places import find_data

    place = find_data(read_study(directory.path / "study.toml").data, data_dir)

    with starting():
        from suite.launch_references import set_references_beside
        from suite.references.in_words import in_words

    with interruptible():
        result, report = set_references_beside(directory, place, seeds, Display(quiet=quiet))
    print(f"{in_words(result)}\n\nReport   {report}")
