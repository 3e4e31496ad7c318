"""What was judged, kept with all that it went by, for the next run.

A judgement may ask the whole project: who patches a name, who imports a module,
who calls a function. So what it asked is noted (`Trace`): the files that were
opened, the words that all others were searched for, and the names by which they were
searched for calls. After a change it still holds if no opened file has changed, and if
those that have say the same in their heads (imports, other names of things, ...), hold
the same of these words, and call by the same of these names. Of a file that was opened
it is enough if what was asked of it is as it was (`asked`, `outward`). What a file's own
sites were judged by is asked again where the file changes, or its sites: if none of them
has a fix, those of all other files stay judged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from asyncfix.asked import Asked, asked, from_plain
from asyncfix.digest import digest
from asyncfix.facts import Facts
from asyncfix.gather import MARKERS
from asyncfix.library import Library
from asyncfix.memory import Memory
from asyncfix.model import Change, Finding, Level, Problem
from asyncfix.outward import Delta, called
from asyncfix.packing import joined

# More changed files than this are not looked at one by one.
_MOST_CHANGED = 100
# Changes of more bytes are not kept: reading them would cost more than it saves.
_LARGEST = 16_000_000
_SECTION, _STATE = "judged", "judged of"


class Judged(NamedTuple):
    """What came of the sites: findings, proven changes, problems, sites that are off."""

    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    suppressed: int = 0


class _Went(NamedTuple):
    """What judging went by."""

    opened: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    called: frozenset[str] = frozenset()
    stubs: tuple[tuple[str, int], ...] = ()
    named: frozenset[str] = frozenset()
    noted: dict[str, Any] = {}  # noqa: RUF012  # never changed where it is empty


class Recall:
    """The judgements of one question, as an earlier run has left them."""

    def __init__(
        self,
        memory: Memory,
        library: Library,
        root: str,
        question: Iterable[Any],
        sites: Mapping[str, Any],
    ) -> None:
        """Ask for what was judged of a project.

        `question` is all that it depends on, which files there are, too; besides what
        they say, their `sites`, the versions of what is installed, and how the project
        is built.
        """
        self._memory = memory
        self._library = library
        self._sites = sites
        self.opened: frozenset[str] = frozenset()
        """The files that were opened for what `find` gave."""
        self.again: list[str] = []
        """The files whose sites have to be judged again, besides what `find` gave."""
        self._went_by = _Went()
        self._off: dict[str, int] = {}
        self._changed: Sequence[str] | None = None
        """The files that are other than `find` knew them; None where all is judged."""
        places = [*sys.path, *(os.path.join(root, each) for each in MARKERS)]
        said = [sys.version, *map(_changed_at, places), *question]
        whole = repr(said).encode("utf-8", "surrogatepass")
        self._key = digest(whole)

    def find(self) -> Judged | None:
        """Give what was judged, as far as it still holds."""
        kept = self._memory.kept(_SECTION)
        try:
            key, went_by, judged, sites, off = kept
            state = self._memory.other_than(_STATE)
            if key != self._key or state is None:
                return None
            opened, words, uses, called, stubs, named, noted = went_by
            sets = frozenset(opened), words, uses, called, stubs, frozenset(named)
            went = _Went(*sets, noted)
            changed = list(state)
            again = {
                path
                for path in {*sites, *self._sites}
                if sites.get(path) != self._sites.get(path)
            }
            again.update(path for path in changed if path in self._sites)
            before = dict(noted)
            if not self._holds(state, changed, went, judged, again):
                return None
            found = _unpacked(judged)
            self.again = sorted(again)
            self._off = {path: n for path, n in off.items() if path not in again}
            self._went_by = went
            self.opened = went.opened
            self._changed = changed
            found = found._replace(
                findings=tuple(f for f in found.findings if f.path not in again),
                suppressed=sum(self._off.values()),
            )
            if changed and not again:
                if noted != before:
                    self._keep(judged, changed)
                elif not self._memory.note_state(_STATE, changed, anew=False):
                    self._memory.keep(_SECTION, None)
            return found
        except (KeyError, AttributeError, TypeError, ValueError):
            self.forget()  # there is none, or it is forged, or of another time
        return None

    def forget(self) -> None:
        """Make nothing of what `find` gave: all has to be judged again."""
        self.again, self._off, self._went_by, self._changed = [], {}, _Went(), None

    def keep(self, judged: Judged, off: Mapping[str, int]) -> bool:
        """Keep what was judged, if it can be; the library knows what it went by.

        `off` tells how many sites are switched off in the files that were judged.
        """
        trace = self._library.trace
        size = sum(len(each.old) + len(each.new) for each in judged.changes)
        if judged.problems or size > _LARGEST:
            return False
        stubs = {name: _changed_at(name) for name in trace.stubs}
        noted = asked(trace, {})
        old = self._went_by
        for path, each in from_plain(old.noted).items():
            noted[path] = each.joined(noted.get(path, Asked()))
        self._went_by = _Went(
            old.opened | trace.opened,
            old.words | trace.words,
            old.uses | trace.uses,
            old.called | trace.called,
            tuple(sorted({*old.stubs, *stubs.items()})),
            old.named | trace.named,
            {path: tuple(each) for path, each in noted.items()},
        )
        self.opened = self._went_by.opened
        self._off.update(off)
        self._keep(_packed(judged), self._changed)
        self._memory.note_read(trace)
        return True

    def _keep(self, judged: Any, changed: Sequence[str] | None) -> None:
        """Keep what was judged; some files have `changed`, or all was judged anew."""
        paths = self._library if changed is None else changed
        if not self._memory.note_state(_STATE, paths, changed is None):
            self._memory.keep(_SECTION, None)
            return
        went = self._went_by
        # Sets that are large as tuples: `marshal` takes long to put one in order.
        opened, named = tuple(sorted(went.opened)), tuple(sorted(went.named))
        went_by = opened, *went[1:5], named, went.noted
        kept = self._key, went_by, judged, dict(self._sites), self._off
        self._memory.keep(_SECTION, kept)

    def _holds(
        self,
        state: Mapping[str, bytes],
        changed: Sequence[str],
        went: _Went,
        judged: Any,
        again: Container[str],
    ) -> bool:
        """Tell whether what was judged of files other than those `again` still holds."""
        if len(changed) > _MOST_CHANGED:
            return False
        mended = {row[1] for row in judged[1]}
        mended.update(fixed[0] for row in judged[1] for fixed in row[5])
        if any(path in again or path in changed for path in mended):
            return False
        deltas: dict[str, Delta] = {}
        for path in changed:
            self._library[path]  # notes what it was
            delta = self._memory.delta(path, state[path])
            if delta is not None and went.named.isdisjoint(delta.names):
                deltas[path] = delta
        others = [row for row in judged[0] if row[0] not in again]
        for path in went.opened.intersection(changed):
            known = from_plain({path: went.noted.get(path, ())})[path]
            if path not in deltas or not self._is_as_it_was(
                path, known, deltas[path], went.called, others
            ):
                return False
        if any(_changed_at(name) != stamp for name, stamp in went.stubs):
            return False
        self._library.trace.stubs.update(name for name, _ in went.stubs)
        if not all(
            self._says_the_same(path, state[path], went, path in deltas)
            for path in changed
        ):
            return False
        for path, delta in deltas.items():
            if path in went.noted:
                known = from_plain({path: went.noted[path]})[path]
                went.noted[path] = tuple(known.renumbered(delta.scopes))
        return True

    def _is_as_it_was(
        self,
        path: str,
        known: Asked,
        delta: Delta,
        names: frozenset[str],
        others: Sequence[Any],
    ) -> bool:
        """Tell whether what was asked of an opened file is as it was."""
        if not self._memory.holds(path, known, delta):
            return False
        old = self._memory.former(path)
        if old is None or called(old, names) != called(self._library[path], names):
            return False
        # Its lines may be told: where a function is called from, for one.
        told = (text for row in others for text in row[6:8])
        return not delta.moved or not any(path in text for text in told)

    def _says_the_same(
        self,
        path: str,
        digest: bytes,
        went: _Went,
        is_quiet: bool,
    ) -> bool:
        new, old = self._library[path], self._memory.former(path)
        if old is None or old.digest != digest:
            return False
        heads = (_head(each, went.words | went.uses, is_quiet) for each in (old, new))
        if next(heads) != next(heads):
            return False
        if old.called & went.called != new.called & went.called:
            return False
        if not all(old.holds(word) == new.holds(word) for word in went.words):
            return False
        if is_quiet:
            return all(old.uses(word) == new.uses(word) for word in went.uses)
        return all(old.holds(word) == new.holds(word) for word in went.uses)


def forget(memory: Memory) -> None:
    """Let nothing be known that was judged of another state of the project."""
    if memory.kept(_SECTION) is not None:
        memory.keep(_SECTION, None)


def _head(facts: Facts, words: frozenset[str], is_quiet: bool) -> tuple[Any, ...]:
    """Give what a head says to others; names of functions are asked for by word.

    What `outward` has compared, or has seen that nobody says, is left out.
    """
    head = facts.head
    functions = joined(sorted(words.intersection(head.plain)))
    if is_quiet:
        lazy = joined(sorted(words.intersection(head.lazy)))
        head = head._replace(waiting=lazy, coroutines=False)
    return head._replace(lines=0, functions=functions)


def _changed_at(folder: str) -> int:
    """Give when a folder of packages changed: other versions may judge otherwise."""
    try:
        return os.stat(folder or os.curdir).st_mtime_ns if folder else 0
    except OSError:
        return 0


def _packed(judged: Judged) -> Any:
    changes = [
        (
            os.fspath(each.path),
            each.shown,
            each.old,
            each.new,
            each.origin,
            tuple(map(_row, each.findings)),
            each.group,
        )
        for each in judged.changes
    ]
    return [*map(_row, judged.findings)], changes, judged.suppressed


def _unpacked(kept: Any) -> Judged:
    findings, changes, suppressed = kept
    return Judged(
        tuple(map(_finding, findings)),
        tuple(
            Change(Path(path), shown, old, new, origin, _findings(cured), group)
            for path, shown, old, new, origin, cured, group in changes
        ),
        (),
        suppressed,
    )


def _row(finding: Finding) -> tuple[Any, ...]:
    values = [getattr(finding, name) for name in Finding._fields]
    return tuple(each.value if isinstance(each, Level) else each for each in values)


def _finding(row: Sequence[Any]) -> Finding:
    path, line, col, codemod, level, *rest = row
    return Finding(path, line, col, codemod, Level(level), *rest)


def _findings(rows: Iterable[Sequence[Any]]) -> tuple[Finding, ...]:
    return tuple(map(_finding, rows))
