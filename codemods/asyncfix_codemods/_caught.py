"""Is the error caught that the code raises today? Then somebody counts on it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Context, Doubt, Level


def type_error(context: Context) -> tuple[Doubt, ...]:
    """Find code that counts on the TypeError which there is today."""
    for above, below in context.within():
        body = getattr(above, "body", None)
        if not isinstance(body, list) or below not in body:
            continue
        kinds = [each.type for each in getattr(above, "handlers", ())]
        for item in getattr(above, "items", ()):
            expression = item.context_expr
            kinds += getattr(expression, "args", ())
        if any(_names_type_error(context, kind) for kind in kinds):
            line = getattr(above, "lineno", 0)
            reason = f"the TypeError that it raises today is caught (line {line})"
            advice = "see whether the handler is still wanted"
            return (Doubt("offload-caught", Level.MANUAL, reason, advice),)
    return ()


def _names_type_error(context: Context, kind: ast.expr | None) -> bool:
    return any(
        context.qualified_name(each) == "builtins.TypeError" for each in _flat(kind)
    )


def _flat(kind: ast.expr | None) -> Iterator[ast.expr]:
    if isinstance(kind, ast.Tuple):
        for each in kind.elts:
            yield from _flat(each)
    elif kind is not None:
        yield kind
