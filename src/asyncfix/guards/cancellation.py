"""C guards: a cancel can arrive at every `await`; is the code ready for it?

A cancel is raised as `asyncio.CancelledError`, a BaseException since 3.8:
https://docs.python.org/3/library/asyncio-task.html#task-cancellation
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from asyncfix.context import Context
from asyncfix.model import Doubt, Level
from asyncfix.tree import dotted

_CLEANUPS = frozenset(("__aexit__", "aclose"))
_EXITS = frozenset(("sys.exit", "os._exit", "os.abort", "exit", "quit"))


def cancel_is_not_swallowed(context: Context) -> Doubt | None:
    """C1: no handler round the site eats a cancel and lets the task go on."""
    for above, below in context.within():
        if above is context.function:
            break
        if _is_try(above) and below in getattr(above, "body", ()):
            handlers: list[ast.ExceptHandler] = getattr(above, "handlers", [])
            for handler in handlers:
                if not catches_cancel(context, handler.type):
                    continue
                if not _leaves(handler.body):
                    return _swallows(handler.lineno)
                break
        if _is_try(above) and below not in getattr(above, "finalbody", ()):
            for last in getattr(above, "finalbody", ()):
                if isinstance(last, ast.Continue):
                    return _swallows(last.lineno)
        if isinstance(above, ast.With) and below in above.body:
            for item in above.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and _is_suppress(context, call):
                    if any(catches_cancel(context, each) for each in call.args):
                        return _swallows(above.lineno)
    return None


def _swallows(line: int) -> Doubt:
    return Doubt(
        "C1",
        Level.MANUAL,
        f"a cancel arriving here would be swallowed at line {line}",
        "catch Exception there, or re-raise asyncio.CancelledError first",
    )


def cleanup_is_not_cut(context: Context) -> Doubt | None:
    """C2: the site is in no cleanup that a second cancel would cut short."""
    for above, below in context.within():
        place = None
        if above is context.function:
            if context.function.name in _CLEANUPS:
                place = context.function.name
        elif _is_try(above) and below in getattr(above, "finalbody", ()):
            place = "finally"
        elif isinstance(above, ast.ExceptHandler) and below in above.body:
            names = _names(context, above.type)
            if above.type is None or names & {"BaseException", "GeneratorExit"}:
                place = "this handler"
            elif "CancelledError" in names:
                place = "except CancelledError"
        if place is None:
            continue
        if _more_to_do(context, above):
            return Doubt(
                "C2",
                Level.MANUAL,
                f"in {place}: a second cancel would skip the cleanup below",
                "do the cleanup first and wait last, or shield the cleanup",
            )
        if context.framework == "anyio":
            # https://anyio.readthedocs.io/en/stable/cancellation.html#finalization
            return Doubt(
                "C2",
                Level.MANUAL,
                f"in {place}: where a scope of anyio is cancelled, each await in it is "
                "cancelled again, before it begins",
                "put `with anyio.CancelScope(shield=True):` around the wait",
            )
        return Doubt(
            "C2",
            Level.UNSAFE,
            f"in {place}: a second cancel would cut the wait short",
            "make sure that nothing depends on the whole wait",
        )
    return None


def _more_to_do(context: Context, limit: ast.AST) -> bool:
    """Tell whether a statement can run after the site, up to `limit`."""
    for above, below in context.within():
        if isinstance(below, ast.stmt) and context.tree.after(below):
            return True
        if above is limit:
            return False
        if isinstance(above, (ast.For, ast.AsyncFor, ast.While)):
            return True
    return False


def catches_cancel(context: Context, kind: ast.expr | None) -> bool:
    """Tell whether `except kind` may catch asyncio.CancelledError."""
    names = _names(context, kind)
    return kind is None or bool(names & {"BaseException", "CancelledError"})


def _is_suppress(context: Context, call: ast.Call) -> bool:
    name = context.qualified_name(call.func)
    return name == "contextlib.suppress" or _last(call.func) == "suppress"


def _names(context: Context, kind: ast.expr | None) -> set[str]:
    """Give the last names of what a handler catches, aliases followed."""
    if kind is None:
        return set()
    if isinstance(kind, ast.Starred):
        return _names(context, kind.value)
    if isinstance(kind, ast.Tuple):
        found: set[str] = set()
        return found.union(*(_names(context, each) for each in kind.elts))
    if isinstance(kind, ast.Name):
        for statement in context.tree.module.body:
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == kind.id
                for target in statement.targets
            ):
                if isinstance(statement.value, ast.Tuple):
                    return _names(context, statement.value)
    qualified = context.qualified_name(kind) or ""
    if qualified.startswith("concurrent."):
        return set()  # another class than asyncio's since Python 3.8
    return {_last(kind), qualified.rpartition(".")[2]}


def _last(node: ast.AST) -> str:
    return (dotted(node) or "").rpartition(".")[2]


def _is_try(node: ast.AST) -> bool:
    return type(node).__name__ in ("Try", "TryStar")


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a block ends, on every path, outside the code it stands in."""
    if any(isinstance(node, ast.Continue) for each in body for node in ast.walk(each)):
        return False
    last = body[-1]
    if isinstance(last, (ast.Raise, ast.Return, ast.Break)):
        return True
    if isinstance(last, ast.If):
        return bool(last.orelse) and _leaves(last.body) and _leaves(last.orelse)
    if isinstance(last, (ast.With, ast.AsyncWith)):
        return _leaves(last.body)
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        return dotted(last.value.func) in _EXITS
    return False
