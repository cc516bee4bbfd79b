"""The dashboard: a run's record in optuna-dashboard, with notes and pictures that are made as they are looked at."""

from suite.dashboard.application import dashboard_of

__all__ = ["dashboard_of"]
