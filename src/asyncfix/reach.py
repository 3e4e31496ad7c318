"""Does it block, and through whom? Chains from functions to blocking calls.

Functions are followed only where somebody asks: their calls are looked up once,
and from every blocking call the way back is walked breadth first, so that each
function knows the first step of its shortest chain. Code that is only passed on
(to a thread, an executor, a process) is not called here, and so not followed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.catalog import Catalog, Entry
from asyncfix.link import MOST_AWAKE, Project
from asyncfix.names import qualified
from asyncfix.value import (
    CLASS,
    FUNCTION,
    OBJECT,
    OUTSIDE,
    OUTSIDE_OBJECT,
    PARTIAL,
    Value,
)
from asyncfix.values import Values

SEVERITIES = ("low", "medium", "high")
_ASYNCHRONOUS = (f.AWAITED, f.ASYNC_WITH, f.ASYNC_FOR)

Place = tuple[str, int]
"""A function: its file and its scope there."""


class Step(NamedTuple):
    """One call on a chain: what is called, and where the call stands."""

    path: str
    line: int
    col: int
    name: str


class Edge(NamedTuple):
    """A call in a function that leads on: to a function, or to what blocks.

    Exactly one of `target` and `entry` is set. `awaited` marks the call of a
    coroutine, whose own body is followed only where that is asked for.
    """

    use: f.Use
    target: Place | None
    entry: Entry | None
    awaited: bool
    typed: bool
    """The call was found through the type of its receiver."""


class Chain(NamedTuple):
    """The shortest way from a call to what blocks, and what is known of it."""

    steps: tuple[Step, ...]
    entry: Entry


class Reach:
    """Who blocks through whom. Asks `Values` what each call means."""

    def __init__(
        self,
        project: Project,
        catalog: Catalog,
        severity: str = "medium",
        awaited: bool = False,
        whole: bool = True,
        values: Values | None = None,
    ) -> None:
        """Look nothing up yet. With `awaited`, coroutines are followed, too.

        `whole` tells that nearly all files will be asked about: their heads are
        then looked through first, which saves looking up most awaited calls.
        """
        self.project = project
        self.catalog = catalog
        self.values = values or Values(project, catalog)
        self.least = SEVERITIES.index(severity)
        self.awaited = awaited
        self._plain: set[str] | None = None
        if whole:
            heads = (facts.head for facts in project.files.values())
            self._plain = {name for head in heads for name in head.plain}
        self._entries: dict[str, Entry | None] = {}
        self._made: dict[tuple[str, int], tuple[Value, ...]] = {}
        self._coroutines: dict[str, list[int]] = {}
        self._edges: dict[Place, tuple[Edge, ...]] = {}
        self._explored: dict[str, int] = {}
        """The functions of files that were looked up, a bit for each scope."""
        self._waiting: dict[str, set[int]] = {}
        self._followed: dict[Place, tuple[Edge, ...]] = {}
        """Of explored functions the calls that are followed, where there are any."""
        self._next: dict[Place, Edge] = {}
        self._far: dict[Place, int] = {}

    # -- one function -------------------------------------------------------

    def edges(self, place: Place) -> tuple[Edge, ...]:
        """Give the calls in a function that lead on, in the order of the file."""
        if self.awaited and self._is_explored(*place):
            return self._followed.get(place, ())
        known = self._edges.get(place)
        if known is None:
            known = self._edges[place] = self._looked_up(place)
        return known

    def _looked_up(self, place: Place) -> tuple[Edge, ...]:
        path = place[0]
        return tuple(
            edge
            for use in self._calls(place)
            if self._may_lead(use)
            for edge in self._of(path, use)
        )

    def _may_lead(self, use: f.Use) -> bool:
        """Tell by its name alone whether a call can lead on; most cannot."""
        if use.role in _ASYNCHRONOUS and self._plain and not self.awaited:
            # A coroutine's body is not followed; a function that only gives an
            # awaitable runs at once all the same.
            return use.name.rpartition(".")[2] in self._plain
        return True

    def _calls(self, place: Place) -> list[f.Use]:
        """Give the calls that are the code of a function, not of one inside it."""
        path, function = place
        facts = self.project.files[path]
        inside: dict[int, list[int]] | None = facts.memo.get("inside")
        if inside is None:
            inside = facts.memo["inside"] = {}
            scopes = facts.scopes
            for index, scope in enumerate(scopes):
                # What a comprehension does is done by the code around it.
                owner = index
                while scope.kind in (f.COMPREHENSION, f.GENERATOR):
                    owner = scope.parent
                    scope = scopes[owner]
                if owner != index:
                    inside.setdefault(owner, []).append(index)
        more = inside.get(function)
        if more is None:
            return facts.calls_in((function,))
        return sorted(facts.calls_in((function, *more)), key=_position)

    def _of(self, path: str, use: f.Use) -> Iterable[Edge]:
        """Give where a call leads: nowhere if it is not known."""
        value = self.values.of(path, use.scope, use.name)
        while value is not None and value.kind == PARTIAL:
            (value,) = value.inner
        if value is None:
            return
        kind = value.kind
        if kind == OUTSIDE:
            if use.role in _ASYNCHRONOUS or use.role == f.AT_ONCE:
                return  # then it is not the blocking one
            entry = self._blocking(value.name)
            if entry is not None:
                yield Edge(use, None, entry, False, self._is_method(value.name))
            if use.role == f.WITH:
                yield from self._entered(use, self.values.call(value))
        elif kind == FUNCTION:
            yield from self._into(use, value)
            if use.role == f.WITH:
                yield from self._entered(use, self.values.call(value))
        elif kind == CLASS:
            for function in self._constructors(value):
                yield from self._into(use, function)
            if use.role == f.WITH:
                yield from self._entered(use, value._replace(kind=OBJECT))
        elif kind == OBJECT:
            yield from self._through(use, value, "__call__")

    def _blocking(self, name: str) -> Entry | None:
        """Give the entry of what blocks badly enough to count; by name, once."""
        if name in self._entries:
            return self._entries[name]
        entry = self.catalog.entry(name)
        if entry is None:
            owner, _, last = name.rpartition(".")
            entry = self.catalog.method(owner, last) if owner else None
        if entry is not None and not self._counts(entry):
            entry = None
        self._entries[name] = entry
        return entry

    def _is_method(self, name: str) -> bool:
        return self.catalog.is_class(name.rpartition(".")[0])

    def _counts(self, entry: Entry) -> bool:
        return entry.blocks and SEVERITIES.index(entry.severity) >= self.least

    def _entered(self, use: f.Use, made: Value | None) -> Iterable[Edge]:
        """Follow `with x():` into what enters and leaves the block."""
        if made is None:
            return
        for name in ("__enter__", "__exit__"):
            if made.kind == OBJECT:
                yield from self._through(use, made, name)
            elif made.kind == OUTSIDE_OBJECT:
                entry = self.catalog.method(made.name, name)
                if entry is not None and self._counts(entry):
                    yield Edge(use, None, entry, False, True)

    def _through(self, use: f.Use, made: Value, name: str) -> Iterable[Edge]:
        found = self.values.attribute(made, name)
        if found is not None and found.kind == FUNCTION:
            yield from self._into(use, found)

    def _constructors(self, value: Value) -> tuple[Value, ...]:
        """Give the functions that making an object of a project class runs."""
        key = value.path, value.scope
        known = self._made.get(key)
        if known is None:
            made = value._replace(kind=OBJECT)
            found = [
                self.values.attribute(made, name)
                for name in ("__init__", "__post_init__", "__new__")
            ]
            known = tuple(each for each in found if each and each.kind == FUNCTION)
            self._made[key] = known
        return known

    def _into(self, use: f.Use, function: Value) -> Iterable[Edge]:
        """Follow a call into a function of the project, if its body runs here."""
        path, index = function.path, function.scope
        scope = self.project.files[path].scopes[index]
        made = self.values.functions.made_by_decorators(function)
        if made in ("context-manager", "async-context-manager"):
            if use.role not in (f.WITH, f.ASYNC_WITH):
                return
        elif made not in ("same", "property"):
            return
        elif scope.yields and not scope.is_async and use.role != f.FOR:
            return  # nothing runs before somebody iterates
        if any(
            name.rpartition(".")[2] == "abstractmethod" for name in scope.decorators
        ):
            return
        yield Edge(use, (path, index), None, scope.is_async, False)

    # -- chains -------------------------------------------------------------

    def explore(self, places: Iterable[Place]) -> None:
        """Look up all that some functions lead to, and how far it is."""
        self._wait_for(places)
        while self._waiting:
            # File by file, so that facts are unpacked as seldom as can be.
            for path in sorted(self._waiting):
                self._follow(path)
                self.project.rest(MOST_AWAKE)
        self._measure()

    def begin(self, path: str) -> None:
        """Look up what the coroutines of one file do in it, ahead of `blocking`."""
        self._wait_for((path, scope) for scope in self.coroutines(path))
        self._follow(path)

    def _wait_for(self, places: Iterable[Place]) -> None:
        for path, scope in places:
            if not self._is_explored(path, scope):
                self._waiting.setdefault(path, set()).add(scope)

    def leading(self) -> dict[str, list[int]]:
        """Give the functions, by file, from which a way leads to what blocks."""
        found: dict[str, list[int]] = {}
        for path, scope in self._far:
            found.setdefault(path, []).append(scope)
        return found

    def _follow(self, path: str) -> None:
        """Look up the functions of a file that wait for it, and those they lead to."""
        trace = self.project.files.trace
        here = trace.here
        if here is not None:
            trace.here = path  # what comes of it is known of each function: `leading`
        self._look_up(path)
        trace.here = here

    def _look_up(self, path: str) -> None:
        todo = list(self._waiting.pop(path, ()))
        while todo:
            scope = todo.pop()
            if self._is_explored(path, scope):
                continue
            self._explored[path] = self._explored.get(path, 0) | 1 << scope
            place = path, scope
            # Calls of coroutines are many, and most are not followed: they are not kept.
            edges = tuple(
                edge
                for edge in self._edges.get(place) or self._looked_up(place)
                if self.awaited or not edge.awaited
            )
            if edges:
                self._followed[place] = edges
            for edge in edges:
                target = edge.target
                if target is None:
                    continue
                if target[0] == path:
                    todo.append(target[1])
                else:
                    self._wait_for((target,))

    def _is_explored(self, path: str, scope: int) -> bool:
        return bool(self._explored.get(path, 0) >> scope & 1)

    def _measure(self) -> None:
        """Walk back from what blocks: the first step of each shortest chain."""
        callers: dict[Place, list[tuple[Place, Edge]]] = {}
        far: dict[Place, int] = {}
        first: dict[Place, Edge] = {}
        for place in sorted(self._followed):
            edges = self._followed[place]
            for edge in edges:
                if edge.target is not None:
                    callers.setdefault(edge.target, []).append((place, edge))
            sinks = [edge for edge in edges if edge.entry is not None]
            if sinks:
                first[place] = max(sinks, key=_worst)
                far[place] = 1
        todo = deque(sorted(far, key=lambda p: (-_weight(first[p]), p)))
        while todo:
            here = todo.popleft()
            for place, edge in callers.get(here, ()):
                if place not in far:
                    far[place] = far[here] + 1
                    first[place] = edge
                    todo.append(place)
        self._next, self._far = first, far

    def nearest(self, place: Place) -> list[Edge]:
        """Give the calls of a function that lead to what blocks, the nearest first."""
        if self._is_explored(*place):
            edges = self._followed.get(place, ())
        else:
            edges = self.edges(place)
        found = [
            edge
            for edge in edges
            if edge.entry is not None
            or (edge.target in self._far and (self.awaited or not edge.awaited))
        ]
        return sorted(found, key=self._nearness)

    def _nearness(self, edge: Edge) -> tuple[int, int, int, int]:
        far = 0 if edge.target is None else self._far[edge.target]
        return far, -_weight(edge), edge.use.line, edge.use.col

    def chain(self, path: str, edge: Edge) -> Chain | None:
        """Give the way from a call to what blocks; None if nothing does."""
        steps = []
        seen: set[Place] = set()
        while True:
            use = edge.use
            if edge.entry is not None:
                steps.append(Step(path, use.line, use.col, edge.entry.name))
                return Chain(tuple(steps), edge.entry)
            place = edge.target
            if place is None or place in seen or place not in self._next:
                return None
            seen.add(place)
            steps.append(Step(path, use.line, use.col, self.shown(place)))
            path, edge = place[0], self._next[place]

    def shown(self, place: Place) -> str:
        """Give a function's name as people say it: `Repo.load`, `<lambda>` left out."""
        path, scope = place
        return qualified(self.project.files[path].scopes, scope)

    def coroutines(self, path: str) -> list[int]:
        """Give the scopes of a file's `async def`s."""
        known = self._coroutines.get(path)
        if known is None:
            facts = self.project.files[path]
            known = self._coroutines[path] = [
                index
                for index, scope in enumerate(
                    facts.scopes if facts.head.coroutines else ()
                )
                if scope.kind == f.FUNCTION and scope.is_async
            ]
        return known

    def blocking(self, paths: Sequence[str]) -> dict[str, list[tuple[int, Edge]]]:
        """Give for each file the calls in its coroutines that block the loop.

        Each with the scope of its coroutine; `chain` gives the way. Calls of
        coroutines are left out: what blocks in them is told there.
        """
        found: dict[str, list[tuple[int, Edge]]] = {}
        places = [(path, scope) for path in paths for scope in self.coroutines(path)]
        self.explore(places)
        for place in places:
            path, scope = place
            for edge in self._followed.get(place, ()):
                reaches = edge.target in self._far and not edge.awaited
                if edge.entry is not None or reaches:
                    found.setdefault(path, []).append((scope, edge))
        return found


def _position(use: f.Use) -> tuple[int, int]:
    return use.line, use.col


def _weight(edge: Edge) -> int:
    return SEVERITIES.index(edge.entry.severity) if edge.entry else 0


def _worst(edge: Edge) -> tuple[int, int, int]:
    """Order calls that block: the severest, then the first in the file."""
    return _weight(edge), -edge.use.line, -edge.use.col
