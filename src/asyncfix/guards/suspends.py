"""Does a coroutine surely wait somewhere, whenever it comes by a place in it?

Where it does, other tasks ran in it already. An `await` in a branch, or behind a
`return`, is not surely passed.
"""

from __future__ import annotations

import ast
from functools import partial

from asyncfix.context import Context
from asyncfix.tree import dotted, walk_function

_LEAVES = (ast.Return, ast.Break, ast.Continue)
# These wait for a coroutine in the task that calls them:
# https://docs.python.org/3/library/asyncio-task.html#asyncio.wait_for (since 3.12)
_THROUGH = frozenset(("wait_for",))


def surely_suspends(context: Context) -> bool:
    """Tell whether something else in the coroutine is surely awaited with the site."""
    function, site = context.function, context.node
    around = {below for _, below in context.within()}
    nodes = context.tree.once(("waits", function), partial(_waits, function))
    return any(
        not _is_for(node, site)
        and (node in around or _is_passed(context, node, around))
        for node in nodes
    )


def _waits(function: ast.AsyncFunctionDef) -> list[ast.AST]:
    """Give what suspends a coroutine, perhaps."""
    return [
        node
        for node in walk_function(function)
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith))
        or (isinstance(node, ast.comprehension) and node.is_async)
    ]


def _is_for(node: ast.AST, site: ast.AST) -> bool:
    """Tell whether an `await` is for what the site gives, and nothing else."""
    if not isinstance(node, ast.Await):
        return False
    value = node.value
    if isinstance(value, ast.Call) and value.args and value is not site:
        if (dotted(value.func) or "").rpartition(".")[2] in _THROUGH:
            value = value.args[0]
    return value is site


def _is_passed(context: Context, node: ast.AST, around: set[ast.AST]) -> bool:
    """Tell whether a node is run before or after the site, whatever is decided."""
    function = context.function
    ends = False
    for above, below in context.tree.ancestors(node):
        finals = getattr(above, "finalbody", ())
        ends = ends or (below in finals and above in around)
        if _is_a_choice(above, below, around):
            return False
        if above in around or above is function:
            break
    if ends or _at(node) < _at(context.node):
        return True
    between = _end(context.node), _at(node)
    return not any(
        isinstance(each, _LEAVES) and between[0] <= _at(each) < between[1]
        for each in walk_function(function)
        if not (isinstance(each, ast.Return) and _end(each) >= _end(node))
    )


def _is_a_choice(above: ast.AST, below: ast.AST, around: set[ast.AST]) -> bool:
    """Tell whether a node runs this part of itself in some cases only."""
    if isinstance(above, ast.BoolOp):
        return below is not above.values[0]
    if isinstance(above, ast.Compare):
        return below in above.comparators[1:]
    if isinstance(above, ast.IfExp):
        return below is not above.test
    if isinstance(above, (ast.ListComp, ast.SetComp, ast.DictComp)):
        return below is not above.generators[0]
    if isinstance(above, ast.comprehension):
        return below is not above.iter
    if isinstance(above, ast.Assert):
        return below is above.msg
    if isinstance(above, ast.Match):
        return below is not above.subject
    tried = type(above).__name__ in ("Try", "TryStar")
    if not tried and not isinstance(
        above, (ast.If, ast.While, ast.For, ast.AsyncFor, ast.match_case)
    ):
        return False
    body: list[ast.AST] = getattr(above, "body", [])
    others: list[ast.AST] = getattr(above, "orelse", [])
    for block in (body, others):
        if below in block and any(each in around for each in block):
            return False
    if below in body:
        if isinstance(above, ast.While):
            return not (isinstance(above.test, ast.Constant) and above.test.value)
        # What is tried may end early, unless nothing catches it.
        caught = bool(getattr(above, "handlers", ()))
        return not tried or (caught and not any(each in around for each in others))
    return below in others or below in getattr(above, "handlers", ())


def _at(node: ast.AST) -> tuple[int, int]:
    if isinstance(node, ast.comprehension):
        node = node.target
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _end(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0)
