"""Read a finished run, the latest one when none is named: python examples/read_run.py [RUN]"""

from __future__ import annotations

import sys

from suite import read_run

run = read_run(*sys.argv[1:2])
print(f"Study {run.study.name}: {len(run.evaluated)} networks evaluated, {len(run.front)} on the front")
for network in run.front:
    print(f"{network.genome:<40} {network.params:>9,} parameters  val-A accuracy {network.val_accuracy:.2%}")

best = max((n for n in run.evaluated if n.val_accuracy is not None), key=lambda n: n.val_accuracy or 0.0)
small = min(run.evaluated, key=lambda network: network.params)
print(f"The most accurate by the supernet: {best.genome}; the smallest: {small.genome}")
