"""One encoded picture to pixels: modes, transparency, orientation, depth and size made alike.

Pillow decodes everything, so that no two pictures of a data set go through two decoders.
"""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from suite.errors import DataError

FAULTS = (
    *(OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error),
    Image.DecompressionBombError,
)
"""What Pillow raises on damaged pictures."""

Pixels = NDArray[np.uint8]
_MOST_PIXELS = 8192 * 8192  # a file of 143 bytes may claim ten thousand by ten thousand, and takes 14 s then
_DEEP_MODES = frozenset(["I", "I;16", "I;16B", "I;16L", "I;16N"])
_TURNS = {  # by the orientation that a camera notes (Exif 2.3, tag 274)
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY_MODES = frozenset(["1", "L", "LA", "La"]) | _DEEP_MODES


def is_grey(encoded: bytes) -> bool:
    """Whether a picture is stored as grey; a palette counts as colour. Reads the header only."""
    return _open(encoded).mode in _GREY_MODES


def pixels(encoded: bytes, channels: int) -> Pixels:
    """Decode to (C, h, w) uint8 in the picture's own size; C = 1 is grey, C = 3 is RGB.

    The orientation a camera noted is applied; transparent pixels lie on white; 16 bits are scaled to 8.

    Raises:
        one of FAULTS: the picture is damaged, or of a kind that has no 8-bit rendering.
    """
    image = _upright(_open(encoded))
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range")
    if image.mode in _DEEP_MODES:
        deep = np.clip(np.asarray(image, dtype=np.float64) / 257, 0, 255)
        image = Image.fromarray(np.rint(deep).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    array = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def read_picture(path: Path, channels: int, size: tuple[int, int]) -> Pixels:
    """A picture file as (C, H, W) uint8: decoded and brought to size as the pictures of a data set are.

    Raises:
        DataError: it is not there, or cannot be decoded.
    """
    try:
        return resized(pixels(path.read_bytes(), channels), size)
    except FAULTS as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"cannot be read as a picture: {why.rstrip('.')}.", where=str(path)) from error


def resized(pictures: Pixels, size: tuple[int, int]) -> Pixels:
    """(..., C, h, w) uint8 -> (..., C, H, W) uint8, bilinear with antialiasing; proportions are not kept."""
    if pictures.shape[-2:] == size:
        return pictures
    # Late: most data sets have the right size, and torchvision takes a second to import.
    from torchvision.transforms.v2 import functional

    source = torch.from_numpy(pictures.copy())
    result: Pixels = functional.resize(source, list(size), antialias=True).numpy()
    return result


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera noted. A note that cannot be read turns nothing: the pixels are sound all the same."""
    if "exif" not in image.info:
        return image
    try:
        with warnings.catch_warnings(action="ignore"):  # on notes cut short
            turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # cameras write all kinds of things, and Pillow fails on them in all kinds of ways
        return image
    return image if turn is None else image.transpose(turn)


def _open(encoded: bytes) -> Image.Image:
    if not encoded:
        raise ValueError("there is no picture in it")
    try:
        image = Image.open(io.BytesIO(encoded))
    except UnidentifiedImageError:  # whose own words name an object in memory
        raise ValueError("it is no picture of a known kind, or its beginning is damaged") from None
    if image.width * image.height > _MOST_PIXELS:
        raise ValueError(f"{image.width}x{image.height} pixels are more than a picture here may have")
    return image
