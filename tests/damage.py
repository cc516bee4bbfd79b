"""What becomes of files: cut short at some length, or a bit flipped at some place."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


def _flipped(content: bytes, place: int, bit: int = 0) -> bytes:
    harmed = bytearray(content)
    harmed[place] ^= 1 << bit
    return bytes(harmed)


_HARMS: dict[str, Callable[[bytes], bytes]] = {
    "cut to nothing": lambda content: b"",
    "cut to a byte": lambda content: content[:1],
    "cut to half": lambda content: content[: len(content) // 2],
    "cut by two bytes": lambda content: content[:-2],
    "flipped at the start": lambda content: _flipped(content, 0),
    "flipped in the middle": lambda content: _flipped(content, len(content) // 2),
    "flipped at the end": lambda content: _flipped(content, -1),
}
DAMAGES = tuple(_HARMS)


def cut_at(content: bytes, count: int) -> Iterator[bytes]:
    """What is left of a content that is cut at some odd lengths, and at so many that are evenly spread."""
    lengths = (0, 1, 99, 4096, *range(0, len(content) - 1, len(content) // count), len(content) - 1)
    yield from (content[:length] for length in lengths)


def flipped(content: bytes, count: int) -> Iterator[bytes]:
    """A content with a bit flipped, so many times, each time another by chance."""
    rng = random.Random(0)
    for _ in range(count):
        yield _flipped(content, rng.randrange(len(content)), rng.randrange(8))


def copies(path: Path, contents: Iterable[bytes]) -> Iterator[Path]:
    """Files beside a path, one for each of the contents."""
    for number, content in enumerate(contents):
        copy = path.with_name(f"{path.name}-{number}")
        copy.write_bytes(content)
        yield copy


def damaged(path: Path, damage: str) -> bytes:
    """Damage a file; returns what is in it now."""
    content = _HARMS[damage](path.read_bytes())
    path.write_bytes(content)
    return content
