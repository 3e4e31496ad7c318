"""Facts: what one file says by itself, small enough to send and to keep.

Plain tuples of strings and numbers, so that they cross process borders and
can be stored without running anybody's code when they are read back. Names
are kept as written (`t.sleep`); what they mean is the link stage's answer.

Lines count from 1 and columns are UTF-8 byte offsets from 0, as in CPython's
`ast` (https://docs.python.org/3/library/ast.html#ast.AST.col_offset).

What is not a plain name is written as a name with steps behind it, read from
left to right, in `Use.name` and in `Binding.target` alike:

    a.b     an attribute            a()     what a call gives
    a!      what awaiting it gives  a[]     any element by subscript
    a@      `with a as x`           a@@     `async with a as x`
    a*      `for x in a`            a**     `async for x in a`
    a#1     the second of a tuple   a/      `a / ...`, as of paths
    a|b     one of the two          %p%a    `p(a, ...)` where p is some partial
    :T      annotated with T        =T      another name of the type T
    ?       anything else
"""

from __future__ import annotations

import marshal
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Container, Iterable, Iterator
from functools import partial
from itertools import accumulate
from typing import Any, Generic, NamedTuple, TypeVar

from asyncfix.trace import Trace

# Kinds of scope. TYPE is the scope of PEP 695 type parameters.
MODULE, CLASS, FUNCTION, LAMBDA, COMPREHENSION, GENERATOR, TYPE = range(7)

# Kinds of binding. ATTRIBUTE is `self.x = ...`; RETURNED is what a `return` gives.
(
    IMPORT,
    FROM,
    STAR,
    DEF,
    CLASSDEF,
    PARAMETER,
    ALIAS,
    ASSIGNED,
    CAPTURE,
    ATTRIBUTE,
    RETURNED,
) = range(11)

# Flags of a binding: where in its scope it stands.
CONDITIONAL, TYPE_CHECKING = 1, 2

# How what a call gives is used.
VALUE, AWAITED, WITH, ASYNC_WITH, FOR, ASYNC_FOR, STATEMENT, ARGUMENT = range(8)
# A call told not to wait, such as `lock.acquire(blocking=False)`.
AT_ONCE = 8
# What it gives is what a `return`, a `yield` or a lambda gives.
HANDED_BACK = 9
# It stands in a list or a tuple that is awaited as such.
AWAITED_WITHIN = 10


class Scope(NamedTuple):
    """A scope, its place in the tree of scopes, and its decorators."""

    kind: int
    name: str
    parent: int
    line: int
    is_async: bool
    decorators: tuple[str, ...]
    bases: tuple[str, ...]
    suspends: bool
    """The function itself holds an `await`, `async for` or `async with`."""
    yields: bool
    """The function itself holds a `yield`: it is a generator."""
    returns: str
    """The return annotation, in the language of `Binding.target`."""
    first: str
    """The name of a function's first positional parameter."""
    end_line: int

    @property
    def is_class(self) -> bool:
        """Tell whether it is the body of a class."""
        return self.kind == CLASS


class Binding(NamedTuple):
    """One way a name gets its value in a scope.

    `target` is the module for IMPORT (`os.path`), module and name for FROM
    (`.compat:sleep`, dots for relative imports), the module for STAR, and
    otherwise what the name gets, as this module's docstring says: the dotted
    name for ALIAS (`nap = time.sleep`), an annotation for PARAMETER (`:Path`),
    `requests.Session()` for ASSIGNED; empty where nothing can be said.
    """

    scope: int
    name: str
    line: int
    kind: int
    target: str
    flags: int


class Use(NamedTuple):
    """A name with steps that is called (a call), or read (a reference)."""

    scope: int
    line: int
    col: int
    end_line: int
    end_col: int
    name: str
    role: int


class Patch(NamedTuple):
    """A place that replaces something by name: tests, mostly.

    `target` is the dotted string, or, where `scope` is not -1, a dotted
    expression of that scope (`monkeypatch.setattr(time, "sleep", ...)`). Of a
    string that is put together only the end may be known: `*.time.sleep`.
    """

    line: int
    scope: int
    target: str


class Opaque(NamedTuple):
    """A top-level statement that the running interpreter cannot parse.

    `names` are the names that it may bind, `words` all names in it.
    """

    line: int
    end_line: int
    names: tuple[str, ...]
    words: tuple[str, ...]


class Head(NamedTuple):
    """What is asked of every file, kept beside the parts."""

    imported: tuple[str, ...]
    """Targets of all imports: `os.path`, `.compat:sleep`, `.names:*`."""
    renames: tuple[str, ...]
    """`old new` for each name that an import or an alias gives another name."""
    coroutines: bool
    """There is an `async def`."""
    unseen: tuple[int, ...]
    """Lines of the statements that the running Python cannot parse."""
    generated: bool
    lines: int
    plain: tuple[str, ...]
    """Names of the functions that are no coroutines."""
    replaces: bool
    """Something is replaced by a name in a string, or the clock is frozen."""
    lazy: tuple[str, ...]
    """Names of the `async def`s, and of what is declared to give a coroutine."""
    old_names: tuple[int, ...] = ()
    """Lines where `async` or `await` is a name, as it could be until Python 3.6."""
    places: tuple[int, ...] = ()
    """Where the parts begin, counted from the end of the head."""


Kind = TypeVar("Kind")


# The parts that count as little: scopes, patches and attributes.
_NARROW = frozenset((0, 4, 9))
_HEAD = 4  # bytes of the number that says where the parts begin
_KEPT = ("path", "digest", "packed", "trace", "_start", "woken")


class Names:
    """The bindings of one scope by name, as little of them made as can be."""

    def __init__(self, columns: list[Any], scope: int) -> None:
        self._columns = columns
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
            made = self._made[name] = []
            place = self._first.get(name)
            if place is not None:
                scopes, names = self._columns[:2]
                scope, most = scopes[place], len(names)
                while place < most and names[place] == name and scopes[place] == scope:
                    made.append(_binding([column[place] for column in self._columns]))
                    place += 1
        return made


class _Part(Generic[Kind]):
    """A part of the facts, made of the packed bytes when it is first asked for."""

    def __init__(self, place: int, kind: Any = None) -> None:
        self.place = place
        # What `kind._make` does, without a Python call for each of a million.
        self.make = kind and partial(tuple.__new__, kind)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, facts: Facts, owner: type) -> Kind:
        raw = facts.part(self.place)
        made: Any = raw
        if self.make:
            made = tuple(map(self.make, zip(*_columns(raw), strict=True)))
        # Kept in the instance, where it is found before this descriptor.
        facts.__dict__[self.name] = made
        return made  # type: ignore[no-any-return]  # what the part was declared to be


_use = partial(tuple.__new__, Use)
_binding = partial(tuple.__new__, Binding)


class Facts:
    """All that the scan of one file has learnt.

    Held as bytes; `rest` drops what was made of them. `memo` is for answers
    worked out from these facts, and is dropped with them.
    """

    def __init__(self, path: str, digest: bytes, packed: bytes) -> None:
        self.path = path
        self.digest = digest
        """SHA-256 of the file's bytes."""
        self.packed = packed
        self._start = int.from_bytes(packed[:_HEAD], "little")
        self.trace = Trace()
        self.woken = 0
        self.memo: dict[Any, Any] = {}
        self._parts: dict[int, Any] = {}
        self._places: tuple[int, ...] = ()
        self._made: dict[int, list[Any]] = {}
        self._names: dict[int, Names] = {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Facts):
            return NotImplemented
        return self._content() == other._content()

    def _content(self) -> tuple[Any, ...]:
        # Not the bytes: marshal writes equal values in more than one way.
        count = len(self.head.places) - 1
        parts = [self.part(place) for place in range(count)]
        return self.path, self.digest, self.head[:-1], parts

    __hash__ = None  # type: ignore[assignment]

    def rest(self) -> None:
        """Drop everything that can be made again from the packed bytes."""
        kept = {name: self.__dict__[name] for name in _KEPT}
        self.__dict__.clear()
        self.__dict__.update(kept)
        self.memo = {}
        self._parts = {}
        self._places = ()
        self._made = {}
        self._names = {}

    @property
    def is_awake(self) -> bool:
        """Tell whether something was made of the packed bytes, and is kept."""
        return bool(self._parts or self.memo)

    @property
    def head(self) -> Head:
        """Give what is asked of every file; kept only while parts of it are."""
        known: Head | None = self.memo.get("head")
        if known is None:
            known = Head(*marshal.loads(memoryview(self.packed)[_HEAD : self._start]))
            if self._parts:
                self.memo["head"] = known
        return known

    def holds(self, name: str) -> bool:
        """Tell whether the file says a name at all; it is not unpacked for that.

        False is certain: names stand in the packed bytes as they are.
        """
        self.trace.words.add(name)
        return name.encode() in self.packed

    def part(self, place: int) -> Any:
        """Give one part as plain columns, unpacked when it is first asked for."""
        self.trace.opened.add(self.path)
        if place not in _NARROW:
            self.trace.wide.add(self.path)
        return self._part(place)

    def _part(self, place: int) -> Any:
        if place in self._parts:
            return self._parts[place]
        if not self._parts:
            self.trace.awake.append(self)
        if not self._places:
            self._places = self.head.places
        first, last = self._places[place : place + 2]
        start = self._start
        raw = marshal.loads(memoryview(self.packed)[start + first : start + last])
        self._parts[place] = raw
        return raw

    scopes = _Part[tuple[Scope, ...]](0, Scope)
    outer = _Part[tuple[Binding, ...]](1, Binding)
    """The bindings of the module and of classes: by scope, name and line."""
    calls = _Part[tuple[Use, ...]](2, Use)
    references = _Part[tuple[Use, ...]](3, Use)
    """Reads of what the file imports or defines, and of members of `self`."""
    patches = _Part[tuple[Patch, ...]](4, Patch)
    frozen = _Part[tuple[int, ...]](5)
    """Lines of `freeze_time(...)` without `real_asyncio=True`."""
    driven = _Part[tuple[Use, ...]](6, Use)
    """Calls whose coroutine is stepped by hand: `f().send(None)`."""
    exported = _Part[tuple[str, ...]](7)
    """The strings of `__all__`."""
    opaque = _Part[tuple[Opaque, ...]](8, Opaque)
    attributes = _Part[tuple[Binding, ...]](9, Binding)
    """The bindings of kind ATTRIBUTE, which no scope holds as a name."""
    inner = _Part[tuple[Binding, ...]](10, Binding)
    """The bindings of functions and of all else: by scope, name and line."""

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Give all bindings but those of attributes."""
        return self.outer + self.inner

    def names(self, scope: int) -> Names:
        """Give the bindings of one scope by name, made for that scope alone."""
        found = self._names.get(scope)
        if found is None:
            place = 1 if self.scopes[scope].kind in (MODULE, CLASS) else 10
            self.trace.scoped.setdefault(self.path, set()).add(scope)
            found = self._names[scope] = Names(self._columns(place), scope)
        return found

    def calls_in(self, scopes: Iterable[int]) -> list[Use]:
        """Give the calls of some scopes, made for those alone."""
        columns = self._columns(2)
        self.trace.wide.add(self.path)
        found: list[Use] = []
        if columns:
            for scope in scopes:
                first = bisect_left(columns[0], scope)
                last = bisect_right(columns[0], scope)
                rows = zip(*(column[first:last] for column in columns), strict=True)
                found += map(_use, rows)
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
            self.trace.wide.add(self.path)
            columns = self._columns(2)
            rows = range(len(columns[0])) if columns else ()
        else:
            self.trace.called.update(names)
            by_name = self._last(2)
            rows = sorted(
                row for last in by_name if last in names for row in by_name[last]
            )
            columns = self._columns(2) if rows else []
        if roles is not None and rows:
            used = columns[6]
            rows = [row for row in rows if used[row] in roles]
        return [_use([column[row] for column in columns]) for row in rows]

    @property
    def called(self) -> frozenset[str]:
        """Give the last names of all calls; who asks notes in the trace for which."""
        return frozenset(self._last(2))

    @property
    def read(self) -> frozenset[str]:
        """Give the last names of all references."""
        self.trace.opened.add(self.path)
        self.trace.wide.add(self.path)
        return frozenset(self._last(3))

    def _last(self, place: int) -> dict[str, list[int]]:
        """Give the rows of uses by their last names."""
        key = "last", place
        found: dict[str, list[int]] | None = self.memo.get(key)
        if found is None:
            columns = self._unpacked(place)
            found = self.memo[key] = {}
            for row, name in enumerate(columns[5] if columns else ()):
                last = name.rpartition(".")[2]
                if last in found:
                    found[last].append(row)
                else:
                    found[last] = [row]
        return found

    def columns(self, place: int) -> list[Any]:
        """Give a part as columns of plain values, or as the tuple that it is."""
        raw = self._part(place)
        return list(_columns(raw)) if type(raw) is list else list(raw)

    def _columns(self, place: int) -> list[Any]:
        self.trace.opened.add(self.path)
        return self._unpacked(place)

    def _unpacked(self, place: int) -> list[Any]:
        found = self._made.get(place)
        if found is None:
            found = self._made[place] = list(_columns(self._part(place)))
        return found


def pack(head: Head, parts: tuple[Any, ...]) -> bytes:
    """Give the parts of `Facts`, in its order, as bytes of plain data.

    A part that is a list of rows is turned into columns, numbers as arrays of
    the least width: half the bytes, and no slower to read.
    """
    same: dict[str, str] = {}
    body = [
        marshal.dumps(
            [_packed(column, same) for column in zip(*part, strict=True)]
            if type(part) is list
            else part
        )
        for part in parts
    ]
    places = tuple(accumulate(map(len, body), initial=0))
    first = marshal.dumps(tuple(head._replace(places=places)))
    start = (_HEAD + len(first)).to_bytes(_HEAD, "little")
    return b"".join((start, first, *body))


def _packed(column: tuple[Any, ...], same: dict[str, str]) -> Any:
    kind = type(column[0])
    if kind is str:
        # One object for equal texts: the later ones are stored as references.
        return tuple(map(same.setdefault, column, column))
    if kind is not int:
        return column
    try:
        return b"B" + bytes(column)
    except ValueError:
        pass  # a number is above 255, or below 0
    code = "i" if min(column) < 0 else "H" if max(column) < 65536 else "I"
    return code.encode() + array(code, column).tobytes()


def _columns(packed: list[Any]) -> Iterator[Iterable[Any]]:
    for column in packed:
        if type(column) is bytes:
            numbers = array(chr(column[0]))
            numbers.frombytes(column[1:])
            yield numbers
        else:
            yield column
