"""A study's data, opened: its splits as tensors, how pictures are normalised, where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from suite.data.decode import Pictures, Progress, decode_pictures
from suite.data.left_out import left_out
from suite.data.places import Place
from suite.data.sealed_test import OpenTest, SealedTest
from suite.data.splits import TEST_FRACTION, Indices, Split, check_every_class_in, set_aside
from suite.study import DataSettings
from suite.wording import listed

_FEW = 500  # a part to judge by that has fewer is warned about
_JUDGED_BY = {"val_search": "val-A (val_search)", "val_choice": "val-B (val_choice)", "test": "the test"}
_UNEQUAL = 2.0  # so is a class this much larger than another
_CHUNK = 5000  # pictures counted at a time


@dataclass(frozen=True)
class Provenance:
    """Where the pictures come from, for the report."""

    name: str
    source: str
    sha256: str
    counts: dict[str, int]  # pictures by split
    own_test: bool  # the data set's own; else one set aside by data.split_seed
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Data:
    """The data of a study. The three training splits are views of `all_training`, on the CPU."""

    name: str
    classes: tuple[str, ...]
    train: Split
    val_search: Split  # val-A: the search looks here
    val_choice: Split  # val-B: the choice is made here
    all_training: Split  # train, val-A and val-B, in this order
    mean: tuple[float, ...]  # per channel, of the pictures of `train`, 0 to 1
    std: tuple[float, ...]
    class_weights: tuple[float, ...] | None  # of a picture's loss in training, by its class; None: all alike
    sealed_test: SealedTest
    provenance: Provenance
    warnings: tuple[str, ...]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        channels, height, width = self.train.pictures.shape[1:]
        return channels, height, width

    def normalise(self, pictures: Tensor) -> Tensor:
        """(B, C, H, W) uint8 -> float32, channels last, with mean 0 and deviation 1 over `train`; on any device."""
        scale, shift = scale_and_shift(self.mean, self.std, pictures.device)
        return pictures.to(torch.float32, memory_format=torch.channels_last).mul_(scale).add_(shift)

    def class_weights_on(self, device: torch.device) -> Tensor | None:
        """(classes,) what a picture's loss counts in training, by its class; None if all count alike."""
        return None if self.class_weights is None else torch.tensor(self.class_weights, device=device)

    def open_test(self, choice_path: Path, ledger: Path) -> OpenTest:
        """The test pictures, for the choice written at `choice_path`; each use is recorded in `ledger`.

        Raises:
            SealedTestError: the choice was not written, or was edited since.
        """
        return self.sealed_test.open(choice_path, ledger)


def open_data(
    settings: DataSettings,
    place: Place,
    *,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Data:
    """Open the data at `place` as the study wants it; `progress(done, total)` is called while it is decoded.

    Raises:
        DataError: the data is damaged, incomplete, or too small for the splits asked for.
    """
    pictures = decode_pictures(place, settings.image_size, cache_dir=cache_dir, progress=progress)
    training, test, notes = _training_and_test(pictures, settings)
    labels = pictures.labels["train"]
    search, choice, train = (
        training[part]
        for part in set_aside(
            labels[training], (settings.val_search, settings.val_choice), settings.split_seed
        )
    )
    _check(pictures, {"train": train, "val_search": search, "val_choice": choice}, test, place.name)

    whole = _split(pictures, np.concatenate([train, search, choice]))
    cuts = (0, len(train), len(train) + len(search), len(whole))
    parts = [whole.part(start, stop) for start, stop in pairwise(cuts)]
    mean, std = _mean_and_std(parts[0].pictures)
    counts = {"train": len(train), "val_search": len(search), "val_choice": len(choice), "test": len(test)}
    return Data(
        name=place.name,
        classes=pictures.classes,
        train=parts[0],
        val_search=parts[1],
        val_choice=parts[2],
        all_training=whole,
        mean=mean,
        std=std,
        class_weights=_balanced(parts[0].labels) if settings.class_weights == "balanced" else None,
        sealed_test=SealedTest(test),
        provenance=Provenance(
            place.name,
            place.source,
            pictures.sha256,
            counts,
            "test" in pictures.pictures,
            (*pictures.notes, *left_out(place), *notes),
        ),
        warnings=(*_small_part_warnings(counts), *_unequal_warnings(pictures.classes, whole.labels)),
    )


def _training_and_test(pictures: Pictures, settings: DataSettings) -> tuple[Indices, Split, tuple[str, ...]]:
    """Indices of the training pictures, and the test: the data set's own, or a fifth set aside."""
    labels = pictures.labels["train"]
    if "test" in pictures.pictures:
        own = Split(torch.from_numpy(pictures.pictures["test"]), torch.from_numpy(pictures.labels["test"]))
        return np.arange(len(labels)), own, ()
    test, training = set_aside(labels, (TEST_FRACTION,), settings.split_seed)
    note = (
        f"The data set has no test split; a stratified fifth of it ({len(test)} pictures, "
        f"split_seed = {settings.split_seed}) was set aside as the test."
    )
    return training, _split(pictures, test), (note,)


def _check(pictures: Pictures, parts: dict[str, Indices], test: Split, name: str) -> None:
    labels = {part: np.asarray(pictures.labels["train"][indices]) for part, indices in parts.items()}
    check_every_class_in(
        {**labels, "test": test.labels.numpy()},
        pictures.classes,
        f"Add pictures of it to {name}, take the class out, or change data.val_search and data.val_choice.",
    )


def _split(pictures: Pictures, indices: Indices) -> Split:
    picked = torch.from_numpy(indices)
    of_training = torch.from_numpy(pictures.pictures["train"]), torch.from_numpy(pictures.labels["train"])
    return Split(of_training[0][picked], of_training[1][picked])


def _mean_and_std(pictures: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, in 0 to 1; from counts of the 256 values, so exact."""
    channels = pictures.shape[1]
    counts = torch.zeros(channels, 256, dtype=torch.int64)
    for chunk in torch.split(pictures, _CHUNK):
        for channel in range(channels):
            counts[channel] += torch.bincount(chunk[:, channel].flatten(), minlength=256)
    shares = counts.double() / counts.sum(dim=1, keepdim=True)
    values = torch.arange(256, dtype=torch.float64)
    mean = (shares * values).sum(dim=1)
    variance = (shares * (values - mean[:, None]).square()).sum(dim=1)
    # A channel that never changes has no deviation to divide by; one grey level stands in for it.
    std = variance.sqrt().clamp(min=1.0)
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


@lru_cache(maxsize=16)
def scale_and_shift(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """(C, 1, 1) factors with (x / 255 - mean) / std = x * scale + shift, kept on the device."""
    with torch.inference_mode(
        False
    ):  # the first call may come from within one, and tensors of it do not train
        centre = torch.tensor(mean, dtype=torch.float64).view(-1, 1, 1)
        spread = torch.tensor(std, dtype=torch.float64).view(-1, 1, 1)
        return (1 / (255 * spread)).float().to(device), (-centre / spread).float().to(device)


def _small_part_warnings(counts: dict[str, int]) -> list[str]:
    small = [part for part in _JUDGED_BY if counts[part] < _FEW]
    if not small:
        return []
    sizes = listed(f"{counts[part]} in {_JUDGED_BY[part]}" for part in small)
    errors = listed(f"{100 * (0.9 * 0.1 / counts[part]) ** 0.5:.1f}" for part in small)
    return [
        f"Few pictures to judge by: {sizes}. An accuracy of 90 % there has a standard error of {errors} points."
    ]


def _unequal_warnings(classes: Sequence[str], labels: Tensor) -> list[str]:
    sizes = torch.bincount(labels, minlength=len(classes)).tolist()
    if not are_unequal(sizes):
        return []
    least, most = min(sizes), max(sizes)
    return [
        f"The classes are unequal: {most} training pictures of {classes[sizes.index(most)]}, {least} of "
        f"{classes[sizes.index(least)]}; accuracy favours the large ones. The test gives balanced accuracy beside "
        'it; data.class_weights = "balanced" makes each class count alike in training.'
    ]


def are_unequal(sizes: Sequence[int]) -> bool:
    """Whether one class has so many more pictures than another that accuracy says little of the small ones."""
    return max(sizes) > _UNEQUAL * min(sizes)


def _balanced(labels: Tensor) -> tuple[float, ...]:
    """A weight for each class with which all count alike, and a picture 1 in the mean; every class has pictures."""
    sizes = torch.bincount(labels)
    return tuple((len(labels) / (len(sizes) * sizes.double())).tolist())
