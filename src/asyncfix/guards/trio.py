"""Where anyio may run the project's coroutines on trio.

`anyio.run` takes asyncio unless it is told otherwise:
https://anyio.readthedocs.io/en/stable/basics.html#backends
"""

from __future__ import annotations

import ast
from functools import partial
from typing import NamedTuple

from asyncfix.context import Context, Model
from asyncfix.model import Doubt, Level
from asyncfix.tree import Tree

# By the last name: the qualified names, and the place that the backend may have.
_NAMES = {
    "run": (("anyio.run",), -1),
    "start_blocking_portal": (("anyio.from_thread.start_blocking_portal",), 0),
    "BlockingPortalProvider": (("anyio.from_thread.BlockingPortalProvider",), 0),
}
_CALLABLE = ("Callable", "Awaitable", "Coroutine", "Any")


class Start(NamedTuple):
    """A call of anyio's that may start trio."""

    path: str
    line: int
    users: frozenset[str]
    """The files that import its file and may hand it what it runs."""


def may_run(context: Context, above: frozenset[str]) -> Doubt | None:
    """Doubt a file that something of the project may have anyio run on trio.

    `above` are the files that import it, near and far.
    """
    near = above | {context.site.path}
    for start in context.model.once("trio", partial(_starts, context.model)):
        if start.path in near or not near.isdisjoint(start.users):
            return Doubt(
                "E1",
                Level.MANUAL,
                f"anyio may run this on trio ({start.path}:{start.line})",
                "use anyio's own (`anyio.sleep`, `anyio.to_thread.run_sync`)",
            )
    return None


def _starts(model: Model) -> list[Start]:
    """Give the calls that name a backend that may be another one than asyncio."""
    project, found = model.project, []
    for last, (names, place) in _NAMES.items():
        for path, use in project.called_as(last):
            answers = project.answers(path, use.scope, use.name)
            if not any(answer.name in names for answer in answers):
                continue
            tree = model.reader.tree(path)
            start, end = (use.line, use.col), (use.end_line, use.end_col)
            call = tree.find(ast.Call, start, end)
            if _may_be_trio(call, place):
                given = place >= 0 or _is_handed(tree, call)
                users = project.reached_by(path) if given else frozenset[str]()
                found.append(Start(path, use.line, users))
    return sorted(found)


def _may_be_trio(call: ast.Call, place: int) -> bool:
    given = [each.value for each in call.keywords if each.arg in ("backend", None)]
    if 0 <= place < len(call.args):
        given.append(call.args[place])
    return any(
        not (isinstance(each, ast.Constant) and each.value == "asyncio")
        for each in given
    )


def _is_handed(tree: Tree, call: ast.Call) -> bool:
    """Tell whether what is run may be an argument of the function round the call."""
    for above, _ in tree.ancestors(call):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef)):
            break
    else:
        return False
    given = {
        each.arg
        for each in ast.walk(above.args)
        if isinstance(each, ast.arg) and _may_be_called(each)
    }
    run = [each for arg in call.args for each in ast.walk(arg)]
    for node in ast.walk(above):
        if isinstance(node, ast.Await):
            run.append(node.value)
        elif isinstance(node, ast.Call):
            run.append(node.func)
    return any(isinstance(each, ast.Name) and each.id in given for each in run)


def _may_be_called(parameter: ast.arg) -> bool:
    if parameter.arg in ("self", "cls"):
        return False
    if parameter.annotation is None:
        return True
    return any(each in ast.unparse(parameter.annotation) for each in _CALLABLE)
