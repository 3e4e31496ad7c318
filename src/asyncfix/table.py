"""Plain data by name, of thousands of names, looked up without unpacking the others.

    marshal of (names, starts, ends, values): the names in one text, each with a NUL
    before it and one at the end; 8 bytes for where each name starts, and for where each
    value ends; the values, marshalled, in a row

The cache of a large project is read at every run, and a run after an edit asks for few
of its names. Only a table whose checksum was compared may be opened: `marshal` may
crash on damaged data (https://docs.python.org/3/library/marshal.html).
"""

from __future__ import annotations

import marshal
from bisect import bisect_left
from struct import pack as pack_numbers

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

# From so many look-ups on it pays to know the place of every name.
_MANY = 12


class Table:
    """Values by name, as they were packed, and changes to them."""

    def __init__(self, packed: bytes = b"", fresh: Mapping[str, Any] = {}) -> None:
        """Open a packed table; raises whatever `marshal` does, or ValueError."""
        empty = "\0", b"", b"", b""
        names, starts, ends, values = marshal.loads(packed) if packed else empty
        self._values: bytes = values
        self._ends = memoryview(ends).cast("Q")
        self._names: str = names
        self._starts = memoryview(starts).cast("Q")
        self._length = len(self._ends)
        if len(self._starts) != self._length or type(names) is not str:
            raise ValueError("a table of another kind")
        self._places: dict[str, int] | None = None
        self._asked = 0
        self.fresh: dict[str, Any] = dict(fresh)
        """What is other than in the packed bytes; None where a name is gone."""

    def get(self, name: str) -> Any:
        """Give the value of a name, None where there is none."""
        if name in self.fresh:
            return self.fresh[name]
        place = self._place(name)
        if place is None:
            return None
        start = self._ends[place - 1] if place else 0
        return marshal.loads(self._values[start : self._ends[place]])

    def names(self) -> list[str]:
        """Give the names that have a value."""
        if not self.fresh:
            return self._packed_names()
        names = [name for name in self._packed_names() if name not in self.fresh]
        return names + [name for name, value in self.fresh.items() if value is not None]

    def items(self) -> Iterator[tuple[str, Any]]:
        """Give all names with their values."""
        start = 0
        loads, values = marshal.loads, self._values
        for name, end in zip(self._packed_names(), self._ends, strict=True):
            if name not in self.fresh:
                yield name, loads(values[start:end])
            start = end
        for name, value in self.fresh.items():
            if value is not None:
                yield name, value

    def as_bytes(self) -> bytes:
        """Give it as bytes, with all changes. ValueError: it is no plain data."""
        return pack(self.items())

    def _packed_names(self) -> list[str]:
        return self._names[1:-1].split("\0") if self._length else []

    def _place(self, name: str) -> int | None:
        if self._places is None:
            self._asked += 1
            if self._asked < _MANY:
                at = self._names.find(f"\0{name}\0")
                return None if at < 0 else bisect_left(self._starts, at)
            self._places = {each: at for at, each in enumerate(self._packed_names())}
        return self._places.get(name)


def pack(items: Iterable[tuple[str, Any]]) -> bytes:
    """Give plain data by name as the bytes of a table; ValueError for what is none."""
    names, values = [""], []
    for name, value in items:
        names.append(name)
        values.append(marshal.dumps(value))
    starts, ends = [], []
    start = end = 0
    for name, each in zip(names[1:], values, strict=True):
        starts.append(start)
        start += len(name) + 1
        end += len(each)
        ends.append(end)
    numbers = (pack_numbers(f"={len(each)}Q", *each) for each in (starts, ends))
    return marshal.dumps(("\0".join((*names, "")), *numbers, b"".join(values)))
