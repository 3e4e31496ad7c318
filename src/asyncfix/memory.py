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
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from asyncfix import __version__, workers
from asyncfix.asked import Asked, asked, holds
from asyncfix.digest import digest as digest_of
from asyncfix.documents import Documents
from asyncfix.facts import FUNCTION, Facts
from asyncfix.library import Library
from asyncfix.link import Project
from asyncfix.model import Base, Problem, Since, Status
from asyncfix.outward import Delta, delta
from asyncfix.source import Lines, decode
from asyncfix.store import Store
from asyncfix.told import Answers, Told
from asyncfix.trace import Trace

# Goes up with every change of what facts look like, or of what they mean.
_FACTS = 13
# Of more files than this the facts from before their change are not kept.
_MOST_FORMER = 100
# Above this share of files to look at again, all are.
_WORTH_IT = 0.5


class Memory:
    """The cache of one project, as seen from one folder."""

    def __init__(
        self,
        root: str,
        limits: workers.Limits = workers.USUAL,
        since: Since | None = None,
    ) -> None:
        """Open it, before any file is read; never raises.

        `since` a run before only some files were edited.
        """
        self._limits = limits
        key = f"{__version__} {_FACTS} {sys.version} {sys.byteorder} {os.getcwd()}"
        self._root, self._key = root, key.encode("utf-8", "surrogatepass")
        base = root, self._key
        opened = (
            since.store if since and since.base and since.base[:2] == base else None
        )
        self._store: Store = opened or Store(*base)
        self.documents = Documents(self._store)
        """The files of the catalog as they were parsed."""
        self._scanned = since.scanned if since else {}
        self._current = ""
        """The answers that are of the state that the cache was left in."""
        self._was: dict[str, bytes] = {}
        """The digests that edited files had in that state."""
        self._edited: frozenset[str] | None = None
        """The files that may be other than the cache has them, if these are known."""
        if since and since.base == (*base, self._store.mark) and self._store.mark:
            # Of what is around, the cache may have an older state that nobody asked for.
            if not since.opening.around:
                kept = self._store.section("state")
                if type(kept) is tuple and kept:
                    self._current, *unknown = kept
                    self._edited = since.edited.union(unknown)
        self._digests: dict[str, bytes] = {}
        self._statuses: dict[str, Status] = {}
        self._failed: set[str] = set()
        self._former: dict[str, Facts] = {}
        self._answers: Answers | None = None
        self._holding = False
        self._changed_now: frozenset[str] = frozenset()
        self._renames: frozenset[str] = frozenset()
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
        if self._edited is None:
            edited: Iterable[str] = paths
        else:
            edited = sorted(self._edited.intersection(paths))
            waiting += (path for path in paths if path not in self._edited)
            self._was.update((path, self._store.digest(path)) for path in edited)
        for path in edited:
            digest = self._store.known(path, statuses[path])
            if digest is None:
                todo.append(path)
            else:
                self._digests[path] = digest
                waiting.append(path)
        tick(len(waiting))
        touched = [path for path in todo if self._is_as_kept_now(path, statuses[path])]
        waiting += touched
        todo = sorted(set(todo).difference(touched)) if touched else todo
        if len(todo) <= _MOST_FORMER:
            for path in todo:
                self._note_former(path)
        scanned: list[Facts | Problem]
        scanned = [self._scanned[path] for path in todo if path in self._scanned]
        tick(len(touched) + len(scanned))
        todo = [path for path in todo if path not in self._scanned]
        scanned += workers.scan_files(todo, jobs, tick, self._limits)
        facts = [each for each in scanned if isinstance(each, Facts)]
        for each in facts:
            self._digests[each.path] = each.digest
            self._store.put(each.path, statuses[each.path], each.digest, each.packed)
        problems = [each for each in scanned if isinstance(each, Problem)]
        self._failed.update(each.path for each in problems)
        return Library(facts, (*waiting, *around), self._load), problems

    def _is_as_kept_now(self, path: str, status: Status) -> bool:
        """Tell whether a file that was touched, or was young, says what it said."""
        old = self._store.digest(path)
        data = workers.read(path, self._limits) if old else b""
        if not old or isinstance(data, Problem) or digest_of(data) != old:
            return False
        self._digests[path] = old
        self._store.touch(path, status, old)
        return True

    def _load(self, path: str) -> Facts:
        status = self._statuses[path]
        digest = self.digest(path)
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
        if self._edited is not None and path not in self._edited:
            return self._store.digest(path) or None
        status = self._statuses.get(path)
        return status and self._store.known(path, status)

    def kept(self, name: str) -> Any:
        """Give what was kept under a name; None where there is nothing."""
        return self._store.section(name)

    def keep(self, name: str, value: Any) -> None:
        """Keep plain data under a name, in place of what was there: something else."""
        if self.keeps:
            self._store.set_section(name, value, changed=True)

    def other_than(self, name: str) -> dict[str, bytes] | None:
        """Give the files that are other than at `note_state`, with their digests then."""
        olds: Iterable[tuple[str, bytes | None]] = self._was.items()
        if self._edited is None:
            known = self._store.table(name)
            if known is None:
                return None
            olds = known.items()
        return {path: old for path, old in olds if old and old != self.digest(path)}

    def note_state(self, name: str, paths: Iterable[str], anew: bool) -> bool:
        """Keep what files are now, all of them `anew`, or where some have changed.

        False where that is not known of one.
        """
        now = {path: self.digest(path) or b"" for path in paths}
        if not self.keeps or not all(now.values()):
            return False
        if anew:
            self._store.set_table(name, now.items())
        else:
            self._store.patch(name, now)
        return True

    # -- what was read ------------------------------------------------------

    def note_read(self, trace: Trace) -> None:
        """Keep which sources were read to answer questions, whatever questions."""
        known = self.read
        if self.keeps and not trace.read <= known:
            self._store.set_section("read", tuple(sorted(trace.read | known)))

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
        answers = self._answers = Answers(self._store, self._named(question))
        self._holding, self.doubtful = False, []
        self._changed_now = frozenset(paths)
        try:
            if answers.count != len(paths):
                raise ValueError("nothing is known, or it is forged")
            changed = self._changed(answers)
            sparing = sparing and 0 < len(changed) <= _MOST_FORMER
            quiet = {}
            for path in changed if sparing else ():
                found = self.delta(path, changed[path])
                if found and self._is_quiet(path, answers.asked(path), found):
                    quiet[path] = found
            # Also where the facts are equal: conditions are read from the source.
            loud = [path for path in changed if path not in quiet]
            self._changed_now = frozenset(loud)  # the others import what they did
            for path, found in quiet.items():
                if found.names:
                    importers = answers.reached([path]) - {path}
                    loud += self._saying(found.names, importers)
            heard = answers.reached(loud)
            stale = {*heard, *quiet, *(answers.through(quiet) if quiet else ())}
            if len(stale) <= len(paths) * _WORTH_IT:
                now: dict[str, Asked | None] = dict.fromkeys(heard)
                for path, found in quiet.items():
                    now[path] = answers.asked(path).renumbered(found.scopes)
                told = answers.holding(paths, stale, now)
                self._holding = True
                return told
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, EOFError):
            pass  # forged, or of another time
        self.doubtful = []
        answers.forget()
        return {}

    def _changed(self, answers: Answers) -> dict[str, bytes]:
        """Give the files that are other than when the answers were found.

        With the digests that they had then.
        """
        olds: Iterable[tuple[str, bytes | None]] = self._was.items()
        if self._edited is None or self._current != answers.name:
            olds = answers.digests()
        return {path: old or b"" for path, old in olds if old != self.digest(path)}

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
            last = self._store.last(path)
            if (
                last is None
                or not self._is_as_kept(path, last[0])
                or any(name in last[1] for name in wanted)
            ):
                found.append(path)
        return found

    def _is_as_kept(self, path: str, digest: bytes) -> bool:
        trusted = self._edited is not None and path not in self._edited
        return trusted or digest == self.digest(path)

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

    def _named(self, question: str) -> str:
        """Name the answers; without the broken files names mean something else."""
        return "\0".join((question, *sorted(self._failed)))

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
        if not self.keeps or self._answers is None:
            return None
        here = project.files.at_hand()
        imports = {
            path: tuple(sorted(project.imports(path)))
            for path in self._answers.unknown(here, self._changed_now, told)
        }
        self._answers.keep(told, self.digest, imports, asked(project.files.trace, far))
        if renames is not None and not self._renames.issuperset(renames):
            every = tuple(sorted(set(renames)))
            self._store.set_section(f"renames {self._named(question)}", every)
        return imports if len(imports) == len(project.files) else None

    def renames(self, question: str, library: Library) -> list[str] | None:
        """Give all renames of the files at hand and of all others, if known."""
        kept = self._store.section(f"renames {self._named(question)}")
        if not isinstance(kept, tuple) or not self._holding or self._around:
            return None
        self._renames = frozenset(kept)
        here = (library[path].head.renames for path in library.at_hand())
        return [*kept, *(each for head in here for each in head)]

    def save(self, quiet: Mapping[str, int]) -> Base | None:
        """Write it; where that fails, the next run works it out again.

        Gives what a result was made from that holds as long as only the `quiet`
        files change, each as far as it may.
        """
        current = self._answers.name if self._answers else ""
        self._store.set_section("state", (current, *sorted(self._failed)))
        if self._store.save() or not self._store.mark:
            return None
        return Base(self._root, self._key, self._store.mark, quiet)
