"""What to do with a run that was interrupted while it wrote: finish it, or take it back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncfix import disk, journal, lock, replaced
from asyncfix.journal import Entry, Run
from asyncfix.model import AsyncfixError
from asyncfix.replaced import Seen


def interrupted() -> str:
    """Say that an interrupted run has to be seen to, and how."""
    return (
        "an earlier run was interrupted while it wrote: `asyncfix recover` finishes "
        "it, `asyncfix recover --back` takes it back"
    )


def notice(root: str, mine: bool = False) -> str:
    """Say what should be known of a run that has not ended; "" where there is none.

    `mine` tells that this process is the one that may write in `root`.
    """
    for run in journal.waiting(root):
        if not (mine and run.root == os.path.realpath(root)):
            if lock.is_locked(run.root):
                return "another asyncfix is writing in this project right now"
        return interrupted()
    return ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an interrupted run."""

    run: Run
    forward: tuple[Entry, ...]
    """The files that have their new bytes now."""
    back: tuple[Entry, ...]
    """The files that have their old bytes now."""
    edited: tuple[Entry, ...]
    """The files that were edited since; they were left alone."""


def settle(run: Run, back: bool) -> Settled:
    """Finish an interrupted run, or take it back. Raises AsyncfixError.

    A run that had not begun to write is taken back in any case. A file that
    was edited since is left alone; if its new bytes had not been written, its
    whole group is taken back.
    """
    with lock.locked(run.root), lock.held():
        try:
            return _settle(journal.load(run.folder) or run, back)
        except OSError as error:
            raise AsyncfixError(
                f"{error.filename or run.folder}: {error.strerror}; free the cause, "
                "then `asyncfix recover` again"
            ) from error


def _settle(run: Run, back: bool) -> Settled:
    if run.state == journal.STAGING:
        discard(run.entries)
        return Settled(run.close(journal.TAKEN_BACK), (), run.entries, ())
    if run.state != journal.WRITING:  # all was done but to say so
        return Settled(run.close(run.state), run.landed, (), ())
    forward: list[Entry] = []
    restored: list[Entry] = []
    edited: list[Entry] = []
    groups: dict[str, list[Entry]] = {}
    for each in run.entries:
        groups.setdefault(each.group, []).append(each)
    for group, entries in groups.items():
        wanted = not back and group not in run.dropped and _may_go_on(run, entries)
        for entry in entries:
            if settle_one(run, entry, wanted):
                (forward if wanted else restored).append(entry)
            else:
                edited.append(entry)
        if not wanted:
            run = run.now(run.state, run.dropped | {group})
    clean(run)
    return Settled(
        run.close(journal.DONE if forward else journal.TAKEN_BACK),
        tuple(forward),
        tuple(restored),
        tuple(edited),
    )


def _may_go_on(run: Run, entries: Sequence[Entry]) -> bool:
    """Tell whether a group can be finished, though a file of it may be edited.

    It can if what was edited were the new bytes. A rename has taken the
    temporary file away; of a write in place only a later one tells.
    """
    states = [_state(run, each)[0] for each in entries]
    for position, (entry, found) in enumerate(zip(entries, states, strict=True)):
        if found != "edited":
            continue
        if entry.in_place:
            written = "new" in states[position + 1 :]
        else:
            written = not replaced.staged(entry.path, entry.temporary)
        if not written:
            return False
    return True


def _state(run: Run, entry: Entry) -> tuple[str, Seen | None]:
    """Tell what a file holds: "old", "new", "torn", or "edited" by somebody."""
    try:
        seen = replaced.look(entry.path)
    except OSError:
        if os.path.lexists(entry.path) and not os.access(entry.path, os.R_OK):
            raise
        return "edited", None
    old, new = run.bytes_of(entry.old), run.bytes_of(entry.new)
    if seen.data in (old, new):
        return ("new" if seen.data == new else "old"), seen
    if entry.in_place and replaced.torn(seen.data, old, new):
        return "torn", seen
    return "edited", seen


def settle_one(run: Run, entry: Entry, forward: bool) -> bool:
    """Give a file its new or its old bytes; False where it was edited.

    Raises OSError where it cannot be written.
    """
    found, seen = _state(run, entry)
    if found == "edited" or seen is None:
        return False
    if found != ("new" if forward else "old"):
        data = run.bytes_of(entry.new if forward else entry.old)
        replaced.discard(entry.path, entry.temporary)
        if entry.in_place:
            replaced.write_in_place(seen, data)
        else:
            replaced.stage(seen, entry.temporary, data)
            replaced.land(seen, entry.temporary)
    return True


def discard(entries: Iterable[Entry]) -> None:
    """Remove temporary files that are left; one that stays is no failure."""
    for each in entries:
        with contextlib.suppress(OSError):
            replaced.discard(each.path, each.temporary)


def clean(run: Run) -> None:
    """Leave nothing behind, and bring the names of the files to the disk."""
    discard(run.entries)
    for folder in sorted({os.path.dirname(each.path) for each in run.entries}):
        disk.sync_folder(folder)
