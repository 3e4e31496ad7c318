"""Be the only one who writes in a project, and be let finish what must be whole."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from asyncfix import disk, state
from asyncfix.model import AsyncfixError


@contextlib.contextmanager
def locked(root: str) -> Iterator[None]:
    """Be the only one who writes in a project.

    Raises AsyncfixError where another is at it, or where there is no place for
    journals.
    """
    above = state.project(root)
    try:
        os.makedirs(state.folder(), 0o700, exist_ok=True)
        os.makedirs(above, 0o700, exist_ok=True)
        for each in (state.folder(), above):
            _trust(each)
        path = os.path.join(above, "lock")
        handle = os.open(path, os.O_RDWR | os.O_CREAT | disk.CLOSED, 0o600)
    except OSError as error:
        raise AsyncfixError(unkept(error)) from error
    try:
        _take(handle)
        yield
    finally:
        os.close(handle)  # which gives up the lock


def _take(handle: int) -> None:
    """Take the lock, and say in it who has it. Raises AsyncfixError."""
    try:
        _lock(handle)
        os.ftruncate(handle, 0)
        disk.write_all(handle, str(os.getpid()).encode())
    except BlockingIOError:
        holder = os.read(handle, 20).decode("ascii", "replace")
        raise AsyncfixError(
            f"another asyncfix (process {holder}) is writing in this project; "
            "nothing was written; run again when it is done"
        ) from None
    except OSError as error:
        raise AsyncfixError(unkept(error)) from error


def is_locked(root: str) -> bool:
    """Tell whether somebody is writing in the project right now."""
    path = os.path.join(state.project(root), "lock")
    try:
        handle = os.open(path, os.O_RDWR | disk.CLOSED)
    except OSError:
        return False
    try:
        _lock(handle)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


if sys.platform == "win32":

    def _lock(handle: int) -> None:
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from error

else:

    def _lock(handle: int) -> None:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _trust(path: str) -> None:
    """Raise OSError for a folder of ours that others could change."""
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise OSError(f"{path} is no folder")
    if hasattr(os, "geteuid"):
        if status.st_uid != os.geteuid():
            raise OSError(f"{path} belongs to another user")
        if status.st_mode & 0o077:
            raise OSError(f"{path} is open to others")


def unkept(error: OSError) -> str:
    """Say that there is no place for a journal, and why."""
    reason = error.strerror or str(error)
    return (
        f"the old bytes cannot be kept in {state.folder()}: {reason}; nothing was "
        "written; XDG_STATE_HOME can name another place"
    )


@contextlib.contextmanager
def held() -> Iterator[Callable[[], bool]]:
    """Let SIGINT and SIGTERM wait; gives what tells whether one has come."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            if handler is not None:  # one that Python has not set
                signal.signal(number, handler)
