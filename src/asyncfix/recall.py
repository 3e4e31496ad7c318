"""What was judged, kept with all that it went by, for the next run.

A judgement may ask the whole project: who patches a name, who imports a module,
who calls a function. So what it asked is noted (`Trace`): the files that were
opened, the words that all others were searched for, and the names by which they were
searched for calls. After a change it still holds if no opened file has changed, and if
those that have say the same in their heads (imports, other names of things, ...), hold
the same of these words, and call by the same of these names. Of a file that was opened
it is enough if what was asked of it is as it was (`asked`, `outward`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
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
            key, state, went_by, judged = kept
            opened, words, uses, names, stubs, named, noted = went_by
            if key != self._key or state.keys() != dict.fromkeys(self._library).keys():
                return None
            digest = self._memory.digest
            changed = [path for path, old in state.items() if old != digest(path)]
            if len(changed) > _MOST_CHANGED:
                return None
            if not {row[1] for row in judged[1]}.isdisjoint(changed):
                return None
            known = from_plain({path: noted[path] for path in changed if path in noted})
            deltas: dict[str, Delta] = {}
            for path in changed:
                self._library[path]  # notes what it was
                delta = self._memory.delta(path, state[path])
                if delta is not None and named.isdisjoint(delta.names):
                    deltas[path] = delta
            for path in opened.intersection(changed):
                if path not in deltas or not self._is_as_it_was(
                    path, known.get(path, Asked()), deltas[path], names, judged
                ):
                    return None
            if any(_changed_at(name) != stamp for name, stamp in stubs):
                return None
            self._library.trace.stubs.update(name for name, _ in stubs)
            if all(
                self._says_the_same(
                    path, state[path], (words, uses, names), path in deltas
                )
                for path in changed
            ):
                found = _unpacked(judged)
                for path, each in known.items():
                    if path in deltas:
                        noted[path] = tuple(each.renumbered(deltas[path].scopes))
                if changed:
                    self._keep(judged, went_by)
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
        went_by = (
            frozenset(trace.opened),
            frozenset(trace.words),
            frozenset(trace.uses),
            frozenset(trace.called),
            tuple((name, _changed_at(name)) for name in sorted(trace.stubs)),
            frozenset(trace.named),
            {path: tuple(each) for path, each in asked(trace, {}).items()},
        )
        self._keep(_packed(judged), went_by)
        self._memory.note_read(trace)
        return True

    def _keep(self, judged: Any, went_by: tuple[Any, ...]) -> None:
        state = {path: self._memory.digest(path) for path in self._library}
        if None not in state.values():
            self._memory.keep(_SECTION, (self._key, state, went_by, judged))

    def _is_as_it_was(
        self,
        path: str,
        known: Asked,
        delta: Delta,
        names: frozenset[str],
        judged: Any,
    ) -> bool:
        """Tell whether what was asked of an opened file is as it was."""
        if not self._memory.holds(path, known, delta):
            return False
        old = self._memory.former(path)
        if old is None or called(old, names) != called(self._library[path], names):
            return False
        # Its lines may be told: where a function is called from, for one.
        told = (text for row in judged[0] for text in row[6:8])
        return not delta.moved or not any(path in text for text in told)

    def _says_the_same(
        self,
        path: str,
        digest: bytes,
        asked: tuple[frozenset[str], frozenset[str], frozenset[str]],
        is_quiet: bool,
    ) -> bool:
        words, uses, names = asked
        new, old = self._library[path], self._memory.former(path)
        if old is None or old.digest != digest:
            return False
        heads = (_head(each, words | uses, is_quiet) for each in (old, new))
        if next(heads) != next(heads):
            return False
        if old.called & names != new.called & names:
            return False
        if not all(old.holds(word) == new.holds(word) for word in words):
            return False
        if is_quiet:
            return all(old.uses(word) == new.uses(word) for word in uses)
        return all(old.holds(word) == new.holds(word) for word in uses)


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
