"""What a coroutine goes through round a new `await`, while others change it. (A3.)

    for client in self.clients:
        client.send(text)
        time.sleep(0.1)           # <- an await here

Another task adds a client: "Set changed size during iteration".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from asyncfix.context import Context
from asyncfix.guards.locks import is_mutex
from asyncfix.guards.places import Places
from asyncfix.touches import GLOBAL, LOCAL, Place, in_order
from asyncfix.tree import dotted, walk_function

_PAUSES = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ENDS = (ast.Break, ast.Return, ast.Raise)
# What takes one element after the other from its arguments.
_STEPS = frozenset(("enumerate", "filter", "iter", "map", "reversed", "zip"))
_GROWS = frozenset(("add", "append", "appendleft", "extend", "update"))
_VIEWS = frozenset(("items", "keys", "values"))


class Gone(NamedTuple):
    """What is gone through, at which line, and where it is changed."""

    place: str
    line: int
    changed: str


def gone_through(context: Context) -> Gone | None:
    """Give what a loop round the site goes through and others change in place."""
    for loop, through in _loops(context):
        if _pauses(context, loop):
            continue  # others run in there already
        for node in _sources(through, context.function):
            changed = _changed(context, node)
            if changed is not None:
                return Gone(context.tree.text(node), node.lineno, changed)
    return None


def changes(
    context: Context, place: Place, inside: bool, still: bool = False
) -> str | None:
    """Give where somebody changes what a place holds, once it is made.

    With `still`, what is only put behind the rest does not count: on the same thread, a
    list that grows is gone through to its new end.
    """
    if place.root == LOCAL:
        return None
    kinds = context.effects.kinds
    found = []
    if place.field is not None:
        found = kinds.changed(place.field)
    elif place.root == GLOBAL and not any(step[0] == "." for step in place.steps):
        found = kinds.changed_global(place.name)
    for change in found:
        if (change.inside or not inside) and not (still and change.grows):
            return f"{change.path}:{change.line}"
    return None


def _loops(context: Context) -> list[tuple[ast.AST, ast.expr]]:
    """Give the loops that go on after the site, and what they go through.

    Those are left out over which one lock is held.
    """
    found: list[tuple[ast.AST, ast.expr]] = []
    function = context.function
    make = partial(Places, function)
    local = context.tree.once(("places", function), make).locals
    for above, below in context.within():
        if isinstance(above, ast.AsyncWith) and any(
            is_mutex(each.context_expr, local) for each in above.items
        ):
            found.clear()
        if isinstance(above, ast.For) and below in above.body:
            if not _is_left(above.body, context):
                found.append((above, above.iter))
        elif isinstance(above, _COMPREHENSIONS):
            for number, each in enumerate(above.generators):
                if below is each and number:
                    break
                if below is not each or not _holds(context, each.iter):
                    found.append((above, each.iter))
                if below is each:
                    break
    return found


def _holds(context: Context, part: ast.AST) -> bool:
    return any(below is part for _, below in context.within())


def _is_left(body: Sequence[ast.stmt], context: Context) -> bool:
    """Tell whether the loop is over once the site was passed."""
    around = {below for _, below in context.within()}
    while True:
        here = next((each for each in body if each in around), None)
        if here is None:
            return False
        if isinstance(body[-1], _ENDS) and not any(
            isinstance(each, ast.Continue)
            for statement in body
            for each in walk_function(statement, own=False)
        ):
            return True
        if not isinstance(here, (ast.If, ast.With, ast.AsyncWith)):
            return False
        orelse: list[ast.stmt] = getattr(here, "orelse", [])
        body = here.body if any(each in around for each in here.body) else orelse


def _pauses(context: Context, loop: ast.AST) -> bool:
    """Tell whether other tasks run in a loop already, whatever becomes of the site."""
    around = {above for above, _ in context.within()}
    return any(
        isinstance(each, _PAUSES) and each not in around
        for part in ast.iter_child_nodes(loop)
        for each in walk_function(part, own=False)
        if part is not getattr(loop, "iter", None)
    )


def _sources(node: ast.expr, function: ast.AST) -> Iterator[ast.expr]:
    """Give what is gone through step by step, and not copied first."""
    if isinstance(node, ast.Call):
        name, called = dotted(node.func), node.func
        if name in _STEPS:
            for each in node.args:
                yield from _sources(each, function)
            return
        if isinstance(called, ast.Attribute) and called.attr in _VIEWS:
            if not node.args:
                yield from _sources(called.value, function)
                return
    elif isinstance(node, ast.GeneratorExp):
        for comprehension in node.generators:
            yield from _sources(comprehension.iter, function)
        return
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict)):
        return
    elif isinstance(node, ast.Name):
        for given in walk_function(function):
            if isinstance(given, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == node.id
                for target in given.targets
            ):
                value = given.value
                name = dotted(value.func) if isinstance(value, ast.Call) else ""
                if isinstance(value, ast.GeneratorExp) or name in _STEPS:
                    yield from _sources(value, function)
    yield node


def _changed(context: Context, node: ast.expr) -> str | None:
    where = context.site.path, context.site.function
    try:
        origin = context.effects.stands_for(where, node)
    except LookupError:
        return None
    for place in in_order(origin.places):
        found = changes(context, place, inside=True, still=True)
        if found is not None:
            return found
    return None


def only_grows(context: Context) -> bool:
    """Tell whether the site's result is appended to what stays the same list or set.

    `self.rows.append(load())` looks the list up before, and changes it after the pause.
    """
    call = context.tree.parent(context.node)
    if not isinstance(call, ast.Call) or call.args != [context.node]:
        return False
    if not isinstance(context.tree.parent(call), ast.Expr):
        return False
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _GROWS:
        return False
    where = context.site.path, context.site.function
    try:
        origin = context.effects.stands_for(where, function.value)
    except LookupError:
        return False
    return bool(origin.places) and all(
        (place.field is not None or place.root == GLOBAL) and _stays(context, place)
        for place in origin.places
    )


def _stays(context: Context, place: Place) -> bool:
    """Tell whether nobody gives a place something else, once it is made."""
    kinds = context.effects.kinds
    if place.field is not None:
        found = kinds.changed(place.field)
        return place.steps[-1:] == (f".{place.field[2]}",) and all(
            each.inside for each in found
        )
    found = kinds.changed_global(place.name)
    return not place.steps and all(each.inside for each in found)
