"""The explorer of report.html: every network of the oracle's table, packed into the page and filtered there."""

from __future__ import annotations

import base64
import json
import shlex
import zlib
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from suite.oracle_table import Table, costs
from suite.report.filled import filled
from suite.report.record import RunRecord
from suite.run_directory import from_here
from suite.space import Genome, SearchSpace
from suite.wording import count, gene_in_words

MOST = 500_000  # networks: a page of more is slow to open
_INACTIVE = 255
_PRICES = {  # in words, on an axis, behind a value, and before a limit
    "params": {"words": "parameters", "axis": "parameters", "unit": "parameters", "limit": "Parameters"},
    "macs": {
        "words": "multiply-accumulates",
        "axis": "multiply-accumulates",
        "unit": "MACs",
        "limit": "MACs",
    },
    "latency_ms": {
        "words": "predicted latency",
        "axis": "predicted latency (ms)",
        "unit": "ms",
        "limit": "Latency (ms)",
    },
}


def explorer(record: RunRecord) -> Markup | None:
    """The explorer as HTML, everything inside; None without an oracle."""
    if record.oracle is None:
        return None
    table = record.walked.everything
    rows = _rows(table, record.walked.score)
    table = {name: column[rows] for name, column in table.items()}
    texts = table["genome"].tolist()
    layout, packed = _packed(_columns(table, record.walked.score, record.space))
    prices = [{"name": name, **words} for name, words in _PRICES.items() if name in table]
    by = "cross-entropy" if record.walked.score == "loss" else "accuracy"
    networks = f"{count(len(texts))} networks of the space"
    facts = {
        "columns": layout,
        "prices": prices,
        "genes": [
            {"words": gene_in_words(gene.name), "choices": gene.choices} for gene in record.space.genes
        ],
        "marked": [{"row": row, "words": words} for row, words in _marked(record, texts)],
        "score": record.walked.score,
        "by": by,
        "shape": record.space.shape,
        "classes": record.space.classes,
        "export": f"suite export {shlex.quote(str(from_here(record.run.path)))} --genome",
    }
    text = filled(
        "explorer.html.j2",
        which=f"All {networks}"
        if len(texts) == record.space.size
        else f"The best {networks}, by {by} on val-A",
        by=f"{by} on val-A",
        has_latency="latency_ms" in table,
        plotly=Markup(get_plotlyjs()),
        facts=Markup(json.dumps(facts).replace("<", "\\u003c")),
        columns=packed,
    )
    return Markup(text)


def _rows(table: Table, score: str) -> NDArray[np.int64]:
    """The best networks, in the order of the space; all, if they are not too many."""
    kept: NDArray[np.int64] = np.sort(np.argsort(costs(table, "val_search", score), kind="stable")[:MOST])
    return kept


def _marked(record: RunRecord, texts: list[str]) -> list[tuple[int, str]]:
    """Networks that the page speaks of elsewhere."""
    winner = record.winner
    return [(texts.index(winner.text), "the winner")] if winner and winner.text in texts else []


def _columns(table: Table, score: str, space: SearchSpace) -> list[tuple[str, str, NDArray[Any]]]:
    """Name, type and values of each column."""
    texts = np.frombuffer("\n".join(table["genome"]).encode(), dtype=np.uint8)
    genes = _genes(table["genome"].tolist(), space)
    return [
        ("badness", "f4", costs(table, "val_search", score)),
        ("accuracy", "f4", table["accuracy_val_search"]),
        ("choice", "f4", table["accuracy_val_choice"]),
        *((name, _type_of(table[name]), table[name]) for name in _PRICES if name in table),
        *((f"gene{place}", "u1", values) for place, values in enumerate(genes.T)),
        ("texts", "u1", texts),
    ]


def _type_of(prices: NDArray[Any]) -> str:
    """Counts as they are: large pictures take more multiply-accumulates than four bytes hold."""
    if prices.dtype.kind == "f":
        return "f4"
    return "u4" if prices.max() < 2**32 else "f8"


def _genes(texts: list[str], space: SearchSpace) -> NDArray[np.uint8]:
    """(N, genes) choice indices, _INACTIVE where a gene plays no part."""
    choices = [{value: index for index, value in enumerate(gene.choices)} for gene in space.genes]
    names = [gene.name for gene in space.genes]
    found = np.full((len(texts), len(names)), _INACTIVE, dtype=np.uint8)
    for row, text in enumerate(texts):
        active = space.active_genes(Genome.parse(text))
        for place, name in enumerate(names):
            if name in active:
                found[row, place] = choices[place][active[name]]
    return found


def _packed(columns: list[tuple[str, str, NDArray[Any]]]) -> tuple[list[dict[str, Any]], str]:
    """Where each column lies in the bytes, and the bytes: deflated, as base64."""
    layout, pieces, start = [], [], 0
    # The largest types first, so that each column begins where a typed array may.
    for name, kind, values in sorted(columns, key=lambda column: -np.dtype(column[1]).itemsize):
        piece = np.ascontiguousarray(values, dtype=kind).tobytes()
        layout.append({"name": name, "type": kind, "start": start, "count": len(values)})
        pieces.append(piece)
        start += len(piece)
    return layout, base64.b64encode(zlib.compress(b"".join(pieces), 9)).decode()
