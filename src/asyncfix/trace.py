"""What the facts of a project were asked for, which decides how long answers hold."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncfix.facts import Facts, Head

_MANY = 100  # names, asked for at once


class Trace:
    """What the facts of a project were asked for; shared by all of them."""

    def __init__(self) -> None:
        self.awake: list[Facts] = []
        """Files of which parts are made at present."""
        self.opened: set[str] = set()
        """Files whose parts or source were asked for; of others, head and words."""
        self.words: set[str] = set()
        """The words that `Facts.holds` was asked about."""
        self.called: set[str] = set()
        """The last names of calls that `Facts.calls_by` was asked for."""
        self.stubs: set[str] = set()
        """Stub files that were looked for, there or not."""
        self.wide: set[str] = set()
        """Of these, the ones of which more was asked than `narrow` gives."""
        self.scoped: dict[str, int] = {}
        """The scopes of files whose names were asked for, a bit for each."""
        self.read: set[str] = set()
        """Files whose source was read."""
        self.last: tuple[bytes, Head] | None = None
        """The packed facts whose head was asked for last, and that head."""
        self._noted: dict[int, Collection[str]] = {}

    def note_called(self, names: Collection[str]) -> None:
        """Note who is asked for; many names, asked of each file, are noted once."""
        if len(names) < _MANY:
            self.called.update(names)
        elif id(names) not in self._noted:
            self._noted[id(names)] = names  # kept, so that no other has its id
            self.called.update(names)

    def forget(self) -> None:
        """Note from now on only; what is awake stays so, and so do sources."""
        for noted in (self.opened, self.words, self.called, self.stubs, self.wide):
            noted.clear()
        self.scoped.clear()
        self._noted.clear()

    def saw(self, path: str) -> None:
        """Note that a file's text was read."""
        self.opened.add(path)
        self.wide.add(path)
        self.read.add(path)

    def follow(self, other: Trace) -> None:
        """Note in the same places as another trace."""
        self.opened, self.words = other.opened, other.words
        self.called, self.stubs = other.called, other.stubs
        self._noted = other._noted
        self.read, self.wide, self.scoped = other.read, other.wide, other.scoped

    def narrow(self) -> dict[str, tuple[int, ...]]:
        """Give the files of which little was asked, with the scopes that were.

        Their scopes, patches and attributes, the names that these scopes bind, and
        calls by some last names.
        """
        return {
            path: _bits(self.scoped.get(path, 0)) for path in self.opened - self.wide
        }


def _bits(number: int) -> tuple[int, ...]:
    """Give which bits of a number are set."""
    return tuple(at for at in range(number.bit_length()) if number >> at & 1)
