"""Which convolutions a set of genomes needs: a tree of prefixes, its alike nodes stacked to be computed together.

A node is the maps behind some convolutions, kept at the greatest width that anything below needs: narrower widths are
its first channels, so they need no node of their own. Nodes that need the same computations form a stack. What a
stack needs of the FC layers is its `FcPlan`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.space import Genome
from suite.supernet.fc_plan import FcPlan, Units, first_fc_plan
from suite.supernet.weights import FcCounts

Key = tuple[int, int, str]
"""A convolution and its pooling, seen from the maps it reads: kernel, input width (0: all channels), pooling."""


@dataclass
class Node:
    """One prefix."""

    id: int
    children: dict[Key, Node] = field(default_factory=dict)
    endings: dict[FcCounts, dict[int, dict[Units, int]]] = field(default_factory=dict)
    """Of each first FC weight: width of the maps -> FC units -> genome number."""
    width: int = 0  # the greatest that is needed of these maps


@dataclass(frozen=True)
class ConvPlan:
    """One convolution of a stack: a kernel, the input widths needed, and the poolings after each."""

    kernel: int
    widths: tuple[int, ...]  # input widths, narrowest first
    filters: tuple[int, ...]  # output width computed of each: what it or a wider one needs
    pools: tuple[tuple[str, ...], ...]  # poolings needed of each


@dataclass(frozen=True)
class Stack:
    """Nodes of one depth that need the same computations; their maps are computed as one batch."""

    depth: int
    width: int
    nodes: int
    convs: tuple[ConvPlan, ...]
    fcs: dict[FcCounts, FcPlan]  # of the networks that end at these nodes, by their first FC weight
    below: tuple[Below, ...]
    ids: NDArray[np.int64]  # (nodes,) the same nodes have the same in every plan made of one tree


@dataclass(frozen=True)
class Below:
    """A stack of the next depth: where the maps of its nodes come from."""

    stack: Stack
    sources: tuple[tuple[int, int, str, NDArray[np.int64]], ...]
    """(kernel, input width, pooling, which nodes of the stack above), in the order of the nodes below."""


def build_tree(genomes: Iterable[Genome], first_fc_sharing: Iterable[FcCounts]) -> tuple[Node, int]:
    """The root, which is the picture itself, and the number of nodes.

    Genomes must be distinct; their numbers are their places in the order given. `first_fc_sharing` is the supernet's.
    """
    sharing = {count: counts for counts in first_fc_sharing for count in counts}
    root, count = Node(0), 1
    for number, genome in enumerate(genomes):
        node, width = root, 0
        for layer in genome.convs:
            key = (layer.kernel, width, layer.pool)
            if key not in node.children:
                node.children[key] = Node(count)
                count += 1
            node, width = node.children[key], layer.filters
            node.width = max(node.width, width)
        endings = node.endings.setdefault(sharing[len(genome.fcs)], {})
        endings.setdefault(width, {})[tuple(fc.units for fc in genome.fcs)] = number
    return root, count


def build_plan(root: Node, most_nodes: int) -> Stack:
    """The stack of the root alone, and below it stacks of at most `most_nodes` nodes."""
    return _stack([root], 0, most_nodes)


def nodes_side_by_side(plan: Stack) -> float:
    """How many nodes stand in the stack of an average node."""
    stacks = [plan]
    for stack in stacks:
        stacks += [below.stack for below in stack.below]
    return sum(stack.nodes**2 for stack in stacks) / sum(stack.nodes for stack in stacks)


def _stack(nodes: Sequence[Node], depth: int, most_nodes: int) -> Stack:
    """A stack of nodes that need the same, and below it all they need."""
    first = nodes[0]
    convs = _conv_plans(first)
    return Stack(
        depth=depth,
        width=first.width,
        nodes=len(nodes),
        convs=convs,
        fcs={
            counts: first_fc_plan([node.endings[counts] for node in nodes], most_nodes)
            for counts in sorted(first.endings)
        },
        below=_below(nodes, convs, depth, most_nodes),
        ids=np.asarray([node.id for node in nodes], dtype=np.int64),
    )


def _conv_plans(node: Node) -> tuple[ConvPlan, ...]:
    plans = []
    for kernel in sorted({key[0] for key in node.children}):
        mine = {key: child for key, child in node.children.items() if key[0] == kernel}
        widths = sorted({key[1] for key in mine})
        plans.append(
            ConvPlan(
                kernel,
                tuple(widths),
                tuple(max(child.width for key, child in mine.items() if key[1] >= w) for w in widths),
                tuple(tuple(sorted(key[2] for key in mine if key[1] == w)) for w in widths),
            )
        )
    return tuple(plans)


def _below(
    nodes: Sequence[Node], convs: tuple[ConvPlan, ...], depth: int, most_nodes: int
) -> tuple[Below, ...]:
    """The nodes of the next depth, gathered into stacks of those that need the same."""
    alike: dict[Any, list[tuple[Key, int]]] = {}
    for plan in convs:
        for width, pools in zip(plan.widths, plan.pools, strict=True):
            for pool in pools:
                key = (plan.kernel, width, pool)
                for i, node in enumerate(nodes):
                    alike.setdefault(_needs(node.children[key]), []).append((key, i))
    stacks = []
    for members in alike.values():
        for start in range(0, len(members), most_nodes):
            part = members[start : start + most_nodes]
            sources: dict[Key, list[int]] = {}
            for key, i in part:
                sources.setdefault(key, []).append(i)
            placed = tuple((*key, np.asarray(rows, dtype=np.int64)) for key, rows in sources.items())
            children = [nodes[i].children[key] for key, i in part]
            stacks.append(Below(_stack(children, depth + 1, most_nodes), placed))
    return tuple(stacks)


def _needs(node: Node) -> Any:
    """Equal for nodes that need the same computations on their own maps."""
    return (
        node.width,
        tuple(sorted((*key, child.width) for key, child in node.children.items())),
        tuple(
            (counts, tuple((width, tuple(sorted(runs))) for width, runs in sorted(endings.items())))
            for counts, endings in sorted(node.endings.items())
        ),
    )
