"""What stands round a call that can only fail, and what its names are given."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Context, Doubt, Level

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)
_EXPECTS = ("raises", "assertRaises", "assertRaisesRegex", "suppress")


def given_to(function: ast.AST, name: str) -> Iterator[ast.expr | None]:
    """Give all that a local name of a coroutine is given, None for the unknown."""
    if any(
        isinstance(each, ast.arg) and each.arg == name for each in ast.walk(function)
    ):
        yield None
    values = {
        id(target): node.value
        for node in ast.walk(function)
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name:
            if not isinstance(node.ctx, ast.Load):
                yield values.get(id(node))
        elif isinstance(node, (ast.Global, ast.Nonlocal)) and name in node.names:
            yield None
        elif name in (getattr(node, "name", None), getattr(node, "rest", None)):
            yield None  # a definition, a handler or a pattern
        elif isinstance(node, ast.alias) and name in (node.asname, node.name):
            yield None


def elements_of(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return node.elts
    if isinstance(node, _COMPREHENSIONS):
        return [node.elt]
    return []


def function_of(context: Context) -> ast.AST:
    """Give the function round the site, or the module."""
    for above, below in context.tree.ancestors(context.node):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if below in above.body:
                return above
    return context.tree.module


def within(context: Context) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Go up from the site to its function: (parent, child) pairs."""
    function = function_of(context)
    for above, below in context.tree.ancestors(context.node):
        yield above, below
        if above is function:
            return


def caught(context: Context, errors: frozenset[str]) -> tuple[Doubt, ...]:
    """Find a handler round the site that today's error gets to."""
    for above, below in within(context):
        if isinstance(above, (ast.With, ast.AsyncWith)) and below in above.body:
            for item in above.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and last_of(call.func) in _EXPECTS:
                    if any(last_of(each) in errors for each in call.args):
                        return _expected(above.lineno)
        handlers: list[ast.ExceptHandler] = getattr(above, "handlers", [])
        if below in getattr(above, "body", ()):
            for handler in handlers:
                kinds = handler.type
                each = kinds.elts if isinstance(kinds, ast.Tuple) else [kinds]
                if any(kind is None or last_of(kind) in errors for kind in each):
                    return _expected(handler.lineno)
    return ()


def _expected(line: int) -> tuple[Doubt, ...]:
    doubt = Doubt(
        "gather-caught",
        Level.UNSAFE,
        f"the error that it raises today is caught at line {line}",
        "see whether the code relies on that error",
    )
    return (doubt,)


def returned(call: ast.Call) -> tuple[Doubt, ...]:
    """Find `return_exceptions`: before 3.12 a generator's error is a result then."""
    if not any(each.arg == "return_exceptions" for each in call.keywords):
        return ()
    doubt = Doubt(
        "gather-caught",
        Level.UNSAFE,
        "before Python 3.12 the error is returned as the only result here",
        "see whether the code relies on that error",
    )
    return (doubt,)


def last_of(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
