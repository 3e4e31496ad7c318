"""What the facts of a project were asked for, which decides how long answers hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

try:
    # By way of hashlib it would come with OpenSSL, and 5 ms later.
    from _blake2 import blake2b
except ImportError:  # no CPython
    from hashlib import blake2b

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
        self.uses: set[str] = set()
        """Those by which `Library.holding` looked for files that use something."""
        self.called: set[str] = set()
        """The last names of calls that `Facts.calls_by` was asked for."""
        self.stubs: set[str] = set()
        """Stub files that were looked for, there or not."""
        self.here: str | None = None
        """The file that is looked through, empty while something for all is worked out.

        What is asked of that file is its own affair: it is looked through again when
        it changes. None where all that is asked counts.
        """
        self.asking = ""
        """The file from whose coroutines a way to what blocks is looked for.

        They are read for themselves alone: nobody's way leads through them.
        """
        self.judging = ""
        """The file whose sites are judged. What that reads of it is its own affair."""
        self.wide: set[str] = set()
        """Files of which more was asked than is noted one by one."""
        self.named: set[str] = set()
        """The names whose bindings were asked for, wherever."""
        self.looked: dict[str, int] = {}
        """The scopes of files whose code was asked for, a bit for each."""
        self.pieces: dict[str, set[tuple[str, bytes]]] = {}
        """The functions and constants of files of which the source was read.

        By name, with a digest of the text.
        """
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

    def look(self, path: str, scopes: Iterable[int]) -> None:
        """Note that the code of some scopes was asked for."""
        if path != self.here:
            bits = self.looked.get(path, 0)
            for scope in scopes:
                bits |= 1 << scope
            self.looked[path] = bits

    def broad(self, path: str) -> None:
        """Note that more was asked of a file than is noted one by one."""
        if path not in (self.here, self.judging):
            self.wide.add(path)

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Count what is asked meanwhile for all files, whoever asked first."""
        here, judging = self.here, self.judging
        if here is not None:
            self.here = ""
        self.judging = ""
        try:
            yield
        finally:
            self.here, self.judging = here, judging

    def forget(self) -> None:
        """Note from now on only; what is awake stays so, and so do sources."""
        for noted in (self.opened, self.words, self.uses, self.called, self.stubs):
            noted.clear()
        self.wide.clear()
        self.named.clear()
        self.looked.clear()
        self.pieces.clear()
        self._noted.clear()

    def saw(self, path: str, own: bool = False) -> None:
        """Note that a file's text was read, perhaps for itself alone."""
        own = own or path == self.here
        self.opened.add(path)
        self.read.add(path)
        if not own:
            self.wide.add(path)

    def saw_piece(self, path: str, name: str, text: bytes) -> None:
        """Note that the text of one function or constant was read."""
        self.opened.add(path)
        piece = name, digest(text)
        self.pieces.setdefault(path, set()).add(piece)

    def follow(self, other: Trace) -> None:
        """Note in the same places as another trace."""
        self.opened, self.words = other.opened, other.words
        self.uses, self.called, self.stubs = other.uses, other.called, other.stubs
        self._noted = other._noted
        self.read, self.wide = other.read, other.wide
        self.looked, self.pieces = other.looked, other.pieces
        self.named = other.named
        self.here = other.here


def digest(text: bytes) -> bytes:
    """Give what tells one text from another, in few bytes."""
    return blake2b(text, digest_size=8).digest()
