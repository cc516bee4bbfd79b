"""The best network for each budget of parameters, read off the oracle."""

from __future__ import annotations

from suite.escaping import in_code
from suite.own_words import Markdown
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.report.walked_space import WalkedSpace
from suite.space_analysis import best_within, round_budgets
from suite.wording import count, in_short, percent


def section(record: RunRecord, figures: Figures) -> Section | None:
    """One row per budget."""
    if record.oracle is None:
        return None
    walked = record.walked
    costs, sizes = walked.costs("val_search"), walked.columns["params"]
    smallest, largest = int(sizes.min()), int(sizes.max())
    budgets = {f"up to {count(budget)}": budget for budget in round_budgets(smallest, largest)}
    rows = [
        [words, *_network(walked, best_within(costs, sizes, budget))]
        for words, budget in (budgets | {"any": largest}).items()
    ]
    header = ["Parameters allowed", "Genome", "Parameters", "MACs"]
    header += ["Predicted latency (ms)"] if "latency_ms" in walked.prices else []
    header += ["Val-A accuracy", "Val-B accuracy"]
    lead = (
        f"The best by supernet {walked.score} on val-A of all networks within each budget; val-B has "
        f"pictures the choice was not made on.{walked.limits_in_words}"
    )
    return Section("The best network for each size", Markdown(f"{lead}\n\n{table(header, rows, left=2)}"))


def _network(walked: WalkedSpace, row: int) -> list[str]:
    columns = walked.columns
    latency = [f"{columns['latency_ms'][row]:.3f}"] if "latency_ms" in walked.prices else []
    return [
        in_code(columns["genome"][row]),
        count(columns["params"][row]),
        in_short(columns["macs"][row]),
        *latency,
        percent(columns["accuracy_val_search"][row]),
        percent(columns["accuracy_val_choice"][row]),
    ]
