"""Is a call that stands in a coroutine run somewhere else? Then it blocks nobody.

People hand work to threads and processes under many names (`to_thread`,
`run_in_executor`, `hass.async_add_executor_job`, `sync_to_async`, pools).
"""

from __future__ import annotations

import ast
import re

from asyncfix.context import Context

_OFFLOADER = re.compile(
    r"to_thread|to_process|executor|threadpool|in_thread|in_process|sync_to_async"
    r"|run_sync|submit|apply_async|offload|blocking|^Thread$|^Process$|^Timer$"
)
_MAPS = frozenset(("map", "starmap", "imap", "imap_unordered", "map_async", "apply"))


def _offloads(name: str) -> bool:
    """Tell whether a call of this name runs what it is given somewhere else."""
    owner, _, last = name.rpartition(".")
    if last in _MAPS:
        return bool(re.search(r"(?i)pool|executor", owner))
    return bool(_OFFLOADER.search(last))


def runs_elsewhere(context: Context) -> bool:
    """Tell whether the site's code is handed to a thread, pool or process.

    A decorated sync function is handed to its decorator, which decides where
    it runs (web frameworks and tool servers run them in threads): nothing can
    be said of it.
    """
    node: ast.AST = context.node
    if context.site.kind == "value" and _handed_over(context, node):
        return True
    for above, below in context.within():
        if above is context.function:
            return False
        if isinstance(above, ast.Lambda) and below is above.body:
            if _handed_over(context, above) or _name_handed_over(context, above):
                return True
        if isinstance(above, ast.FunctionDef) and below in above.body:
            if above.decorator_list or _uses_handed_over(context, above.name):
                return True
    return False


def _handed_over(context: Context, node: ast.AST) -> bool:
    """Tell whether an expression is an argument of a call that offloads it."""
    for above, below in context.tree.ancestors(node):
        if isinstance(above, ast.Call) and below is not above.func:
            if _offloads(context.tree.text(above.func)):
                return True
        elif not isinstance(above, (ast.keyword, ast.Starred, ast.Tuple, ast.List)):
            return False
    return False


def _name_handed_over(context: Context, node: ast.Lambda) -> bool:
    above = context.tree.parent(node)
    if isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Name):
        return _uses_handed_over(context, above.targets[0].id)
    return False


def _uses_handed_over(context: Context, name: str) -> bool:
    return any(
        isinstance(node, ast.Name)
        and node.id == name
        and isinstance(node.ctx, ast.Load)
        and _handed_over(context, node)
        for node in ast.walk(context.function)
    )
