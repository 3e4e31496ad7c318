"""Write many files so that nothing is lost, whatever happens, and whenever.

Files of one group land whole or not at all; one that may not be written costs
its group and nothing else. The journal is on the disk before the first write.
First every temporary file is made; then the run is declared to be writing, and
from there on `settle` can finish it as well as take it back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from asyncfix import journal, lock, replaced, settle, state
from asyncfix.journal import Entry, Run
from asyncfix.model import AsyncfixError, Problem, Status
from asyncfix.replaced import Seen


@dataclass(frozen=True, slots=True)
class Write:
    """New bytes for one file, and what it must hold until they are written."""

    path: str
    shown: str
    old: bytes
    new: bytes
    group: str
    status: Status | None = None
    """Its `stat` from when it was read, where it must be the same still."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has written, and what not, and why."""

    run: str = ""
    """The run's name; empty where nothing was written."""
    written: tuple[Write, ...] = ()
    problems: tuple[Problem, ...] = ()
    interrupted: bool = False


def apply(
    root: str, writes: Sequence[Write], command: str, undoes: str = ""
) -> Outcome:
    """Write the files of a project. Files that it must not write are Problems.

    `command` is what the journal calls the run, `undoes` the run that it takes
    back. Raises AsyncfixError, with nothing written, where there is no place
    for a journal, another is writing, or an interrupted run comes first.
    """
    with lock.locked(root), lock.held() as asked:
        if words := settle.notice(root, mine=True):
            raise AsyncfixError(f"{words}; nothing was written")
        try:
            return _Transaction(asked).apply(root, writes, command, undoes)
        except OSError as error:
            raise AsyncfixError(
                f"{error.filename or state.folder()}: {error.strerror}, while the "
                "journal was kept; free the cause, then `asyncfix recover`"
            ) from error


class _Transaction:
    """One run that writes; `asked` tells whether the person wants it to stop."""

    def __init__(self, asked: Callable[[], bool]) -> None:
        self.asked = asked
        self.problems: list[Problem] = []
        self.dropped: set[str] = set()

    def apply(
        self, root: str, writes: Sequence[Write], command: str, undoes: str
    ) -> Outcome:
        seen = self._checked(writes)
        chosen = self._in_order(writes, seen)
        if not chosen or self.asked():
            return self._outcome("", (), writes)
        mark = os.urandom(4).hex()
        files = [
            (_entry(each, seen[each.path], f".asyncfix-{mark}-{number}"), each)
            for number, each in enumerate(chosen)
        ]
        run = journal.begin(
            root, command, [(entry, w.old, w.new) for entry, w in files], undoes
        )
        for entry, each in files:
            if self.asked():
                break
            if each.group not in self.dropped and not entry.in_place:
                self._stage(entry, each, seen[each.path])
        run = self._land(run, files, seen)
        return self._outcome(run.name, run.landed, writes, run.state == journal.DONE)

    # -- before -----------------------------------------------------------------

    def _checked(self, writes: Sequence[Write]) -> dict[str, Seen]:
        """Look at every file; those that may not be written cost their group."""
        seen: dict[str, Seen] = {}
        taken: set[tuple[int, int]] = set()
        for each in writes:
            try:
                found = replaced.look(each.path, len(each.old))
            except OSError as error:
                self._fail(each, error)
                continue
            refusal = _refusal(each, found)
            identity = found.status.st_dev, found.status.st_ino
            if refusal is None and identity in taken and found.status.st_ino:
                refusal = "is the same file as another one of the run", "name one"
            taken.add(identity)
            if refusal is not None:
                self._drop(each.group, Problem(each.shown, 1, *refusal))
            seen[each.path] = found
        return seen

    def _in_order(self, writes: Sequence[Write], seen: dict[str, Seen]) -> list[Write]:
        """Give what can be written: group after group, in place before renames.

        What is written in place can fail for want of room, a rename hardly.
        """
        groups: dict[str, list[Write]] = {}
        for each in writes:
            if each.group not in self.dropped:
                groups.setdefault(each.group, []).append(each)
        return [
            each
            for group in groups.values()
            for each in sorted(group, key=lambda w: not seen[w.path].in_place)
        ]

    def _stage(self, entry: Entry, write: Write, seen: Seen) -> None:
        try:
            replaced.stage(seen, entry.temporary, write.new)
        except OSError as error:
            self._fail(write, error)

    # -- from here on it is writing -----------------------------------------------

    def _land(
        self, run: Run, files: Sequence[tuple[Entry, Write]], seen: dict[str, Seen]
    ) -> Run:
        if self.asked() or not {write.group for _, write in files} - self.dropped:
            self.dropped.update(write.group for _, write in files)
            settle.discard(run.entries)
            return run.close(journal.TAKEN_BACK)
        run = run.now(journal.WRITING, frozenset(self.dropped))
        for entry, write in files:
            if write.group in self.dropped:
                continue
            try:
                if entry.in_place:
                    replaced.write_in_place(seen[write.path], write.new)
                else:
                    replaced.land(seen[write.path], entry.temporary)
            except OSError as error:
                self._fail(write, error)
                run = self._put_back(run, write.group)
        settle.clean(run)
        landed = {each.group for each in run.entries} - self.dropped
        run = run.close(journal.DONE if landed else journal.TAKEN_BACK)
        journal.prune()
        return run

    def _put_back(self, run: Run, group: str) -> Run:
        """Take back what was written of a group, after one of it failed."""
        try:
            run = run.now(journal.WRITING, frozenset(self.dropped))
            for entry in run.entries:
                if entry.group == group:
                    settle.settle_one(run, entry, forward=False)
        except OSError as error:
            raise AsyncfixError(
                f"{error.filename or run.folder}: {error.strerror}, while its group "
                "was taken back; free the cause, then `asyncfix recover`"
            ) from error
        return run

    # -- what became of it ----------------------------------------------------------

    def _fail(self, write: Write, error: OSError) -> None:
        reason = error.strerror or str(error)
        hint = "the file is as it was; free the cause and run again"
        self._drop(
            write.group, Problem(write.shown, 1, f"cannot be written: {reason}", hint)
        )

    def _drop(self, group: str, problem: Problem) -> None:
        self.problems.append(problem)
        self.dropped.add(group)

    def _outcome(
        self,
        name: str,
        landed: Iterable[Entry],
        writes: Sequence[Write],
        done: bool = False,
    ) -> Outcome:
        """Say what was written, and of the rest of a dropped group why it was not."""
        told = {each.path for each in self.problems}
        reasons = {
            w.group: p for p in self.problems for w in writes if w.shown == p.path
        }
        for each in writes:
            if each.group in reasons and each.shown not in told:
                other = reasons[each.group].path
                self.problems.append(
                    Problem(
                        each.shown,
                        1,
                        f"is not written: it goes together with {other}",
                        "the file is as it was; see what is said of the other one",
                    )
                )
        groups = {each.group for each in landed} if done else set()
        return Outcome(
            name if groups else "",
            tuple(each for each in writes if each.group in groups),
            tuple(self.problems),
            self.asked(),
        )


def _refusal(write: Write, found: Seen) -> tuple[str, str] | None:
    moved = write.status is not None and not replaced.same(write.status, found.status)
    if moved or found.data != write.old:
        return "has changed since it was read", "it is not written; run again"
    if not os.access(found.path, os.W_OK):
        return "is read-only", "it is not written; make it writable and run again"
    return None


def _entry(write: Write, seen: Seen, temporary: str) -> Entry:
    nothing = (0, 0, "")
    return Entry(
        seen.path, write.shown, write.group, seen.in_place, temporary, nothing, nothing
    )
