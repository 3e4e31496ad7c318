"""Calls of `wait`, `create_task` and `run`, and awaits of lists, that can only fail."""

from __future__ import annotations

import ast

from asyncfix import Context, Level, Plan
from asyncfix_codemods._called import coroutine_function, is_coroutine_function
from asyncfix_codemods._misuse import elements_of, function_of, given_to

_ERRORS = frozenset(("TypeError", "Exception", "BaseException"))


def waited(context: Context, call: ast.Call) -> Plan | None:
    """Find coroutines given to `asyncio.wait` where they cannot be mended.

    In a list that stands in a coroutine `legacy-loop` makes tasks of them.
    """
    if not call.args:
        return None
    given = call.args[0]
    if isinstance(given, ast.Name):
        values = list(given_to(function_of(context), given.id))
        if len(values) != 1 or values[0] is None:
            return None
        elements = elements_of(values[0])
    elif _is_coroutine(function_of(context)):
        return None
    else:
        elements = elements_of(given)
    for each in elements:
        if isinstance(each, ast.Call) and coroutine_function(context, each):
            wait, text = context.spelled, context.tree.text(each)
            message = (
                f"{wait} gets the coroutine {text}: it takes tasks only since "
                "Python 3.11"
            )
            return Plan(message, f"asyncio.create_task({text})", level=Level.MANUAL)
    return None


def scheduled(context: Context, call: ast.Call) -> Plan | None:
    """Find `create_task(f)` without the call, and `create_task(gather(...))`."""
    if not call.args:
        return None
    given, spelled = call.args[0], context.spelled
    text = context.tree.text(given)
    if isinstance(given, ast.Call):
        if context.site.wanted != "asyncio.create_task":
            return None  # ensure_future takes futures
        if context.qualified_name(given.func) != "asyncio.gather":
            return None
        message = f"{spelled} takes a coroutine, and gather gives a future: TypeError"
        return Plan(message, f"{text}: it runs already", level=Level.MANUAL)
    if not is_coroutine_function(context, given):
        return None
    message = f"{spelled} gets the function {text}, not a call of it: TypeError"
    return Plan(message, f"{spelled}({text}(...))", level=Level.MANUAL)


def awaited_as_list(context: Context, call: ast.Call) -> Plan | None:
    """Find `await [f(), g()]`; told once, at the first of its coroutines."""
    holder = context.tree.parent(call)
    inside = elements_of(holder) if isinstance(holder, (ast.List, ast.Tuple)) else []
    coroutines = [
        each
        for each in inside
        if isinstance(each, ast.Call) and coroutine_function(context, each)
    ]
    if not coroutines or coroutines[0] is not call:
        return None
    what = "a list" if isinstance(holder, ast.List) else "a tuple"
    text = ", ".join(context.tree.text(each) for each in inside)
    return Plan(
        f"{what} of coroutines is awaited, which cannot be: it raises TypeError",
        f"await asyncio.gather({text})",
        level=Level.MANUAL,
    )


def run(context: Context, call: ast.Call) -> Plan | None:
    """Find `asyncio.run(asyncio.gather(...))`: no loop runs yet when it is called."""
    given = call.args[0] if call.args else None
    if not isinstance(given, ast.Call):
        return None
    if context.qualified_name(given.func) != "asyncio.gather":
        return None
    return Plan(
        f"{context.spelled} takes a coroutine, and {context.tree.text(given.func)} needs "
        "an event loop that runs: it raises",
        f"async def main(): return await {context.tree.text(given)}, and "
        f"{context.spelled}(main())",
        level=Level.MANUAL,
    )


def _is_coroutine(function: ast.AST) -> bool:
    """Tell whether a task can be made here: a loop runs for sure."""
    return isinstance(function, ast.AsyncFunctionDef)
