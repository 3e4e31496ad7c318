"""What a loop goes through while other tasks may change it. (A3.)

    for client in self.clients:
        tell(client)              # <- an await here

A task that comes or goes meanwhile adds a client, or takes one away: RuntimeError for a
set or a dictionary, and an item left out of a list.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.guards.locks import is_mutex
from asyncfix.guards.places import MUTATORS, Places
from asyncfix.tree import Tree, walk_function

_PAUSES = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
_LEAVING = (ast.Return, ast.Raise, ast.Break)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# They hand on item after item, and hold no copy.
_LAZY = frozenset(("enumerate", "filter", "iter", "map", "reversed", "zip"))
_VIEWS = frozenset(("items", "keys", "values"))
# A list that only grows is gone through to its new end.
_CHANGES = MUTATORS - {"append", "extend", "setdefault"}
_SETTING_UP = frozenset(("__init__", "__new__", "__post_init__", "__del__"))


class Going(NamedTuple):
    """A place, the line of the loop that goes through it, and one that changes it."""

    place: str
    line: int
    changed: int


def gone_through(context: Context) -> Going | None:
    """Give a place that is gone through round the site and changed elsewhere.

    Nothing where the loop pauses already, where it is left behind the site, or where
    a lock is held over it.
    """
    tree, function = context.tree, context.function
    heads = _heads(context)
    if not heads:
        return None
    places = tree.once(("places", function), partial(Places, function))
    scopes = context.facts.scopes
    around = scopes[scopes[context.site.function].parent]
    me = ""
    if around.kind == f.CLASS and function.args.args:
        me = function.args.args[0].arg
    for line, head in heads:
        for each in _iterated(head):
            place = places.place(each)
            if isinstance(each, ast.Name) and each.id not in places.locals:
                place = each.id
            if place is None or place.endswith("]"):
                continue
            root, _, last = place.rpartition(".")
            if root.partition(".")[0] != me if root else place in places.locals:
                continue
            changes = tree.once(("changes",), partial(_changes, tree))
            changed = changes.get(f".{last}" if root else last)
            if changed:
                return Going(place, line, changed[0])
    return None


def _heads(context: Context) -> list[tuple[int, ast.expr]]:
    """Give what the loops round the site go through, with their lines."""
    found: list[tuple[int, ast.expr]] = []
    leaves = False
    around = {above for above, _ in context.within()}
    for above, below in context.within():
        if isinstance(below, ast.stmt):
            leaves = leaves or isinstance(context.tree.block(below)[-1], _LEAVING)
        if isinstance(above, ast.For) and below in above.body:
            if not leaves and not _pauses(above.body, around):
                found.append((above.lineno, above.iter))
            leaves = False
        elif isinstance(above, _COMPREHENSIONS) and not _pauses([above], around):
            heads = [each for each in above.generators if each is not below]
            found += [(above.lineno, each.iter) for each in heads]
        elif isinstance(above, ast.AsyncWith) and found:
            local = Places(context.function).locals
            if any(is_mutex(each.context_expr, local) for each in above.items):
                found.clear()
    return found


def _pauses(nodes: Sequence[ast.AST], around: set[ast.AST]) -> bool:
    """Tell whether something pauses there besides what the site itself is part of."""
    inside = (each for node in nodes for each in walk_function(node, own=False))
    return any(isinstance(each, _PAUSES) and each not in around for each in inside)


def _iterated(node: ast.expr) -> Iterator[ast.expr]:
    """Give the containers that a loop holds on to, not copies of them."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in _LAZY:
            for each in node.args:
                yield from _iterated(each)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _VIEWS:
            if not node.args:
                yield node.func.value
    elif isinstance(node, (ast.Attribute, ast.Name)):
        yield node


def _changes(tree: Tree) -> dict[str, list[int]]:
    """Give the lines of a file where functions change containers, by their last name.

    `.name` for an attribute. What an object does while it is made is left out.
    """
    found: dict[str, list[int]] = {}
    for function in ast.walk(tree.module):
        if not isinstance(function, _FUNCTIONS) or function.name in _SETTING_UP:
            continue
        for node in walk_function(function):
            for each in _changed(node):
                if isinstance(each, ast.Attribute):
                    found.setdefault(f".{each.attr}", []).append(each.lineno)
                elif isinstance(each, ast.Name):
                    found.setdefault(each.id, []).append(each.lineno)
    return found


def _changed(node: ast.AST) -> Iterator[ast.expr]:
    """Give the containers that one node adds to or takes from."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _CHANGES:
            yield node.func.value
    elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        yield node.value
