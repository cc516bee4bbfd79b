"""The folder of an exported network: its weights, what they need to be used, and a model card; written and read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save

from suite import __version__
from suite.cnn import StandaloneCNN
from suite.errors import ExportError, GenomeError
from suite.export.card import ModelFacts, model_card
from suite.run_directory import write_atomically
from suite.space import Genome, SearchSpace
from suite.study import SpaceSettings

FORMAT_VERSION = 1
_WEIGHTS, _FACTS, _CARD = "model.safetensors", "model.json", "README.md"


def write_export(folder: Path, network: StandaloneCNN, facts: ModelFacts) -> None:
    """Write model.safetensors, model.json and README.md; an earlier export of the same network is replaced.

    `facts.sha256` is that of `weights_of(network)`.

    Raises:
        ExportError: the folder holds something else, or cannot be written.
    """
    _refuse_other_content(folder, facts)
    written = json.dumps({"format_version": FORMAT_VERSION, "suite": __version__, **asdict(facts)}, indent=1)
    try:  # the facts first: an export that was cut off is thereby known as one, and can be repeated
        write_atomically(folder / _FACTS, written.encode() + b"\n")
        write_atomically(folder / _WEIGHTS, weights_of(network))
        write_atomically(folder / _CARD, model_card(facts).encode())
    except OSError as error:
        raise ExportError(
            f"cannot be written: {error.strerror}.", where=str(folder), remedy="Give another --output."
        ) from None


def load_exported(folder: Path | str) -> StandaloneCNN:
    """The network of an exported folder, in evaluation mode: (B, C, H, W) normalised pictures -> (B, classes).

    Raises:
        ExportError: something is missing or damaged, or of a newer format.
    """
    facts = read_facts(folder)
    path = Path(folder) / _WEIGHTS
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != facts.sha256:
        raise _damaged(path)
    try:
        genome = Genome.parse(facts.genome)
        network = StandaloneCNN(_space_of(genome, facts), genome)
        network.load_state_dict(load(content))
    except (GenomeError, SafetensorError, RuntimeError):
        raise _damaged(Path(folder) / _FACTS) from None
    return network.eval()


def read_facts(folder: Path | str) -> ModelFacts:
    """What an exported folder says of its network.

    Raises:
        ExportError: model.json is missing or damaged, or of a newer format.
    """
    path = Path(folder) / _FACTS
    try:
        value = json.loads(path.read_bytes())
        version = value["format_version"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _damaged(path) from None
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ExportError(
            f"has format version {version!r}; this suite reads up to {FORMAT_VERSION}.",
            where=str(path),
            remedy="Use the suite that wrote it, or a newer one.",
        )
    try:
        known = {field.name: value[field.name] for field in fields(ModelFacts)}
        lists = {name: tuple(known[name]) for name in ("input_shape", "classes", "mean", "std")}
        return ModelFacts(**{**known, **lists})
    except (KeyError, TypeError):
        raise _damaged(path) from None


def weights_of(network: StandaloneCNN) -> bytes:
    """The weights as safetensors."""
    return save({name: value.cpu().contiguous() for name, value in network.state_dict().items()})


def _space_of(genome: Genome, facts: ModelFacts) -> SearchSpace:
    """A space of this one network: what StandaloneCNN reads its shapes and its norm from."""
    settings = SpaceSettings(
        depth=(len(genome.convs),),
        fc_layers=(len(genome.fcs),),
        norm=facts.norm,
        dropout=0.0,  # plays no part in evaluation
    )
    return SearchSpace(settings, facts.input_shape, len(facts.classes))


def _refuse_other_content(folder: Path, facts: ModelFacts) -> None:
    if folder.is_dir():
        held = {entry.name for entry in folder.iterdir()}
        if not held or (held <= {_WEIGHTS, _FACTS, _CARD} and _is_same_network(folder, facts)):
            return
    elif not folder.exists():
        return
    raise ExportError(
        "holds something else already." if folder.is_dir() else "is no folder.",
        where=str(folder),
        remedy="Give another --output; nothing is overwritten.",
    )


def _is_same_network(folder: Path, facts: ModelFacts) -> bool:
    try:
        there = read_facts(folder)
    except ExportError:
        return False
    return (there.run, there.genome) == (facts.run, facts.genome)


def _damaged(path: Path) -> ExportError:
    return ExportError("is missing or damaged.", where=str(path), remedy="Write it again: suite export RUN")
