"""Optuna's storages, made to outlive kills, full disks and databases that go away for a while."""

from suite.storages.database import PATIENCE_SECONDS, open_database
from suite.storages.journal import open_journal

__all__ = ["PATIENCE_SECONDS", "open_database", "open_journal"]
