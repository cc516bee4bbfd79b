"""Reference networks beside the winner: trained by its recipe, timed with it, tested through the sealed test."""

from suite.references.run_to_match import RunToMatch
from suite.references.train import PHASE, train_references

__all__ = ["PHASE", "RunToMatch", "train_references"]
