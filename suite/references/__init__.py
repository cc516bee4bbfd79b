"""Reference networks beside the winner: trained by its recipe, timed with it, tested through the sealed test."""

from suite.references.run_to_match import RunToMatch, run_to_match
from suite.references.train import PHASE, train_references

__all__ = ["PHASE", "RunToMatch", "run_to_match", "train_references"]
