"""How to repeat the run."""

from __future__ import annotations

from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The exact command, with nothing secret in it."""
    device = record.facts["device"]
    version = record.facts["versions"]["nas-suite"]
    return Section(
        "How to repeat it",
        f"With nas-suite {version}, from the folder of this page (`study.toml` holds every setting as used):\n\n"
        f"```\nsuite search study.toml --device {device['device']}\n```\n\n"
        "The same seed on the same machine gives the same genomes and accuracies where latency is no objective; "
        "measured latencies differ from run to run within the noise floor, and the search follows them.",
    )
