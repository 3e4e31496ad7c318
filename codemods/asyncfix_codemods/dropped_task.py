"""Tasks that nobody keeps a reference to."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

import asyncfix
from asyncfix import (
    Codemod,
    Context,
    Doubt,
    Level,
    Model,
    Part,
    Plan,
    Site,
    calls_named,
    dotted,
    facts,
    site_of,
    value,
)
from asyncfix_codemods import _keepers, _shapes, _unused_tasks

_WANTED = frozenset(("asyncio.create_task", "asyncio.ensure_future"))
# What a lambda gives may be dropped by who calls it.
_UNKEPT = (facts.VALUE, facts.STATEMENT, facts.HANDED_BACK)
_LAST = frozenset(name.rpartition(".")[2] for name in _WANTED)
_OF_LOOP = "asyncio.AbstractEventLoop.create_task"
_UNSURE = "loop.create_task"  # of a receiver that is known by its name only
_LOOP_NAMES = frozenset(("loop", "_loop", "event_loop", "_event_loop", "ioloop"))
# Futures that somebody else holds: an executor, or who made them.
_HELD = frozenset(("run_in_executor", "create_future", "wrap_future", "create_task"))
_BY_HAND = (
    "tasks.add(task); task.add_done_callback(tasks.discard), with `tasks` a set "
    "that lives on"
)


class DroppedTask(Codemod):
    """A task that nobody keeps may vanish before it is done.

    Before:

        import asyncio

        class Mailer:
            def received(self, mail):
                asyncio.create_task(self.answer(mail))

            async def answer(self, mail):
                ...

    After:

        import asyncio

        _background_tasks: set[asyncio.Task[object]] = set()

        class Mailer:
            def received(self, mail):
                task = asyncio.create_task(self.answer(mail))
                _background_tasks.add(task)
                task.add_done_callback(_background_tasks.discard)

            async def answer(self, mail):
                ...

    Safety: safe. The event loop holds a task only weakly: one that waits for
    something that only itself refers to can be collected, with the message "Task was
    destroyed but it is pending!". The fix keeps it in a set until it is done, and
    changes nothing else; a set that the class or the module keeps such tasks in
    already, and that serves nothing else, is used. Unsafe where the receiver seems to
    be an event loop by its name only, and where `locals()` would give the new name,
    too. Refused where tests replace the call. In lambdas, and where the maker of the
    task is itself handed on as a callback, the code to write is shown. No finding where the result is kept, returned, awaited or
    passed on, and where the receiver is no event loop: task groups, nurseries and
    managers keep their tasks.
    """

    name = "dropped-task"
    guards = ("N3", "E3")
    noqa = ("RUF006", "asyncio-dangling-task")

    def search(self, model: Model, path: str) -> Iterator[Site]:
        """Give the calls that make a task and may not keep it."""
        project, values = model.project, model.reach.values
        for use in calls_named(project, path, _LAST, _UNKEPT):
            meant = {a.name for a in project.answers(path, use.scope, use.name)}
            if wanted := sorted(meant & _WANTED):
                yield site_of(project, path, use, "call", wanted[0])
                continue
            receiver, _, last = use.name.rpartition(".")
            if last != "create_task" or not receiver:
                continue
            found = values.of(path, use.scope, use.name)
            if found is None:
                if receiver.rpartition(".")[2] in _LOOP_NAMES:
                    yield site_of(project, path, use, "call", _UNSURE)
            elif found.kind == value.OUTSIDE and _is_of_loop(model, found.name):
                yield site_of(project, path, use, "call", _OF_LOOP)
        yield from _handed_on(model, path)

    def judge(self, context: Context) -> Plan | None:
        """Say whether a task is dropped here, and where it can be kept."""
        if context.site.wanted in _HANDED:
            return _by_callback(context)
        call, tree = context.call, context.tree
        if not _makes_a_task(context):
            return None
        where = _shapes.owner(tree, call)
        above = tree.parent(call)
        if isinstance(above, ast.Lambda):
            return _in_lambda(context, above)
        statement = tree.statement(call)
        target: ast.Name | None = None
        chained: ast.Call | None = None
        if isinstance(statement, ast.Expr):
            chained = _callback_added(context)
            if statement.value is not (chained or call):
                return _in_expression(context, statement)
        else:
            target = _unused_tasks.unused(context, statement, where)
            if target is None:
                return None
        if isinstance(where, ast.ClassDef):
            return None
        doubts = [*_meaning(context), *_place(context, statement)]
        keeper = _keepers.choose(context, where)
        if keeper is None:
            doubts.append(
                Doubt(
                    "task-name",
                    Level.MANUAL,
                    "every name for the set of tasks is taken in this file",
                    _BY_HAND,
                )
            )
            keeper = _keepers.Keeper("tasks", False)
        name = (
            _keepers.task_name(context, where)
            if not _unused_tasks.keeps(target)
            else target
        )
        task = name if isinstance(name, str) else name.id if name else ""
        if isinstance(name, str) and not isinstance(where, ast.Module):
            doubts += _seen_by_name(context, where, name)
        if not task:
            doubts.append(
                Doubt(
                    "task-name",
                    Level.MANUAL,
                    "every name for the task is taken in this function",
                    _BY_HAND,
                )
            )
        make = partial(_keepers.kept, call, chained, task, keeper.text)
        # The callback is added after the task is kept, no longer right behind the call.
        free = (target,) if target else (chained.func,) if chained else ()
        parts = [Part((statement,), make, free=free)]
        if keeper.prelude:
            top = Context(
                context.model,
                context.site._replace(
                    use=context.site.use._replace(scope=0), function=0
                ),
            )
            parts.append(
                Part((), _keepers.nothing, top, prelude=keeper.declared, guards=("N3",))
            )
        return Plan(
            f"nobody keeps the task that {tree.text(call.func)} gives: "
            "it may be collected before it is done",
            by_hand=_BY_HAND,
            needs=("asyncio",) if keeper.prelude and keeper.typed else (),
            doubts=tuple(doubts),
            parts=tuple(parts),
        )


# -- which calls count ---------------------------------------------------------


def _is_of_loop(model: Model, name: str) -> bool:
    """Tell whether a method is that of an event loop, under whatever class."""
    owner, _, _ = name.rpartition(".")
    loop = model.catalog.canonical(owner)
    return loop == "asyncio.AbstractEventLoop" or (
        "asyncio.AbstractEventLoop" in model.catalog.bases(loop)
    )


def _makes_a_task(context: Context) -> bool:
    """Tell whether a call makes a task of its own, not what somebody else holds."""
    call = context.call
    if not call.args or isinstance(call.args[0], ast.Starred):
        return False
    if context.site.wanted != "asyncio.ensure_future":
        return True
    given = call.args[0]
    if not isinstance(given, ast.Call):
        return False
    name = str(dotted(given.func) or getattr(given.func, "attr", ""))
    return name.rpartition(".")[2] not in _HELD


def _meaning(context: Context) -> Iterator[Doubt]:
    """Find what stands against the name meaning what it seems to."""
    wanted = context.site.wanted
    if wanted in _WANTED:
        for guard in ("N1", "N2"):
            doubt = asyncfix.GUARDS[guard](context)
            if doubt is not None:
                yield doubt
    elif wanted == _UNSURE:
        receiver = context.spelled.rpartition(".")[0]
        yield Doubt(
            "task-receiver",
            Level.UNSAFE,
            f"{receiver} seems to be an event loop, but its class is not known",
            f"annotate {receiver}, if it is one",
        )


# -- where they stand ----------------------------------------------------------


def _callback_added(context: Context) -> ast.Call | None:
    """Give the call in `create_task(...).add_done_callback(...)`."""
    above = context.tree.parent(context.call)
    if isinstance(above, ast.Attribute) and above.attr == "add_done_callback":
        call = context.tree.parent(above)
        if isinstance(call, ast.Call) and call.func is above:
            return call
    return None


def _place(context: Context, statement: ast.stmt) -> Iterator[Doubt]:
    if not _shapes.stands_alone(context.tree, statement):
        yield Doubt(
            "task-line",
            Level.MANUAL,
            "another statement stands on the same line",
            "give the call a line of its own",
        )


def _seen_by_name(context: Context, where: _shapes.Owner, name: str) -> Iterator[Doubt]:
    """Find what looks through the function's names, and would see a new one."""
    if _shapes.looks_up_names(context.tree, where):
        yield Doubt(
            "task-name",
            Level.UNSAFE,
            f"the function looks its names up (locals() or the like), and {name} "
            "would be one of them",
            f"see whether {name} does harm there",
        )


# -- what is only shown --------------------------------------------------------


def _spawn(context: Context, message: str, guard: str, reason: str) -> Plan:
    doubt = Doubt(
        guard,
        Level.MANUAL,
        reason,
        "write `def spawn(coro): task = asyncio.create_task(coro); "
        "tasks.add(task); task.add_done_callback(tasks.discard)`, "
        "with `tasks` a set of the module, and call that",
    )
    return Plan(message, by_hand="spawn(...)", doubts=(doubt,))


def _in_expression(context: Context, statement: ast.Expr) -> Plan | None:
    """A task in an expression whose value nobody takes: `ready and create_task(x)`."""
    node: ast.AST = context.call
    for above, below in context.tree.ancestors(node):
        if above is statement:
            break
        drops = (
            (isinstance(above, ast.BoolOp) and below is above.values[-1])
            or (isinstance(above, ast.IfExp) and below is not above.test)
            or (isinstance(above, ast.ListComp) and below is above.elt)
        )
        if not drops:
            return None
    return _spawn(
        context,
        f"nobody keeps the task that {context.tree.text(context.call.func)} gives",
        "task-shape",
        "there is no place here for the statements that would keep it",
    )


def _in_lambda(context: Context, above: ast.Lambda) -> Plan | None:
    """A task made in a lambda that is handed to what only calls it."""
    taker = context.tree.parent(above)
    if isinstance(taker, ast.keyword):
        taker = context.tree.parent(taker)
    if not isinstance(taker, ast.Call) or above is taker.func:
        return None
    if not _only_calls(context, taker):
        return None
    return _spawn(
        context,
        f"nobody keeps the task that this lambda makes: "
        f"{context.tree.text(taker.func)} drops what it gives",
        "task-lambda",
        "a lambda has no place for the statements that would keep it",
    )


_CALLBACKS = frozenset(
    ("call_soon", "call_later", "call_at", "call_soon_threadsafe",
     "add_done_callback", "add_signal_handler", "add_reader", "add_writer")
)  # fmt: skip
_HANDED = {f"asyncio.AbstractEventLoop.{name}": name for name in _CALLBACKS}


def _only_calls(context: Context, taker: ast.Call) -> bool:
    """Tell whether a call hands a function over to the event loop's callbacks."""
    name = dotted(taker.func)
    last = name.rpartition(".")[2] if name else getattr(taker.func, "attr", "")
    if last not in _CALLBACKS:
        return False
    found = name and context.model.reach.values.of(
        context.site.path, context.site.use.scope, name
    )
    # Unknown receivers count: no other library calls its methods like this.
    return not found or found.kind in (value.OUTSIDE, value.OUTSIDE_OBJECT)


def _handed_on(model: Model, path: str) -> Iterator[Site]:
    """Give the calls that hand over what makes a task: `call_later(1, create_task, x)`."""
    facts_ = model.project.files[path]
    if not any(map(facts_.holds, _LAST)):
        return
    for use in calls_named(model.project, path, _CALLBACKS):
        last = use.name.rpartition(".")[2]
        said = model.reader.text(path, use)
        if last in _CALLBACKS and any(each.encode() in said for each in _LAST):
            wanted = f"asyncio.AbstractEventLoop.{last}"
            yield site_of(model.project, path, use, "call", wanted)


def _by_callback(context: Context) -> Plan | None:
    if not _only_calls(context, context.call):
        return None
    for each in context.call.args:
        name = dotted(each)
        if name is None or name.rpartition(".")[2] not in _LAST:
            continue
        path, scope = context.site.path, context.site.use.scope
        meant = {a.name for a in context.project.answers(path, scope, name)}
        found = context.model.reach.values.of(path, scope, name)
        if not meant & _WANTED and not (
            found is not None
            and found.kind == value.OUTSIDE
            and _is_of_loop(context.model, found.name)
        ):
            continue
        return _spawn(
            context,
            f"nobody keeps the task that {name} makes when it is called back",
            "task-callback",
            "the event loop drops what a callback gives",
        )
    return None
