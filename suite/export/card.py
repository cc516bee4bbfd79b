"""What is said of an exported network: to programs by its facts, to people by its model card."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from suite import __version__
from suite.blocks import Norm
from suite.escaping import escaped

WINNER = "winner, fine-tuned and tested"
SUBNET = "subnet of the supernet, shared weights, not trained on its own"
_SPLITS = {
    "test": "the test pictures",
    "val_search": "val-A, the pictures of the search",
    "val_choice": "val-B, the pictures of the choice",
}


@dataclass(frozen=True)
class ModelFacts:
    """What model.json says of the weights beside it."""

    genome: str
    input_shape: tuple[int, int, int]  # (C, H, W)
    classes: tuple[str, ...]  # in the order of the logits
    mean: tuple[float, ...]  # per channel, of pixels from 0 to 1
    std: tuple[float, ...]
    norm: Norm
    params: int
    macs: int
    source: str  # WINNER or SUBNET
    accuracies: dict[str, float]  # test for a winner; val_search, val_choice for a subnet, where known
    study: str
    run: str
    sha256: str  # of model.safetensors


def model_card(facts: ModelFacts) -> str:
    """README.md: what the network is, where it comes from, and how to use it."""
    channels, height, width = facts.input_shape
    lines: list[str] = [
        f"# {facts.genome}",
        "",
        f"A small CNN for {len(facts.classes)} classes, {width} x {height} pictures of {channels} channel(s): "
        f"{facts.params:,} parameters, {facts.macs / 1e6:.2f} M multiply-accumulates a picture.",
        "",
        f"- Weights: {facts.source}.",
        *(f"- Accuracy on {_SPLITS[name]}: {value:.2%}." for name, value in facts.accuracies.items()),
        f"- Classes, in the order of the outputs: {', '.join(map(escaped, facts.classes))}.",
        f"- From study {escaped(facts.study)}, run {escaped(facts.run)}, by nas-suite {__version__}.",
        "",
        "To use it, with nas-suite installed:",
        "",
        "```python",
        _example(channels, height, width),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _example(channels: int, height: int, width: int) -> str:
    return textwrap.dedent(f"""\
        import numpy as np
        import torch
        from PIL import Image
        from suite.export import load_exported, read_facts

        network, facts = load_exported("."), read_facts(".")  # this folder
        picture = Image.open("picture.png").convert("{"L" if channels == 1 else "RGB"}").resize(({width}, {height}))
        pixels = torch.from_numpy(np.array(picture)).reshape({height}, {width}, {channels}).permute(2, 0, 1) / 255
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (facts.mean, facts.std))
        with torch.inference_mode():
            print(facts.classes[network(((pixels - mean) / std)[None]).argmax()])""")
