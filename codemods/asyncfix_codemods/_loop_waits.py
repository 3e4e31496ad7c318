"""`asyncio.wait`, which takes no coroutines since Python 3.11."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from asyncfix import Context, Doubt, Level, Names, Part, Plan, value
from asyncfix_codemods import _loop_arguments, _loop_calls, _misuse, _unstarted

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix import Slice

# What `asyncio.wait` raises for a coroutine since Python 3.11.
_OF_WAIT = frozenset(("TypeError", "Exception", "BaseException"))
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)


def waited(context: Context) -> Plan | None:
    """`asyncio.wait([coro(), ...])`, which takes no coroutines since 3.11."""
    plan = _loop_arguments.dropped(context)
    if plan is not None:
        return plan
    call = context.call
    if not call.args or not _loop_calls.in_coroutine(context):
        return None
    given, calls = call.args[0], list[ast.expr]()
    if isinstance(given, (ast.List, ast.Tuple, ast.Set)):
        calls = given.elts
    elif isinstance(given, _COMPREHENSIONS):
        calls = [given.elt]
    known = [
        _unstarted.called(context, each) if isinstance(each, ast.Call) else None
        for each in calls
    ]
    if not any(known) or context.settings.target < (3, 7):
        return None  # asyncio.create_task is there since 3.7
    found = [
        *_loop_calls.doubts(context, running=True),
        *_misuse.caught(context, _OF_WAIT),
    ]
    parts = []
    for each, what in zip(calls, known, strict=True):
        reason = what.doubt if what else ""
        if what is None and _is_future(context, each):
            continue
        parts.append(Part((each,), _as_task))
        if what is None:
            reason = f"{context.tree.text(each)} may be a task already"
        elif _loop_calls.is_of_comprehension(context, each):
            reason = f"{what.name} is bound by the comprehension"
        if reason:
            found.append(
                Doubt(
                    "wait-unsure",
                    Level.MANUAL,
                    reason,
                    "asyncio.create_task(...) round each coroutine",
                )
            )
    return Plan(
        "asyncio.wait takes no coroutines since Python 3.11, only tasks",
        by_hand="asyncio.wait([asyncio.create_task(...), ...])",
        needs=("asyncio",),
        doubts=tuple(found),
        parts=tuple(parts),
    )


def _is_future(context: Context, node: ast.expr | None) -> bool:
    """Tell whether an expression surely gives a task, or another future of asyncio's."""
    if isinstance(node, ast.Name):
        given = list(_misuse.given_to(context.function, node.id))
        return bool(given) and not any(
            each is None or isinstance(each, ast.Name) or not _is_future(context, each)
            for each in given
        )
    found = context.value(node.func) if isinstance(node, ast.Call) else None
    return (
        found is not None
        and found.kind == value.OUTSIDE
        and found.name.startswith("asyncio.")
        and context.model.catalog.asynchronous(found.name) == "future"
    )


def _as_task(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    func = cst.Attribute(cst.Name(names["asyncio"]), cst.Name("create_task"))
    return [cst.Call(func, [cst.Arg(cast("cst.BaseExpression", old.nodes[0]))])]
