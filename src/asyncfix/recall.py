"""What was judged, kept with all that it went by, for the next run.

A judgement may ask the whole project: who patches a name, who imports a module,
who calls a function. So what it asked is noted (`Trace`): the files that were
opened, the words that all others were searched for, and the names by which they were
searched for calls. After a change it still holds if no opened file has changed, and if
those that have say the same in their heads (imports, other names of things, ...), hold
the same of these words, and call by the same of these names. Of a
file that was opened it is enough if the little that was asked of it is as it was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from asyncfix.alike import MOVED, SAME, narrowly_alike
from asyncfix.digest import digest
from asyncfix.facts import Facts
from asyncfix.gather import MARKERS
from asyncfix.library import Library
from asyncfix.memory import Memory
from asyncfix.model import Change, Finding, Level, Problem
from asyncfix.packing import joined

# More changed files than this are not looked at one by one.
_MOST_CHANGED = 100
# Changes of more bytes are not kept: reading them would cost more than it saves.
_LARGEST = 16_000_000
_SECTION = "judged"


class Judged(NamedTuple):
    """What came of the sites: findings, proven changes, problems, sites that are off."""

    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    suppressed: int = 0


class Recall:
    """The judgements of one question, as an earlier run has left them."""

    def __init__(
        self, memory: Memory, library: Library, root: str, question: Iterable[Any]
    ) -> None:
        """Ask for what was judged of a project.

        `question` is all that it depends on besides the files, the versions of what is
        installed, and how the project is built.
        """
        self._memory = memory
        self._library = library
        self.opened: frozenset[str] = frozenset()
        """The files that were opened for what `find` gave."""
        places = [*sys.path, *(os.path.join(root, each) for each in MARKERS)]
        said = [sys.version, *map(_changed_at, places), *question]
        whole = repr(said).encode("utf-8", "surrogatepass")
        self._key = digest(whole)

    def find(self) -> Judged | None:
        """Give what was judged, if it still holds."""
        kept = self._memory.kept(_SECTION)
        try:
            key, state, asked, judged = kept
            opened, words, called, stubs, narrow = asked
            if key != self._key or state.keys() != dict.fromkeys(self._library).keys():
                return None
            digest = self._memory.digest
            changed = [path for path, old in state.items() if old != digest(path)]
            if len(changed) > _MOST_CHANGED:
                return None
            if not {row[1] for row in judged[1]}.isdisjoint(changed):
                return None
            for path in opened.intersection(changed):
                if not self._is_alike(path, state[path], narrow, called, judged):
                    return None
            if any(_changed_at(name) != stamp for name, stamp in stubs):
                return None
            self._library.trace.stubs.update(name for name, _ in stubs)
            if all(
                self._says_the_same(path, state[path], words, called)
                for path in changed
            ):
                found = _unpacked(judged)
                if changed:
                    self._keep(judged, asked)
                self.opened = opened
                return found
        except (KeyError, AttributeError, TypeError, ValueError):
            pass  # there is none, or it is forged, or of another time
        return None

    def keep(self, judged: Judged) -> bool:
        """Keep what was judged, if it can be; the library knows what it went by."""
        trace = self._library.trace
        size = sum(len(each.old) + len(each.new) for each in judged.changes)
        if judged.problems or size > _LARGEST:
            return False
        asked = (
            frozenset(trace.opened),
            frozenset(trace.words),
            frozenset(trace.called),
            tuple((name, _changed_at(name)) for name in sorted(trace.stubs)),
            trace.narrow(),
        )
        self._keep(_packed(judged), asked)
        self._memory.note_read(trace)
        return True

    def _keep(self, judged: Any, asked: tuple[Any, ...]) -> None:
        state = {path: self._memory.digest(path) for path in self._library}
        if None not in state.values():
            self._memory.keep(_SECTION, (self._key, state, asked, judged))

    def _is_alike(
        self,
        path: str,
        digest: bytes,
        narrow: Mapping[str, tuple[int, ...]],
        called: frozenset[str],
        judged: Any,
    ) -> bool:
        """Tell whether the little that was asked of an opened file is as it was."""
        old = self._memory.former(path)
        if path not in narrow or old is None or old.digest != digest:
            return False
        new = self._library[path]
        how = narrowly_alike(old, new, frozenset(narrow[path]), called)
        if how == MOVED:
            # Its lines may be told: where a function is called from, for one.
            return not any(path in text for row in judged[0] for text in row[6:8])
        return how == SAME

    def _says_the_same(
        self, path: str, digest: bytes, words: frozenset[str], called: frozenset[str]
    ) -> bool:
        new = self._library[path]  # before the old one: that notes what it was
        old = self._memory.former(path)
        if old is None or old.digest != digest:
            return False
        if _head(old, words) != _head(new, words):
            return False
        if old.called & called != new.called & called:
            return False
        return all(old.holds(word) == new.holds(word) for word in words)


def _head(facts: Facts, words: frozenset[str]) -> tuple[Any, ...]:
    """Give what a head says to others; names of functions are asked for by word."""
    head = facts.head
    asked = joined(sorted(words.intersection(head.plain)))
    return head._replace(lines=0, functions=asked)


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
