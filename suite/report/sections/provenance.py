"""Where the pictures, the software and the figures come from."""

from __future__ import annotations

from suite.escaping import escaped
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.wording import count


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Data, machine, versions."""
    dataset, device = record.facts["dataset"], record.facts["device"]
    counts = ", ".join(f"{escaped(name)} {count(n)}" for name, n in dataset["counts"].items())
    rows = [
        ["Data set", escaped(dataset["name"])],
        ["Source", escaped(dataset["source"])],
        ["sha256", f"`{dataset['sha256']}`"],
        ["Pictures", counts],
        ["Device", escaped(device["name"])],
        ["Threads", str(device["threads"])],
        ["Matmul precision setting", escaped(device["matmul_precision"])],
        ["System", escaped(f"{device['system']}, Python {device['python']}")],
        ["Versions", ", ".join(f"{escaped(p)} {escaped(v)}" for p, v in record.facts["versions"].items())],
        ["Begun", escaped(record.facts["started"])],
    ]
    return Section("Provenance", table(["", ""], rows, left=2))
