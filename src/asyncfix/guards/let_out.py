"""Is what a local name holds in other hands, too, that may change it meanwhile?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix.context import Context
from asyncfix.nodes import parameters
from asyncfix.tree import walk_function

# Calls that let other tasks go on with what they are given.
_STARTERS = frozenset(
    ("create_task", "ensure_future", "gather", "start_soon", "run_in_executor", "submit",
     "to_thread", "call_soon", "call_later", "add_done_callback", "spawn", "Thread")
)  # fmt: skip
_CATCHES = frozenset(("Try", "TryStar"))
# Calls that run a function in a thread, where they are awaited.
_WAITED_FOR = frozenset(("run_in_executor", "to_thread", "run_sync"))


def arguments(call: ast.Call) -> Iterator[ast.expr]:
    """Give what a call is given, by position and by keyword."""
    yield from call.args
    yield from (each.value for each in call.keywords)


def is_let_out(context: Context, name: str) -> bool:
    """Tell whether what a local name holds may be in other hands, too."""
    root = name.partition(".")[0]
    given = {each.arg for each in parameters(context.function.args)}
    if root in given or not root.isidentifier():
        return False
    site = context.site
    bound = context.project.visible(site.path, site.function, root)
    if all(each.scope == 0 for each in bound):
        return False  # it is the module's: who changes such is asked elsewhere
    for node in ast.walk(context.function):
        if isinstance(node, ast.Call):
            last = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if last in _WAITED_FOR and _is_awaited(context, node):
                continue
            if last in _STARTERS and any(
                _names(each, root) for each in arguments(node)
            ):
                if _is_changeable(context, root):
                    return True
        elif isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
            if node is context.function or _binds(node, root):
                continue
            if _changes_name(node, root) and not _runs_only_here(context, node):
                return True
    return False


def is_read_by_a_task(context: Context, name: str) -> bool:
    """Tell whether a nested function goes by what a local holds in a task of its own."""
    root = name.partition(".")[0]
    starts = [
        node
        for node in ast.walk(context.function)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in _STARTERS
        and not _is_awaited(context, node)
    ]
    if not starts:
        return False
    return any(
        isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node is not context.function
        and not _binds(node, root)
        and _names(node, root)
        and any(_names(each, node.name) for call in starts for each in arguments(call))
        for node in ast.walk(context.function)
    )


def _binds(
    node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> bool:
    """Tell whether a name is a function's own."""
    if any(each.arg == name for each in parameters(node.args)):
        return True
    inner = list(walk_function(node)) if not isinstance(node, ast.Lambda) else []
    return any(
        isinstance(each, ast.Name)
        and each.id == name
        and not isinstance(each.ctx, ast.Load)
        for each in inner
    ) and not any(
        isinstance(each, (ast.Global, ast.Nonlocal)) and name in each.names
        for each in inner
    )


def _runs_only_here(context: Context, node: ast.AST) -> bool:
    """Tell whether a nested function is run only while its coroutine waits for it.

    Called there, or handed to a thread by a call that is awaited on the spot. What it
    gives a new value outside of itself counts as changed all the same.
    """
    if not isinstance(node, ast.FunctionDef):
        return False
    if any(isinstance(each, ast.Nonlocal) for each in ast.walk(node)):
        return False
    for each in ast.walk(context.function):
        if isinstance(each, ast.Name) and each.id == node.name:
            call = context.tree.parent(each)
            if not isinstance(call, ast.Call):
                return False
            last = getattr(call.func, "attr", "")
            waited_for = last in _WAITED_FOR and _is_awaited(context, call)
            if call.func is not each and not waited_for:
                return False
    return True


def _is_awaited(context: Context, call: ast.Call) -> bool:
    """Tell whether a thread is surely over where the coroutine goes on.

    A time limit or a cancel that is caught ends the wait, and not the thread.
    """
    if not isinstance(context.tree.parent(call), ast.Await):
        return False
    for above, _ in context.tree.ancestors(call):
        if above is context.function:
            break
        if isinstance(above, ast.AsyncWith) or type(above).__name__ in _CATCHES:
            return False
    return True


def _names(node: ast.AST, name: str) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id == name for each in ast.walk(node)
    )


def _is_changeable(context: Context, name: str) -> bool:
    """Tell whether a local is ever given a list, a dictionary or the like."""
    makers = (
        ast.List,
        ast.Dict,
        ast.Set,
        ast.ListComp,
        ast.DictComp,
        ast.SetComp,
        ast.Call,
    )
    return any(
        isinstance(node, (ast.Assign, ast.AnnAssign))
        and isinstance(node.value, makers)
        and any(
            isinstance(each, ast.Name) and each.id == name
            for each in (
                node.targets if isinstance(node, ast.Assign) else [node.target]
            )
        )
        for node in ast.walk(context.function)
    )


def _changes_name(node: ast.AST, name: str) -> bool:
    """Tell whether a nested function changes what a name of its owner holds."""
    for each in ast.walk(node):
        if isinstance(each, ast.Nonlocal) and name in each.names:
            return True
        if isinstance(each, (ast.Attribute, ast.Subscript)):
            if not isinstance(each.ctx, ast.Load) and _names(each.value, name):
                return True
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            if _names(each.func.value, name):
                return True
    return False
