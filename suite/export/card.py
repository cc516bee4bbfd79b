"""What is said of an exported network: to programs by its facts, to people by its model card."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

from suite import __version__
from suite.accuracy_interval import accuracy_interval
from suite.blocks import Norm
from suite.escaping import escaped
from suite.export.onnx_file import OnnxFacts
from suite.latency import Latency
from suite.wording import plural

WINNER = "winner, fine-tuned and tested"
TRAINED = "trained on its own and fine-tuned, as the winner was; not tested"
SUBNET = "subnet of the supernet, shared weights, not trained on its own"
BEFORE_TUNING = "val_choice_before_tuning"
_SPLITS = {
    "test": "the test pictures",
    "val_search": "val-A, the pictures of the search",
    "val_choice": "val-B, the pictures of the choice",
    BEFORE_TUNING: "val-B, by the weights before the fine-tuning, which trains on val-B too",
}
_ACCURACY_SAYS = {
    WINNER: "The test pictures had no part in any choice. Their accuracy is what to expect of pictures from the same "
    "source, prepared in the same way; of other cameras, light or people it says nothing.",
    TRAINED: "The test pictures were not opened for it: that is for networks that were declared before it was. Its "
    "accuracy on val-B is of the weights before the fine-tuning, and says nothing of other cameras, light or people.",
    SUBNET: "These are weights that all networks of the space share; trained by itself, the network would class "
    "better (`suite export RUN --genome GENOME --train`). Accuracies on val-A flatter it, as the search chose by "
    "them, and it has seen no test pictures.",
}
_LICENCES = {
    "digits": "CC BY 4.0 (UCI, Optical Recognition of Handwritten Digits; E. Alpaydin and C. Kaynak, 1998).",
    "cifar10": "none is stated by its authors (A. Krizhevsky, 2009); the Hugging Face hub calls it unknown.",
    "fashion_mnist": "MIT (Zalando Research; H. Xiao and others, 2017).",
}
_HEAD = textwrap.dedent("""\
    ---
    library_name: nas-suite
    pipeline_tag: image-classification
    tags:
    - model_hub_mixin
    - pytorch_model_hub_mixin
    ---
    """)


@dataclass(frozen=True)
class ModelFacts:
    """What config.json says of the weights beside it; the last three fields are empty in the first format."""

    genome: str
    input_shape: tuple[int, int, int]  # (C, H, W)
    classes: tuple[str, ...]  # in the order of the logits
    mean: tuple[float, ...]  # per channel, of pixels from 0 to 1
    std: tuple[float, ...]
    norm: Norm
    params: int
    macs: int
    source: str  # WINNER, TRAINED or SUBNET
    accuracies: dict[str, float]  # by _SPLITS, as far as they are known: of a winner that on the test alone
    study: str
    run: str
    sha256: str  # of model.safetensors
    test_pictures: int = 0
    dataset: tuple[str, ...] = ()  # its name, where it came from, and its licence
    notes: tuple[str, ...] = ()  # what is odd about it


@dataclass(frozen=True)
class Timed:
    """One forward pass, and on what."""

    median_ms: float
    batch: int
    threads: int | None  # None on a GPU
    machine: str
    torch: str  # its version


@dataclass(frozen=True)
class Measured:
    """What the model card says beside the facts, where it is known; all but the latency is of a winner's one test."""

    balanced_accuracy: float | None = None  # of unequal classes alone
    confidence: float | None = None  # on average
    calibration_error: float | None = None
    latency: Timed | None = None


def licence_of(name: str) -> str:
    """The licence of a data set, by its name in a study: a path there is somebody's own folder."""
    unknown = "unknown to the suite; whoever has the pictures knows what they may be used for."
    return _LICENCES.get(name, unknown)


def preprocessing(facts: ModelFacts) -> dict[str, Any]:
    """For programs that decode pictures themselves: what precedes the model, and what it does by itself."""
    channels, height, width = facts.input_shape
    return {
        "channels": "grey" if channels == 1 else "rgb",
        "transparent_pixels": "on white",
        "size": {"height": height, "width": width},
        "resample": "bilinear with antialiasing, proportions not kept",
        "rescale_factor": 1 / 255,
        "image_mean": list(facts.mean),
        "image_std": list(facts.std),
        "inside_the_model": ["rescale", "normalise"],
    }


def model_card(facts: ModelFacts, onnx: OnnxFacts | None = None, measured: Measured | None = None) -> str:
    """README.md: what the network is, where it comes from, how far it can be believed, and how to use it."""
    channels, height, width = facts.input_shape
    sections = [
        f"# {facts.genome}",
        f"A small CNN for {len(facts.classes)} classes, {width} x {height} "
        f"{'grey' if channels == 1 else 'colour'} pictures: {facts.params:,} parameters, "
        f"{facts.macs / 1e6:.2f} M multiply-accumulates a picture.",
        "\n".join(
            [
                f"- Weights: {facts.source}.",
                *_accuracies(facts),
                *_beside(measured or Measured()),
                f"- Classes, in the order of the outputs: {', '.join(map(escaped, facts.classes))}.",
                f"- From study {escaped(facts.study)}, run {escaped(facts.run)}, by nas-suite {__version__}.",
            ]
        ),
        "## Data",
        "\n".join(f"- {line}" for line in _data(facts)),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(facts, measured or Measured())),
        "## Use",
        _use(),
        *(_onnx(onnx) if onnx else []),
    ]
    return _HEAD + "\n" + "\n\n".join(sections) + "\n"


def _accuracies(facts: ModelFacts) -> list[str]:
    lines = []
    for name, value in facts.accuracies.items():
        interval = ""
        if name == "test" and facts.test_pictures:
            low, high = accuracy_interval(value, facts.test_pictures)
            interval = f", {facts.test_pictures:,} of them (95 % interval, Wilson: {low:.2%} to {high:.2%})"
        lines.append(f"- Accuracy on {_SPLITS[name]}{interval}: {value:.2%}.")
    return lines


def _beside(measured: Measured) -> list[str]:
    lines = []
    if measured.balanced_accuracy is not None:
        lines.append(
            f"- Balanced accuracy on the test pictures: {measured.balanced_accuracy:.2%}, the mean over classes of "
            "the share classed right. The classes are unequal, and accuracy favours the large ones."
        )
    if (latency := measured.latency) is not None:
        threads = "" if latency.threads is None else f", {plural(latency.threads, 'thread')}"
        lines.append(
            f"- One forward pass took {latency.median_ms:.3f} ms in the median: batch {escaped(str(latency.batch))}"
            f"{threads}, torch {escaped(latency.torch)} on {escaped(latency.machine)}. Elsewhere it takes another "
            "time."
        )
    return lines


def _data(facts: ModelFacts) -> list[str]:
    if not facts.dataset:
        return ["Not noted by the suite that exported this."]
    name, source, licence = facts.dataset
    return [
        f"{escaped(name)}: {escaped(source)}.",
        f"Licence of the data: {escaped(licence)}",
        *map(escaped, facts.notes),
    ]


def _limits(facts: ModelFacts, measured: Measured) -> list[str]:
    return [
        _ACCURACY_SAYS[facts.source],
        f"Every picture is given one of the {len(facts.classes)} classes, also one that shows nothing of the kind.",
        _probabilities(measured),
        "Larger pictures are shrunk to the size above, proportions not kept, so what is small in them is lost.",
    ]


def _probabilities(measured: Measured) -> str:
    if measured.confidence is None or measured.calibration_error is None:
        return "Probabilities are a softmax of the outputs; whether 0.9 is right nine times in ten was not looked at."
    return (
        f"Probabilities are a softmax of the outputs. On the test pictures it was {measured.confidence:.1%} sure on "
        "average; bin by bin, how sure it was and how often it was right are "
        f"{100 * measured.calibration_error:.1f} points apart (expected calibration error, equal counts a bin)."
    )


def _use() -> str:
    return textwrap.dedent("""\
        The model rescales and normalises pictures itself: `model(pictures)` takes (batch, channels, height, width),
        as bytes or from 0 to 1. Files of any format and size are brought to that form by `predict`:

        ```python
        from suite import load

        model = load(".")  # this folder; or suite.export.Classifier.from_pretrained(".")
        print(model.predict("picture.png").label)
        ```

        From a shell: `suite predict . picture.png --top 3`. For other programs, `config.json` has the steps before
        the model, and the numbers inside it, under `preprocess`.""")


def _onnx(onnx: OnnxFacts) -> list[str]:
    other = f"{onnx.other_classes} differ" if onnx.other_classes else "all the same"
    return [
        "## ONNX",
        f"`model.onnx` (opset {onnx.opset}) takes `pictures`, bytes of shape (batch, channels, height, width) for "
        f"any batch, and gives `logits`. On the {onnx.pictures:,} pictures of val-B its outputs are within "
        f"{onnx.max_difference:.1e} of torch's, the classes {other}.",
        "\n".join(
            [
                "| one picture, one thread | median, ms | p90, ms | IQR, ms |",
                "|---|---:|---:|---:|",
                _timing(f"ONNX Runtime {onnx.versions['onnxruntime']}", onnx.onnxruntime),
                _timing(f"torch {onnx.versions['torch']}, eager", onnx.torch),
            ]
        ),
        f"Timed in turn on {escaped(onnx.device)}, from bytes to logits.",
        textwrap.dedent("""\
            ```python
            import onnxruntime

            session = onnxruntime.InferenceSession("model.onnx")
            (logits,) = session.run(None, {"pictures": pictures})  # numpy, uint8
            ```"""),
    ]


def _timing(name: str, latency: Latency) -> str:
    return f"| {name} | {latency.median_ms:.3f} | {latency.p90_ms:.3f} | {latency.iqr_ms:.3f} |"
