"""Which attributes of its own object a method may set, with all that it calls on it.

`self.prepare()` sets what `prepare` assigns to `self.x`, and what the methods do
that it calls or hands on; what the arguments surely rule out is left out. Whoever
hands `self` on may have anything set.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from asyncfix import facts as f
from asyncfix.before import before
from asyncfix.conditions import Function, arguments
from asyncfix.nodes import descend
from asyncfix.reach import Place, Reach
from asyncfix.stands import Asks, State, nothing
from asyncfix.tree import Tree, dotted
from asyncfix.value import CLASS, Value

_MOST_METHODS = 12
_MOST_USES = 40
_ASKS = Asks(nothing, nothing, nothing)

Functions = Callable[[Place], "tuple[Tree, Function] | None"]
_Found = tuple[frozenset[str], frozenset[str]]
"""What a function sets of its object, and what it uses."""


class Sets:
    """Answers are kept. `functions` reads a function."""

    def __init__(self, reach: Reach, functions: Functions) -> None:
        self.reach = reach
        self.functions = functions
        self._own: dict[object, _Found | None] = {}

    def of(self, place: Place, call: ast.Call, state: State) -> frozenset[str] | None:
        """Give what a call of a method on the same object sets; None if not known.

        `place` is the method that calls it.
        """
        path, scope = place
        scopes = self.reach.project.files[path].scopes
        above = scopes[scope].parent
        if above < 0 or scopes[above].kind != f.CLASS:
            return None
        assert isinstance(call.func, ast.Attribute)
        line = self.reach.values.classes.line(path, above)
        todo, seen = [call.func.attr], {call.func.attr}
        found: set[str] = set()
        while todo:
            here = self._method(line, todo.pop())
            if here is None or len(seen) > _MOST_METHODS:
                return None
            own = self._uses(here, None if found or len(seen) > 1 else call, state)
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
            scope = self.reach.values.bindings.defined(each.path, found[0])
            scopes = self.reach.project.files[each.path].scopes
            if scope < 0 or scopes[scope].is_async:
                return None  # other tasks may run in it
            return each.path, scope
        return None

    def _uses(self, place: Place, call: ast.Call | None, state: State) -> _Found | None:
        read = self.functions(place)
        if read is None:
            return None
        known: dict[str, object] = {}
        if call is not None:
            every = (*call.args, *(each.value for each in call.keywords))
            said = {id(each): state.say(each) for each in every}
            known = arguments(read[1], call, said, state.known, True)
        kinds = tuple(type(each) for each in known.values())
        key = place, tuple(sorted(known.items(), key=_name)), kinds
        if key not in self._own:
            self._own[key] = _uses(*read, known)
        return self._own[key]


def _uses(tree: Tree, function: Function, known: dict[str, object]) -> _Found | None:
    every = (*function.args.posonlyargs, *function.args.args)
    decorators = {dotted(each) for each in function.decorator_list}
    if decorators == {"staticmethod"}:
        return frozenset(), frozenset()
    if decorators - {"classmethod", "property"} or not every:
        return None
    first = every[0].arg
    nodes = [*descend(function)]
    attributes = [
        node
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == first
    ]
    taken = {id(node.value) for node in attributes}
    for node in nodes:
        if isinstance(node, ast.Name) and id(node) not in taken:
            if node.id in (first, "super"):
                return None
    if known and len(attributes) <= _MOST_USES:
        tree.lead_to(function.lineno)
        attributes = [
            node for node in attributes if _is_reached(tree, function, node, known)
        ]
    loads = {id(node) for node in attributes if isinstance(node.ctx, ast.Load)}
    return (
        frozenset(node.attr for node in attributes if id(node) not in loads),
        frozenset(node.attr for node in attributes if id(node) in loads),
    )


def _is_reached(
    tree: Tree, function: Function, node: ast.AST, known: dict[str, object]
) -> bool:
    for above, _ in tree.ancestors(node):
        if above is function:
            break
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return True  # it may be called later
    return before(tree, function, node, known, _ASKS) is not None


def _name(item: tuple[str, object]) -> str:
    return item[0]
