"""Confirm: is there a way from a call to what blocks that can really be gone?

`Reach` says who calls whom. Here the code of the functions on the way is read,
and a way is given up where a condition on it surely does not hold: see
`conditions`. Then the next longer way is tried.
"""

from __future__ import annotations

import ast

from asyncfix import facts as f
from asyncfix.conditions import Function, arguments, asked_before, kept, reachable
from asyncfix.held import handed
from asyncfix.reach import Chain, Edge, Place, Reach, Step
from asyncfix.reader import Reader
from asyncfix.tree import Tree, dotted
from asyncfix.value import CLASS, FUNCTION, OBJECT, PARTIAL

_DEEPEST = 12
_MOST_WAYS = 400
_MOST_FUNCTIONS = 60
_NOWHERE = 1_000_000
_NOT_WAITING = ("LOCK_NB", "LOCK_UN", "WNOHANG", "MSG_DONTWAIT", "O_NONBLOCK")
_ELSEWHERE = ("__enter__", "__exit__", "__post_init__")
_CACHES = ("cache", "lru_cache")

Known = tuple[tuple[str, object], ...]


class Confirm:
    """Ways that hold, found on demand.

    `reader` gives the functions on a way, each read alone.
    """

    def __init__(self, reach: Reach, reader: Reader) -> None:
        self.reach = reach
        self.reader = reader
        self._ways: dict[tuple[Place, Known, tuple[type, ...]], Chain | None] = {}
        self._open: dict[tuple[Place, Known, tuple[type, ...]], int] = {}
        self._lowest = _NOWHERE
        self._functions: dict[Place, tuple[Tree, Function]] = {}
        self._left = 0

    def chain(self, place: Place, edge: Edge) -> Chain | None:
        """Give the shortest way that holds from a call in a coroutine.

        Raises LookupError where a file is not what it was.
        """
        self._left = _MOST_WAYS
        self._lowest = _NOWHERE
        found = self._step(place, edge, (), 0)
        if found is None and self._left < 0:
            return self._unread(place[0], edge)
        return found

    def _unread(self, path: str, edge: Edge) -> Chain | None:
        """Give a way for which who calls whom must be enough."""
        found = self.reach.chain(path, edge)
        return None if found and found.entry.kind == "loop" else found

    def _step(self, place: Place, edge: Edge, known: Known, depth: int) -> Chain | None:
        path, use = place[0], edge.use
        around = self._function(place)
        if around is None:
            return self._unread(path, edge)  # a lambda
        tree, function = around
        call = tree.find(ast.Call, (use.line, use.col), (use.end_line, use.end_col))
        if not reachable(tree, function, call, dict(known)):
            return None
        if edge.entry is not None:
            if depth and edge.entry.kind == "loop":
                return None  # it raises where a loop runs, and is there for callers without
            if _says_not_to_wait(call) or asked_before(tree, function, call):
                return None
            step = Step(path, use.line, use.col, edge.entry.name)
            return Chain((step,), edge.entry)
        target = edge.target
        if target is None:
            return None
        if depth >= _DEEPEST:
            return self.reach.chain(path, edge)  # who calls whom must be enough
        called = self._function(target)
        if called is None:
            return self._unread(path, edge)
        inner = called[1]
        if self._runs_once(target, inner):
            return None
        bound = self._is_bound(path, use, target)
        given: dict[str, object] = {}
        if bound is not None:
            values = {
                **self._constants(place, call),
                **kept(tree, function, dict(known)),
            }
            given = arguments(inner, call, values, bound)
            given.update(handed(tree, function, call, inner, bound, values))
        rest = self._way(target, tuple(sorted(given.items(), key=_name)), depth + 1)
        if rest is None:
            return None
        step = Step(path, use.line, use.col, self.reach.shown(target))
        return rest._replace(steps=(step, *rest.steps))

    def _way(self, place: Place, known: Known, depth: int) -> Chain | None:
        """Give the shortest way on from a function called with known arguments."""
        # `1` and `True` are equal, but not the same to `is`.
        key = place, known, tuple(type(value) for _, value in known)
        if key in self._ways:
            return self._ways[key]
        if key in self._open:
            # It gets nowhere new from here. Whatever came to nothing because of
            # that may still come to something from elsewhere.
            self._lowest = min(self._lowest, self._open[key])
            return None
        outside, self._lowest = self._lowest, _NOWHERE
        here = self._open[key] = len(self._open)
        found = None
        for edge in self.reach.nearest(place):
            self._left -= 1
            if self._left < 0:
                break
            found = self._step(place, edge, known, depth)
            if found is not None:
                break
        del self._open[key]
        if found is not None or (self._lowest >= here and self._left >= 0):
            self._ways[key] = found
        lowest = self._lowest if self._lowest < here else _NOWHERE
        self._lowest = min(outside, lowest)
        return found

    def _function(self, place: Place) -> tuple[Tree, Function] | None:
        found = self._functions.pop(place, None)
        if found is None:
            found = self.reader.function(*place)
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
            value = self.reader.constant(path, bindings[0].line, node.id)
            if value is not None:
                found[node.id] = value
        return found

    def _is_bound(self, path: str, use: f.Use, target: Place) -> bool | None:
        """Tell whether the first parameter is not among a call's arguments.

        None where the arguments are not those of the call, or perhaps not.
        """
        values, files = self.reach.values, self.reach.project.files
        scopes = files[target[0]].scopes
        called = scopes[target[1]]
        for each in called.decorators:
            kept = values.of(target[0], called.parent, each)
            if kept is None or kept.kind == FUNCTION:
                return None  # a wrapper of ours may pass something else on
        value = values.of(path, use.scope, use.name)
        if value is None or value.kind == PARTIAL:
            return None
        owner, _, last = use.name.rpartition(".")
        if called.name in _ELSEWHERE and last != called.name:
            return None  # `with C(1)`
        above = scopes[called.parent]
        if above.kind == f.TYPE:
            above = scopes[above.parent]
        if above.kind != f.CLASS or "staticmethod" in called.decorators:
            return False
        if value.kind in (CLASS, OBJECT) or "classmethod" in called.decorators:
            return True
        receiver = values.of(path, use.scope, owner) if owner else None
        if receiver is None:
            return None
        return receiver.kind != CLASS and called.name != "__new__"

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
        every = (given.args, given.posonlyargs, given.kwonlyargs)
        if not (any(every) or given.vararg or given.kwarg):
            return True
        # Code below `if __name__ == "__main__":` does not run at an import.
        script = self.reader.script_starts(path)
        return any(
            use.name == known.name and use.line < script for use in facts.calls_in((0,))
        )


def _name(item: tuple[str, object]) -> str:
    return item[0]


def _says_not_to_wait(call: ast.Call) -> bool:
    """Tell a call with a flag such as `fcntl.LOCK_NB` among its arguments."""
    todo = [*call.args, *(each.value for each in call.keywords)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.Add)):
            todo += [node.left, node.right]
        elif (dotted(node) or "").rpartition(".")[2] in _NOT_WAITING:
            return True
    return False
