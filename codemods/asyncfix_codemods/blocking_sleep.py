"""`time.sleep` where the event loop runs."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import asyncfix
from asyncfix import NEW_AWAIT, Codemod, Context, Doubt, Level, Names, Plan
from asyncfix_codemods import _sleeps

if TYPE_CHECKING:
    import libcst as cst

_TAKE_AWAITABLES = frozenset(
    ("gather", "create_task", "ensure_future", "wait_for", "shield", "to_thread", "run")
)
# A comment beside a pause of a test that says why it is one of the thread.
_SPEAKS_OF_BLOCKING = rb"(?i)block|synchronous|\b(?:time|asyncio)\.sleep\b"


class BlockingSleep(Codemod):
    """`time.sleep` in a coroutine stops every other task of the event loop.

    Before:

        import time

        async def poll(ready):
            while not ready():
                time.sleep(0.1)

    After:

        import asyncio

        async def poll(ready):
            while not ready():
                await asyncio.sleep(0.1)

    Safety: safe where every guard holds. Other tasks run during the pause, and
    a timeout or a cancel can arrive in it: that is the purpose. Code that runs
    on anyio gets `anyio.sleep`. Refused where no `await` may stand, where a
    thread lock is held, where the pause tears an update of shared state apart,
    where a cancel would be swallowed or would cut a cleanup short, where tests
    patch the call, and for arguments the two functions treat differently.
    """

    name = "blocking-sleep"
    calls = ("time.sleep",)
    guards = NEW_AWAIT
    noqa = ("ASYNC101", "ASYNC251", "blocking-sleep-in-async-function")

    def judge(self, context: Context) -> Plan | None:
        """Say what to do about one `time.sleep`."""
        if asyncfix.runs_elsewhere(context):
            return None
        if context.site.kind == "value":
            return _as_value(context)
        doubts = (
            *_sleeps.arguments(context),
            *_already_awaited(context),
            *_on_purpose(context),
        )
        change = ""
        if not context.facts.scopes[context.site.function].suspends:
            change = f"{context.function.name} had no await: its callers wait now, too"
        if _polls(context):
            event = "an asyncio.Event would end the polling"
            change = f"{change}; {event}" if change else event
        paused = " ".join(context.tree.text(each) for each in context.call.args)
        return Plan(
            f"{context.spelled}() stops every task of the event loop{_when(context)}",
            by_hand=f"await asyncio.sleep({paused})",
            change=change,
            needs=("asyncio",),
            doubts=doubts,
        )

    def rewrite(self, node: cst.Call, names: Names) -> cst.BaseExpression:
        """Give `await asyncio.sleep(x)`; the argument stays as it is written."""
        import libcst as cst

        sleep = cst.Attribute(cst.Name(names["asyncio"]), cst.Name("sleep"))
        return cst.Await(node.with_changes(func=sleep))


def _polls(context: Context) -> bool:
    """Tell whether the site is all that a `while` loop does: it polls."""
    statement = context.tree.statement(context.node)
    loop = context.tree.parent(statement)
    return (
        isinstance(loop, ast.While)
        and loop.body == [statement]
        and not isinstance(loop.test, ast.Constant)
    )


def _when(context: Context) -> str:
    """Say when a sleep in a nested sync function stops the loop."""
    for above, below in context.within():
        if isinstance(above, ast.FunctionDef) and below in above.body:
            return f" if {above.name} is called on it"
        if isinstance(above, ast.Lambda) and below is above.body:
            return " if the lambda is called on it"
    return ""


def _as_value(context: Context) -> Plan | None:
    """A sleep that is passed on; whoever gets it may call it on the loop."""
    above = context.tree.parent(context.node)
    if not isinstance(above, (ast.Call, ast.keyword)):
        return None
    doubt = Doubt(
        "sleep-value",
        Level.MANUAL,
        f"{context.spelled} is passed as a value: who calls it is not known",
        "pass asyncio.sleep to something that awaits it",
    )
    message = f"{context.spelled} is handed on inside a coroutine"
    return Plan(message, by_hand="asyncio.sleep", doubts=(doubt,))


def _already_awaited(context: Context) -> tuple[Doubt, ...]:
    above = context.tree.parent(context.node)
    if isinstance(above, ast.Call) and above.func is not context.node:
        name = context.qualified_name(above.func) or ""
        awaited = name.startswith("asyncio.") and name[8:] in _TAKE_AWAITABLES
    else:
        awaited = isinstance(above, ast.Await)
    if not awaited:
        return ()
    return (
        Doubt(
            "sleep-awaited",
            Level.MANUAL,
            "what time.sleep gives is awaited, which raises TypeError: "
            "None cannot be awaited",
            "write asyncio.sleep, if the code below is meant to run",
        ),
    )


def _names_around(context: Context) -> str:
    """Give the names of all functions and classes round the site."""
    names = [
        above.name
        for above, _ in context.tree.ancestors(context.node)
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]
    return " ".join(names).lower()


def _knows_better(context: Context) -> bool:
    """Tell whether the statement before or behind pauses as a coroutine should.

    Whoever wrote both chose: `sleep(2)`, which no cancel ends, before
    `await asyncio.sleep(0)` (sanic's test_response_timeout.py).
    """
    statement = context.tree.statement(context.node)
    block = context.tree.block(statement)
    at = block.index(statement)
    return any(
        isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Await)
        and isinstance(each.value.value, ast.Call)
        and context.qualified_name(each.value.value.func)
        in ("asyncio.sleep", "anyio.sleep")
        for each in block[max(at - 1, 0) : at + 2]
    )


def _on_purpose(context: Context) -> tuple[Doubt, ...]:
    """Find test code that blocks the loop because that is what it tests."""
    if not context.in_tests():
        return ()
    lines, at = context.tree.lines, context.call.lineno
    comments = [lines.line(at).partition(b"#")[2]]
    while at > 1 and (above := lines.line(at := at - 1).strip()).startswith(b"#"):
        comments.append(above)
    start, end = context.tree.span(context.function)
    if (
        re.search(_SPEAKS_OF_BLOCKING, b"\n".join(comments))
        or "block" in _names_around(context)
        or b"slow_callback_duration" in lines.text[start:end]
        or _knows_better(context)
    ):
        return (
            Doubt(
                "sleep-on-purpose",
                Level.MANUAL,
                "this test seems to block the event loop on purpose",
                "if it does not: await asyncio.sleep(...)",
            ),
        )
    return ()
