"""Bytes and names that have to be on the disk, and in no one else's eyes."""

from __future__ import annotations

import contextlib
import os

CLOSED = 0  # follow no link, leave nothing open to children
for _flag in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):
    CLOSED |= getattr(os, _flag, 0)


def put(path: str, data: bytes) -> None:
    """Put a file in place, whole, on the disk, for our eyes only. Raises OSError."""
    beside = f"{path}.{os.urandom(4).hex()}.tmp"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | CLOSED, 0o600)
    try:
        try:
            write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(beside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    sync_folder(os.path.dirname(path))


def write_all(handle: int, data: bytes) -> None:
    """Write all of it, however often that takes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def sync_folder(folder: str) -> None:
    """Bring a folder's names to the disk, where the file system can do that."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
