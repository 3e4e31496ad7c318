"""Confirm: is there a way from a call to what blocks that can really be gone?

`Reach` says who calls whom. Here the code of the functions on the way is read,
and a way is given up where a condition on it surely does not hold: see
`conditions`. Then the next longer way is tried.
"""

from __future__ import annotations

import ast
from functools import partial

from asyncfix import facts as f
from asyncfix import waits
from asyncfix.answers import Answers
from asyncfix.before import before
from asyncfix.cached import CACHES
from asyncfix.conditions import (
    Function,
    arguments,
    asked_before,
    paired,
)
from asyncfix.constants import Constants
from asyncfix.first import First
from asyncfix.held import VALUE, handed
from asyncfix.keys import Here, KeySets
from asyncfix.kinds import Kinds
from asyncfix.namesakes import handed_down
from asyncfix.nodes import descend
from asyncfix.objects import Objects, is_excluded
from asyncfix.reach import Chain, Edge, Place, Reach, Step
from asyncfix.reader import Reader
from asyncfix.says import constant_name
from asyncfix.sets import Sets
from asyncfix.stands import Asks, State
from asyncfix.tree import Tree, text_of
from asyncfix.value import CLASS, FUNCTION, OBJECT, PARTIAL, Value

_DEEPEST = 25
_MOST_WAYS = 5_000
_MOST_FUNCTIONS = 20
_MOST_TRIES = 5
_NOWHERE = 1_000_000
_ELSEWHERE = ("__enter__", "__exit__", "__post_init__")

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
        self.kinds = Kinds(reach.values)
        self.constants = Constants(reach, reader)
        self.objects = Objects(reach, reader, self._function, self.constants.of)
        self.first = First(reach, self._function)
        self.answers = Answers(reach, self._function, self.constants.of)
        self.sets = Sets(reach, self._function)
        self.keys = KeySets(reach, self._function)

    def chain(self, place: Place, edge: Edge) -> Chain | None:
        """Give the shortest way that holds from a call in a coroutine.

        Raises LookupError where a file is not what it was.
        """
        self._left = _MOST_WAYS
        self._lowest = _NOWHERE
        if edge.target is not None:
            # What is known at the call only takes ways away: where there is none
            # without that, the coroutine is not read. Most calls end here.
            found = self._way(edge.target, (), 1)
            if found is None and self._left >= 0:
                return None
        ran: Known = ()
        while True:
            self._left = _MOST_WAYS
            self._lowest = _NOWHERE
            found = self._step(place, edge, ran, 0)
            if found is not None and self._may_be_awaitable(found):
                return None
            before = found and self.first.ran_before(place, found)
            if not before or len(ran) == _MOST_TRIES:
                return found
            ran = (*ran, (before, True))

    def _may_be_awaitable(self, way: Chain) -> bool:
        """Tell a socket that a helper is handed, by a file that uses zmq.asyncio.

        Sockets of zmq.asyncio, which wait for nothing, are a subclass of zmq's.
        https://pyzmq.readthedocs.io/en/latest/api/zmq.asyncio.html
        """
        if len(way.steps) == 1 or not way.entry.name.startswith("zmq.Socket."):
            return False
        files = self.reach.project.files
        return any(files[step.path].holds("zmq.asyncio") for step in way.steps)

    def _unread(self, path: str, edge: Edge) -> Chain | None:
        """Give a way for which who calls whom must be enough."""
        found = self.reach.chain(path, edge)
        return None if found and found.entry.kind == "loop" else found

    def _step(self, place: Place, edge: Edge, known: Known, depth: int) -> Chain | None:
        path, use = place[0], edge.use
        read = self._function(place)
        if read is None:
            return self._unread(path, edge)  # a lambda
        tree, function = read
        call = tree.find(ast.Call, (use.line, use.col), (use.end_line, use.end_col))
        asks = Asks(
            partial(self.constants.of, place),
            partial(self.answers.of, place),
            partial(self.sets.of, place),
        )
        state = before(tree, function, call, dict(known), asks)
        if state is None or is_excluded(state.known):
            return None
        if self.first.is_over(place, edge, state.known):
            return None
        if edge.entry is not None:
            if depth and edge.entry.kind == "loop":
                return None  # it raises where a loop runs, and is there for callers without
            around = tree, function, call
            if asked_before(*around) or waits.for_nothing(
                edge.entry, around, state, depth
            ):
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
        given = self._given(place, edge, (call, function, called), state)
        given.update(self.first.passed_on(place, edge, state.known))
        rest = self._way(target, tuple(sorted(given.items(), key=_name)), depth + 1)
        if rest is None:
            return None
        step = Step(path, use.line, use.col, self.reach.shown(target))
        return rest._replace(steps=(step, *rest.steps))

    def _given(
        self,
        place: Place,
        edge: Edge,
        met: tuple[ast.Call, Function, tuple[Tree, Function]],
        state: State,
    ) -> dict[str, object]:
        """Give what is known in a function that is called here; see `held`."""
        call, caller, read = met
        called = read[1]
        assert edge.target is not None
        value = self.reach.values.of(place[0], edge.use.scope, edge.use.name)
        bound = self._is_bound(place[0], edge.use, edge.target, value)
        if bound is None or value is None:
            return {}
        say: dict[int, ast.expr] = {}
        for node in (*call.args, *(each.value for each in call.keywords)):
            said = state.told(state.say(node))
            name = constant_name(said)
            constant = self.constants.of(place, name) if name else None
            say[id(node)] = constant if isinstance(constant, ast.Constant) else said
        receiver: ast.expr | None = None
        if value.kind == OBJECT:
            receiver = call.func
        elif value.kind != CLASS and isinstance(call.func, ast.Attribute):
            receiver = call.func.value
        given = arguments(called, call, say, state.known, bound)
        here = self._here(place, met, state)
        given.update(self.keys.handed(here, edge.target, read, bound))
        on = None if receiver is None else state.say(receiver)
        holds = state.handed_on()
        given.update(handed_down(read, state.known, state.names))
        given.update(handed(call, say, on, (caller, called), bound, holds))
        where = place[0], edge.use.scope
        pairs = paired(called, call, bound)
        given.update(self.kinds.answers(where, edge.target, read, pairs, state))
        if bound and on is not None and called.args.args:
            first = ast.Name(called.args.args[0].arg, ast.Load())
            known = self.objects.attributes(*where, on, state.calls)
            for name, kept in known.items():
                attribute = ast.Attribute(first, name, ast.Load())
                given.setdefault(VALUE + text_of(attribute), kept)
            if isinstance(on, ast.Name) and on is receiver:
                for name, kept in state.set_on(on.id, _attributes(read)).items():
                    given[f"{first.id}.{name}"] = kept
        if say or on is not None:
            every = [*say.values(), *((on,) if on is not None else ())]
            given.update(self.objects.excluded(*where, every, state))
        return given

    def _here(
        self,
        place: Place,
        met: tuple[ast.Call, Function, tuple[Tree, Function]],
        state: State,
    ) -> Here:
        around = self._function(place)
        assert around is not None  # its call was read
        return Here(place, *around, state.known, met[0])

    def _way(self, place: Place, known: Known, depth: int) -> Chain | None:
        """Give the shortest way on from a function called with known arguments.

        A response is mostly fetched whole: who fetched it waited, not who reads it.
        """
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
            way = self._step(place, edge, known, depth)
            if way is not None and not (found and _reads_response(way)):
                found = way
                if not _reads_response(way):
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

    def _is_bound(
        self, path: str, use: f.Use, target: Place, value: Value | None
    ) -> bool | None:
        """Tell whether the first parameter is not among a call's arguments.

        None where the arguments are not those of the call, or perhaps not.
        """
        values, files = self.reach.values, self.reach.project.files
        scopes = files[target[0]].scopes
        called = scopes[target[1]]
        for each in called.decorators:
            kept = values.of(target[0], called.parent, each)
            if kept is None or (
                kept.kind == FUNCTION and not self._hands_all_on(kept.path, kept.scope)
            ):
                return None  # a wrapper of ours may pass something else on
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

    def _hands_all_on(self, path: str, scope: int) -> bool:
        """Tell a decorator that calls what it is given with just what it is given."""
        read = self._function((path, scope))
        if read is None:
            return False
        calls = 0
        for node in descend(read[1]):
            if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
                return False  # `kwargs["a"] = 1`
            if isinstance(node, ast.Call) and (
                any(isinstance(each, ast.Starred) for each in node.args)
                or any(each.arg is None for each in node.keywords)
            ):
                calls += 1
                if len(node.args) != 1 or len(node.keywords) != 1:
                    return False
                if node.keywords[0].arg is not None:
                    return False
                if not isinstance(node.args[0], ast.Starred):
                    return False
        return calls > 0

    def _runs_once(self, place: Place, function: Function) -> bool:
        """Tell a cached function that blocks the first time only, or was called then.

        It has no parameters, or its own module calls it when it is imported.
        """
        path, scope = place
        facts = self.reach.project.files[path]
        known = facts.scopes[scope]
        if not any(name.rpartition(".")[2] in CACHES for name in known.decorators):
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


def _attributes(read: tuple[Tree, Function]) -> frozenset[str]:
    """Give the attributes that a method uses of its object."""
    tree, function = read
    return tree.once(("attributes", function), partial(_used, function))


def _used(function: Function) -> frozenset[str]:
    first = function.args.args[0].arg
    return frozenset(
        node.attr
        for node in descend(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == first
    )


def _name(item: tuple[str, object]) -> str:
    return item[0]


def _reads_response(way: Chain) -> bool:
    owner, _, _ = way.entry.name.rpartition(".")
    return way.entry.kind == "http" and owner.endswith(".Response")
