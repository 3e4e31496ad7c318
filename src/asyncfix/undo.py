"""Take back what a run has written, and see to a run that was interrupted.

Taking back is writing: it goes through a transaction of its own, so it can be
interrupted, and undone. A file that was edited since is a conflict; its whole
group stays as it is, unless a three-way merge is asked for and gives an answer.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

from asyncfix import journal, lock, replaced, settle, transaction
from asyncfix.journal import Entry, Run
from asyncfix.model import AsyncfixError, Problem
from asyncfix.settle import Settled
from asyncfix.transaction import Outcome, Write


@dataclass(frozen=True, slots=True)
class Undone:
    """What `undo` has done with the files of a run."""

    run: Run
    outcome: Outcome
    already: int
    """The number of files that had their old bytes."""
    merged: int
    """The number of files whose later edits were kept."""


def undo(root: Path, name: str, merge: bool) -> Undone:
    """Take back a run: the one of this name, else the last that can be.

    Raises AsyncfixError where there is none, or nothing may be written.
    """
    run = _chosen(journal.runs(os.fspath(root)), name)
    taking_back = _TakingBack(run, merge)
    writes, problems = taking_back.writes()
    outcome = Outcome(problems=problems)
    if writes:
        done = transaction.apply(run.root, writes, f"undo {run.name}", run.name)
        outcome = Outcome(
            done.run, done.written, (*problems, *done.problems), done.interrupted
        )
    if not outcome.problems and len(outcome.written) == len(writes):
        _note(run)
    return Undone(run, outcome, taking_back.already, taking_back.merged)


def _chosen(runs: list[Run], name: str) -> Run:
    done = [run for run in runs if run.state == journal.DONE]
    if name:
        for run in runs:
            if run.name == name:
                if run not in done:
                    raise AsyncfixError(f"run {name} is {run.state}, not done")
                return run
        known = ", ".join(run.name for run in done[:5]) or "none"
        raise AsyncfixError(f"there is no run {name!r} here (there is: {known})")
    for run in done:
        if not run.undoes:
            return run
    raise AsyncfixError("there is no run to take back in this project")


def _note(run: Run) -> None:
    """Say that a run is undone; what it had undone itself is in force again."""
    above = os.path.dirname(run.folder)
    try:
        run.now(journal.UNDONE)
        earlier = journal.load(os.path.join(above, run.undoes)) if run.undoes else None
        if earlier is not None and earlier.state == journal.UNDONE:
            earlier.now(journal.DONE)
    except OSError as error:
        raise AsyncfixError(f"{run.folder}: {error.strerror}") from error


class _TakingBack:
    def __init__(self, run: Run, merge: bool) -> None:
        self.run = run
        self.merge = merge
        self.already = 0
        self.merged = 0

    def writes(self) -> tuple[list[Write], tuple[Problem, ...]]:
        """Give what has to be written, and the conflicts."""
        writes: dict[str, list[Write]] = {}
        problems: list[Problem] = []
        dropped: dict[str, str] = {}
        for entry in self.run.landed:
            found = self._write(entry)
            if isinstance(found, Problem):
                problems.append(found)
                dropped.setdefault(entry.group, entry.shown)
            elif found is not None:
                writes.setdefault(entry.group, []).append(found)
        for group, other in dropped.items():
            for each in writes.pop(group, []):
                words = f"is not taken back: it goes together with {other}"
                problems.append(Problem(each.shown, 1, words, "see the other one"))
        return [each for group in writes.values() for each in group], tuple(problems)

    def _write(self, entry: Entry) -> Write | Problem | None:
        old, new = self.run.bytes_of(entry.old), self.run.bytes_of(entry.new)
        try:
            now = replaced.look(entry.path).data
        except OSError as error:
            reason = error.strerror or str(error)
            return Problem(
                entry.shown, 1, f"cannot be taken back: {reason}", "it stays as it is"
            )
        if now == old:
            self.already += 1
            return None
        if now == new:
            return Write(entry.path, entry.shown, now, old, entry.group)
        if not self.merge:
            hint = "it stays as it is; `asyncfix undo --merge` keeps the edits"
            return Problem(entry.shown, 1, "was edited since", hint)
        both = _merged(now, new, old)
        if both is None or (_compiles(now) and not _compiles(both)):
            hint = "it stays as it is; take the change back by hand"
            return Problem(entry.shown, 1, "was edited since, on the same lines", hint)
        self.merged += 1
        return Write(entry.path, entry.shown, now, both, entry.group)


def _merged(now: bytes, base: bytes, other: bytes) -> bytes | None:
    """Make in `now` the changes from `base` to `other`; None for a conflict.

    Raises AsyncfixError where git is not there to do it.
    """
    with tempfile.TemporaryDirectory(prefix="asyncfix-") as folder:
        names = []
        for number, data in enumerate((now, base, other)):
            names.append(os.path.join(folder, str(number)))
            Path(names[-1]).write_bytes(data)
        try:
            # In this folder, so that no repository's configuration is read.
            done = subprocess.run(
                ["git", "merge-file", "-p", "-q", *names],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                env={key: v for key, v in os.environ.items() if key[:4] != "GIT_"},
            )
        except OSError as error:
            raise AsyncfixError(f"--merge needs git: {error.strerror}") from error
    return done.stdout if done.returncode == 0 else None


def _compiles(data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(data, "merged", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


# -- an interrupted run ----------------------------------------------------------


def recover(root: Path, back: bool) -> list[Settled]:
    """See to every interrupted run of the project. Raises AsyncfixError."""
    waiting = [run for run in journal.runs(os.fspath(root)) if journal.is_open(run)]
    return [settle.settle(run, back) for run in waiting]


def notice(root: Path) -> str:
    """Say what should be known of another run that writes, or was interrupted."""
    if lock.is_locked(os.fspath(root)):
        return "another asyncfix is writing in this project right now"
    return settle.notice(os.fspath(root))
