"""Where the pictures, the software and the figures come from."""

from __future__ import annotations

from suite.escaping import escaped, in_code
from suite.own_code import all_code_in_words
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.wording import count


def section(record: RunRecord, figures: Figures) -> Section | None:
    """Data, machine, versions."""
    dataset, device = record.facts["dataset"], record.facts["device"]
    before = record.facts.get("earlier_devices", [])
    counts = ", ".join(f"{escaped(name)} {count(n)}" for name, n in dataset["counts"].items())
    rows = [
        ["Data set", escaped(dataset["name"])],
        ["Source", escaped(dataset["source"])],
        ["sha256", in_code(dataset["sha256"])],
        ["Pictures", counts],
        ["Device", escaped(device["name"])],
        *(
            ["Begun on", f"{escaped(earlier['name'])}, torch {escaped(earlier['torch'])}"]
            for earlier in before
        ),
        ["Threads", count(device["threads"])],
        ["Matmul precision setting", escaped(device["matmul_precision"])],
        ["System", f"{escaped(device['system'])}, Python {escaped(device['python'])}"],
        ["Versions", ", ".join(f"{escaped(p)} {escaped(v)}" for p, v in record.facts["versions"].items())],
        ["Code", escaped(all_code_in_words(record.facts))],
        ["Begun", escaped(record.facts["started"])],
    ]
    return Section("Provenance", Markdown(table(["", ""], rows, left=2)))
