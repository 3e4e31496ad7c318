"""What was told of the files of a project, kept with what it went by.

Under one question (options, files, ...) there are: what there is to say of each file,
the digest that it had then, which files each imports and is imported by, and what was
asked of each (`asked`). Of nearly all files there is nothing to say, and of most
nothing was asked: a run after an edit unpacks what it needs and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from struct import pack
from typing import Any, NamedTuple

from asyncfix.asked import Asked
from asyncfix.store import Store
from asyncfix.table import Table

# Answers to older questions (other options, other files) are forgotten.
_MOST_QUESTIONS = 4
_TABLES = ("digests", "imports", "importers", "asked")
# To look so few values up in a table costs more than to write them once more.
_FEW = 20

# What using forged or lost data may raise.
_FORGED = (KeyError, IndexError, TypeError, ValueError, EOFError)


class Told(NamedTuple):
    """What there is to say of one file without judging any site in it."""

    blocked: tuple[Any, ...] = ()
    """The calls that block there, as `detect.plain` gives them."""
    sites: tuple[Any, ...] | None = ()
    """All others, as `detect.plain_found` gives them; None where that has failed."""
    generated: bool = False
    unseen: tuple[int, ...] = ()

    @property
    def has_sites(self) -> bool:
        """Tell whether there are sites to judge, besides what blocks."""
        return self.sites != ()


NOTHING = Told()


class Answers:
    """What is kept under one question, and what this run makes of it."""

    def __init__(self, store: Store, name: str) -> None:
        """Open it. What is forged raises TypeError, ValueError or so when it is used."""
        self._store = store
        self.name = name
        self.count = -1
        """Of how many files it was told; negative where it is not known any more."""
        self.special: dict[str, Any] = {}
        """Of whom there is something to say, and what."""
        kept = store.section(f"told {name}")
        if type(kept) is tuple and len(kept) == 2:
            self.count, self.special = kept
        self._tables: dict[str, Table] = {}
        self._files: list[str] | None = None
        """The files that imports are numbers of, if they were asked for."""
        self._stale: set[str] = set()
        self._asked_now: dict[str, Asked | None] = {}

    def _table(self, what: str) -> Table:
        """Open a table when it is needed. Raises KeyError where it is lost."""
        if what not in self._tables:
            table = self._store.table(f"{what} {self.name}")
            if table is None:
                raise KeyError(what)
            self._tables[what] = table
        return self._tables[what]

    # -- as it was ----------------------------------------------------------

    def digests(self) -> Iterable[tuple[str, bytes | None]]:
        """Give the files with the digests that they had."""
        return self._table("digests").items()

    def digest(self, path: str) -> bytes | None:
        """Give the digest that a file had."""
        found: bytes | None = self._table("digests").get(path)
        return found

    def asked(self, path: str) -> Asked:
        """Give what was asked of a file."""
        kept = self._table("asked").get(path)
        return Asked(*kept) if kept else Asked()

    def reached(self, paths: Iterable[str]) -> set[str]:
        """Give files and all that import them, directly or through others."""
        reached = set(paths)
        todo = list(reached)
        while todo:
            fresh = set(self._named(self._table("importers").get(todo.pop()))) - reached
            reached |= fresh
            todo += fresh
        return reached

    def _named(self, kept: Any) -> tuple[str, ...]:
        """Give files of which the numbers were kept, or the names."""
        if type(kept) is not bytes:
            return kept or ()
        if self._files is None:
            self._files = self._numbered()
        files = self._files
        return tuple([files[at] for at in memoryview(kept).cast("I")])

    def _numbered(self) -> list[str]:
        said = self._store.section(f"files {self.name}")
        if type(said) is not str:
            raise KeyError("files")
        return said.split("\0")

    def through(self, paths: Mapping[str, object]) -> list[str]:
        """Give the files of which a way was told that leads through one of some."""
        return [
            path
            for path, each in self.special.items()
            if any(step[0] in paths for site in each[0] for step in site[3])
        ]

    # -- as it is -----------------------------------------------------------

    def holding(
        self,
        paths: Iterable[str],
        stale: set[str],
        asked: Mapping[str, Asked | None],
    ) -> dict[str, Told]:
        """Give what still holds of some files; the `stale` ones are told anew.

        `asked` is what was asked of files, where that is other than it was.
        """
        self._stale, self._asked_now = stale, dict(asked)
        told = dict.fromkeys(paths, NOTHING)
        for path, each in self.special.items():
            if path in told:
                told[path] = Told(*each)
        for path in stale:
            told.pop(path, None)
        return told

    def unknown(
        self, paths: Iterable[str], changed: Container[str], told: Container[str]
    ) -> list[str]:
        """Give those of some files of which it is not known what they import now.

        No file has come or gone: those of a file that has not `changed` are as they
        were. Of what is `told` of, they are known; of what is around, perhaps.
        """
        if self.count < 0:
            return [*paths]
        try:
            return [
                path
                for path in paths
                if path in changed
                or (
                    path not in told
                    and None in (self.digest(path), self._of_file(path))
                )
            ]
        except _FORGED:
            self.forget()
            return [*paths]

    def _of_file(self, path: str) -> tuple[str, ...] | None:
        kept = self._table("imports").get(path)
        return None if kept is None else self._named(kept)

    def forget(self) -> None:
        """Let nothing of it hold, but who imported whom, if that is known."""
        self.count, self.special, self._stale, self._asked_now = -1, {}, set(), {}
        self._tables.update(digests=Table(), asked=Table())
        try:
            for _, kept in self._table("imports").items():  # noqa: PERF102
                self._named(kept)
        except _FORGED:
            self._tables["imports"] = Table()

    def keep(
        self,
        told: Mapping[str, Told],
        digest: Callable[[str], bytes | None],
        imports: Mapping[str, tuple[str, ...]],
        asked: Mapping[str, Asked],
    ) -> None:
        """Keep what is told of all files; what else there is to say of some.

        `digest` gives that of a file now.
        """
        try:
            self._keep(told, digest, imports, asked)
        except _FORGED:
            self._set_section("told", None)  # all of it is found out again

    def _keep(
        self,
        told: Mapping[str, Told],
        digest: Callable[[str], bytes | None],
        imports: Mapping[str, tuple[str, ...]],
        asked: Mapping[str, Asked],
    ) -> None:
        anew = self.count < 0
        if anew and not imports.keys() >= told.keys():
            raise KeyError("imports")  # nobody would ask for them later
        fresh = (
            told if anew else {path: told[path] for path in self._stale & told.keys()}
        )
        special = {p: each for p, each in self.special.items() if p not in self._stale}
        special.update((p, tuple(each)) for p, each in fresh.items() if each != NOTHING)
        self._set_section("told", (len(told), special))
        now: dict[str, bytes | None]
        now = {path: digest(path) or b"" for path in fresh}
        # Of what is around only those count that somebody asked.
        now.update((path, None) for path in self._stale - told.keys())
        for path in imports.keys() - told.keys():
            if path in self._stale or self.digest(path) is None:
                now[path] = digest(path) or b""
        self._set_table("digests", now, anew)
        self._keep_imports(imports, anew)
        for path, more in asked.items():
            old = self._asked_now.get(path, self.asked(path))
            self._asked_now[path] = more.joined(old or Asked())
        plain = {path: each and tuple(each) for path, each in self._asked_now.items()}
        self._set_table("asked", plain, anew)
        self._forget_old()

    def _keep_imports(self, imports: Mapping[str, tuple[str, ...]], anew: bool) -> None:
        if anew:
            known = {
                path: self._named(each) for path, each in self._table("imports").items()
            }
            known.update(imports)
            importers: dict[str, list[str]] = {}
            for path, every in known.items():
                for each in every:
                    importers.setdefault(each, []).append(path)
            files = sorted({*known, *importers})
            numbers = {path: number for number, path in enumerate(files)}
            self._set_section("files", "\0".join(files))
            for what, all_of in (("imports", known), ("importers", importers)):
                packed = ((p, _packed(numbers, each)) for p, each in all_of.items())
                self._store.set_table(f"{what} {self.name}", packed)
            return
        changed: dict[str, Any] = {}
        by: dict[str, set[str]] = {}
        for path, now in imports.items():
            old = self._of_file(path)
            if old != now:
                changed[path] = now
                for each in {*(old or ()), *now}:
                    if each not in by:
                        by[each] = set(self._named(self._table("importers").get(each)))
                    (by[each].add if each in now else by[each].discard)(path)
        self._store.patch(f"imports {self.name}", changed)
        plain = {path: tuple(sorted(each)) for path, each in by.items()}
        self._store.patch(f"importers {self.name}", plain)

    def _set_section(self, what: str, value: Any) -> None:
        self._store.set_section(f"{what} {self.name}", value)

    def _set_table(self, what: str, changed: Mapping[str, Any], anew: bool) -> None:
        name = f"{what} {self.name}"
        if anew:
            table = self._table(what)
            table.fresh.update(changed)
            self._store.set_table(name, table.items())
        elif len(changed) > _FEW or what in self._tables:
            table = self._table(what)
            old = {path: table.get(path) for path in changed}
            self._store.patch(
                name, {path: now for path, now in changed.items() if now != old[path]}
            )
        else:
            self._store.patch(name, changed)

    def _forget_old(self) -> None:
        """Forget the answers to the oldest questions."""
        names = self._store.section("questions") or []
        names = [self.name, *(each for each in names if each != self.name)]
        for old in names[_MOST_QUESTIONS:]:
            for what in ("told", "renames", "files", *_TABLES):
                self._store.set_section(f"{what} {old}", None)
        self._store.set_section("questions", names[:_MOST_QUESTIONS])


def _packed(numbers: Mapping[str, int], paths: Iterable[str]) -> bytes:
    found = [numbers[path] for path in paths]
    return pack(f"={len(found)}I", *found)
