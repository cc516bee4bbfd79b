"""Reference networks beside the winner: trained by its recipe, timed with it, tested through the sealed test."""

from suite.references.train import PHASE, RunToMatch, train_references

__all__ = ["PHASE", "RunToMatch", "train_references"]
