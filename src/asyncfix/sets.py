"""Which attributes of its own object a method may set, with all that it calls on it.

`self.prepare()` sets what `prepare` assigns to `self.x`, and what the methods do
that it calls or hands on. Whoever hands `self` on may have anything set.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from asyncfix import facts as f
from asyncfix.conditions import Function
from asyncfix.nodes import descend
from asyncfix.reach import Place, Reach
from asyncfix.tree import Tree, dotted
from asyncfix.value import CLASS, Value

_MOST_METHODS = 12

Functions = Callable[[Place], "tuple[Tree, Function] | None"]


class Sets:
    """Answers are kept. `functions` reads a function."""

    def __init__(self, reach: Reach, functions: Functions) -> None:
        self.reach = reach
        self.functions = functions
        self._known: dict[tuple[Place, str], frozenset[str] | None] = {}
        self._own: dict[Place, tuple[frozenset[str], frozenset[str]] | None] = {}

    def of(self, place: Place, method: str) -> frozenset[str] | None:
        """Give what a method of the same object may set; None if that is not known."""
        key = place, method
        if key not in self._known:
            self._known[key] = self._of(place, method)
        return self._known[key]

    def _of(self, place: Place, method: str) -> frozenset[str] | None:
        path, scope = place
        scopes = self.reach.project.files[path].scopes
        above = scopes[scope].parent
        if above < 0 or scopes[above].kind != f.CLASS:
            return None
        line = self.reach.values.classes.line(path, above)
        todo, seen = [method], {method}
        found: set[str] = set()
        while todo:
            here = self._method(line, todo.pop())
            if here is None or len(seen) > _MOST_METHODS:
                return None
            own = self._of_itself(here)
            if own is None:
                return None
            found |= own[0]
            for name in own[1]:
                if name not in seen and self._is_member(line, name):
                    seen.add(name)
                    todo.append(name)
        return frozenset(found)

    def _is_member(self, line: tuple[Value | None, ...], name: str) -> bool:
        """Tell what is no mere attribute that methods set: a method, a property."""
        names = self.reach.project.names
        return any(
            each is None or each.kind != CLASS or name in names(each.path, each.scope)
            for each in line
        )

    def _method(self, line: tuple[Value | None, ...], name: str) -> Place | None:
        """Give the function that a name means in a class, if nothing else may."""
        for each in line:
            if each is None or each.kind != CLASS:
                return None
            found = self.reach.project.names(each.path, each.scope).get(name)
            if not found:
                continue
            if len(found) != 1 or found[0].kind != f.DEF:
                return None
            scope = self.reach.values.defined(each.path, found[0])
            return (each.path, scope) if scope >= 0 else None
        return None

    def _of_itself(self, place: Place) -> tuple[frozenset[str], frozenset[str]] | None:
        """Give what a method sets, and what it uses, of its object."""
        if place not in self._own:
            read = self.functions(place)
            self._own[place] = None if read is None else _uses(read[1])
        return self._own[place]


def _uses(function: Function) -> tuple[frozenset[str], frozenset[str]] | None:
    every = (*function.args.posonlyargs, *function.args.args)
    decorators = {dotted(each) for each in function.decorator_list}
    if decorators == {"staticmethod"}:
        return frozenset(), frozenset()
    if decorators - {"classmethod", "property"} or not every:
        return None
    first = every[0].arg
    sets: set[str] = set()
    uses: set[str] = set()
    taken: set[int] = set()
    for node in descend(function):
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == first:
                taken.add(id(node.value))
                (uses if isinstance(node.ctx, ast.Load) else sets).add(node.attr)
        elif isinstance(node, ast.Name) and id(node) not in taken:
            if node.id in (first, "super"):
                return None
    return frozenset(sets), frozenset(uses)
