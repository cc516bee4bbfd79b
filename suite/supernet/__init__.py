"""The supernet: weights shared by every network of the space, how they learn, and how subnets are scored."""

from suite.supernet.scoring import Score, Scorer
from suite.supernet.weights import Supernet

__all__ = ["Score", "Scorer", "Supernet"]
