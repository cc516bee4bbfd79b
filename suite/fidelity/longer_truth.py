"""How well a short truth predicts a long one: the same networks in two tables of one data set and space."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from suite.errors import FidelityError
from suite.fidelity.measures import estimate, mean_truth, resamples, taus
from suite.fidelity.truth_table import TruthTable, read_table
from suite.space import Genome

_FEWEST = 8  # shared networks


def longer_truths(table: TruthTable, folder: Path, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Kendall's tau-b between the table's values and those of each longer table in the folder, on shared networks.

    Longer is what has more epochs x pictures; each value is the mean over a table's seeds.
    """
    rows = []
    for path in sorted(folder.glob("*.csv")):
        try:
            other = read_table(path)
        except FidelityError:  # some other file: nothing here depends on it
            continue
        shared = sorted(set(table.rectangle()[0]) & set(other.rectangle()[0]))
        if _is_longer(other, table) and len(shared) >= _FEWEST:
            weights = resamples([len(Genome.parse(text).convs) for text in shared], rng)
            short, long = (mean_truth(each.values(shared, each.rectangle()[1])) for each in (table, other))
            tau = estimate(taus(short, long, weights))
            rows.append({"table": other.regime.name, "networks": len(shared), "tau": tau and asdict(tau)})
    return rows


def _is_longer(other: TruthTable, table: TruthTable) -> bool:
    a, b = table.regime, other.regime
    same = (a.data, a.sha256, a.space) == (b.data, b.sha256, b.space)
    return same and b.epochs * b.train_images > a.epochs * a.train_images
