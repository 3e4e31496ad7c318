"""Code that asks for the running event loop, and what runs only where there is none."""

from __future__ import annotations

import ast

from asyncfix.tree import dotted, walk_function

_FINDS_THE_LOOP = ("get_running_loop", "get_event_loop", "current_task")
_ASYNCIO = ("", "asyncio", "aio", "events", "tasks", "asyncio.events", "asyncio.tasks")
_MISSING = ("RuntimeError", "Exception", "BaseException")
_RAISES = ("run", "run_until_complete", "run_forever")


def finds_the_loop(node: ast.AST) -> bool:
    """Tell a call that gives the running loop, or what there is only in one."""
    if not isinstance(node, ast.Call):
        return False
    owner, _, name = (dotted(node.func) or "").rpartition(".")
    if name == "get_running_loop" or owner in _ASYNCIO:
        return name in _FINDS_THE_LOOP
    return False  # some object's own method of that name


def is_without_loop(handler: ast.ExceptHandler, statement: ast.AST) -> bool:
    """Tell a handler that runs only where no event loop does.

    What else stands in the `try` might raise what it catches.
    """
    body = getattr(statement, "body", [])
    if len(body) > 3:
        return False
    nodes = [node for each in body for node in walk_function(each, own=False)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    others = [node for node in calls if not finds_the_loop(node)]
    if len(others) == len(calls) or any(isinstance(n, ast.Raise) for n in nodes):
        return False
    caught = handler.type
    types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    if not any(each is None or dotted(each) in _MISSING for each in types):
        return False
    if any(each is None or dotted(each) != "RuntimeError" for each in types):
        return all(_is_harmless_call(node) for node in others)
    return all(last_name(node) not in _RAISES for node in others)


def _is_harmless_call(call: ast.Call) -> bool:
    return last_name(call) in ("is_running", "create_task", "call_soon_threadsafe")


def last_name(call: ast.Call) -> str:
    """Give the last part of the name of what is called; empty if it has none."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
