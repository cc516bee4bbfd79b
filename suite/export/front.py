"""A search's front as ONNX files, to be timed on another device by the script that goes with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suite.export.folder import as_json, refuse_other_content, write_files
from suite.export.from_run import NetworksOfRun
from suite.export.onnx_file import Agreement, compare, onnx_bytes
from suite.progress import Display
from suite.run_directory import RunDirectory, finished_phase
from suite.space import Genome

FORMAT_VERSION = 1
TIMER = "time_models.py"
_MANIFEST, _TIMINGS = "models.json", "timings.json"


def export_front(
    run: RunDirectory, output: Path | None, data_dir: Path | None, display: Display, *, timer: bool
) -> Path:
    """Export every network of the search's front as ONNX; returns the folder, <run>/model/front by default.

    With `timer`, the script that times them comes along. The weights are the supernet's: how long a network takes
    does not depend on them. Each file is held against torch on val-B.

    Raises:
        RunDirectoryError: the run has no finished search yet, or was begun on other data.
        DataError: the pictures cannot be found.
        ExportError: the folder holds something else, or cannot be written.
        ConversionError: an ONNX file says something else than torch.
    """
    searched = finished_phase(run, "search", "finished search")
    networks = NetworksOfRun(run, data_dir)
    genomes = [networks.space.parse(row["genome"]) for row in searched["front"]]
    folder = output or run.path / "model" / "front"
    names = {_MANIFEST, TIMER, _TIMINGS, *map(_file_of, genomes)}
    refuse_other_content(folder, names, lambda: _is_of(folder, run))
    files: dict[str, bytes] = {}
    agreements: list[Agreement] = []
    with display.phase("Front", len(genomes), "networks") as phase:
        for done, genome in enumerate(genomes, start=1):
            classifier = networks.subnet(genome).classifier
            content = onnx_bytes(classifier)
            agreements.append(compare(content, classifier, networks.data.val_choice.pictures))
            files[_file_of(genome)] = content
            phase.update(done)
        phase.finish(len(genomes))
    files[_MANIFEST] = as_json(_manifest(networks, genomes, agreements))
    if timer:
        files[TIMER] = Path(__file__).with_name(TIMER).read_bytes()
    write_files(folder, files)
    return folder


def _manifest(
    networks: NetworksOfRun, genomes: Sequence[Genome], agreements: Sequence[Agreement]
) -> dict[str, Any]:
    """models.json: which file is which network of which run, and how far it is from torch on val-B."""
    space = networks.space
    return {
        "format_version": FORMAT_VERSION,
        "study": networks.study.name,
        "run": networks.run.run_id,
        "input_shape": list(space.shape),
        "models": [
            {
                "genome": genome.text,
                "file": _file_of(genome),
                "params": space.parameters(genome),
                "macs": space.macs(genome),
                **asdict(agreement),
            }
            for genome, agreement in zip(genomes, agreements, strict=True)
        ],
    }


def _file_of(genome: Genome) -> str:
    return f"{genome.text}.onnx"


def _is_of(folder: Path, run: RunDirectory) -> bool:
    """Whether the folder is an earlier export of the same run."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        return bool(manifest["run"] == run.run_id)
    except (OSError, ValueError, KeyError, TypeError):
        return False
