"""The nodes of a function, with what stands round them, as `effects_body` sees them."""

from __future__ import annotations

import ast
from typing import NamedTuple

from asyncfix.conditions import Function
from asyncfix.nodes import children as below
from asyncfix.tree import dotted

_STOPPING = frozenset(("StopIteration", "Exception", "BaseException"))


class Around(NamedTuple):
    """What stands round a node, in its own function."""

    handles: bool = False
    """An `except` block: what is looked at there is the function's own exception."""
    stops: bool = False
    """A `try` that catches StopIteration."""


Span = tuple[int, int, int, int]


def span(node: ast.AST) -> Span:
    """Give where a node begins and ends; zeros for what has no place."""
    places = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    line, col, end_line, end_col = (getattr(node, each, 0) or 0 for each in places)
    return line, col, end_line, end_col


def annotation(function: Function, name: str) -> ast.AST | None:
    """Give the annotation of a parameter, None if there is none."""
    for each in ast.walk(function.args):
        if isinstance(each, ast.arg) and each.arg == name:
            return each.annotation
    return None


def children(node: ast.AST, around: Around) -> list[tuple[ast.AST, Around]]:
    """Give what a node runs, with what stands round it; nested functions run later."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        later: list[ast.AST] = [*node.decorator_list, *node.args.defaults]
        later += [each for each in node.args.kw_defaults if each]
        return [(each, around) for each in later]
    if isinstance(node, ast.ExceptHandler):
        return [(each, around._replace(handles=True)) for each in node.body]
    if type(node).__name__ in ("Try", "TryStar"):
        handlers: list[ast.ExceptHandler] = getattr(node, "handlers", [])
        inner = around
        if any(_catches_stop(each.type) for each in handlers):
            inner = around._replace(stops=True)
        found = [(each, inner) for each in getattr(node, "body", [])]
        rest = [
            *handlers,
            *getattr(node, "orelse", []),
            *getattr(node, "finalbody", []),
        ]
        return [*found, *((each, around) for each in rest)]
    if isinstance(node, (ast.AnnAssign, ast.arg)):
        parts = [getattr(node, "target", None), getattr(node, "value", None)]
        return [(each, around) for each in parts if each is not None]
    return [(each, around) for each in below(node)]


def _catches_stop(node: ast.expr | None) -> bool:
    if node is None:
        return True
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return any((dotted(each) or "").rpartition(".")[2] in _STOPPING for each in parts)


def ends(node: ast.AST) -> tuple[object, ...]:
    """Give the same of a node as its twin in another tree of the file has."""
    names = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    return tuple(getattr(node, name, None) for name in names)
