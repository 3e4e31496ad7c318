"""What a run remembers for the next one: facts, and what blocks in each file.

Facts are kept by a file's content, whatever the settings are. What blocks
depends on the file itself and on those that it imports, directly or through
others; so after a change only the changed files and all that import them are
looked at again, and these only if they may have asked about what has changed (`asked`,
`outward`). Where files come or go, all are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from asyncfix import __version__, workers
from asyncfix.asked import Asked, asked, from_plain, holds
from asyncfix.facts import FUNCTION, Facts
from asyncfix.library import Library
from asyncfix.link import Project
from asyncfix.model import Base, Problem, Status
from asyncfix.outward import Delta, delta
from asyncfix.source import Lines, decode
from asyncfix.store import Store
from asyncfix.trace import Trace

# Goes up with every change of what facts look like, or of what they mean.
_FACTS = 12
# Of more files than this the facts from before their change are not kept.
_MOST_FORMER = 100
# Answers to older questions (other options, other files) are forgotten.
_MOST_QUESTIONS = 4
# What is kept with each: the files that a question is about are part of it.
_OF_A_QUESTION = ("told", "asked", "imports", "renames")
# Above this share of files to look at again, all are.
_WORTH_IT = 0.5


class Told(NamedTuple):
    """What there is to say of one file without judging any site in it."""

    blocked: tuple[Any, ...]
    """The calls that block there, as `detect.plain` gives them."""
    sites: tuple[Any, ...] | None
    """All others, as `detect.plain_found` gives them; None where that has failed."""
    generated: bool
    unseen: tuple[int, ...]

    @property
    def has_sites(self) -> bool:
        """Tell whether there are sites to judge, besides what blocks."""
        return self.sites != ()


class Memory:
    """The cache of one project, as seen from one folder."""

    def __init__(self, root: str, limits: workers.Limits = workers.USUAL) -> None:
        """Open it, before any file is read; never raises."""
        self._limits = limits
        key = f"{__version__} {_FACTS} {sys.version} {sys.byteorder} {os.getcwd()}"
        self._root, self._key = root, key.encode("utf-8", "surrogatepass")
        self._store = Store(root, self._key)
        self._digests: dict[str, bytes] = {}
        self._statuses: dict[str, Status] = {}
        self._failed: set[str] = set()
        self._former: dict[str, Facts] = {}
        self._old: dict[str, Any] = {}
        self._graph: dict[str, tuple[str, ...]] = {}
        self._question = ""
        self._asked: dict[str, Asked] = {}
        self._deltas: dict[tuple[str, bytes], Delta | None] = {}
        self.doubtful: list[tuple[str, int]] = []
        """Functions whose code has changed: where one leads to what blocks now, `told`
        has to be asked once more, without `sparing`."""
        self._around = False
        self.notes: list[str] = []
        """What should be known of files that could not be read on the way."""

    @property
    def keeps(self) -> bool:
        """Tell whether there is a place to keep anything."""
        return bool(self._store.folder)

    # -- facts --------------------------------------------------------------

    def scan(
        self,
        statuses: Mapping[str, Status],
        paths: Sequence[str],
        jobs: int,
        tick: Callable[[int], None] = lambda done: None,
        around: Sequence[str] = (),
    ) -> tuple[Library, list[Problem]]:
        """Give the facts of files, and what is wrong with the others.

        `statuses` are from before this call. Only files are scanned whose facts
        are not kept, or whose bytes have changed; those `around` only if they
        are asked for.
        """
        self._statuses.update(statuses)
        self._around = self._around or bool(around)
        waiting: list[str] = []
        todo = []
        for path in paths:
            digest = self._store.known(path, statuses[path])
            if digest is None:
                todo.append(path)
            else:
                self._digests[path] = digest
                waiting.append(path)
        tick(len(waiting))
        if len(todo) <= _MOST_FORMER:
            for path in todo:
                self._note_former(path)
        scanned = workers.scan_files(todo, jobs, tick, self._limits)
        facts = [each for each in scanned if isinstance(each, Facts)]
        for each in facts:
            self._digests[each.path] = each.digest
            self._store.put(each.path, statuses[each.path], each.digest, each.packed)
        problems = [each for each in scanned if isinstance(each, Problem)]
        self._failed.update(each.path for each in problems)
        return Library(facts, (*waiting, *around), self._load), problems

    def _load(self, path: str) -> Facts:
        status = self._statuses[path]
        digest = self._digests.get(path) or self._store.known(path, status)
        packed = digest and self._store.blob(path, digest)
        if digest and packed:
            self._digests[path] = digest
            return Facts(path, digest, packed)
        self._note_former(path)
        (scanned,) = workers.scan_files([path], 1, limits=self._limits)
        if isinstance(scanned, Problem):
            self.notes.append(
                f"{path}:{scanned.line}: {scanned.message}; what it says of the "
                "files that were named is not known"
            )
            (scanned,) = workers.scan_files([os.devnull], 1)
            assert isinstance(scanned, Facts)
            return Facts(path, b"", scanned.packed)
        self._digests[path] = scanned.digest
        self._store.put(path, status, scanned.digest, scanned.packed)
        return scanned

    def _note_former(self, path: str) -> None:
        """Keep the facts of a file whose content may have changed since."""
        last = self._store.last(path)
        if last is not None:
            self._former[path] = Facts(path, *last)

    def former(self, path: str) -> Facts | None:
        """Give the facts of a file from before its change, if they are known."""
        return self._former.get(path)

    def digest(self, path: str) -> bytes | None:
        """Give the digest of a file's content, None where it must be read for that."""
        if path in self._digests:
            return self._digests[path]
        status = self._statuses.get(path)
        return status and self._store.known(path, status)

    def kept(self, name: str) -> Any:
        """Give what was kept under a name; None where there is nothing."""
        return self._store.section(name)

    def keep(self, name: str, value: Any) -> None:
        """Keep plain data under a name, in place of what was there: something else."""
        if self.keeps:
            self._store.set_section(name, value, changed=True)

    # -- what was read ------------------------------------------------------

    def note_read(self, trace: Trace) -> None:
        """Keep which sources were read to answer questions, whatever questions."""
        if self.keeps:
            self._store.set_section("read", tuple(sorted(trace.read | self.read)))

    @property
    def read(self) -> frozenset[str]:
        """Give the files of which the source was read, for whatever question."""
        kept = self._store.section("read")
        return frozenset(kept if type(kept) is tuple else ())

    # -- what was told ------------------------------------------------------

    def told(
        self, question: str, paths: Sequence[str], sparing: bool = True
    ) -> dict[str, Told]:
        """Give what was told of the files for which it still holds.

        `question` is all that the answer depends on besides the files. With `sparing`,
        it holds for who imports a changed file, too, if nothing changed for others.
        """
        self._old, self._asked, self.doubtful = {}, {}, []
        kept = self._store.section(self._named(question))
        self._question = question
        graph = self._store.section(self._named(question, "imports"))
        if not isinstance(kept, dict) or not isinstance(graph, dict):
            return {}
        self._graph = graph
        try:
            changed = [
                path
                for path, each in kept.items()
                if each[0] is None or each[0] != self.digest(path)
            ]
            sparing = sparing and 0 < len(changed) <= _MOST_FORMER
            known = from_plain(self._store.section(self._named(question, "asked")))
            quiet = {}
            for path in changed if sparing else ():
                found = self.delta(path, kept[path][0])
                if found and self._is_quiet(path, known.get(path, Asked()), found):
                    quiet[path] = found
            # Also where the facts are equal: conditions are read from the source.
            loud = [path for path in changed if path not in quiet]
            for path, found in quiet.items():
                importers = _reached(graph, [path]) - {path}
                loud += self._saying(found.names, importers)
            heard = _reached(graph, loud)
            stale = {*heard, *quiet, *(_through(kept, quiet) if quiet else ())}
            if len(stale) > len(paths) * _WORTH_IT:
                self.doubtful = []
                return {}
            self._asked = {
                path: each.renumbered(quiet[path].scopes) if path in quiet else each
                for path, each in known.items()
                if path in quiet or path not in heard
            }
            self._old = {path: each for path, each in kept.items() if path not in stale}
            return {
                path: Told(*self._old[path][1:])
                for path in paths
                if path in self._old and len(self._old[path]) > 1
            }
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            self._old, self._asked, self.doubtful = {}, {}, []
            return {}  # forged, or of another time

    def delta(self, path: str, digest: bytes) -> Delta | None:
        """Give what an edit changed since a file had a digest, if that is little.

        None where others may see more of it than names that came or went and functions
        that do something else, or where it is not known.
        """
        key = path, digest
        if key not in self._deltas:
            old = self._former.get(path)
            new = self._digests.get(path)
            packed = new and self._store.blob(path, new)
            found = None
            if old is not None and old.digest == digest and new and packed:
                found = delta(old, Facts(path, new, packed))
            self._deltas[key] = found
        return self._deltas[key]

    def _saying(self, names: Iterable[str], paths: Iterable[str]) -> list[str]:
        """Give those of some files that say one of some names."""
        wanted = [name.encode() for name in names]
        found = []
        for path in paths if wanted else ():
            digest = self.digest(path)
            packed = digest and self._store.blob(path, digest)
            if not packed or any(name in packed for name in wanted):
                found.append(path)
        return found

    def holds(self, path: str, known: Asked, found: Delta) -> bool:
        """Tell whether what was asked of a file is as it was before an edit."""
        old, new = self._former[path], self._digests[path]
        packed = self._store.blob(path, new) or b""
        files = old, Facts(path, new, packed)
        return holds(known, found, files, lambda: self._lines(path, new))

    def _is_quiet(self, path: str, known: Asked, found: Delta) -> bool:
        if found.given or not self.holds(path, known, found):
            return False
        scopes = self._former[path].rows(0)
        self.doubtful += [
            (path, new)
            for old, new in found.changed.items()
            if scopes[old][0] == FUNCTION and not scopes[old][4]
        ]
        return True

    def _lines(self, path: str, digest: bytes) -> Lines | None:
        data = workers.read(path, self._limits)
        source = data if isinstance(data, Problem) else decode(path, data)
        if isinstance(source, Problem) or source.digest != digest:
            return None
        return Lines(source.text)

    def _named(self, question: str, what: str = "told") -> str:
        """Name the answers; without the broken files names mean something else."""
        broken = "".join(f"\0{path}" for path in sorted(self._failed))
        return f"{what} {question}{broken}"

    def tell(
        self,
        question: str,
        told: Mapping[str, Told],
        project: Project,
        renames: Iterable[str] | None,
        far: Mapping[str, Iterable[int]],
    ) -> Mapping[str, tuple[str, ...]] | None:
        """Remember what was told and asked, which files each imports, and all renames.

        `far` are the functions, by file, that lead to what blocks. Gives what each file
        imports, if that was worked out for all of them.
        """
        if not self.keeps:
            return None
        kept = dict(self._old)
        here = project.files.at_hand()
        for path in here:
            kept.setdefault(path, (self._digests.get(path),))
        for path, each in told.items():
            if path not in self._old:
                kept[path] = (self._digests[path], *each)
        graph_of = self._named(question, "imports")
        graph = self._graph or self._store.section(graph_of) or {}
        imports = {path: tuple(sorted(project.imports(path))) for path in here}
        name = self._named(question)
        self._store.set_section(name, kept, changed=True)
        for path, more in asked(project.files.trace, far).items():
            self._asked[path] = more.joined(self._asked.get(path, Asked()))
        plain = {path: tuple(each) for path, each in self._asked.items()}
        self._store.set_section(self._named(question, "asked"), plain, changed=True)
        names = self._store.section("questions") or []
        names = [name, *(each for each in names if each != name)]
        for old in names[_MOST_QUESTIONS:]:
            for what in _OF_A_QUESTION:
                self._store.set_section(old.replace("told", what, 1), None)
        self._store.set_section("questions", names[:_MOST_QUESTIONS])
        if any(graph.get(path) != each for path, each in imports.items()):
            self._store.set_section(graph_of, {**graph, **imports}, changed=True)
        if renames is not None:
            every = tuple(sorted(set(renames)))
            self._store.set_section(self._named(question, "renames"), every)
        return imports if len(here) == len(project.files) else None

    def renames(self, library: Library) -> list[str] | None:
        """Give all renames of the files at hand and of all others, if known."""
        kept = self._store.section(self._named(self._question, "renames"))
        if not isinstance(kept, tuple) or not self._old or self._around:
            return None
        here = (library[path].head.renames for path in library.at_hand())
        return [*kept, *(each for head in here for each in head)]

    def save(self, quiet: Mapping[str, int]) -> Base | None:
        """Write it; where that fails, the next run works it out again.

        Gives what a result was made from that holds as long as only the `quiet`
        files change, each as far as it may.
        """
        if self._store.save() or not self._store.mark:
            return None
        return Base(self._root, self._key, self._store.mark, quiet)


def _reached(graph: Mapping[str, Iterable[str]], paths: Sequence[str]) -> set[str]:
    """Give files and all that import them, directly or through others."""
    reached, fresh = set(paths), set(paths)
    # Most edits lead no further than a step or two: the graph is not turned round.
    while fresh:
        found = {path for path, each in graph.items() if not fresh.isdisjoint(each)}
        fresh = found - reached
        reached |= fresh
    return reached


def _through(kept: Mapping[str, Any], paths: Container[str]) -> list[str]:
    """Give the files of which a way was told that leads through one of some files."""
    return [
        path
        for path, each in kept.items()
        if len(each) > 1
        and any(step[0] in paths for site in each[1] for step in site[3])
    ]
