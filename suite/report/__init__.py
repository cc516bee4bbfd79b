"""What people read: report.md with its figures, written from a run's results and published to reports/."""

from suite.report.page import write_report
from suite.report.publish import publish_report

__all__ = ["publish_report", "write_report"]
