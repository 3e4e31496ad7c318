"""Are there many of a coroutine at once? Then many calls wait for the loop's threads."""

from __future__ import annotations

import ast

from asyncfix import Call, Context, Place, Tree, facts

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
    where = _found(context)
    if not where:
        return ""
    return (
        f"{where} starts many of these at once, and the event loop has min(32, CPUs + 4) "
        "threads for all that it runs: if they take long, name an executor of their own"
    )


def _found(context: Context) -> str:
    users = context.model.users
    here: list[Place] = [(context.site.path, context.site.function)]
    seen, asked = set(here), 0
    for _ in range(_FARTHEST):
        further: list[Place] = []
        for place in here:
            for call in users.calls(place):
                asked += 1
                if asked > _MOST_CALLS:
                    return ""
                if _is_one_of_many(*_node(context, call)):
                    return f"{call.path}:{call.use.line}"
                kinds = (facts.FUNCTION,)
                scope = context.project.enclosing(call.path, call.use.scope, kinds)
                if scope >= 0 and (call.path, scope) not in seen:
                    seen.add((call.path, scope))
                    further.append((call.path, scope))
        here = further
    return ""


def _node(context: Context, call: Call) -> tuple[Tree, ast.AST]:
    use, tree = call.use, context.model.tree(call.path)
    start, end = (use.line, use.col), (use.end_line, use.end_col)
    return tree, tree.find(ast.Call, start, end)


def _is_one_of_many(tree: Tree, node: ast.AST) -> bool:
    """Tell whether a call is started, not awaited, once for each round of a loop."""
    started = looped = False
    for above, below in tree.ancestors(node):
        if isinstance(above, ast.Await) and not started:
            return False
        if isinstance(above, ast.Call) and below is not above.func:
            last = getattr(above.func, "attr", getattr(above.func, "id", ""))
            started = started or last in _STARTERS
        looped = looped or (isinstance(above, _LOOPS) and _is_round(above, below))
        if isinstance(above, _FUNCTIONS) and below in above.body:
            break
    return started and looped


def _is_round(loop: ast.AST, inner: ast.AST) -> bool:
    """Tell whether a part of a loop runs again and again."""
    if isinstance(loop, (ast.For, ast.AsyncFor, ast.While)):
        return inner in loop.body
    generators: list[ast.comprehension] = getattr(loop, "generators", [])
    return inner is not generators[0]
