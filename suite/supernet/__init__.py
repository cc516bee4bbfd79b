"""The supernet: weights shared by every network of the space, how they learn, and how subnets are scored."""

from suite.supernet.scoring import Score, Scorer
from suite.supernet.training import load_supernet, new_supernet, new_training, train_supernet
from suite.supernet.weights import Supernet

__all__ = ["Score", "Scorer", "Supernet", "load_supernet", "new_supernet", "new_training", "train_supernet"]
