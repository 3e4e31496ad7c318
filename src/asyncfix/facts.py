"""Facts: what one file says by itself, small enough to send and to keep.

They are held as bytes, and unpacked part by part when somebody asks. What the words
mean stands in `rows`.
"""

from __future__ import annotations

import marshal
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Container, Iterable
from functools import partial
from itertools import accumulate
from struct import Struct
from typing import Any

from asyncfix import packing
from asyncfix.names import Names, NotedNames
from asyncfix.packing import Part, WholePart

# isort: off
from asyncfix.rows import (  # the words come with what is said in them
    ALIAS as ALIAS, ARGUMENT as ARGUMENT, ASSIGNED as ASSIGNED, ASYNC_FOR as ASYNC_FOR,
    ASYNC_WITH as ASYNC_WITH, AT_ONCE as AT_ONCE, ATTRIBUTE as ATTRIBUTE,
    AWAITED as AWAITED, AWAITED_WITHIN as AWAITED_WITHIN, Binding as Binding,
    CAPTURE as CAPTURE, CLASS as CLASS, CLASSDEF as CLASSDEF,
    COMPREHENSION as COMPREHENSION, CONDITIONAL as CONDITIONAL, DEF as DEF, FOR as FOR,
    FROM as FROM, FUNCTION as FUNCTION, GENERATOR as GENERATOR,
    HANDED_BACK as HANDED_BACK, Head as Head, IMPORT as IMPORT, LAMBDA as LAMBDA,
    MODULE as MODULE, Opaque as Opaque, PARAMETER as PARAMETER, Patch as Patch,
    RETURNED as RETURNED, Scope as Scope, STAR as STAR, STATEMENT as STATEMENT,
    TYPE as TYPE, TYPE_CHECKING as TYPE_CHECKING, Use as Use, VALUE as VALUE,
    WITH as WITH,
)  # fmt: skip
# isort: on
from asyncfix.trace import Trace

# What `outward` compares as a whole: scopes, patches, what is frozen or driven, exports,
# what this Python cannot parse, attributes.
_NARROW = frozenset((0, 4, 5, 6, 7, 8, 9))
_NOTHING: dict[int, Any] = {}
PARTS = 12
_CALLED = 11
# Packed facts begin with where the head and the parts begin, and the last one ends.
_PLACES = Struct(f"<{PARTS + 2}I")
_SPAN = Struct("<2I")


_use = partial(tuple.__new__, Use)
_binding = partial(tuple.__new__, Binding)


class Facts:
    """All that the scan of one file has learnt.

    Held as bytes; `rest` drops what was made of them. `memo` is for answers
    worked out from these facts, and is dropped with them.
    """

    # Of most files of a large project no part is made at any time: they do without
    # the dictionary in which parts are kept.
    __slots__ = (
        "__dict__",
        "_head",
        "_parts",
        "digest",
        "packed",
        "path",
        "trace",
        "woken",
    )
    trace: Trace
    memo: dict[Any, Any]
    _made: dict[int, Any]
    _names: dict[int, Names]

    def __init__(self, path: str, digest: bytes, packed: bytes) -> None:
        self.path = path
        self.digest = digest
        """That of the file's bytes."""
        self.packed = packed
        self.woken = 0
        self._head: Head | None = None
        self._parts = _NOTHING

    def __getattr__(self, name: str) -> Any:
        made: Any
        if name in ("memo", "_made", "_names"):
            made = {}
        elif name == "trace":
            made = Trace()
        else:
            raise AttributeError(name)
        setattr(self, name, made)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Facts):
            return NotImplemented
        return self._content() == other._content()

    def _content(self) -> tuple[Any, ...]:
        # Not the bytes: marshal writes equal values in more than one way.
        parts = [self.part(place) for place in range(PARTS)]
        return self.path, self.digest, self.head, parts

    __hash__ = None  # type: ignore[assignment]  # compared by content, so it has none

    def rest(self) -> None:
        """Drop everything that can be made again from the packed bytes."""
        del self.__dict__
        self._head = None
        self._parts = _NOTHING

    @property
    def head(self) -> Head:
        """Give what is asked of every file; kept only while parts of it are."""
        known = self._head
        if known is None:
            last = self.trace.last
            if last is not None and last[0] is self.packed:
                return last[1]  # several ask of one file, before its parts are made
            known = Head(*self._loaded(0))
            self.trace.last = self.packed, known
            if self._parts:
                self._head = known
        return known

    def holds(self, name: str) -> bool:
        """Tell whether the file says a name at all; it is not unpacked for that.

        False is certain: names stand in the packed bytes as they are.
        """
        self.trace.words.add(name)
        return name.encode() in self.packed

    def uses(self, name: str) -> bool:
        """Tell whether it says the name of something that is no local of a function."""
        scopes, inner = (_SPAN.unpack_from(self.packed, at * 4) for at in (1, 11))
        said, packed = name.encode(), self.packed
        if any(
            said in packed[start:end]
            for start, end in (
                (0, scopes[0]), (scopes[1], inner[0]), (inner[1], len(packed))
            )
        ):  # fmt: skip
            return True
        rows = self.rows(0)
        return any(name in text for row in rows for text in (row[1], *row[5:7], row[9]))

    def part(self, place: int) -> Any:
        """Give one part as plain columns, unpacked when it is first asked for."""
        self.trace.opened.add(self.path)
        if place not in _NARROW:
            self.trace.broad(self.path)
        return self._part(place)

    def _part(self, place: int) -> Any:
        if place in self._parts:
            return self._parts[place]
        if not self._parts:
            self.trace.awake.append(self)
            self._parts = {}
        raw = self._parts[place] = self._loaded(place + 1)
        return raw

    def _loaded(self, number: int) -> Any:
        start, end = _SPAN.unpack_from(self.packed, number * 4)
        return marshal.loads(memoryview(self.packed)[start:end])

    scopes = Part[tuple[Scope, ...]](0, Scope)
    outer = WholePart[tuple[Binding, ...]](1, Binding)
    """The bindings of the module and of classes: by scope, name and line."""
    calls = WholePart[tuple[Use, ...]](2, Use)
    references = WholePart[tuple[Use, ...]](3, Use)
    """Reads of what the file imports or defines, and of members of `self`."""
    patches = Part[tuple[Patch, ...]](4, Patch)
    frozen = Part[tuple[int, ...]](5)
    """Lines of `freeze_time(...)` without `real_asyncio=True`."""
    driven = Part[tuple[Use, ...]](6, Use)
    """Calls whose coroutine is stepped by hand: `f().send(None)`."""
    exported = Part[tuple[str, ...]](7)
    """The strings of `__all__`."""
    opaque = Part[tuple[Opaque, ...]](8, Opaque)
    attributes = Part[tuple[Binding, ...]](9, Binding)
    """The bindings of kind ATTRIBUTE, which no scope holds as a name."""
    inner = WholePart[tuple[Binding, ...]](10, Binding)
    """The bindings of functions and of all else: by scope, name and line."""

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Give all bindings but those of attributes."""
        return self.outer + self.inner

    @property
    def imports(self) -> list[Binding]:
        """Give the bindings of imports; all that they import its head says, too."""
        self.trace.opened.add(self.path)
        rows = (*self.rows(1), *self.rows(10))
        return [_binding(row) for row in rows if row[3] <= STAR]

    def names(self, scope: int) -> Names:
        """Give the bindings of one scope by name, made for that scope alone."""
        found = self._names.get(scope)
        if found is None:
            # Others ask for a module's names only: they need not know its scopes.
            outer = scope == 0 or self.scopes[scope].kind in (MODULE, CLASS)
            place = 1 if outer else 10
            columns = self._columns(place)
            if self.trace.here is None:
                if not outer:
                    self.trace.look(self.path, (scope,))
                found = NotedNames(columns, scope, _binding, self.trace.named)
            else:
                found = Names(columns, scope, _binding)
            self._names[scope] = found
        return found

    def calls_in(self, scopes: Collection[int]) -> list[Use]:
        """Give the calls of some scopes, made for those alone."""
        return self._in(2, scopes, _use)

    def references_in(self, scopes: Collection[int]) -> list[Use]:
        """Give the references of some scopes, made for those alone."""
        return self._in(3, scopes, _use)

    def bindings_in(self, scopes: Collection[int]) -> list[Binding]:
        """Give the bindings of some functions, made for those alone."""
        return self._in(10, scopes, _binding)

    def _in(self, place: int, scopes: Collection[int], make: Any) -> list[Any]:
        self.trace.look(self.path, scopes)
        columns = self._columns(place)
        found: list[Any] = []
        if columns:
            for scope in scopes:
                first = bisect_left(columns[0], scope)
                last = bisect_right(columns[0], scope)
                if first < last:
                    rows = zip(*[each[first:last] for each in columns], strict=True)
                    found += map(make, rows)
        return found

    def calls_by(
        self, names: Collection[str] | None, roles: Container[int] | None = None
    ) -> list[Use]:
        """Give the calls by one of these last names that are used in one of these ways.

        None stands for all. Only those calls are made, and most files, which call
        nothing by these names, do not count as opened.
        """
        rows: Iterable[int]
        if names is None:
            self.trace.broad(self.path)
            columns = self._columns(2)
            rows = range(len(columns[0])) if columns else ()
        else:
            if self.trace.here is None:
                self.trace.note_called(names)
            else:
                self.trace.broad(self.path)
            if self.called.isdisjoint(names):
                return []
            by_name = self._last
            rows = sorted(
                row for last in by_name if last in names for row in by_name[last]
            )
            columns = self._columns(2)
        if roles is not None and rows:
            used = columns[6]
            rows = [row for row in rows if used[row] in roles]
        return [_use([column[row] for column in columns]) for row in rows]

    @property
    def called_at(self) -> tuple[int, int]:
        """Give where in the packed bytes the last names of all calls stand, as `called`.

        Who asks notes in the trace for which he looks there.
        """
        return _SPAN.unpack_from(self.packed, _CALLED * 4 + 4)

    def loops(self) -> dict[int, int]:
        """Give for each scope the first line of a `for` in it, comprehensions too."""
        self.trace.broad(self.path)
        columns = self._columns(10)
        found: dict[int, int] = {}
        if columns:
            for row, target in enumerate(columns[4]):
                if "*" in target:
                    scope, line = columns[0][row], columns[2][row]
                    found[scope] = min(found.get(scope, line), line)
        return found

    @property
    def called(self) -> frozenset[str]:
        """Give the last names of all calls; who asks notes in the trace for which."""
        found: frozenset[str] | None = self._made.get(_CALLED)
        if found is None:
            names = packing.parted(self._part(_CALLED))
            found = self._made[_CALLED] = frozenset(names)
        return found

    def reads(self, names: Collection[str]) -> bool:
        """Tell whether one of these is the last name of a reference."""
        self.trace.opened.add(self.path)
        self.trace.broad(self.path)
        parts: set[str] | None = self.memo.get("read")
        if parts is None:
            parts = self.memo["read"] = packing.parts(self._part(3), 5)
        if parts.isdisjoint(names):
            return False
        said = self._unpacked(3)[5]
        return any(name.rpartition(".")[2] in names for name in said)

    @property
    def _last(self) -> dict[str, list[int]]:
        """Give the rows of calls by their last names."""
        found: dict[str, list[int]] | None = self.memo.get("last")
        if found is None:
            columns = self._unpacked(2)
            found = self.memo["last"] = {}
            for row, name in enumerate(columns[5] if columns else ()):
                found.setdefault(name.rpartition(".")[2], []).append(row)
        return found

    def columns(self, place: int) -> list[Any]:
        """Give a part as columns of plain values, or in a list; nothing is noted."""
        raw = self._part(place)
        return packing.columns(raw) if type(raw) is list else [raw]

    def rows(self, place: int) -> list[tuple[Any, ...]]:
        """Give a part as plain rows; nothing is noted."""
        columns = self.columns(place)
        return list(zip(*columns, strict=True)) if columns else []

    def _columns(self, place: int) -> list[Any]:
        self.trace.opened.add(self.path)
        return self._unpacked(place)

    def _unpacked(self, place: int) -> list[Any]:
        found: list[Any] | None = self._made.get(place)
        if found is None:
            found = self._made[place] = packing.columns(self._part(place))
        return found


def pack(head: Head, parts: Iterable[bytes]) -> bytes:
    """Give the head and the parts of `Facts`, these in its order and packed, as bytes."""
    body = (marshal.dumps(tuple(head)), *parts)
    places = accumulate(map(len, body), initial=_PLACES.size)
    return b"".join((_PLACES.pack(*places), *body))
