"""Are there many of a coroutine at once? Then many calls wait for the loop's threads."""

from __future__ import annotations

import ast

from asyncfix import Context, Tree
from asyncfix_codemods import _callers

# Calls that let what they are given run beside each other.
_STARTERS = frozenset(("create_task", "ensure_future", "gather", "start_soon", "spawn"))
_LOOPS = (
    ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp,
    ast.GeneratorExp,
)  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_FARTHEST = 3
_MOST_CALLS = 50


def note(context: Context) -> str:
    """Say where many of the site's coroutine are started at once; nothing if nowhere.

    The event loop's own executor has min(32, CPUs + 4) threads, which look-ups of
    addresses need, too.
    https://docs.python.org/3/library/concurrent.futures.html#concurrent.futures.ThreadPoolExecutor
    """
    if context.settings.executor or context.framework != "asyncio":
        return ""
    where = _callers.first(context, _crowded, _FARTHEST, _MOST_CALLS)
    if not where:
        return ""
    return (
        f"{where} starts many of these at once, and the event loop has min(32, CPUs + 4) "
        "threads for all that it runs: if they take long, name an executor of their own"
    )


def _crowded(tree: Tree, node: ast.Call) -> int:
    """Give the line of a call that is started, not awaited, in each round of a loop."""
    started = looped = False
    for above, below in tree.ancestors(node):
        if isinstance(above, ast.Await) and not started:
            return 0
        if isinstance(above, ast.Call) and below is not above.func:
            last = getattr(above.func, "attr", getattr(above.func, "id", ""))
            started = started or last in _STARTERS
        looped = looped or (isinstance(above, _LOOPS) and _is_round(above, below))
        if isinstance(above, ast.Lambda) or (
            isinstance(above, _FUNCTIONS) and below in above.body
        ):
            break
    return node.lineno if started and looped else 0


def _is_round(loop: ast.AST, inner: ast.AST) -> bool:
    """Tell whether a part of a loop runs again and again."""
    if isinstance(loop, (ast.For, ast.AsyncFor, ast.While)):
        return inner in loop.body
    generators: list[ast.comprehension] = getattr(loop, "generators", [])
    return inner is not generators[0]
