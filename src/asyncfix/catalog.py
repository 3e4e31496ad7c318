"""What is known about libraries: which call blocks, what it returns, who runs it.

The facts are data, one file per top-level import name in the `catalog` folder of each
pack, and the person's own table. This module finds the file of a name, reads it once
and answers; it knows no library itself. Any name may be asked, at no cost when
nothing is known of it.

Methods are found along the bases of a class, breadth first. Where two sources say
something of the same name, the person's table wins, then the later folder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from asyncfix.catalog_file import (
    Entry,
    Tables,
    file_place,
    files_in,
    own_place,
    read,
    read_own,
    shown,
)
from asyncfix.digest import digest
from asyncfix.documents import Documents
from asyncfix.model import AsyncfixError

__all__ = ["Catalog", "Entry"]

_LONGEST = 20  # steps from an alias to the thing: more is a circle
_T = TypeVar("_T")


class Catalog:
    """The catalog of all packs and of the person; files are read when asked for.

    Every question raises AsyncfixError where the file that would answer is wrong.
    Names are dotted and absolute: `package.module.Class.method`.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        own: Mapping[str, object] | None = None,
        own_source: str = "pyproject.toml",
    ) -> None:
        """List the folders and check the person's table with the files it names.

        Raises AsyncfixError where `own` is wrong or a folder cannot be listed.
        """
        self._files = files_in(folders)
        self.documents: Documents | None = None
        """What may know the files as they were parsed."""
        self._calls: dict[str, Entry] = {}
        self._returns: dict[str, str] = {}
        self._attributes: dict[str, str] = {}
        self._bases: dict[str, tuple[str, ...]] = {}
        self._aliases: dict[str, str] = {}
        self._asynchronous: dict[str, str] = {}
        self._offloads: dict[str, int | str] = {}
        self._decorators: dict[str, str] = {}
        self._registers: dict[str, int | str] = {}
        self._effects: dict[str, str] = {}
        self._worded: dict[str, str | None] = {}
        self._classes: set[str] = set()
        self._modules: set[str] = set()
        self._known: set[str] = set()
        """Names and what they are parts of, of the files that were read."""
        self._loaded: set[str] = set()
        self._canonical: dict[str, str] = {}
        self._methods: dict[tuple[str, str], Entry | None] = {}
        self._lines: dict[str, tuple[str, ...]] = {}
        self._digest = b""
        self._own_data = b""
        if own:
            self._add_own(read_own(own, own_source), own_place(own_source))
            self._own_data = repr(own).encode("utf-8", "surrogatepass")

    def load(self, root: str) -> None:
        """Read what there is about a top-level import name, once.

        Raises AsyncfixError with file and key where a file is wrong.
        """
        if root in self._loaded:
            return
        files = [Path(file) for file in self._files.get(root, ())]
        tables = [(read(file, self.documents), file_place(file)) for file in files]
        self._loaded.add(root)
        for each, _ in tables:
            self._add(each)
        for each, place in tables:
            self._check_aliases(each, place)

    def canonical(self, name: str) -> str:
        """Give the name that the catalog uses for the same thing.

        An alias stands for all that is in it: a class for its methods.
        """
        known = self._canonical.get(name)
        if known is None:
            known = self._resolved(name)
            if known is None:
                raise AsyncfixError(f"catalog: {shown(name)} leads in a circle")
            self._canonical[name] = known
        return known

    def entry(self, name: str) -> Entry | None:
        """Give what is said about calling exactly this name."""
        return self._calls.get(self.canonical(name))

    def method(self, cls: str, name: str) -> Entry | None:
        """Give what is said about a method, by the class or its nearest base.

        What is said about `__getattr__` holds for every public method that no class
        of the line lists: it is how classes with made-up methods are described.
        """
        asked = (cls, name)
        if asked not in self._methods:
            cls = self.canonical(cls)
            found = self._along(self._calls, cls, name)
            if found is None and not name.startswith("_"):
                found = self._along(self._calls, cls, "__getattr__")
                if found is not None:
                    found = found._replace(name=f"{cls}.{name}")
            self._methods[asked] = found
        return self._methods[asked]

    def is_class(self, name: str) -> bool:
        """Tell whether a name is known to be a class."""
        name = self.canonical(name)
        last = name.rpartition(".")[2].lstrip("_")
        spelt = last[:1].isupper() and name not in self._modules
        return name in self._classes or (spelt and name in self._known)

    def returns(self, name: str) -> str | None:
        """Give the type of what calling a name gives; a class gives itself.

        `Self` is the class that the method was called on.
        """
        name = self.canonical(name)
        found = self._member(self._returns, name)
        return name if found is None and self.is_class(name) else found

    def attribute(self, name: str) -> str | None:
        """Give the type of what reading an attribute gives.

        What `__getattr__` returns is the type of every public one that is not listed.
        """
        name = self.canonical(name)
        found = self._member(self._attributes, name)
        owner, _, last = name.rpartition(".")
        if found is None and not last.startswith("_"):
            listed = self.method(owner, last) or self._member(self._returns, name)
            return None if listed else self._along(self._returns, owner, "__getattr__")
        return found

    def bases(self, cls: str) -> tuple[str, ...]:
        """Give the bases of a class, in their order."""
        return self._bases.get(self.canonical(cls), ())

    def asynchronous(self, name: str) -> str | None:
        """Tell what a call gives to the loop, see `catalog_file.ASYNCHRONOUS`."""
        return self._member(self._asynchronous, self.canonical(name))

    def awaitables(self, roots: Iterable[str]) -> frozenset[str]:
        """Give the last names of what gives a coroutine or future, in some libraries."""
        for root in roots:
            self.load(root)
        wanted = ("coroutine", "future")
        return frozenset(
            name.rpartition(".")[2]
            for name, kind in self._asynchronous.items()
            if kind in wanted
        )

    def offload(self, name: str) -> int | str | None:
        """Give which argument the call runs off the loop: its position or keyword."""
        return self._member(self._offloads, self.canonical(name))

    def decorator(self, name: str) -> str | None:
        """Tell what a decorator makes of a function, see `DECORATORS`."""
        return self._member(self._decorators, self.canonical(name))

    def registers(self, name: str) -> int | str | None:
        """Give which argument the call hands over to be called by someone else."""
        return self._member(self._registers, self.canonical(name))

    def effect(self, name: str) -> str | None:
        """Give what a call of a name does, besides what it gives; None if not known.

        What is said of a class holds for its objects' methods and those of classes
        that are based on it, what is said of a module for all in it.
        `none`: nothing that anybody else could see, `plain`: nothing, and it gives
        texts, numbers or containers of them, `passes`: nothing, and it gives what it
        got or a part of it, `copies`: nothing, and it gives a copy through and through,
        `changes`: its object, or else its first argument,
        `calls`: its first argument, or a `key`, at once, `calls-key`: the latter only,
        `thread`: uses an object that belongs to one thread, `driver`: a connection to
        a database, cache or broker, `process`: changes something of the whole process,
        `loop`: uses the event loop, `context`: sets a context variable,
        `context-read`: reads one, `exception`: looks at the exception that is being
        handled, `frames`: at the frames of its callers, `stop`: may raise
        StopIteration, `unknown`: anything, though more is said of what it is part of.
        """
        if name not in self._worded:
            self._worded[name] = self._effect(self.canonical(name))
        return self._worded[name]

    def _effect(self, name: str) -> str | None:
        last: str | None = None
        while name:
            if name in self._bases or last is not None:
                found = self._along(self._effects, name, last) if last else None
                if found is not None:
                    return found
            for each in self._line(name):
                if each in self._effects:
                    return self._effects[each]
            name, _, last = name.rpartition(".")
        return None

    def knows(self, root: str) -> bool:
        """Tell whether anything is said about a top-level import name."""
        return root in self._files or root in self._known

    def entries(self) -> list[Entry]:
        """Give every entry of every file, sorted by name; reads them all."""
        for root in sorted(self._files):
            self.load(root)
        return sorted(self._calls.values())

    def digest(self) -> bytes:
        """Give a fingerprint of all that could be answered, without reading TOML.

        Raises AsyncfixError where a file cannot be read.
        """
        if not self._digest:
            said = [self._own_data]
            for root in sorted(self._files):
                for file in self._files[root]:
                    try:
                        with open(file, "rb", buffering=0) as opened:
                            data = opened.read()
                    except OSError as error:
                        words = f"{file}: cannot be read: {error.strerror}"
                        raise AsyncfixError(words) from error
                    said += f"\0{root}\0{len(data)}\0".encode(), data
            self._digest = digest(*said)
        return self._digest

    def _add(self, tables: Tables) -> None:
        self._calls.update(tables.calls)
        self._returns.update(tables.returns)
        self._attributes.update(tables.attributes)
        self._bases.update(tables.bases)
        self._aliases.update(tables.aliases)
        self._asynchronous.update(tables.asynchronous)
        self._offloads.update(tables.offloads)
        self._decorators.update(tables.decorators)
        self._registers.update(tables.registers)
        self._effects.update(tables.effects)
        self._worded.clear()
        self._classes |= tables.classes
        self._modules |= tables.modules
        self._known |= tables.known()

    def _add_own(self, own: Tables, place: str) -> None:
        """Add the person's table last: after the files of all that it names.

        What it says of an alias holds for the thing.
        """
        for name in (*own.names(), *own.aliases, *own.effects):
            self.load(name.partition(".")[0])
        self._aliases.update(own.aliases)
        calls = self._real(own.calls)
        self._add(
            own._replace(
                calls={name: calls[name]._replace(name=name) for name in calls},
                returns=self._real(own.returns),
                attributes=self._real(own.attributes),
                bases=self._real(own.bases),
                asynchronous=self._real(own.asynchronous),
                offloads=self._real(own.offloads),
                decorators=self._real(own.decorators),
                registers=self._real(own.registers),
                effects=self._real(own.effects),
            )
        )
        self._check_aliases(own, place)

    def _real(self, section: Mapping[str, _T]) -> dict[str, _T]:
        return {self._resolved(name) or name: section[name] for name in section}

    def _resolved(self, name: str) -> str | None:
        """Follow the aliases of a name and of what it is in; None in a circle."""
        for _ in range(_LONGEST):
            root = name.partition(".")[0]
            if root not in self._loaded:
                self.load(root)
            part, rest = name, ""
            while part not in self._aliases:
                part, dot, last = part.rpartition(".")
                if not dot:
                    return name
                rest = f".{last}{rest}"
            name = self._aliases[part] + rest
        return None

    def _check_aliases(self, tables: Tables, place: str) -> None:
        for name in tables.aliases:
            where = f"{place}aliases.{shown(name)}"
            target = self._resolved(name)
            if target is None:
                raise AsyncfixError(f"{where}: leads in a circle")
            inside = f"{target}."
            if target not in self._known and not any(
                other.startswith(inside) for other in self._aliases
            ):
                words = f"{shown(target)} is a name that the catalog does not know"
                raise AsyncfixError(f"{where}: {words}")

    def _along(self, table: Mapping[str, _T], cls: str, name: str) -> _T | None:
        """Look a method up in a class and its bases, the nearest first."""
        for each in self._line(cls):
            found = table.get(f"{each}.{name}")
            if found is not None:
                return found
        return None

    def _line(self, cls: str) -> tuple[str, ...]:
        line = self._lines.get(cls)
        if line is None:
            line = self._lines[cls] = tuple(self._ancestry(cls))
        return line

    def _ancestry(self, cls: str) -> Iterator[str]:
        """Give a class and all its bases, breadth first, each once."""
        waiting, seen = deque([cls]), {cls}
        while waiting:
            each = waiting.popleft()
            yield each
            for base in self._bases.get(each, ()):
                base = self.canonical(base)
                if base not in seen:
                    seen.add(base)
                    waiting.append(base)

    def _member(self, table: Mapping[str, _T], name: str) -> _T | None:
        """Look a canonical name up, as a method along the bases of its class."""
        found = table.get(name)
        if found is None:
            owner, _, last = name.rpartition(".")
            if owner in self._bases:
                return self._along(table, owner, last)
        return found
