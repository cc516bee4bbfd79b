"""NAS best practice: a checklist answered from the run's own record, what is not met among it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from suite.escaping import escaped
from suite.own_code import code_in_words
from suite.own_words import Markdown
from suite.reference_networks import RANDOM
from suite.report.record import RunRecord
from suite.report.section import Section
from suite.report.style import Figures, table
from suite.wording import count, duration, plural

Verdict = Literal["yes", "partly", "no"]


@dataclass(frozen=True)
class Answer:
    """Whether this run meets an item, and the fact that says so."""

    verdict: Verdict
    fact: str


def section(record: RunRecord, figures: Figures) -> Section | None:
    """The checklist of Lindauer and Hutter (2020), for a run with a tested winner."""
    if record.final is None:
        return None
    answers = [(item, answer(record)) for item, answer in ITEMS]
    verdicts = Counter(answer.verdict for _, answer in answers)
    rows = [[item, f"**{answer.verdict}**", answer.fact] for item, answer in answers]
    text = (
        "After the checklist of Lindauer and Hutter, *Best Practices for Scientific Research on Neural Architecture "
        "Search* (JMLR 21(243), 2020), its questions shortened, and answered for this run alone: "
        f"{count(verdicts['yes'])} yes, {count(verdicts['partly'])} partly, {count(verdicts['no'])} no."
    )
    return Section(
        "NAS best practice", Markdown(f"{text}\n\n{table(['Item', 'Met', 'By what'], rows, left=3)}")
    )


def _training_code(record: RunRecord) -> Answer:
    version = escaped(record.facts["versions"]["nas-suite"])
    files = f"nas-suite {version}, `suite/standalone.py` and `suite/training.py`"
    return _code(record, f'{files}; the command is under "How to repeat it"')


def _space_code(record: RunRecord) -> Answer:
    files = "`suite/space.py` and `suite/blocks/`"
    return _code(record, f"{files}: {count(record.space.size)} networks, by the choices of `[space]`")


def _method_code(record: RunRecord) -> Answer:
    return _code(record, f"`suite/methods/` ({record.study.search.method}) and `suite/supernet/`")


def _code(record: RunRecord, files: str) -> Answer:
    """The files are there for all; whether they are known as they were then is what a commit tells."""
    code = record.facts.get("code")
    if code is None:
        return Answer("partly", f"{files}; which state of it, the run does not say")
    exact = code["commit"] is not None and not code["changed"] and not record.facts.get("earlier_code")
    return Answer("yes" if exact else "partly", f"{files}; {escaped(code_in_words(code))}")


def _evaluation_settings(record: RunRecord) -> Answer:
    seeds = ", ".join(str(seed) for seed in (record.finalists or {}).get("seeds", [record.study.seed]))
    return Answer(
        "yes",
        f'`[supernet]`, `[finalists]` and `[final]` under "Settings"; finalists from seed {seeds}, the winner '
        f"fine-tuned from seed {record.study.seed}",
    )


def _method_settings(record: RunRecord) -> Answer:
    return Answer(
        "yes",
        f'`[search]` and `[supernet]` under "Settings", seed {record.study.seed}; splits by seed '
        f"{record.study.data.split_seed}",
    )


def _same_benchmark(record: RunRecord) -> Answer:
    rivals = record.rivals
    if not rivals:
        return Answer("no", "nothing else is trained beside the winner yet; `suite references` does that")
    own = (
        "; the winner alone began from the supernet's weights"
        if record.study.finalists.start == "supernet"
        else ""
    )
    return Answer(
        "partly",
        f"the same pictures, splits and training code for {plural(len(rivals), 'reference network')}; the MLPs are "
        f"outside the space, at learning rates and batches of their own{own}",
    )


def _confounders(record: RunRecord) -> Answer:
    if record.references is None or not record.rivals:
        return Answer("no", "nothing is compared")
    machines = sorted({training["machine"] for training in record.references["trainings"]})
    return Answer(
        "partly",
        f"trained on {escaped('; '.join(machines))}, latencies of all timed in turn; but the winner's search took "
        f"{duration(record.search_seconds)}, and the references had none",
    )


def _ablations(record: RunRecord) -> Answer:
    return Answer("no", "none in this run; `suite ablate` compares settings of the supernet, apart from runs")


def _same_protocol(record: RunRecord) -> Answer:
    if record.references is None or not record.rivals:
        return Answer("no", "nothing is compared")
    repeated = ", but for what the ledger has twice" if _tested_again(record) else ""
    return Answer(
        "yes",
        f"last epoch, never the best one, and one test for each network and seed{repeated}; only the winner is the "
        "best of several, chosen on val-B",
    )


def _over_time(record: RunRecord) -> Answer:
    return Answer(
        "partly",
        'the search\'s own progress is under "How the search went"; no rival is searched for as long',
    )


def _random_search(record: RunRecord) -> Answer:
    if record.study.search.method == "random":
        return Answer("yes", "it is the method")
    facts = []
    if record.oracle is not None:
        facts.append('how many random evaluations reach as far is known exactly ("When evolution is needed")')
    if drawn := record.rivals & set(RANDOM):
        facts.append(f"{plural(len(drawn), 'random network')} trained and tested")
    if facts:
        return Answer("partly", f"{'; '.join(facts)}; no random search of the same cost is run to its end")
    return Answer("no", "none beside this run; `suite oracle` and `suite references` bring the comparison")


def _several_runs(record: RunRecord) -> Answer:
    searched = f"one search, seed {record.study.seed}"
    networks = (record.references or {"networks": []})["networks"]
    fewest = min((record.trainings[network["name"]] for network in networks), default=0)
    if fewest > 1:
        return Answer("partly", f"{searched}; the winner and each reference trained from {fewest} seeds")
    return Answer("no", f"{searched}; another is another run")


def _tabular(record: RunRecord) -> Answer:
    facts = []
    if record.oracle is not None:
        facts.append(
            f"all {count(record.oracle['networks'])} networks scored, so the best the supernet knows is known"
        )
    if record.fidelity is not None:
        facts.append(
            f"{count(record.fidelity['networks'])} networks really trained, and the supernet's order held against "
            "theirs"
        )
    if facts:
        return Answer("partly", "; ".join(facts))
    return Answer("no", "none in this run; `suite bench tabular` compares methods on one, apart from runs")


def _tuning(record: RunRecord) -> Answer:
    return Answer("no", "the run records which settings it used, not how they were come by or what that cost")


def _end_to_end(record: RunRecord) -> Answer:
    assert record.final is not None
    total = duration(record.search_seconds + record.final["seconds"])
    spent = f'{total} for supernet, search, finalists and fine-tuning, by phase under "What it cost"'
    if "table" in (record.candidates or {}):
        return Answer("partly", f"{spent}; the truth table that chose the finalists is not in it")
    return Answer("yes", spent)


def _setup(record: RunRecord) -> Answer:
    device = record.facts["device"]
    return Answer(
        "yes",
        f"{escaped(device['name'])}, {plural(device['threads'], 'thread')}; pictures with their sha256 and every "
        'version under "Provenance", every setting under "Settings"',
    )


def _test_apart(record: RunRecord) -> Answer:
    kept = "searched on val-A, chosen on val-B, the choice written down before the test was opened"
    if again := _tested_again(record):
        return Answer(
            "partly", f"{kept}; handed out more than once for {escaped(', '.join(again))}, see the ledger"
        )
    return Answer("yes", f"{kept}; {plural(len(record.ledger), 'test')} in the ledger, none of them twice")


def _tested_again(record: RunRecord) -> list[str]:
    """What the ledger has more than once: a stop came between a test and its record."""
    looks = Counter((entry.network, entry.seed) for entry in record.ledger)
    return [f"{name} (seed {seed})" for (name, seed), times in looks.items() if times > 1]


ITEMS: tuple[tuple[str, Callable[[RunRecord], Answer]], ...] = (
    ("Code that trains the final networks", _training_code),
    ("Code of the search space", _space_code),
    ("Settings and seeds of the final training", _evaluation_settings),
    ("Code of the NAS method", _method_code),
    ("Settings and seeds of the NAS method", _method_settings),
    ("The same data, split, space and training code for all that is compared", _same_benchmark),
    ("Confounders the same: hardware, versions, time", _confounders),
    ("Ablation studies", _ablations),
    ("The same protocol of evaluation for all", _same_protocol),
    ("Performance over time", _over_time),
    ("Random search beside it", _random_search),
    ("Several runs, with their seeds", _several_runs),
    ("Tabular or surrogate benchmarks", _tabular),
    ("How settings were tuned, and at what cost", _tuning),
    ("Time of the whole method, end to end", _end_to_end),
    ("All details of the set-up", _setup),
    ("Test pictures kept apart from every choice (ours, not the checklist's)", _test_apart),
)
