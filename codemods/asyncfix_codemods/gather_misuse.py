"""Calls of `asyncio.gather` and its neighbours that can only fail."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from asyncfix import (
    Codemod,
    Context,
    Doubt,
    Level,
    Model,
    Names,
    Part,
    Plan,
    Site,
    calls_named,
    calls_used,
    facts,
    site_of,
)
from asyncfix_codemods import _called, _misuse, _misuse_tasks

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix import Slice

_LISTS = (ast.List, ast.ListComp, ast.Tuple, ast.GeneratorExp)
_SETS = (ast.Set, ast.SetComp)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)
_MAKERS = frozenset(("builtins.list", "builtins.tuple", "builtins.map"))


_CALLS = frozenset(
    ("asyncio.create_task", "asyncio.ensure_future", "asyncio.gather", "asyncio.run",
     "asyncio.wait")
)  # fmt: skip
_LAST = frozenset(name.rpartition(".")[2] for name in _CALLS)
_LISTED = "await"

# What else `asyncio.gather(...)` raises than TypeError (tried on CPython 3.9 to 3.13).
_ERRORS = frozenset(("TypeError", "Exception", "BaseException"))
_ERRORS_OF_GENERATOR = _ERRORS | {"RuntimeError"}


class GatherMisuse(Codemod):
    """A call of `gather`, `wait` or `create_task` that can only raise.

    Before:

        import asyncio

        async def pages(urls, fetch):
            return await asyncio.gather([fetch(url) for url in urls])

    After:

        import asyncio

        async def pages(urls, fetch):
            return await asyncio.gather(*[fetch(url) for url in urls])

    Safety: safe for a list, tuple or generator that `gather` is given whole. Unsafe
    where the error of today is caught, and where `gather` is given what was awaited
    already: that ran one after the other. `create_task` of a function or a future, a
    set given to `gather`, a list that is awaited, `asyncio.run` of `gather`, and a name
    that holds coroutines given to `asyncio.wait` are reported; of coroutines in a list
    `legacy-loop` makes tasks.
    """

    name = "gather-misuse"
    guards = ("N1", "N2", "N3")

    def search(self, model: Model, path: str) -> Iterator[Site]:
        """Give the calls that may be wrong by their own text, and awaited lists."""
        project = model.project
        for use in calls_named(project, path, _LAST):
            meant = {each.name for each in project.answers(path, use.scope, use.name)}
            wanted = min(meant & _CALLS, default="")
            if wanted and _may_be_wrong(model, path, use, wanted):
                yield site_of(project, path, use, "call", wanted)
        if not project.files[path].head.coroutines:
            return
        for use in calls_used(project, path, None, (facts.AWAITED_WITHIN,)):
            yield site_of(project, path, use, "call", _LISTED)

    def judge(self, context: Context) -> Plan | None:
        """Say what is wrong with one call; None for one that may be right."""
        call = context.call
        kind = context.site.wanted.rpartition(".")[2]
        if context.site.wanted == _LISTED:
            return _misuse_tasks.awaited_as_list(context, call)
        if kind == "run":
            return _misuse_tasks.run(context, call)
        if kind == "gather":
            return _awaited(context, call) or _gathered(context, call)
        if kind == "wait":
            return _misuse_tasks.waited(context, call)
        return _misuse_tasks.scheduled(context, call)


def _may_be_wrong(model: Model, path: str, use: facts.Use, wanted: str) -> bool:
    """Tell by its own text whether a call may be wrong; most calls cannot be."""
    call = model.reader.expression(path, use)
    if not isinstance(call, ast.Call) or wanted == "asyncio.wait":
        return True
    given = call.args[0] if call.args else None
    if wanted == "asyncio.gather":
        if any(isinstance(each, ast.Await) for each in ast.walk(call)):
            return True
        if len(call.args) == 1 and isinstance(given, ast.Starred):
            return isinstance(given.value, _SETS)
        return any(map(_may_hold_many, call.args))
    if given is None or not isinstance(given, ast.Call):
        return given is not None and wanted != "asyncio.run"
    # Only `gather` makes a difference there; a plain name may be another for it.
    return (
        isinstance(given.func, ast.Name) or getattr(given.func, "attr", "") == "gather"
    )


def _may_hold_many(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name)
    return isinstance(node, (*_LISTS, *_SETS, ast.Name))


def _plan(context: Context, message: str, by_hand: str, make: _Change) -> Plan:
    """Give a plan whose one part is the whole call."""
    part = Part((context.call,), partial(_changed, make))
    return Plan(message, by_hand=by_hand, parts=(part,))


_Change = Callable[["cst.Call", Names], "cst.Call"]


def _changed(make: _Change, slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
    import libcst as cst

    return [make(cst.ensure_type(slice_.nodes[0], cst.Call), names)]


# -- gather, given one thing that holds them all ------------------------------


def _gathered(context: Context, call: ast.Call) -> Plan | None:
    if len(call.args) == 1 and isinstance(call.args[0], ast.Starred):
        return _in_random_order(context, call)
    whole = [each for each in call.args if _holds_many(context, each)]
    if not whole:
        return None
    given, gather = whole[0], context.spelled
    text = context.tree.text(given)
    if isinstance(given, ast.GeneratorExp) and not text.startswith("("):
        text = f"({text})"
    what = _word(context, given)
    message = (
        f"{gather} takes awaitables one by one, and gets {what}: it raises TypeError"
    )
    by_hand = f"{gather}(*{text})"
    if not isinstance(_misuse.function_of(context), ast.AsyncFunctionDef):
        # Which loop it would belong to, if there is one at all, is another question.
        by_hand = f"async def main(): return await {by_hand}"
        return Plan(message, by_hand, level=Level.MANUAL)
    if len(call.args) > 1 or _is_async(given):
        # Which result belongs to what would change, or nothing can be unpacked.
        return Plan(message, by_hand, level=Level.MANUAL)
    if _holds_many(context, given) == "set":
        return Plan(message, f"{gather}(*[...]): a set has no order", Level.MANUAL)
    generator = isinstance(given, ast.GeneratorExp)
    doubts = _misuse.caught(context, _ERRORS_OF_GENERATOR if generator else _ERRORS)
    if generator and context.settings.target < (3, 12):
        doubts += _misuse.returned(call)
    plan = _plan(context, message, by_hand, _unpacked)
    return plan._replace(doubts=doubts)


def _word(context: Context, node: ast.expr) -> str:
    if isinstance(node, ast.GeneratorExp):
        return "a generator"
    if isinstance(node, ast.Tuple):
        return "a tuple"
    return f"a {_holds_many(context, node)}"


def _holds_many(context: Context, node: ast.expr, deep: bool = True) -> str:
    """Tell whether an expression surely is a list or the like, or a set.

    Gives `list`, `set`, or nothing; a name is followed to all that the coroutine
    gives it.
    """
    if isinstance(node, _LISTS):
        return "list"
    if isinstance(node, _SETS):
        return "set"
    if isinstance(node, ast.Call):
        return "list" if context.qualified_name(node.func) in _MAKERS else ""
    if isinstance(node, ast.Name) and deep:
        found = {
            value is not None and _holds_many(context, value, deep=False)
            for value in _misuse.given_to(_misuse.function_of(context), node.id)
        }
        if len(found) == 1:
            return found.pop() or ""
    return ""


def _is_async(node: ast.expr) -> bool:
    """Tell whether a generator expression is an asynchronous generator."""
    return isinstance(node, ast.GeneratorExp) and any(
        isinstance(each, ast.Await) or getattr(each, "is_async", 0)
        for each in ast.walk(node)
    )


def _unpacked(call: cst.Call, names: Names) -> cst.Call:
    """Put a star before the only positional argument."""
    import libcst as cst

    args = list(call.args)
    at = next(i for i, each in enumerate(args) if each.keyword is None)
    value = args[at].value
    if isinstance(value, cst.GeneratorExp) and not value.lpar:
        value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    args[at] = args[at].with_changes(star="*", value=value)
    return call.with_changes(args=args)


def _in_random_order(context: Context, call: ast.Call) -> Plan | None:
    """Find `gather(*{f(), g()})` whose results are used: which is whose?"""
    starred = call.args[0]
    assert isinstance(starred, ast.Starred)
    above = context.tree.parent(call)
    if not isinstance(starred.value, _SETS) or not isinstance(above, ast.Await):
        return None
    if isinstance(context.tree.parent(above), ast.Expr):
        return None
    message = (
        f"{context.spelled} gets a set: its results come in another order each time"
    )
    return Plan(message, f"{context.spelled}(*[...])", level=Level.MANUAL)


# -- gather, given what was awaited already -----------------------------------


def _awaited(context: Context, call: ast.Call) -> Plan | None:
    """Find `gather(await f(), await g())`: they ran one after the other."""
    found = [each for each in _elements(call) if isinstance(each, ast.Await)]
    if not found:
        return None
    gives = [_gives_awaitable(context, each) for each in found]
    if any(each is True for each in gives):
        return None  # two steps: what was awaited gives what gather awaits
    gather = context.spelled
    message = (
        f"{gather} gets what `{context.tree.text(found[0])}` gave: "
        "the calls run one after the other, and then it raises TypeError"
    )
    text = f"{gather}({context.tree.text(found[0].value)}, ...)"
    plan = _plan(context, message, text, partial(_without_awaits, context))
    if any(each is None for each in gives):
        doubt = Doubt(
            "gather-awaited",
            Level.MANUAL,
            "what the awaited call gives is not known: it may be a task or a coroutine",
            f"if it is not, leave the inner awaits out: {text}",
        )
        return plan._replace(doubts=(doubt,))
    if any(_has_star_missing(each) for each in call.args):
        return plan._replace(level=Level.MANUAL, parts=())
    return plan._replace(
        level=Level.UNSAFE,
        change="the calls run at the same time, which they never did",
        doubts=_misuse.caught(context, _ERRORS),
    )


def _has_star_missing(argument: ast.expr) -> bool:
    return isinstance(argument, (ast.List, *_COMPREHENSIONS))


def _elements(call: ast.Call) -> Iterator[ast.expr]:
    """Give the expressions that make what a call of gather is to wait for."""
    for argument in call.args:
        inner = argument.value if isinstance(argument, ast.Starred) else argument
        if isinstance(inner, _COMPREHENSIONS):
            yield inner.elt
        elif isinstance(inner, (ast.List, ast.Tuple, ast.Set)):
            yield from inner.elts
        elif not isinstance(argument, ast.Starred):
            yield argument


def _gives_awaitable(context: Context, node: ast.Await) -> bool | None:
    if not isinstance(node.value, ast.Call):
        return None
    if _called.coroutine_function(context, node.value) is None:
        return None
    value = _called.value_of(context, node.value, "()!")
    return None if value is None else value.is_awaitable


def _without_awaits(context: Context, call: cst.Call, names: Names) -> cst.Call:
    """Give the call with what its elements await in their place."""
    import libcst as cst

    def element(node: cst.BaseExpression) -> cst.BaseExpression:
        if not isinstance(node, cst.Await):
            return node
        inner = node.expression
        return inner.with_changes(
            lpar=[*node.lpar, *inner.lpar], rpar=[*inner.rpar, *node.rpar]
        )

    args = []
    for each in call.args:
        value = each.value
        if isinstance(value, (cst.ListComp, cst.SetComp, cst.GeneratorExp)):
            value = value.with_changes(elt=element(value.elt))
        elif isinstance(value, (cst.List, cst.Tuple, cst.Set)):
            elements = [e.with_changes(value=element(e.value)) for e in value.elements]
            value = value.with_changes(elements=elements)
        elif not each.star:
            value = element(value)
        args.append(each.with_changes(value=value))
    return call.with_changes(args=args)
