"""Work that is handed to a thread in a way that does not work."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asyncfix import (
    NEW_AWAIT,
    NEW_THREAD,
    Codemod,
    Context,
    Doubt,
    Level,
    Names,
    Part,
    Plan,
)
from asyncfix_codemods import _caught, _given, _pools

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix import Slice

_TO_THREAD = "asyncio.to_thread"
_IN_EXECUTOR = "asyncio.AbstractEventLoop.run_in_executor"
_SUBMIT = "concurrent.futures.Executor.submit"
_POOLS = (
    "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.ProcessPoolExecutor",
)
_LOOPS = ("asyncio.get_running_loop", "asyncio.get_event_loop")
# The position of the function among the arguments.
_FUNCTION = {_TO_THREAD: 0, _IN_EXECUTOR: 1, _SUBMIT: 0}
# No name goes away and none comes: the call that a test may patch is still made.
_AWAIT = tuple(each for each in NEW_AWAIT if each not in ("N1", "N2", "N3", "E2"))


class BrokenOffload(Codemod):
    """A call that is meant for a thread, but runs on the event loop or not at all.

    Before:

        import asyncio

        async def load(loop: asyncio.AbstractEventLoop, read, url):
            return await loop.run_in_executor(None, read, url, timeout=5)

    After:

        import asyncio
        import functools

        async def load(loop: asyncio.AbstractEventLoop, read, url):
            return await loop.run_in_executor(None, functools.partial(read, url, timeout=5))

    Safety: safe where the code as it stands can only raise TypeError: keywords
    given to `run_in_executor`, and `to_thread(f())` of a function that gives None.
    Unsafe where it does something else today: an async function handed to a thread,
    which gives a coroutine that never runs, and an `asyncio.to_thread(...)` that
    nobody awaits, which never starts. Only told, with the code to write: other
    calls of the form `to_thread(f(x))`, a `run_in_executor` whose result is dropped,
    `submit(...).result()`, and a `with` over a pool, which waits on the event loop.
    A loop and a pool are known by their type.
    """

    name = "broken-offload"
    calls = (_TO_THREAD, *_POOLS)
    methods = (_IN_EXECUTOR, _SUBMIT)
    guards = ("N1", "N2")

    def judge(self, context: Context) -> Plan | None:
        """Say what keeps the work from being done in a thread."""
        if context.site.kind == "value":
            return None
        plan = _plan(context)
        if plan is None or plan.level is not Level.MANUAL or _is_sure(context):
            return plan
        return None


def _is_sure(context: Context) -> bool:
    """Tell whether the call can only mean what was looked for."""
    wanted = context.site.wanted
    if context.site.kind == "method":
        return True
    return context.qualified_name(context.call.func) == wanted


def _plan(context: Context) -> Plan | None:
    wanted, call = context.site.wanted, context.call
    if wanted in _POOLS:
        return _pools.block(context)
    place = _FUNCTION[wanted]
    if any(isinstance(each, ast.Starred) for each in call.args[: place + 1]):
        return None
    if len(call.args) <= place:
        return None
    function = call.args[place]
    if isinstance(function, ast.Call):
        return _called_at_once(context, function) or _last(context)
    value = context.value(function)
    if value is not None and _given.is_coroutine_function(context, value):
        return _asynchronous(context, function)
    if wanted == _IN_EXECUTOR and call.keywords:
        return _keywords(context)
    return _last(context)


def _last(context: Context) -> Plan | None:
    """Look at what becomes of the result, where the call itself is right."""
    if context.site.wanted == _SUBMIT:
        return _pools.result_of_submit(context)
    return _dropped(context)


# -- to_thread(f()) ---------------------------------------------------------


def _called_at_once(context: Context, inner: ast.Call) -> Plan | None:
    """`to_thread(f())`: f runs first, where the call stands."""
    given = _given.by_call(context, inner)
    if not given:
        return None
    shown, said = context.tree.text(inner.func), _spelled(context)
    if given == "coroutine":
        return Plan(
            f"{shown}() gives a coroutine, which {said} cannot call: TypeError",
            by_hand=f"await {context.tree.text(inner)}",
            level=Level.MANUAL,
        )
    what = "" if given == "something" else f", and {given} cannot be called: TypeError"
    message = f"{shown}() runs on the event loop before {said} is called{what}"
    job = _listed(context, [inner.func, *inner.args, *inner.keywords])
    by_hand = _with_job(context, job, bool(inner.keywords))
    if (
        given != "None"
        or inner.args
        or inner.keywords
        or context.site.wanted == _SUBMIT
        or len(context.call.args) > _FUNCTION[context.site.wanted] + 1
        or context.call.keywords
        or not isinstance(context.tree.parent(context.node), ast.Await)
    ):
        # Not awaited, it would not run at all any more.
        return Plan(message, by_hand=by_hand, level=Level.MANUAL)

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        return [cst.ensure_type(slice_.nodes[0], cst.Call).func]

    return Plan(
        message,
        by_hand=by_hand,
        doubts=(*_caught.type_error(context), *_comment(context, inner)),
        guards=_exact(context),
        parts=(
            Part((inner,), make, context=_inside(context, inner), guards=NEW_THREAD),
        ),
    )


def _inside(context: Context, inner: ast.Call) -> Context:
    """Give the context of a call among the site's arguments."""
    site = context.site
    use = site.use._replace(
        line=inner.lineno,
        col=inner.col_offset,
        end_line=inner.end_lineno or inner.lineno,
        end_col=inner.end_col_offset or 0,
        name=context.tree.text(inner.func),
    )
    return Context(context.model, site._replace(use=use))


# -- run_in_executor(None, f, k=v) --------------------------------------------


def _keywords(context: Context) -> Plan | None:
    """Keywords that run_in_executor does not take.

    https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.run_in_executor
    """
    call = context.call
    if any(each.arg in ("executor", "func") for each in call.keywords):
        return None  # those it takes; two values for one are told by Python
    job_said = _listed(context, [*call.args[1:], *call.keywords])
    by_hand = _with_job(context, job_said, True)

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        return [_partial(cst.ensure_type(slice_.nodes[0], cst.Call), names)]

    may = "" if any(each.arg for each in call.keywords) else " if there are any"
    return Plan(
        f"{_spelled(context)} takes no keyword arguments for the function: "
        f"TypeError{may}",
        by_hand=by_hand,
        needs=("functools",),
        doubts=_caught.type_error(context),
        guards=("N3", *_exact(context)),
        parts=(Part((call,), make),),
    )


def _partial(call: cst.Call, names: Names) -> cst.Call:
    """Give the call with all but the executor in `functools.partial(...)`."""
    import libcst as cst

    pool, *job = call.args
    last = job[-1]
    space = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    function = cst.Attribute(cst.Name(names["functools"]), cst.Name("partial"))
    if any(_has_comment(each) for each in job):
        return call.with_changes(args=[pool, cst.Arg(cst.Call(function, job))])
    job = [each.with_changes(comma=space) for each in job]
    job[-1] = last.with_changes(
        comma=cst.MaybeSentinel.DEFAULT,
        whitespace_after_arg=cst.SimpleWhitespace(""),
    )
    # What stands behind the last argument is the outer call's.
    whole = cst.Arg(
        cst.Call(function, job),
        comma=last.comma,
        whitespace_after_arg=last.whitespace_after_arg,
    )
    return call.with_changes(args=[pool, whole])


def _has_comment(argument: cst.Arg) -> bool:
    import libcst as cst

    return "#" in cst.Module([]).code_for_node(
        argument.with_changes(value=cst.Name("_"))
    )


# -- to_thread(async_f) -------------------------------------------------------


def _asynchronous(context: Context, function: ast.expr) -> Plan | None:
    """An async function: in the thread its call only makes a coroutine."""
    call, tree = context.call, context.tree
    place = _FUNCTION[context.site.wanted]
    above = tree.parent(call)
    awaited = isinstance(above, ast.Await)
    if awaited and _may_be_awaited_again(context, above):
        return None
    shown = tree.text(function)
    said = _spelled(context)
    job = _listed(context, [*call.args[place + 1 :], *call.keywords])
    message = (
        f"{shown} is async: {said} gives back a coroutine, which does not run by itself"
    )
    by_hand = f"await {shown}({job})"
    plain = _does_nothing(context, [call.func, *call.args[:place]])
    if not awaited or not plain or context.site.wanted == _SUBMIT:
        return Plan(message, by_hand=by_hand, level=Level.MANUAL)

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        node = cst.ensure_type(slice_.nodes[0], cst.Call)
        # What was the function's place in the brackets becomes the first argument's.
        return [
            node.with_changes(func=node.args[place].value, args=node.args[place + 1 :])
        ]

    return Plan(
        message,
        by_hand=by_hand,
        level=Level.UNSAFE,
        change=f"{shown} runs now, on the event loop, and gives its result",
        doubts=_comment(context, call),
        guards=(*_exact(context), "E2"),
        parts=(Part((call,), make, free=tuple(call.args[:place])),),
    )


def _does_nothing(context: Context, nodes: Sequence[ast.expr]) -> bool:
    """Tell whether expressions may go away: they only name or look up things."""
    return not any(
        isinstance(each, (ast.Call, ast.Await, ast.NamedExpr))
        and context.qualified_name(getattr(each, "func", None)) not in _LOOPS
        for node in nodes
        for each in ast.walk(node)
    )


def _may_be_awaited_again(context: Context, awaited: ast.AST) -> bool:
    """Tell whether somebody awaits the coroutine that the thread gives back.

    `await (await to_thread(f))` works, and so does a name that is awaited or
    handed on later.
    """
    above = context.tree.parent(awaited)
    if isinstance(above, (ast.Expr, ast.Return)):
        return False
    names: set[str] = set()
    if isinstance(above, ast.Assign):
        targets: list[ast.expr] = above.targets
    elif isinstance(above, (ast.AnnAssign, ast.NamedExpr)):
        targets = [above.target]
    else:
        return True
    for target in targets:
        if not isinstance(target, ast.Name):
            return True
        names.add(target.id)
    for node in ast.walk(context.function):
        inner: list[ast.expr] = []
        if isinstance(node, (ast.Await, ast.Starred)):
            inner = [node.value]
        elif isinstance(node, ast.Call):
            inner = [*node.args, *(each.value for each in node.keywords)]
        elif isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            inner = node.elts
        if any(isinstance(each, ast.Name) and each.id in names for each in inner):
            return True
    return False


# -- nobody waits, or the loop does ---------------------------------------------


def _dropped(context: Context) -> Plan | None:
    """A statement of its own: nobody gets what it gives."""
    call = context.call
    if not isinstance(context.tree.parent(call), ast.Expr):
        return None
    shown, said = context.tree.text(call), _spelled(context)
    if context.site.wanted == _IN_EXECUTOR:
        return Plan(
            f"the result of {said} is dropped: nobody waits for the work, "
            "and an error in it is only logged",
            by_hand=f"await {shown}, or keep the future and await it later",
            level=Level.MANUAL,
        )

    def make(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        return [cst.Await(cst.ensure_type(slice_.nodes[0], cst.Call))]

    return Plan(
        f"{said} is not awaited: the function never runs",
        by_hand=f"await {shown}",
        level=Level.UNSAFE,
        change="it runs now, and the coroutine waits for it",
        guards=_AWAIT,
        parts=(Part((call,), make),),
    )


# -- shared ---------------------------------------------------------------------


def _spelled(context: Context) -> str:
    """Give the call's name as the file writes it, for a message."""
    return f"{context.tree.text(context.call.func)}()"


def _listed(context: Context, nodes: Sequence[ast.expr | ast.keyword]) -> str:
    return ", ".join(context.tree.text(each) for each in nodes)


def _with_job(context: Context, job: str, keywords: bool) -> str:
    """Give the site's call with another job, for a message."""
    call, wanted = context.call, context.site.wanted
    if wanted == _IN_EXECUTOR:
        if keywords:
            job = f"functools.partial({job})"
        job = f"{context.tree.text(call.args[0])}, {job}"
    code = f"{context.tree.text(call.func)}({job})"
    return code if wanted == _SUBMIT else f"await {code}"


def _exact(context: Context) -> tuple[str, ...]:
    """Give the guard that knows whether a place in an f-string is exact."""
    inside = any(isinstance(above, ast.JoinedStr) for above, _ in context.within())
    return ("S1",) if inside else ()


def _comment(context: Context, node: ast.Call) -> tuple[Doubt, ...]:
    """Find a comment in code that goes away."""
    start, end = context.tree.span(node)
    if b"#" not in context.tree.lines.text[start:end]:
        return ()
    reason = "a comment stands inside the call and could be lost"
    return (Doubt("S1", Level.MANUAL, reason, "move the comment"),)
