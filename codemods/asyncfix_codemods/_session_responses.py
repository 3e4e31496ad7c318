"""Is a response read to its end, so that it gives its connection back?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Context

# Methods of aiohttp.ClientResponse that read all of it, before they may fail.
_READS = ("json", "read", "text")
_FORKS = (ast.IfExp, ast.BoolOp, ast.Lambda, ast.GeneratorExp, ast.Compare)


def is_read_at_once(context: Context, call: ast.Call) -> bool:
    """Tell whether `await session.get()` without `async with` is read as it comes.

    In the same expression, or under a name, by the first statement behind that does
    more than to look at the response: nothing may leave the block in between.
    `raise_for_status` lets the connection go where it raises.
    """
    tree = context.tree
    awaited = tree.parent(call)
    if not isinstance(awaited, ast.Await):
        return False
    above = tree.parent(awaited)
    if isinstance(above, ast.Attribute):
        return _is_awaited_read(context, above)
    if not isinstance(above, ast.Assign) or len(above.targets) != 1:
        return False
    target = above.targets[0]
    if not isinstance(target, ast.Name):
        return False
    for statement in tree.after(above):
        if any(_reads(context, each, target.id) for each in _surely(statement)):
            return True
        if not _looks_only(statement, target.id):
            return False
    return False


def _is_awaited_read(context: Context, method: ast.Attribute) -> bool:
    call = context.tree.parent(method)
    return (
        method.attr in _READS
        and isinstance(call, ast.Call)
        and isinstance(context.tree.parent(call), ast.Await)
    )


def _reads(context: Context, node: ast.AST, name: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
        and _is_awaited_read(context, node)
    )


def _surely(statement: ast.stmt) -> Iterator[ast.AST]:
    """Give the parts of a simple statement that are worked out whatever happens.

    Of several awaits only the first is sure.
    """
    value = getattr(statement, "value", None)
    if not isinstance(
        statement, (ast.Expr, ast.Assign, ast.AnnAssign, ast.Return)
    ) or not isinstance(value, ast.expr):
        return
    nodes = list(ast.walk(value))
    if sum(isinstance(each, ast.Await) for each in nodes) == 1:
        if not any(isinstance(each, _FORKS) for each in nodes):
            yield from nodes


def _looks_only(statement: ast.stmt, name: str) -> bool:
    """Tell whether a statement cannot leave the block with the response unread."""
    value = getattr(statement, "value", None)
    if not isinstance(statement, (ast.Expr, ast.Assign)) or value is None:
        return False
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            func = node.func
            if not isinstance(func, ast.Attribute) or func.attr != "raise_for_status":
                return False
        elif isinstance(node, (ast.Await, ast.Subscript, ast.Yield)):
            return False
    return not any(
        isinstance(each, ast.Name)
        and each.id == name
        and isinstance(each.ctx, ast.Store)
        for each in ast.walk(statement)
    )
