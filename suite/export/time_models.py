"""Time the ONNX files beside this script on this device, and write timings.json.

    python3 -m pip install onnxruntime numpy
    python3 time_models.py

Needs Python 3.8 or newer and nothing else of the suite. Take timings.json back to where the search was, and run
`suite ask RUN --timings timings.json`. Each network is loaded, warmed up, and then timed in short blocks, all of them
in turn and in random order, so that a device that heats up or slows down does so for all. The noise floor comes from
one network that is loaded several times over.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import platform
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

try:
    import numpy as np
    import onnxruntime
except ImportError as missing:
    sys.exit(f"{missing.name} is not installed here: python3 -m pip install onnxruntime numpy")

FORMAT_VERSION = 1
BLOCK_MS = 2.0  # long against the clock's resolution, short against a drift in speed
WARM_UP = 5
FLOOR_REPEATS = 8
FEWEST_BLOCKS = 5


class Contestant:
    """A network in ONNX Runtime, and its times so far."""

    def __init__(self, path: Path, genome: str, threads: int) -> None:
        self.genome = genome
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (entry,) = self.session.get_inputs()
        picture = np.random.RandomState(0).randint(0, 256, [1, *entry.shape[1:]])
        self.feed = {entry.name: picture.astype(np.uint8)}
        self.times: list[float] = []  # ms per forward pass, one a block
        self.block(WARM_UP)
        estimate = min(self.block(WARM_UP) for _ in range(3))
        self.forwards = max(1, math.ceil(BLOCK_MS / max(estimate, 1e-6)))

    def block(self, forwards: int) -> float:
        """Milliseconds per forward pass over a block of them."""
        start = time.perf_counter()
        for _ in range(forwards):
            self.session.run(None, self.feed)
        return 1e3 * (time.perf_counter() - start) / forwards

    def time_once(self) -> None:
        """Time one more block."""
        self.times.append(self.block(self.forwards))

    def is_unfinished(self, budget_ms: float) -> bool:
        """Whether it has been timed for less than the budget."""
        return len(self.times) < FEWEST_BLOCKS or sum(self.times) * self.forwards < budget_ms

    def summary(self) -> dict[str, Any]:
        """Median, 90th percentile and interquartile range."""
        p25, median, p75, p90 = (float(p) for p in np.percentile(self.times, [25, 50, 75, 90]))
        forwards = len(self.times) * self.forwards
        return {"median_ms": median, "p90_ms": p90, "iqr_ms": p75 - p25, "forwards": forwards}


def time_all(contestants: list[Contestant], budget_ms: float) -> None:
    """Time all of them in turn, each round in another order."""
    order = random.Random(0)
    unfinished = list(contestants)
    gc.disable()
    while unfinished:
        order.shuffle(unfinished)
        for contestant in unfinished:
            contestant.time_once()
        unfinished = [contestant for contestant in unfinished if contestant.is_unfinished(budget_ms)]
    gc.enable()


def noise_floor_ms(repeats: list[Contestant]) -> float:
    """The smallest difference of two medians that is not noise: 1.96 * sqrt(2) standard deviations."""
    medians = [float(repeat.summary()["median_ms"]) for repeat in repeats]
    return 1.96 * math.sqrt(2) * statistics.stdev(medians)


def device_facts(threads: int) -> dict[str, Any]:
    """What the times were measured on."""
    return {
        "name": device_name(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "governor": first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
        "threads": threads,
    }


def device_name() -> str:
    """A board's own name, the processor's model, or what the system says."""
    board = first_line("/proc/device-tree/model")
    if board:
        return board
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def first_line(path: str) -> str:
    """The first line of a small file of the system's; nothing if there is none."""
    try:
        lines = Path(path).read_text(errors="replace").strip("\0\n ").splitlines()
    except OSError:
        return ""
    return lines[0] if lines else ""


def timed(here: Path, threads: int, budget_ms: float) -> dict[str, Any]:
    """Time every network of models.json; returns what timings.json is to hold."""
    manifest = json.loads((here / "models.json").read_text(encoding="utf-8"))
    models = manifest["models"]
    contestants = [Contestant(here / model["file"], model["genome"], threads) for model in models]
    typical = models[len(models) // 2]  # of a front: of middling size
    repeats = [Contestant(here / typical["file"], "", threads) for _ in range(FLOOR_REPEATS)]
    seconds = (len(contestants) + len(repeats)) * budget_ms / 1e3
    print(f"Timing {len(models)} networks, about {seconds:.0f} s.", file=sys.stderr)
    time_all([*contestants, *repeats], budget_ms)
    return {
        "format_version": FORMAT_VERSION,
        "study": manifest["study"],
        "run": manifest["run"],
        "device": device_facts(threads),
        "batch": 1,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "noise_floor_ms": noise_floor_ms(repeats),
        "timings": [{"genome": contestant.genome, **contestant.summary()} for contestant in contestants],
    }


def main() -> None:
    """Time the networks, write timings.json, and say what is in it."""
    parser = argparse.ArgumentParser(description="Time the ONNX files beside this script on this device.")
    parser.add_argument("--threads", type=int, default=1, help="of ONNX Runtime (default: 1)")
    parser.add_argument("--budget-ms", type=float, default=500.0, help="time for a network (default: 500)")
    asked = parser.parse_args()
    here = Path(__file__).resolve().parent
    result = timed(here, asked.threads, asked.budget_ms)
    path = here / "timings.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for row in result["timings"]:
        spread = f"p90 {row['p90_ms']:.3f}, IQR {row['iqr_ms']:.3f}"
        print(f"{row['median_ms']:9.3f} ms  ({spread})  {row['genome']}")
    print(f"Differences under {result['noise_floor_ms']:.3f} ms are noise. Written: {path}")


if __name__ == "__main__":
    main()
