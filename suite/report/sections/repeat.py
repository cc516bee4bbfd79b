"""How to repeat the run, and what was measured of it afterwards."""

from __future__ import annotations

from typing import Any

from suite.escaping import escaped, in_code, one_line
from suite.own_code import code_in_words
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The exact commands in order, with nothing secret in them."""
    device = record.facts["device"]
    version, code = record.facts["versions"]["nas-suite"], record.facts.get("code")
    exactly = "" if code is None else f" ({escaped(code_in_words(code))})"
    by_truth = record.fidelity is not None or "table" in (record.candidates or {})
    file = "RUN/study.toml" if by_truth else "study.toml"
    where = (
        "from the folder that holds `benchmarks/truth` (RUN is the folder of this run, whose `study.toml` has every "
        "setting as used)"
        if by_truth
        else "from the folder that holds the run's `study.toml`, in which every setting stands as used"
    )
    commands = [f"suite search {file} --device {one_line(device['device'])}", *_afterwards(record)]
    return Section(
        "How to repeat it",
        Markdown(
            f"With nas-suite {escaped(version)}{exactly} and the same pictures, {where}:"
            f"\n\n```\n{chr(10).join(commands)}\n```\n\n"
            f"{_truth(record)}Pictures that were given by `--data` or by a relative folder must be given again. "
            "The same seed on the same machine gives the same genomes and accuracies where latency is no objective; "
            "measured latencies differ from run to run, by more than the noise floor, which is that of networks "
            "timed together, and the search follows them."
        ),
    )


def _afterwards(record: RunRecord) -> list[str]:
    """What was asked of the finished run, which is the latest one for whoever repeats it."""
    commands = [] if record.oracle is None else _oracle(record, record.oracle)
    if record.fidelity is not None:
        walked_before = record.fidelity.get("walked_before", True)  # older suites did not say
        commands.insert(len(commands) if walked_before else 0, _fidelity(record.fidelity))
    if record.references is not None:
        commands.append(f"suite references --seeds {len(record.references['seeds'])}")
    return commands


def _oracle(record: RunRecord, oracle: dict[str, Any]) -> list[str]:
    """The walk; no command where the search itself walks the whole space, on all pictures."""
    counts, walked = record.facts["dataset"]["counts"], oracle["pictures"]
    if all(pictures == counts[name] for name, pictures in walked.items()):
        return [] if record.study.search.method == "exhaustive" else ["suite oracle"]
    return [f"suite oracle --pictures {max(walked.values())}"]


def _fidelity(fidelity: dict[str, Any]) -> str:
    asked = _asked(fidelity)
    options = [f"--{name.replace('_', '-')} {asked[name]}" for name in asked if name != "top" or asked[name]]
    return one_line(" ".join(["suite fidelity", *options]))


def _asked(fidelity: dict[str, Any]) -> dict[str, int]:
    """As it was asked; of older suites, what the table had to measure by."""
    if "asked" in fidelity:
        return dict(fidelity["asked"])
    favourites = fidelity["favourites"]
    return {
        "networks": fidelity["networks"],
        "seeds": len(fidelity["seeds"]),
        "epochs": fidelity["epochs"],
        "train_images": fidelity["train_images"],
        "top": favourites["networks"] if favourites else 0,
    }


def _truth(record: RunRecord) -> str:
    """Where a table is shared, a call finds trainings that another call asked for."""
    if record.fidelity is None:
        return ""
    return (
        f"`suite fidelity` measures by all networks of its truth table, {in_code(record.fidelity['table'])}, and "
        "trains only what is not there yet; the table may hold more than this run asked for. "
    )
