"""The device a run computes on, and how torch is set up for it once per process."""

from __future__ import annotations

import ctypes
import os
import platform
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from suite.errors import DeviceError


@dataclass(frozen=True)
class DeviceFacts:
    """What the figures of a run were made on."""

    device: str
    name: str
    threads: int
    matmul_precision: str
    torch: str
    python: str
    system: str

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def open_device(name: str, *, threads: int | None = None) -> torch.device:
    """The torch device for `auto`, `cpu` or `cuda`; sets threads, and the fastest exact matmul, once.

    Raises:
        DeviceError: CUDA was asked for and there is none, or the name is no device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"{name!r} is no device here.", where="--device", remedy="Use auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "this torch sees no CUDA device.",
            where="--device cuda",
            remedy="Use --device cpu, or check the driver.",
        )
    if threads is not None:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        _choose_matmul()
        _keep_freed_memory()
    else:
        _compute_in_float32()
    return device


def open_device_of(begun_on: Mapping[str, Any], run: Path, remedy: str) -> torch.device:
    """The kind of device that run.json names, with as many threads, as sums depend on both.

    Raises:
        DeviceError: this machine lacks it.
    """
    try:
        return open_device(begun_on["device"], threads=begun_on["threads"])
    except DeviceError:
        raise DeviceError(
            f"was begun on {begun_on['name']}, and this torch sees no such device.",
            where=str(run),
            remedy=remedy,
        ) from None


def device_facts(device: torch.device) -> DeviceFacts:
    """Describe the device, for run.json and the report."""
    return DeviceFacts(
        device=device.type,
        name=torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name(),
        threads=torch.get_num_threads(),
        matmul_precision=torch.get_float32_matmul_precision(),
        torch=str(torch.__version__),
        python=platform.python_version(),
        system=platform.platform(aliased=True, terse=True),
    )


def workers_on(device: str, trainings: int) -> int:
    """How many processes share independent trainings: one for each thread of a CPU, one for a GPU."""
    return min(1 if device == "cuda" else torch.get_num_threads(), trainings)


def _choose_matmul() -> None:
    """Send float32 products to oneDNN where that is exact.

    MKL runs a half-speed kernel on AMD; precision "medium" goes to oneDNN, at full speed and in float32 on
    CPUs without AMX. Where it would round to bfloat16, stay with the default.
    """
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(256, 256, generator=generator), torch.randn(256, 256, generator=generator)
    torch.set_float32_matmul_precision("medium")
    error = ((a @ b).double() - a.double() @ b.double()).abs().max().item()
    if error > 1e-3:  # float32 gives about 2e-5 here, bfloat16 about 0.2
        torch.set_float32_matmul_precision("highest")


def _compute_in_float32() -> None:
    """No TF32, whose 10 bits of mantissa would let the same network score differently along two ways.

    cuDNN uses it for convolutions unless told otherwise; a CPU that was opened before may have asked for less
    (https://docs.pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices).
    """
    torch.set_float32_matmul_precision("highest")
    with warnings.catch_warnings(category=UserWarning, action="ignore"):  # that there is a newer setting, too
        torch.backends.cudnn.allow_tf32 = False


def _keep_freed_memory() -> None:
    """Let glibc keep what tensors free instead of handing it back and faulting it in again at every step.

    Measured on two cores of an AMD EPYC: a training step of a small CNN takes 23 ms with it and 37 ms without.
    See `man mallopt`; other C libraries have no such call, and are left alone.
    """
    mmap_threshold, trim_threshold, top_pad = -3, -1, -2  # parameter numbers of <malloc.h>
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(mmap_threshold, 32 << 20)  # the largest that glibc takes
    mallopt(trim_threshold, 1 << 30)
    mallopt(top_pad, 64 << 20)


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            models = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    except OSError:
        models = set()
    return f"{' / '.join(sorted(models)) or platform.machine()}, {os.cpu_count()} cores"
