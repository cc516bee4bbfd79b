"""The folder of an exported network: its weights, what they need to be used, and a model card; written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load, save

from suite import __version__
from suite.atomic import is_unfinished
from suite.errors import ExportError, GenomeError
from suite.export.card import Measured, ModelFacts, model_card, preprocessing
from suite.export.classifier import Classifier
from suite.export.onnx_file import OnnxFacts
from suite.run_directory import write_atomically

FORMAT_VERSION = 2
ONNX_FORMAT_VERSION = 1
_WEIGHTS, _FACTS, _CARD = "model.safetensors", "config.json", "README.md"
_ONNX, _ONNX_FACTS = "model.onnx", "onnx.json"
_FACTS_OF_FORMAT_1 = "model.json"
_FILES = {_WEIGHTS, _FACTS, _CARD, _ONNX, _ONNX_FACTS, _FACTS_OF_FORMAT_1}


def write_export(
    folder: Path,
    classifier: Classifier,
    facts: ModelFacts,
    onnx: tuple[bytes, OnnxFacts] | None = None,
    measured: Measured | None = None,
) -> None:
    """Write model.safetensors, config.json and README.md, and what there is of ONNX; `measured` is for README.md.

    An earlier export of the same network is replaced. `facts.sha256` is that of `weights_of(classifier)`.

    Raises:
        ExportError: the folder holds something else, or cannot be written.
    """
    check_folder(folder, facts.run, facts.genome)
    config = {
        "format_version": FORMAT_VERSION,
        "suite": __version__,
        **asdict(facts),
        "preprocess": preprocessing(facts),
    }
    files = {_FACTS: as_json(config), _WEIGHTS: weights_of(classifier)}
    if onnx is not None:
        content, said = onnx
        files |= {
            _ONNX: content,
            _ONNX_FACTS: as_json({"format_version": ONNX_FORMAT_VERSION, **said.to_json()}),
        }
    # The facts come first: an export that was cut off is thereby known as one, and can be repeated.
    card = model_card(facts, onnx[1] if onnx else None, measured)
    write_files(folder, {**files, _CARD: card.encode()})
    for stale in _FILES - {_CARD} - set(files):
        (folder / stale).unlink(missing_ok=True)


def check_folder(folder: Path, run: str, genome: str) -> None:
    """Check that an export of this network could be written there.

    Raises:
        ExportError: the folder holds something else, or is no folder.
    """
    refuse_other_content(folder, _FILES, lambda: _is_same_network(folder, run, genome))


def holds_export(folder: Path) -> bool:
    """Whether there is anything of an export, be it damaged."""
    return any((folder / name).is_file() for name in (_WEIGHTS, _FACTS, _FACTS_OF_FORMAT_1))


def load_exported(folder: Path | str) -> Classifier:
    """The network of an exported folder, in evaluation mode: (B, C, H, W) pictures -> (B, classes) logits.

    Raises:
        ExportError: something is missing or damaged, or of a newer format.
    """
    facts = read_facts(folder)
    path = Path(folder) / _WEIGHTS
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != facts.sha256:
        raise _damaged(path)
    try:
        classifier = classifier_of(facts)
        prefix = "" if (Path(folder) / _FACTS).is_file() else "network."  # the first format had it left out
        classifier.load_state_dict({prefix + name: value for name, value in load(content).items()})
    except (GenomeError, SafetensorError, RuntimeError, ValueError, TypeError, OverflowError):
        raise _damaged(_facts_file(Path(folder))) from None
    return classifier.eval()


def read_facts(folder: Path | str) -> ModelFacts:
    """What an exported folder says of its network.

    Raises:
        ExportError: config.json is missing or damaged, or of a newer format.
    """
    path = _facts_file(Path(folder))
    try:
        value = json.loads(path.read_bytes())
        version = value["format_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(path) from None
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise ExportError(
            f"has format version {version!r}; this suite reads up to {FORMAT_VERSION}.",
            where=str(path),
            remedy="Use the suite that wrote it, or a newer one.",
        )
    try:
        return _facts_of(value, version)
    except (KeyError, ValueError):
        raise _damaged(path) from None


def classifier_of(facts: ModelFacts) -> Classifier:
    """The classifier that facts describe, its weights not drawn."""
    return Classifier(
        facts.genome,
        list(facts.input_shape),
        list(facts.classes),
        list(facts.mean),
        list(facts.std),
        facts.norm,
    )


def weights_of(classifier: Classifier) -> bytes:
    """The weights as safetensors."""
    state = {name: value.cpu().contiguous() for name, value in classifier.state_dict().items()}
    return save(state, metadata={"format": "pt"})


def as_json(value: dict[str, Any]) -> bytes:
    """As a file for programs and people."""
    return json.dumps(value, indent=1, allow_nan=False).encode() + b"\n"


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write files in this order, each at once.

    Raises:
        ExportError: the folder cannot be written.
    """
    try:
        for entry in folder.glob(".*"):  # what an export that was killed was in the middle of
            if is_unfinished(entry):
                entry.unlink(missing_ok=True)
        for name, content in files.items():
            write_atomically(folder / name, content)
    except OSError as error:
        raise ExportError(
            f"cannot be written: {error.strerror}.", where=str(folder), remedy="Give another --output."
        ) from None


def refuse_other_content(folder: Path, files: Collection[str], is_ours: Callable[[], bool]) -> None:
    """Check that a folder is new or empty, or holds only `files` and, as `is_ours` says, an earlier export.

    Raises:
        ExportError: it holds something else, or is no folder.
    """
    if folder.is_dir():
        held = {entry.name for entry in folder.iterdir() if not is_unfinished(entry)}
        if not held or (held <= set(files) and is_ours()):
            return
    elif not folder.exists():
        return
    raise ExportError(
        "holds something else already." if folder.is_dir() else "is no folder.",
        where=str(folder),
        remedy="Give another --output; nothing is overwritten.",
    )


def _facts_of(value: dict[str, Any], version: int) -> ModelFacts:
    """Fields that the format has; a whole file has all of them, of their types."""
    since_2 = {"test_pictures", "dataset", "notes"}
    names = {field.name for field in fields(ModelFacts)} - (since_2 if version == 1 else set())
    facts = TypeAdapter(ModelFacts).validate_python({name: value[name] for name in names})
    if not len(facts.mean) == len(facts.std) == facts.input_shape[0]:
        raise ValueError("a mean and a deviation for each channel")
    return facts


def _facts_file(folder: Path) -> Path:
    """config.json, or model.json of the first format where only that is there."""
    old = folder / _FACTS_OF_FORMAT_1
    return old if old.is_file() and not (folder / _FACTS).is_file() else folder / _FACTS


def _is_same_network(folder: Path, run: str, genome: str) -> bool:
    try:
        there = read_facts(folder)
    except ExportError:
        return False
    return (there.run, there.genome) == (run, genome)


def _damaged(path: Path) -> ExportError:
    return ExportError("is missing or damaged.", where=str(path), remedy="Write it again: suite export RUN")
