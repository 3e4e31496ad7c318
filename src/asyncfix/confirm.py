"""Confirm: is there a way from a call to what blocks that can really be gone?

`Reach` says who calls whom. Here the code of the functions on the way is read,
and a way is given up where a condition on it surely does not hold: see
`conditions`. Then the next longer way is tried.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from asyncfix import facts as f
from asyncfix.conditions import Function, arguments, asked_before, reachable
from asyncfix.reach import Chain, Edge, Place, Reach, Step
from asyncfix.tree import Tree, dotted

_DEEPEST = 12
_MOST_WAYS = 400
_MOST_FUNCTIONS = 60
_NOT_WAITING = ("LOCK_NB", "LOCK_UN", "WNOHANG", "MSG_DONTWAIT", "O_NONBLOCK")
_CACHES = ("cache", "lru_cache")

Known = tuple[tuple[str, object], ...]


class Confirm:
    """Ways that hold, found on demand.

    `function` gives a function, by file and scope, and a tree that holds it;
    `constant` the literal that a line of a file gives to a name, if it does.
    """

    def __init__(
        self,
        reach: Reach,
        function: Callable[[str, int], tuple[Tree, Function] | None],
        constant: Callable[[str, int, str], object],
    ) -> None:
        self.reach = reach
        self.function = function
        self.constant = constant
        self._ways: dict[tuple[Place, Known], Chain | None] = {}
        self._functions: dict[Place, tuple[Tree, Function]] = {}
        self._left = 0

    def chain(self, place: Place, edge: Edge) -> Chain | None:
        """Give the shortest way that holds from a call in a coroutine.

        Raises LookupError where a file is not what it was.
        """
        self._left = _MOST_WAYS
        return self._step(place, edge, (), 0)

    def _step(self, place: Place, edge: Edge, known: Known, depth: int) -> Chain | None:
        path, use = place[0], edge.use
        around = self._function(place)
        if around is None:
            return None
        tree, function = around
        call = tree.find(ast.Call, (use.line, use.col), (use.end_line, use.end_col))
        if not reachable(tree, function, call, dict(known)):
            return None
        if edge.entry is not None:
            if depth and edge.entry.kind == "loop":
                return None  # it raises where a loop runs, and is there for callers without
            if _says_not_to_wait(call) or asked_before(tree, call):
                return None
            step = Step(path, use.line, use.col, edge.entry.name)
            return Chain((step,), edge.entry)
        target = edge.target
        if target is None:
            return None
        if depth >= _DEEPEST:
            return self.reach.chain(path, edge)  # who calls whom must be enough
        called = self._function(target)
        if called is None or self._runs_once(target, called[1]):
            return None
        inner = called[1]
        values = {**self._constants(place, call), **dict(known)}
        given = arguments(inner, call, values, self._is_bound(target))
        rest = self._way(target, tuple(sorted(given.items(), key=_name)), depth + 1)
        if rest is None:
            return None
        step = Step(path, use.line, use.col, self.reach.shown(target))
        return rest._replace(steps=(step, *rest.steps))

    def _way(self, place: Place, known: Known, depth: int) -> Chain | None:
        """Give the shortest way on from a function called with known arguments."""
        key = place, known
        try:
            if key in self._ways:
                return self._ways[key]
        except TypeError:
            return None  # a literal that cannot be compared
        self._ways[key] = None  # a function that calls itself gets nowhere new
        for edge in self.reach.nearest(place):
            self._left -= 1
            if self._left < 0:
                del self._ways[key]
                return None
            found = self._step(place, edge, known, depth)
            if found is not None:
                self._ways[key] = found
                return found
        return None

    def _function(self, place: Place) -> tuple[Tree, Function] | None:
        found = self._functions.pop(place, None)
        if found is None:
            found = self.function(*place)
            if found is None:
                return None
            if len(self._functions) >= _MOST_FUNCTIONS:
                del self._functions[next(iter(self._functions))]
        self._functions[place] = found
        return found

    def _constants(self, place: Place, call: ast.Call) -> dict[str, object]:
        """Give the constants of the module that are arguments of a call."""
        path, scope = place
        found: dict[str, object] = {}
        for node in (*call.args, *(each.value for each in call.keywords)):
            if not isinstance(node, ast.Name):
                continue
            bindings = self.reach.project.visible(path, scope, node.id)
            if len(bindings) != 1 or bindings[0].scope or bindings[0].flags:
                continue
            value = self.constant(path, bindings[0].line, node.id)
            if value is not None:
                found[node.id] = value
        return found

    def _is_bound(self, place: Place) -> bool:
        path, scope = place
        scopes = self.reach.project.files[path].scopes
        above = scopes[scopes[scope].parent]
        if above.kind == f.TYPE:
            above = scopes[above.parent]
        return above.kind == f.CLASS and "staticmethod" not in scopes[scope].decorators

    def _runs_once(self, place: Place, function: Function) -> bool:
        """Tell a cached function that blocks the first time only, or was called then.

        It has no parameters, or its own module calls it when it is imported.
        """
        path, scope = place
        facts = self.reach.project.files[path]
        known = facts.scopes[scope]
        if not any(name.rpartition(".")[2] in _CACHES for name in known.decorators):
            return False
        given = function.args
        if not (given.args or given.posonlyargs or given.kwonlyargs or given.vararg):
            return True
        return any(use.name == known.name for use in facts.calls_in((0,)))


def _name(item: tuple[str, object]) -> str:
    return item[0]


def _says_not_to_wait(call: ast.Call) -> bool:
    """Tell a call with a flag such as `fcntl.LOCK_NB` among its arguments."""
    return any(
        isinstance(node, (ast.Attribute, ast.Name))
        and (dotted(node) or "").rpartition(".")[2] in _NOT_WAITING
        for argument in (*call.args, *(each.value for each in call.keywords))
        for node in ast.walk(argument)
    )
