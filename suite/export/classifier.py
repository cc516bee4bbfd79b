"""An exported network as it is used: preprocessing inside, classes by name, loaded by from_pretrained."""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from suite.blocks import Norm
from suite.cnn import StandaloneCNN, for_inference
from suite.data.dataset import scale_and_shift
from suite.data.picture import read_picture
from suite.space import Genome, SearchSpace
from suite.study import SpaceSettings


@dataclass(frozen=True)
class Prediction:
    """What a network says of one picture."""

    file: str
    ranked: tuple[tuple[str, float], ...]  # every class and its probability, the likeliest first

    @property
    def label(self) -> str:
        """The likeliest class."""
        return self.ranked[0][0]

    @property
    def probability(self) -> float:
        """Of the likeliest class, by softmax: not calibrated."""
        return self.ranked[0][1]


class Classifier(
    nn.Module, PyTorchModelHubMixin, library_name="nas-suite", pipeline_tag="image-classification"
):
    """A network that takes pictures as they are, and normalises them itself.

    `Classifier.from_pretrained(FOLDER)` loads what `suite export` wrote, without a network connection.
    """

    scale: Tensor  # (C, 1, 1): what a byte is multiplied by,
    shift: Tensor  # and what is then added

    def __init__(
        self,
        genome: str,
        input_shape: Sequence[int],
        classes: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
        norm: Norm,
    ) -> None:
        super().__init__()
        channels, height, width = input_shape
        self.input_shape = (channels, height, width)
        self.classes = tuple(classes)
        self.network = _undrawn(Genome.parse(genome), self.input_shape, len(self.classes), norm)
        scale, shift = scale_and_shift(tuple(mean), tuple(std), torch.device("cpu"))
        self.register_buffer(
            "scale", scale, persistent=False
        )  # (C, 1, 1); config.json holds what they come from
        self.register_buffer("shift", shift, persistent=False)

    @property
    def genome(self) -> Genome:
        """The network's genome."""
        return self.network.genome

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W), uint8, or floating-point from 0 to 1 -> (B, classes) logits."""
        values = pictures.float() if pictures.dtype == torch.uint8 else pictures * 255
        values = values.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(values * self.scale + self.shift)
        return logits

    def probabilities(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W), as for `forward` -> (B, classes), each row summing to 1; without gradients."""
        with torch.inference_mode():
            return self.forward(pictures).softmax(1)

    def predict(self, file: Path | str) -> Prediction:
        """Class the picture in a file, of any format, mode and size.

        Raises:
            DataError: it is not there, or cannot be decoded.
        """
        channels, height, width = self.input_shape
        pixels = torch.from_numpy(read_picture(Path(file), channels, (height, width)).copy())
        said = self.probabilities(pixels[None].to(self.scale.device))[0]
        order = said.argsort(descending=True).tolist()
        return Prediction(str(file), tuple((self.classes[i], float(said[i])) for i in order))

    def folded(self) -> Classifier:
        """A copy for deployment: batch norm folded into the convolutions."""
        ready = copy.deepcopy(self).eval()
        ready.network = for_inference(self.network)
        return ready

    @classmethod
    def _from_pretrained(cls, *, strict: bool = True, **how: Any) -> Self:
        """By the mixin, whose own default lets missing weights pass."""
        with redirect_stdout(io.StringIO()):  # on which the mixin says that it loads from a folder
            classifier: Self = super()._from_pretrained(strict=strict, **how)
        return classifier


def _undrawn(genome: Genome, shape: tuple[int, int, int], classes: int, norm: Norm) -> StandaloneCNN:
    """The genome's network, of a space that holds no other."""
    settings = SpaceSettings(
        depth=(len(genome.convs),),
        fc_layers=(len(genome.fcs),),
        norm=norm,
        dropout=0.0,  # plays no part in evaluation
    )
    return StandaloneCNN(SearchSpace(settings, shape, classes), genome).eval()
