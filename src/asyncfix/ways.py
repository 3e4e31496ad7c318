"""The ways from functions to what blocks: who reaches which call, and how.

`Reach` says what one function calls; this looks at all of them together. The
numbers of `Ways` are exact as far as calls are known: a call that two ways lead
to is one call.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.reach import SEVERITIES, Chain, Edge, Place, Reach, Step

# Facts of more files than this are not kept unpacked.
_MOST_AWAKE = 300


class Sink(NamedTuple):
    """One blocking call: the function it stands in, and the call."""

    place: Place
    edge: Edge


class Ways:
    """The functions that some functions lead to, and the blocking calls in them."""

    def __init__(self, reach: Reach, origins: Iterable[Place], severity: str) -> None:
        """Follow everything from `origins`; calls below `severity` do not count."""
        self.reach = reach
        self.least = SEVERITIES.index(severity)
        self.on: dict[Place, tuple[Edge, ...]] = {}
        """The calls of a function that lead to other functions."""
        self.sinks: dict[Place, tuple[Edge, ...]] = {}
        """The calls of a function that block."""
        self.callers: dict[Place, list[tuple[Place, Edge]]] = {}
        self._names: dict[Place, str] = {}
        self._first: dict[Place, Edge] = {}
        self._severity: dict[Place, str] = {}
        self._bits: dict[Place, int] = {}
        origins = sorted(set(origins))
        reach.explore(origins)
        self._walk(origins)
        self._measure()
        self._circles = self._components()
        self._count()

    def _walk(self, origins: Sequence[Place]) -> None:
        todo = list(origins)
        seen = set(todo)
        while todo:
            place = todo.pop()
            on, sinks = [], []
            for edge in self.reach.edges(place):
                if edge.target is not None:
                    on.append(edge)
                    if edge.target not in seen:
                        seen.add(edge.target)
                        todo.append(edge.target)
                elif self.counts(edge):
                    sinks.append(edge)
            self.on[place], self.sinks[place] = tuple(on), _each_once(sinks)
        for place in sorted(self.on):
            for edge in self.on[place]:
                if edge.target is not None:
                    self.callers.setdefault(edge.target, []).append((place, edge))

    def counts(self, edge: Edge) -> bool:
        """Tell whether a call blocks, and is bad enough to count."""
        return edge.entry is not None and weight(edge) >= self.least

    def _measure(self) -> None:
        """Find the first step of each way to the worst call, the shortest first."""
        for severity in range(len(SEVERITIES) - 1, self.least - 1, -1):
            todo: deque[Place] = deque()
            for place in sorted(self.sinks):
                worst = [e for e in self.sinks[place] if weight(e) == severity]
                if worst and place not in self._first:
                    self._first[place] = worst[0]
                    self._severity[place] = SEVERITIES[severity]
                    todo.append(place)
            while todo:
                for place, edge in self.callers.get(todo.popleft(), ()):
                    if place not in self._first:
                        self._first[place] = edge
                        self._severity[place] = SEVERITIES[severity]
                        todo.append(place)

    # -- who reaches what ---------------------------------------------------

    def _components(self) -> dict[Place, int]:
        """Give each function that blocks the number of its circle.

        Functions that call one another have one number. What is called has a
        lower number than who calls it (Tarjan's algorithm, without recursion).
        """
        index: dict[Place, int] = {}
        low: dict[Place, int] = {}
        number: dict[Place, int] = {}
        held: list[Place] = []
        found = 0
        for root in sorted(self._first):
            if root in index:
                continue
            work: list[tuple[Place, Iterator[Place]]] = []
            after = root
            while True:
                if after not in index:
                    index[after] = low[after] = len(index)
                    held.append(after)
                    work.append((after, self._after(after)))
                place, rest = work[-1]
                step = next((p for p in rest if p not in number), None)
                if step is not None and step not in index:
                    after = step
                    continue
                if step is not None:
                    low[place] = min(low[place], index[step])
                    continue
                work.pop()
                if low[place] == index[place]:
                    while place not in number:
                        number[held.pop()] = found
                    found += 1
                if not work:
                    break
                after = work[-1][0]
                low[after] = min(low[after], low[place])
        return number

    def _after(self, place: Place) -> Iterator[Place]:
        for edge in self.on[place]:
            if edge.target in self._first:
                yield edge.target

    def _count(self) -> None:
        """Work out which calls each function reaches, as the bits of a number."""
        self.all = [
            Sink(place, edge)
            for place in sorted(self.sinks)
            for edge in self.sinks[place]
        ]
        self._masks: dict[tuple[str, str], int] = {}
        own: Counter[Place] = Counter()
        for bit, (place, edge) in enumerate(self.all):
            if edge.entry is None:
                continue
            own[place] += 1 << bit
            for key in (("severity", edge.entry.severity), ("kind", edge.entry.kind)):
                self._masks[key] = self._masks.get(key, 0) | 1 << bit
        members: dict[int, list[Place]] = {}
        for place, circle in self._circles.items():
            members.setdefault(circle, []).append(place)
        for circle in sorted(members):
            bits = 0
            for place in members[circle]:
                bits |= own[place]
                for after in self._after(place):
                    bits |= self._bits.get(after, 0)
            for place in members[circle]:
                self._bits[place] = bits

    def blocks(self, place: Place) -> bool:
        """Tell whether a function reaches a blocking call."""
        return place in self._first

    def blocking(self) -> list[Place]:
        """Give the functions that reach a blocking call, sorted."""
        return sorted(self._first)

    def severity(self, place: Place) -> str:
        """Give the worst severity that a function reaches."""
        return self._severity[place]

    def name(self, place: Place) -> str:
        """Give a function's name, see `named`; asked of the file only once."""
        known = self._names.get(place)
        if known is None:
            known = self._names[place] = named(self.reach, place)
        return known

    def counted(self, place: Place, what: str) -> dict[str, int]:
        """Count the blocking calls that a function reaches, by severity or kind."""
        bits = self._bits.get(place, 0)
        counts = {
            word: (bits & mask).bit_count()
            for (key, word), mask in sorted(self._masks.items())
            if key == what
        }
        return {word: count for word, count in counts.items() if count}

    def forward(self, places: Iterable[Place]) -> list[Place]:
        """Give all functions on the ways from some functions to what blocks."""
        todo = [place for place in places if self.blocks(place)]
        seen = set(todo)
        while todo:
            for after in self._after(todo.pop()):
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        return sorted(seen)

    def entries(self) -> list[tuple[Place, bool]]:
        """Give the coroutines that block and that none of the others leads to.

        Of functions that call one another and that nobody else calls, each
        coroutine is one; True marks those.
        """
        members: Counter[int] = Counter(self._circles.values())
        called = {
            self._circles[edge.target]
            for place in self._first
            for edge in self.on[place]
            if edge.target in self._first
            and self._circles[place] != self._circles[edge.target]
        }
        return [
            (place, members[self._circles[place]] > 1)
            for place in self.blocking()
            if self._circles[place] not in called and self.is_coroutine(place)
        ]

    def is_coroutine(self, place: Place) -> bool:
        """Tell whether a function is an `async def`."""
        path, scope = place
        return self.reach.project.files[path].scopes[scope].is_async

    # -- chains -------------------------------------------------------------

    def worst(self, place: Place) -> Chain | None:
        """Give the shortest way from a function to the worst call it reaches."""
        edge = self._first.get(place)
        return self.chain(place[0], edge) if edge is not None else None

    def chain(self, path: str, edge: Edge) -> Chain | None:
        """Give the shortest way from a call to the worst call behind it."""
        steps: list[Step] = []
        while edge.entry is None:
            place = edge.target
            if place is None or place not in self._first:
                return None
            use = edge.use
            steps.append(Step(path, use.line, use.col, self.name(place)))
            path, edge = place[0], self._first[place]
        if not self.counts(edge):
            return None
        steps.append(Step(path, edge.use.line, edge.use.col, edge.entry.name))
        return Chain(tuple(steps), edge.entry)

    def rest(self) -> None:
        """Keep the memory of a long list of questions within bounds."""
        self.reach.project.rest(_MOST_AWAKE)


def weight(edge: Edge) -> int:
    """Give how bad a call is that blocks: an index into SEVERITIES."""
    return SEVERITIES.index(edge.entry.severity) if edge.entry is not None else -1


def named(reach: Reach, place: Place) -> str:
    """Give a function's name; a module's own code and a lambda have made-up ones."""
    path, scope = place
    name = reach.shown(place)
    if reach.project.files[path].scopes[scope].kind == f.LAMBDA:
        return f"{name}.<lambda>" if name else "<lambda>"
    return name or "<module>"


def _each_once(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Give the calls that block, in their order, what one call does only once."""
    found: dict[tuple[int, int, str], Edge] = {}
    for edge in edges:
        if edge.entry is not None:
            found.setdefault((edge.use.line, edge.use.col, edge.entry.name), edge)
    return tuple(found.values())
