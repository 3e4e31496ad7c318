"""Where guard A4 asks for it: the new await in a statement of its own, before the site's.

`self.total += len(await read())` would add to an old total. With the value taken
first, everything else of the statement is read after the wait.
"""

from __future__ import annotations

import ast

from asyncfix.context import Context
from asyncfix.guards.atomicity import nothing_read_before
from asyncfix.guards.position import earlier

_PLAIN = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
# Expressions that evaluate all their parts, once.
_STRICT = (
    ast.Attribute, ast.Await, ast.BinOp, ast.Call, ast.Dict, ast.FormattedValue,
    ast.JoinedStr, ast.List, ast.Set, ast.Slice, ast.Starred, ast.Subscript, ast.Tuple,
    ast.UnaryOp, ast.keyword,
)  # fmt: skip
_ACTS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


def goes_ahead(context: Context) -> bool:
    """Tell whether the await has to be, and can be, taken ahead of its statement.

    It can where it is surely reached, and nothing that acts is run before it.
    Marks the context, so that A3 and A4 ask about a statement of its own.
    """
    if context.ahead:
        return True
    if nothing_read_before(context) is None or not _can(context):
        return False
    context.ahead = True
    return True


def _can(context: Context) -> bool:
    for above, below in context.within():
        before: list[ast.AST] = []
        if isinstance(above, _PLAIN):
            if isinstance(above, ast.AugAssign):
                before = [above.target]
            return not _acts(before) and _is_alone(context, above)
        if not isinstance(above, _STRICT):
            return False
        before = earlier(above, below)
        if isinstance(above, ast.Call) and below is not above.func:
            before = [*before, above.func]
        if _acts(before):
            return False
    return False


def _is_alone(context: Context, statement: ast.stmt) -> bool:
    """Tell whether a statement shares its lines with no other one."""
    lines = context.tree.lines
    start, end = context.tree.span(statement)
    first, last = lines.span(statement.lineno, statement.end_lineno or statement.lineno)
    behind = lines.text[end:last].strip()
    return not lines.text[first:start].strip() and behind[:1] in (b"", b"#")


def _acts(nodes: list[ast.AST]) -> bool:
    return any(isinstance(each, _ACTS) for node in nodes for each in ast.walk(node))
