"""The journal of a run that writes: what was there before, and what comes.

One folder for each run, of the person's own and closed to others:

    blobs          the old and the new bytes of every file, one after the other
    manifest.json  who, where, when; for each file its path, its group, its way
                   of writing, and where its bytes are in `blobs`
    state.json     how far the run got; replaced whole, never changed

The project's folder of runs holds a file `open` with the name of the run that
is writing, and a `lock`. Everything is on the disk (fsync) before the first
byte of the project is touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from asyncfix import disk, lock, state
from asyncfix.model import AsyncfixError

# States. Only a run in one of the first two can be found interrupted.
STAGING = "staging"
WRITING = "writing"
DONE = "done"
TAKEN_BACK = "taken back"
UNDONE = "undone"

_FORMAT = 1
_DAY = 86_400
_MOST_DAYS = 30
_MOST_DAYS_OF_THE_LAST = 365
_MOST_BYTES = 500_000_000
_MANIFEST = "manifest.json"
_STATE = "state.json"
_BLOBS = "blobs"
_OPEN = "open"
_LARGEST_TEXT = 500_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a run: the real path, and how its bytes are replaced."""

    path: str
    shown: str
    group: str
    in_place: bool
    temporary: str
    """The name of the temporary file, in the folder of the file."""
    old: tuple[int, int, str]
    """Offset and length in the blobs, SHA-256."""
    new: tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its journal has it. The entries stand in the order of writing."""

    folder: str
    root: str
    command: str
    started: float
    undoes: str
    entries: tuple[Entry, ...]
    state: str = STAGING
    dropped: frozenset[str] = frozenset()
    """Groups that could not be written and were put back."""

    @property
    def name(self) -> str:
        """Give the name by which people call the run."""
        return os.path.basename(self.folder)

    @property
    def landed(self) -> tuple[Entry, ...]:
        """Give the entries that were written, once the run is done."""
        return tuple(each for each in self.entries if each.group not in self.dropped)

    def bytes_of(self, place: tuple[int, int, str]) -> bytes:
        """Give the kept bytes. Raises AsyncfixError where they are damaged."""
        offset, length, digest = place
        try:
            with open(os.path.join(self.folder, _BLOBS), "rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise AsyncfixError(f"{self.folder}: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise AsyncfixError(f"{self.folder}: the journal is damaged")
        return data

    def now(self, state: str, dropped: frozenset[str] | None = None) -> Run:
        """Give the run in another state, which is on the disk. Raises OSError."""
        moved = replace(
            self, state=state, dropped=self.dropped if dropped is None else dropped
        )
        said = {"state": moved.state, "dropped": sorted(moved.dropped)}
        disk.put(os.path.join(self.folder, _STATE), json.dumps(said).encode())
        return moved

    def close(self, state: str) -> Run:
        """End the run: it is no longer open. Raises OSError."""
        moved = self.now(state)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_marker(self.folder))
        disk.sync_folder(os.path.dirname(self.folder))
        return moved


def begin(
    root: str, command: str, files: Sequence[tuple[Entry, bytes, bytes]], undoes: str
) -> Run:
    """Write the journal of a run, and mark it as open. The lock is held.

    `files` are the entries, whose places are filled in here, with old and new
    bytes. Raises AsyncfixError where the journal cannot be kept: nothing else
    has happened then.
    """
    above = state.project(root)
    started = time.time()
    name = time.strftime("%Y%m%d-%H%M%S", time.localtime(started))
    run: Run | None = None
    try:
        folder = _fresh(above, name)
        run = Run(folder, os.path.realpath(root), command, started, undoes, ())
        entries = _write_blobs(os.path.join(folder, _BLOBS), files)
        run = replace(run, entries=entries)
        disk.put(os.path.join(folder, _MANIFEST), _manifest(run))
        run = run.now(STAGING)
        disk.sync_folder(above)
        disk.put(_marker(folder), run.name.encode())
    except OSError as error:
        if run is not None:
            shutil.rmtree(run.folder, ignore_errors=True)
        raise AsyncfixError(lock.unkept(error)) from error
    return run


def _fresh(above: str, name: str) -> str:
    for number in range(1, 1000):
        folder = os.path.join(above, f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
            return folder
    raise OSError("no name is left for a journal")


def _write_blobs(
    path: str, files: Sequence[tuple[Entry, bytes, bytes]]
) -> tuple[Entry, ...]:
    entries = []
    offset = 0
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | disk.CLOSED, 0o600)
    try:
        for entry, old, new in files:
            places = []
            for data in (old, new):
                disk.write_all(handle, data)
                digest = hashlib.sha256(data).hexdigest()
                places.append((offset, len(data), digest))
                offset += len(data)
            entries.append(replace(entry, old=places[0], new=places[1]))
        os.fsync(handle)
    finally:
        os.close(handle)
    return tuple(entries)


def _manifest(run: Run) -> bytes:
    fields = ("path", "shown", "group", "in_place", "temporary", "old", "new")
    said = {
        "format": _FORMAT,
        "root": run.root,
        "command": run.command,
        "started": run.started,
        "undoes": run.undoes,
        "files": [
            {field: getattr(each, field) for field in fields} for each in run.entries
        ],
    }
    return json.dumps(said, indent=1).encode()


# -- reading -----------------------------------------------------------------


def load(folder: str) -> Run | None:
    """Read a run's journal; None where it is none, or not whole."""
    try:
        said = _read_json(os.path.join(folder, _MANIFEST))
        moved = _read_json(os.path.join(folder, _STATE))
        if said["format"] != _FORMAT:
            return None
        entries = tuple(
            Entry(**{**each, "old": tuple(each["old"]), "new": tuple(each["new"])})
            for each in said["files"]
        )
        return Run(
            folder,
            said["root"],
            said["command"],
            said["started"],
            said["undoes"],
            entries,
            moved["state"],
            frozenset(moved["dropped"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def runs(root: str) -> list[Run]:
    """Give the runs of projects that hold this folder or lie in it, newest first."""
    here = os.path.realpath(root)
    found = []
    for above in _folders(state.folder()):
        for folder in _folders(above):
            run = load(folder)
            if run is not None and (_below(here, run.root) or _below(run.root, here)):
                found.append(run)
    return sorted(found, key=lambda run: (run.started, run.name), reverse=True)


def opened(root: str) -> Run | None:
    """Give the run that is open in the project, by its marker."""
    return _marked(state.marker(root))


def _marked(marker: str) -> Run | None:
    try:
        with open(marker, encoding="utf-8") as file:
            name = file.read(200)
    except OSError:
        return None
    return load(os.path.join(os.path.dirname(marker), os.path.basename(name)))


def waiting(root: str) -> list[Run]:
    """Give the runs, in folders that hold this one or lie in it, that did not end.

    A folder in a project may be a project of its own, with its own journals.
    """
    here = os.path.realpath(root)
    found = []
    for above in _folders(state.folder()):
        if os.path.lexists(os.path.join(above, _OPEN)):
            run = _marked(os.path.join(above, _OPEN))
            if run is not None and run.state in (STAGING, WRITING):
                if _below(here, run.root) or _below(run.root, here):
                    found.append(run)
    return found


def is_open(run: Run) -> bool:
    """Tell whether the marker still names the run."""
    return os.path.lexists(_marker(run.folder)) and (
        (found := opened(run.root)) is not None and found.name == run.name
    )


def _below(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def _folders(above: str) -> list[str]:
    try:
        with os.scandir(above) as entries:
            return sorted(each.path for each in entries if each.is_dir())
    except OSError:
        return []


def _read_json(path: str) -> Any:  # whatever the file says; `load` looks at it
    with open(path, "rb") as file:
        return json.loads(file.read(_LARGEST_TEXT))


def _marker(folder: str) -> str:
    return os.path.join(os.path.dirname(folder), _OPEN)


# -- old ones --------------------------------------------------------------------


def prune(now: float | None = None) -> None:
    """Remove journals that are old, or more than there is room for.

    A file that a killed run has left half made beside them goes, too.

    The newest of each project stays for a year, and for good does one that is
    open. Never raises: what could not be removed is the next run's.
    """
    moment = time.time() if now is None else now
    room = _MOST_BYTES
    found: list[tuple[float, str, bool, bool]] = []
    for above in _folders(state.folder()):
        folders = _folders(above)
        ages = sorted(((_age(each), each) for each in folders), reverse=True)
        marked = os.path.lexists(os.path.join(above, _OPEN))
        for path in [] if marked else _leftovers(above):
            with contextlib.suppress(OSError):
                os.unlink(path)
        for position, (started, folder) in enumerate(ages):
            found.append((started, folder, position == 0, marked))
    for started, folder, last, marked in sorted(found, reverse=True):
        room -= _size(folder)
        days = _MOST_DAYS_OF_THE_LAST if last else _MOST_DAYS
        full = room < 0 and not last
        if not marked and (full or started < moment - days * _DAY):
            shutil.rmtree(folder, ignore_errors=True)


def _leftovers(above: str) -> list[str]:
    try:
        with os.scandir(above) as entries:
            return [each.path for each in entries if each.name.endswith(".tmp")]
    except OSError:
        return []


def _age(folder: str) -> float:
    try:
        return os.stat(folder).st_mtime
    except OSError:
        return 0.0


def _size(folder: str) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(each.stat().st_size for each in entries)
    except OSError:
        return 0
