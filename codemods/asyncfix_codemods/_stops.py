"""Can a function stop the work by a `raise`, and what has it done by then?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from asyncfix import Context
from asyncfix_codemods._rounds import own

Where = tuple[str, int]

_CHANGES_OUTSIDE = re.compile(
    r"(?i)(?:^|_)(?:post|put|patch|delete|send|write|publish|commit|execute|insert|update"
    r"|save|remove|create|charge|pay|book|order|transfer|submit|upload|emit|notify|set"
    r"|add|apply|run|call|deploy|reserve|cancel|refund)(?:_|$)"
)
_MOST_FUNCTIONS = 60


def stop_of(context: Context, place: Where) -> str:
    """Give file:line of an explicit `raise` in a function, or in what it calls."""
    for path, node in _functions(context, place):
        handled = {
            id(inner)
            for each in own(node.body)
            if isinstance(each, ast.Try) and each.handlers
            for inner in own(each.body)
        }
        for each in own(node.body):
            if isinstance(each, ast.Raise) and each.exc is not None:
                if id(each) not in handled and "NotImplemented" not in ast.unparse(
                    each.exc
                ):
                    return f"{path}:{each.lineno}"
    return ""


def changes_outside(context: Context, place: Where) -> bool:
    """Tell by their names whether calls change something in the world outside."""
    for _, node in _functions(context, place):
        for each in own(node.body):
            if isinstance(each, ast.Await) and isinstance(each.value, ast.Call):
                name = ast.unparse(each.value.func).rpartition(".")[2]
                if _CHANGES_OUTSIDE.search(name):
                    return True
            elif isinstance(each, ast.withitem) and isinstance(
                each.context_expr, ast.Call
            ):
                name = ast.unparse(each.context_expr.func).rpartition(".")[2]
                if name in ("post", "put", "patch", "delete"):
                    return True
    return False


def _functions(
    context: Context, place: Where
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Give a function and the project's functions that it calls, each once."""
    model = context.model
    values = model.values
    todo, seen = [place], {place}
    while todo and len(seen) <= _MOST_FUNCTIONS:
        path, scope = todo.pop(0)
        found = model.reader.function(path, scope)
        if found is None:
            continue
        yield path, found[1]
        for use in model.project.files[path].calls_in((scope,)):
            value = values.of(path, scope, use.name)
            if value is not None and value.is_function:
                where = value.path, value.scope
                if where not in seen:
                    seen.add(where)
                    todo.append(where)
