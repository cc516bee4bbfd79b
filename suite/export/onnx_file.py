"""An exported network as an ONNX file: written, held against torch on real pictures, timed beside it."""

from __future__ import annotations

import hashlib
import logging
import random
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from suite.device import device_facts
from suite.errors import ConversionError, ExportError
from suite.latency import Latency, measure_side_by_side
from suite.study import LatencySettings

if TYPE_CHECKING:
    from suite.export.classifier import Classifier

OPSET = 20
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
_MOST_DIFFERENCE = 1e-3  # between logits; sums in another order differ by some 1e-6
_BATCH = 250


@dataclass(frozen=True)
class OnnxFacts:
    """What onnx.json says of model.onnx."""

    opset: int
    sha256: str
    pictures: int  # of val-B, on which it was held against torch
    max_difference: float  # between logits
    other_classes: int  # pictures classed otherwise
    onnxruntime: Latency
    torch: Latency
    device: str
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def in_words(self) -> str:
        """How fast it is beside torch, and how far from it."""
        ratio = self.torch.median_ms / self.onnxruntime.median_ms
        return (
            f"{self.onnxruntime.median_ms:.3f} ms a picture, torch {self.torch.median_ms:.3f} ms "
            f"({ratio:.1f} times as long), logits within {self.max_difference:.1e}"
        )


@dataclass(frozen=True)
class Agreement:
    """How far ONNX Runtime's logits are from torch's."""

    pictures: int
    max_difference: float
    other_classes: int


def require_onnx() -> None:
    """Check that ONNX files can be written and run here.

    Raises:
        ExportError: a package is missing; names it.
    """
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise ExportError(
            f"needs {', '.join(missing)}, and not installed.",
            where="ONNX",
            remedy='Install the extra: pip install -e ".[export]"',
        )


def onnx_bytes(classifier: Classifier) -> bytes:
    """The network as ONNX: uint8 `pictures` (batch, C, H, W), for any batch, to `logits` (batch, classes)."""
    example = torch.zeros(2, *classifier.input_shape, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own parts, about each other
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            classifier.folded(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["pictures"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            verbose=False,
        )
    assert program is not None
    return _without_traces(program.model_proto)


def compare(content: bytes, classifier: Classifier, pictures: Tensor) -> Agreement:
    """Hold the file against torch on (N, C, H, W) uint8 pictures.

    Raises:
        ConversionError: it says something else.
    """
    run, network = _runner(content, threads=1), classifier.folded()
    largest, others = 0.0, 0
    for batch in torch.split(pictures, _BATCH):
        with torch.inference_mode():
            expected = network(batch)
        said = run(batch)
        largest = max(largest, float((said - expected).abs().max()))
        others += int((said.argmax(1) != expected.argmax(1)).sum())
    if not largest <= _MOST_DIFFERENCE:  # NaN is not either
        raise ConversionError(
            f"its ONNX file is off by {largest:.2g} on {len(pictures)} pictures, so it was not written.",
            where=classifier.genome.text,
            remedy="Please report it, with the versions of torch, onnxscript and onnxruntime.",
        )
    return Agreement(len(pictures), largest, others)


def examine(content: bytes, classifier: Classifier, pictures: Tensor, budget_ms: int) -> OnnxFacts:
    """Hold the file against torch, and time both in turn: one picture, one thread.

    Raises:
        ConversionError: it says something else than torch.
    """
    agreement = compare(content, classifier, pictures)
    settings = LatencySettings(batch=1, threads=1, budget_ms=budget_ms)
    forwards = (_runner(content, threads=1), classifier.folded())
    runtime, eager = measure_side_by_side(forwards, pictures[:1], settings, random.Random(0))
    return OnnxFacts(
        opset=OPSET,
        sha256=hashlib.sha256(content).hexdigest(),
        **asdict(agreement),
        onnxruntime=runtime,
        torch=eager,
        device=device_facts(torch.device("cpu")).name,
        versions={package: version(package) for package in ("torch", *_PACKAGES)},
    )


def _runner(content: bytes, threads: int) -> Callable[[Tensor], Tensor]:
    """The file in ONNX Runtime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda pictures: torch.from_numpy(session.run(None, {"pictures": pictures.numpy()})[0])


def _without_traces(model: Any) -> bytes:
    """The model without torch's notes on it, among them paths of this machine's files; serialised."""
    graph = model.graph
    for part in (
        model,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
    ):
        del part.metadata_props[:]
        if hasattr(part, "doc_string"):
            part.ClearField("doc_string")
    content: bytes = model.SerializeToString()
    return content
