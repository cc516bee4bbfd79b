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
        f"With nas-suite {version} and the same pictures, from the folder that holds the run's `study.toml`, in "
        f"which every setting stands as used:\n\n```\nsuite search study.toml --device {device['device']}\n```\n\n"
        "Pictures that were given by `--data` or by a relative folder must be given again. "
        "The same seed on the same machine gives the same genomes and accuracies where latency is no objective; "
        "measured latencies differ from run to run within the noise floor, and the search follows them.",
    )
