"""Export: networks of a run as folders of their own, to be used without the run."""

from suite.export.card import ModelFacts
from suite.export.classifier import Classifier, Prediction
from suite.export.folder import load_exported, read_facts, write_export
from suite.export.loading import load_model

__all__ = [
    "Classifier",
    "ModelFacts",
    "Prediction",
    "load_exported",
    "load_model",
    "read_facts",
    "write_export",
]
