"""Export: one network of a run as a folder of its own, to be used without the run."""

from suite.export.card import ModelFacts
from suite.export.folder import load_exported, read_facts, write_export

__all__ = ["ModelFacts", "load_exported", "read_facts", "write_export"]
