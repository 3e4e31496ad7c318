"""Calls that have a shorter or newer form inside a coroutine."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import asyncfix
from asyncfix import Context, Doubt, Level, Names, Part, Plan, dotted
from asyncfix_codemods import _shapes, _unstarted

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix import Slice

Rule = Callable[[Context], "Plan | None"]

OF_LOOP = "asyncio.AbstractEventLoop.create_task"
_MAKERS = frozenset(("asyncio.get_event_loop", "asyncio.get_running_loop"))
# get_running_loop, create_task, all_tasks and current_task are asyncio's since.
_NEW_NAMES = (3, 7)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)


def doubts(context: Context, *, running: bool) -> Iterator[Doubt]:
    """Find what stands against a name meaning asyncio's, and against its loop."""
    for guard in ("N1", "N2", "E1-asyncio") if running else ("N1", "N2"):
        doubt = asyncfix.GUARDS[guard](context)
        # What E1 knows of anyio is for calls that anyio has, too.
        context.framework = "asyncio"
        if doubt is not None:
            if guard == "E1-asyncio":
                doubt = doubt._replace(advice="leave it as it is")
            yield doubt
            return


def in_coroutine(context: Context) -> bool:
    """Tell whether the site is the code of a coroutine, not of one inside it."""
    where = _shapes.owner(context.tree, context.node)
    return isinstance(where, ast.AsyncFunctionDef)


def called(attribute: str, old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    """Give the same call of another function of asyncio."""
    import libcst as cst

    call = cst.ensure_type(old.nodes[0], cst.Call)
    func = cst.Attribute(cst.Name(names["asyncio"]), cst.Name(attribute))
    return [call.with_changes(func=func)]


def _renamed(
    context: Context,
    attribute: str,
    message: str,
    *,
    running: bool,
    level: Level = Level.SAFE,
    change: str = "",
) -> Plan | None:
    if context.settings.target < _NEW_NAMES:
        return None  # there is no other there
    return Plan(
        message,
        by_hand=f"asyncio.{attribute}(...)",
        level=level,
        change=change,
        needs=("asyncio",),
        doubts=tuple(doubts(context, running=running)),
        parts=(Part((context.call,), partial(called, attribute)),),
    )


# -- get_event_loop ------------------------------------------------------------


def event_loop(context: Context) -> Plan | None:
    """`asyncio.get_event_loop()`, in a coroutine or not."""
    call, tree = context.call, context.tree
    if call.args or call.keywords or _shapes.is_for_some_versions(tree, call):
        return None
    if in_coroutine(context):
        if _task_made_by(context, call) is not None or _is_spare(context, call):
            return None  # told there
        return _renamed(
            context,
            "get_running_loop",
            "asyncio.get_event_loop() in a coroutine is asyncio.get_running_loop()",
            running=True,
        )
    if _is_run(tree.parent(call), tree) or _is_handled(context):
        return None
    return Plan(
        "asyncio.get_event_loop() outside of a coroutine raises RuntimeError on "
        "Python 3.14 where no loop runs and none was set; 3.12 warns",
        by_hand="asyncio.get_running_loop() where a loop runs, asyncio.run(...) or "
        "asyncio.Runner where none does",
        level=Level.MANUAL,
    )


def _is_spare(context: Context, call: ast.Call) -> bool:
    """Tell whether the local that gets the loop goes, with the tasks it makes."""
    above = context.tree.parent(call)
    if not isinstance(above, ast.Assign) or not isinstance(above.targets[0], ast.Name):
        return False
    local = _local_loop(context, above.targets[0].id)
    return local is not None and local.is_spare and bool(local.calls)


def _is_run(above: ast.AST, tree: object) -> bool:
    return isinstance(above, ast.Attribute) and above.attr == "run_until_complete"


def _is_handled(context: Context) -> bool:
    """Tell whether the code is ready for there being no loop, or has set one."""
    tree = context.tree
    for above, below in tree.ancestors(context.call):
        if isinstance(above, ast.Try) and below in above.body:
            for handler in above.handlers:
                names = {
                    getattr(each, "id", "")
                    for each in ast.walk(handler.type or ast.Name("Exception"))
                }
                if names & {"RuntimeError", "Exception", "BaseException"}:
                    return True
    where = _shapes.owner(tree, context.call)
    return any(
        isinstance(each, ast.Call)
        and (getattr(each.func, "attr", "") or getattr(each.func, "id", ""))
        == "set_event_loop"
        and each.lineno <= context.call.lineno
        for each in ast.walk(where)
    )


# -- tasks ---------------------------------------------------------------------


def _task_made_by(context: Context, loop: ast.Call) -> ast.Call | None:
    """Give the call in `get_event_loop().create_task(...)` of a loop."""
    above = context.tree.parent(loop)
    if isinstance(above, ast.Attribute) and above.attr == "create_task":
        call = context.tree.parent(above)
        if isinstance(call, ast.Call) and call.func is above:
            return call
    return None


def task_of_loop(context: Context) -> Plan | None:
    """`create_task` of `asyncio.get_event_loop()`, or of the local that it is in."""
    func = context.call.func
    if not isinstance(func, ast.Attribute) or not in_coroutine(context):
        return None
    if _shapes.is_for_some_versions(context.tree, context.call):
        return None
    parts: tuple[Part, ...] = (Part((context.call,), partial(called, "create_task")),)
    key = ""
    if isinstance(func.value, ast.Name):
        local = _local_loop(context, func.value.id)
        if local is None:
            return None
        key = f"{context.site.path}:{local.assigned.lineno}:{func.value.id}"
        parts = tuple(
            Part((each,), partial(called, "create_task")) for each in local.calls
        )
        if local.is_spare:
            parts += (Part((local.assigned,), _nothing),)
    elif not _makes_loop(context, func.value):
        return None
    plan = _renamed(
        context,
        "create_task",
        f"{context.tree.text(func)}(...) in a coroutine is asyncio.create_task(...)",
        running=True,
    )
    if plan is None:
        return None
    # The name of the site has steps: N1 and N2 have nothing to say of it.
    found = tuple(each for each in plan.doubts if each.guard == "E1")
    return plan._replace(doubts=found, parts=parts, key=key)


class _Local(NamedTuple):
    """A local of a coroutine that holds its event loop."""

    assigned: ast.Assign
    calls: list[ast.Call]
    """The calls of its `create_task` in the coroutine's own code."""
    is_spare: bool
    """Nothing else reads it."""


def _makes_loop(context: Context, node: ast.expr) -> bool:
    """Tell whether an expression gives the running loop, in a coroutine."""
    if not isinstance(node, ast.Call) or node.args or node.keywords:
        return False
    path, scope = context.site.path, context.site.use.scope
    said = dotted(node.func) or ""
    return context.project.qualified_name(path, scope, said) in _MAKERS


def _local_loop(context: Context, name: str) -> _Local | None:
    """Give the one assignment of a local that is the running loop, and its uses."""
    tree, function = context.tree, context.function
    if (
        len(context.project.names(context.site.path, context.site.use.scope).get(name))
        != 1
    ):
        return None
    assigned = next(
        (
            each
            for each in function.body
            if isinstance(each, ast.Assign)
            and len(each.targets) == 1
            and isinstance(each.targets[0], ast.Name)
            and each.targets[0].id == name
            and _makes_loop(context, each.value)
        ),
        None,
    )
    if assigned is None or _shapes.looks_up_names(tree, function):
        return None
    reads = _shapes.loads(function, name)
    calls: list[ast.Call] = []
    for each in reads:
        tree.find(ast.Name, *_place(each))  # maps the way up
        attribute = tree.parent(each)
        call = tree.parent(attribute)
        if (
            isinstance(attribute, ast.Attribute)
            and attribute.attr == "create_task"
            and isinstance(call, ast.Call)
            and call.func is attribute
            and _shapes.owner(tree, call) is function
        ):
            calls.append(call)
    alone = _shapes.stands_alone(tree, assigned) and len(function.body) > 1
    start, stop = tree.lines.span(assigned.lineno, assigned.end_lineno or 0)
    quiet = b"#" not in tree.lines.text[start:stop]
    return _Local(assigned, calls, alone and quiet and len(calls) == len(reads))


def _place(node: ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return (node.lineno, node.col_offset), end


def _nothing(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    return ()


def future_of_coroutine(context: Context) -> Plan | None:
    """`asyncio.ensure_future(coro())` in a coroutine."""
    call = context.call
    if len(call.args) != 1 or call.keywords or not in_coroutine(context):
        return None
    given = call.args[0]
    known = _unstarted.called(context, given) if isinstance(given, ast.Call) else None
    if known is None or known.doubt or known.place is None:
        return None
    if is_of_comprehension(context, given):
        return None
    return _renamed(
        context,
        "create_task",
        "asyncio.ensure_future(...) of a coroutine is asyncio.create_task(...)",
        running=True,
    )


def is_of_comprehension(context: Context, call: ast.AST) -> bool:
    """Tell whether a called name may be bound by a comprehension round the call."""
    root = (dotted(getattr(call, "func", None)) or "").partition(".")[0]
    return any(
        isinstance(each, ast.Name) and each.id == root
        for above, _ in context.tree.ancestors(call)
        if isinstance(above, (*_COMPREHENSIONS, ast.DictComp))
        for generator in above.generators
        for each in ast.walk(generator.target)
    )


def all_tasks(context: Context) -> Plan | None:
    """`asyncio.Task.all_tasks()`, and `current_task()`."""
    if _shapes.is_for_some_versions(context.tree, context.call):
        return None
    last = context.site.wanted.rpartition(".")[2]
    change = "raises RuntimeError where no loop runs"
    if last == "all_tasks":
        change = f"tasks that are done are not among them; {change}"
    return _renamed(
        context,
        last,
        f"asyncio.Task.{last} is gone since Python 3.9",
        running=False,
        level=Level.UNSAFE,
        change=change,
    )


# -- async_timeout -------------------------------------------------------------


def timeout(context: Context) -> Plan | None:
    """`async with async_timeout.timeout(...)`, which asyncio has since 3.11."""
    if context.settings.target < (3, 11):
        return None
    tree, call = context.tree, context.call
    item = tree.parent(call)
    if not isinstance(item, ast.withitem):
        return None
    last = context.site.wanted.rpartition(".")[2]
    block = tree.parent(item)
    found = list(doubts(context, running=False))
    if isinstance(block, ast.With):
        found.append(
            Doubt(
                "timeout-sync",
                Level.MANUAL,
                "a plain `with` raises RuntimeError since async_timeout 4",
                f"async with asyncio.{last}(...)",
            )
        )
    if item.optional_vars is not None:
        found.append(
            Doubt(
                "timeout-object",
                Level.MANUAL,
                "the two objects have other methods: expired is called, shift is "
                "reschedule(when() + ...)",
                f"async with asyncio.{last}(...)",
            )
        )
    if len(call.args) != 1 or call.keywords:
        return None
    return Plan(
        f"asyncio has async_timeout.{last} itself since Python 3.11",
        by_hand=f"asyncio.{last}(...)",
        needs=("asyncio",),
        doubts=tuple(found),
        parts=(Part((call,), partial(called, last)),),
    )


RULES: dict[str, Rule] = {
    "asyncio.get_event_loop": event_loop,
    "asyncio.ensure_future": future_of_coroutine,
    "asyncio.Task.all_tasks": all_tasks,
    "asyncio.Task.current_task": all_tasks,
    "async_timeout.timeout": timeout,
    "async_timeout.timeout_at": timeout,
}
