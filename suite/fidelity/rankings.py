"""Rankings to hold a supernet's against: by what costs nothing, by a fit to trained networks, by short trainings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from suite.fidelity.features import FEATURES, features
from suite.fidelity.measures import Values
from suite.fidelity.truth_table import TruthTable
from suite.space import Genome, SearchSpace

Kind = Literal["supernet", "trivial", "proxy", "short training"]

_SHORT = (1, 2, 3)  # epochs


@dataclass(frozen=True)
class Ranking:
    """Scores (N,), more is better; or (N, S), of which column s is held against the s-th training only."""

    name: str
    kind: Kind
    scores: Values


def trivial_rankings(space: SearchSpace, genomes: Sequence[Genome], truths: Values) -> list[Ranking]:
    """By size, work and depth, more being better; and by a linear fit of `features` to the truths (N, S).

    The fit is a ridge regression, and each network is predicted from all the others (leave-one-out).
    """
    from sklearn.linear_model import Ridge  # late: two seconds that most commands do without
    from sklearn.model_selection import LeaveOneOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = features(space, genomes)
    fit = make_pipeline(StandardScaler(), Ridge(alpha=1.0))
    predicted = cross_val_predict(fit, rows, truths.mean(axis=1), cv=LeaveOneOut())
    counts = {"parameters": "log parameters", "MACs": "log MACs", "depth": "depth"}
    return [
        *(Ranking(name, "trivial", rows[:, FEATURES.index(column)]) for name, column in counts.items()),
        Ranking("linear fit of features", "trivial", predicted),
    ]


def short_trainings(table: TruthTable, networks: Sequence[str], seeds: Sequence[int]) -> Iterator[Ranking]:
    """By accuracy and by cross-entropy after few epochs, of the training from the next seed, where there is one.

    A training's own beginning would know its seed's luck, so against the mean of all trainings there is no score.
    """
    turned = [*seeds[1:], *seeds[:1]]
    for epochs in (epochs for epochs in _SHORT if epochs < table.regime.epochs):
        after = f"after {epochs} epoch{'' if epochs == 1 else 's'}"
        yield Ranking(f"accuracy {after}", "short training", table.values(networks, turned, epoch=epochs))
        losses = table.values(networks, turned, epoch=epochs, of="val_loss")
        yield Ranking(f"cross-entropy {after}", "short training", -losses)
