"""Who holds the loop, as a graph: in JSON, for Graphviz (dot) and for Mermaid.

The JSON document, of which keys may be added but none are taken away:

    {"version": "0.1.0", "severity": "medium",
     "nodes": [{"id": "app.py:3:load", "name": "load", "file": "app.py", "line": 3,
                "kind": "coroutine" | "function" | "blocking",
                "severity": the worst that it leads to: "high" | "medium" | "low"}],
     "edges": [{"from": id, "to": id, "file": "app.py", "line": 4,
                "awaited": true if the callee is a coroutine}],
     "problems": [{"path", "line", "message", "hint"}]}

A node of kind `blocking` is one call, and has the catalog's `category`, too. The order
is that of files and lines. Labels are put in so that no name can leave its quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from asyncfix.model import Problem
from asyncfix.reach import SEVERITIES, Place
from asyncfix.report import one_line
from asyncfix.ways import Ways

COROUTINE, CALLED, BLOCKING = "coroutine", "function", "blocking"
# As many edges Mermaid draws unless it is told otherwise (its option maxEdges).
MOST_OF_MERMAID = 500
_COLOURS = {"high": "#f4b6b6", "medium": "#f8dfb0", "low": "#eeeeee"}


class Node(NamedTuple):
    """A function that leads to blocking calls, or one such call."""

    id: str
    name: str
    file: str
    line: int
    kind: str
    severity: str
    category: str = ""
    """Of a blocking call the catalog's kind: http, file, ..."""


class Edge(NamedTuple):
    """A call: where it stands, from whose code, and what it leads to."""

    source: str
    target: str
    file: str
    line: int
    awaited: bool


class Graph(NamedTuple):
    """Nodes and edges, each sorted and once."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def build(ways: Ways, places: Iterable[Place]) -> Graph:
    """Give the graph of all ways from some functions to what blocks."""
    wanted = ways.forward(places)
    ids: dict[Place, str] = {}
    nodes: list[Node] = []
    edges: set[Edge] = set()
    taken: set[str] = set()
    scopes = ways.reach.project.files
    for place in wanted:
        ways.rest()
        path, index = place
        scope = scopes[path].scopes[index]
        name = ways.name(place)
        ids[place] = _free(f"{path}:{scope.line}:{name}", taken)
        kind = COROUTINE if scope.is_async else CALLED
        severity = ways.severity(place)
        nodes.append(Node(ids[place], name, path, scope.line, kind, severity))
    for place in wanted:
        path = place[0]
        for edge in ways.on[place]:
            if edge.target is not None and edge.target in ids:
                edges.add(
                    Edge(
                        ids[place], ids[edge.target], path, edge.use.line, edge.awaited
                    )
                )
        for edge in ways.sinks[place]:
            entry, use = edge.entry, edge.use
            if entry is None:
                continue
            same = f"{path}:{use.line}:{use.col + 1}:{entry.name}"
            known = _free(same, taken)
            nodes.append(
                Node(
                    known,
                    entry.name,
                    path,
                    use.line,
                    BLOCKING,
                    entry.severity,
                    entry.kind,
                )
            )
            edges.add(Edge(ids[place], known, path, use.line, False))
    order = {node.id: (node.file, node.line, node.id) for node in nodes}
    return Graph(
        tuple(sorted(nodes, key=lambda node: order[node.id])),
        tuple(
            sorted(
                edges,
                key=lambda e: (e.file, e.line, *order[e.source], *order[e.target]),
            )
        ),
    )


def _free(wanted: str, taken: set[str]) -> str:
    """Give a text that is not taken yet: a second one gets a number."""
    found, number = wanted, 1
    while found in taken:
        number += 1
        found = f"{wanted}#{number}"
    taken.add(found)
    return found


def as_json(
    graph: Graph, version: str, severity: str, problems: Sequence[Problem]
) -> str:
    """Give the graph as the JSON document that this module describes."""
    document: dict[str, Any] = {
        "version": version,
        "severity": severity,
        "nodes": [_node(node) for node in graph.nodes],
        "edges": [
            {
                "from": edge.source,
                "to": edge.target,
                "file": edge.file,
                "line": edge.line,
                "awaited": edge.awaited,
            }
            for edge in graph.edges
        ],
        "problems": [each._asdict() for each in problems],
    }
    return json.dumps(document, indent=2)


def _node(node: Node) -> dict[str, Any]:
    said = node._asdict()
    if node.kind != BLOCKING:
        del said["category"]
    return said


# -- pictures ---------------------------------------------------------------


def as_dot(graph: Graph) -> str:
    """Give the graph in Graphviz' language; awaited calls are dashed."""
    numbers = _numbers(graph)
    lines = [
        "digraph asyncfix {",
        "  rankdir=LR;",
        '  node [shape=box, style="filled", fillcolor="white"];',
    ]
    for node in graph.nodes:
        shape = {COROUTINE: ", peripheries=2", BLOCKING: ", shape=octagon"}
        colour = _COLOURS[node.severity] if node.kind == BLOCKING else "white"
        label = "\\n".join(_in_dot(line) for line in _label(node))
        more = shape.get(node.kind, "")
        lines.append(
            f'  {numbers[node.id]} [label="{label}", fillcolor="{colour}"{more}];'
        )
    for edge in graph.edges:
        style = ", style=dashed" if edge.awaited else ""
        ends = f"{numbers[edge.source]} -> {numbers[edge.target]}"
        lines.append(f'  {ends} [label="{edge.line}"{style}];')
    return "\n".join([*lines, "}"])


def as_mermaid(graph: Graph) -> str:
    """Give the graph as a Mermaid flowchart; awaited calls are dotted."""
    numbers = _numbers(graph)
    brackets = {COROUTINE: ("([", "])"), CALLED: ("[", "]"), BLOCKING: ("{{", "}}")}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        first, last = brackets[node.kind]
        label = "<br/>".join(_in_mermaid(line) for line in _label(node))
        colour = f":::{node.severity}" if node.kind == BLOCKING else ""
        lines.append(f'  {numbers[node.id]}{first}"{label}"{last}{colour}')
    for edge in graph.edges:
        arrow = "-.->" if edge.awaited else "-->"
        ends = f'{arrow}|"{edge.line}"| {numbers[edge.target]}'
        lines.append(f"  {numbers[edge.source]} {ends}")
    for severity in reversed(SEVERITIES):
        lines.append(f"  classDef {severity} fill:{_COLOURS[severity]},color:#000")
    return "\n".join(lines)


def _numbers(graph: Graph) -> dict[str, str]:
    return {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}


def _label(node: Node) -> list[str]:
    """Give the lines of a node's label, none of which can steer a terminal."""
    lines = [node.name, f"{node.file}:{node.line}"]
    if node.kind == BLOCKING:
        lines.append(f"{node.category}, {node.severity}")
    return [one_line(line) for line in lines]


def _in_dot(text: str) -> str:
    # In a quoted label a backslash starts an escape, and `&` an HTML entity.
    return text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')


def _in_mermaid(text: str) -> str:
    """Write all that Mermaid or its Markdown could read as a sign by its number."""
    return re.sub(
        r"[^\w\s.,:/()-]|_(?![^\W_])|(?<![^\W_])_|^[\d-]",
        lambda match: f"#{ord(match[0])};",
        text,
    )
