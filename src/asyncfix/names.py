"""The bindings of one scope by their names, for who asks for a few of many."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncfix.facts import Binding, Scope


_NAMED = (1, 2)  # classes and functions, as in `rows`


class Names:
    """The bindings of one scope by name, as little of them made as can be."""

    def __init__(
        self, columns: list[Any], scope: int, make: Callable[[Any], Binding]
    ) -> None:
        self._columns = columns
        self._make = make
        self._made: dict[str, list[Binding]] = {}
        self._first: dict[str, int] = {}
        if columns:
            first = bisect_left(columns[0], scope)
            last = bisect_right(columns[0], scope)
            # Backwards, so that of equal names, which are neighbours, the first stays.
            names = columns[1][first:last]
            self._first = dict(
                zip(names[::-1], range(last - 1, first - 1, -1), strict=True)
            )

    def __contains__(self, name: str) -> bool:
        return name in self._first

    def get(self, name: str) -> list[Binding]:
        """Give the bindings of a name, by line; none where there are none."""
        made = self._made.get(name)
        if made is None:
            place = self._first.get(name)
            if place is None:
                return []
            made = self._made[name] = []
            scopes, names, lines, kinds, targets, flags = self._columns
            scope, most = scopes[place], len(names)
            while place < most and names[place] == name and scopes[place] == scope:
                rest = lines[place], kinds[place], targets[place], flags[place]
                made.append(self._make((scope, name, *rest)))
                place += 1
        return made


class NotedNames(Names):
    """The same, where each name that is asked for is noted."""

    def __init__(
        self,
        columns: list[Any],
        scope: int,
        make: Callable[[Any], Binding],
        noted: set[str],
    ) -> None:
        super().__init__(columns, scope, make)
        self._noted = noted

    def __contains__(self, name: str) -> bool:
        self._noted.add(name)
        return super().__contains__(name)

    def get(self, name: str) -> list[Binding]:
        """Give what `Names.get` gives."""
        self._noted.add(name)
        return super().get(name)


def qualified(scopes: Sequence[Scope], scope: int) -> str:
    """Give what a scope is called in its file: `Repo.load`; a lambda adds nothing."""
    parts: list[str] = []
    while scope > 0:
        if scopes[scope].name:
            parts.insert(0, scopes[scope].name)
        scope = scopes[scope].parent
    return ".".join(parts)


def around(scopes: Sequence[Scope], line: int) -> int:
    """Give the innermost function or class that a line is in, else the module."""
    found = 0
    for index, scope in enumerate(scopes):
        if scope.kind in _NAMED and scope.line <= line <= scope.end_line:
            if found == 0 or scope.line >= scopes[found].line:
                found = index
    return found
