"""One file and its bytes: look at it, put others in their place.

A file is replaced by a temporary one beside it, with its mode, owner and
extended attributes, fsync and rename. Where a rename would cut off other hard
links, or give the file another owner or group, the bytes are written in place instead;
that is safe only while a journal holds the old ones.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from typing import NamedTuple

from asyncfix.disk import write_all
from asyncfix.model import Status

_SAFELY = 0  # follow no link, wait for no pipe, translate no line ends
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
    _SAFELY |= getattr(os, _flag, 0)
_RETRIES = 10


class Seen(NamedTuple):
    """A file as it was found: its real path, its `stat`, its bytes."""

    path: str
    status: os.stat_result
    data: bytes

    @property
    def in_place(self) -> bool:
        """Tell whether a rename would take something from the file."""
        if self.status.st_nlink > 1:
            return True
        if not hasattr(os, "geteuid") or os.geteuid() == 0:
            return False
        groups = (os.getegid(), *os.getgroups())
        return self.status.st_uid != os.geteuid() or self.status.st_gid not in groups


def look(path: str | os.PathLike[str], most: int = -1) -> Seen:
    """Read a file behind any links to it; at most so many bytes and one more.

    Raises OSError where it cannot be read, is no regular file, or changes
    while it is read.
    """
    real = os.path.realpath(path)
    handle = os.open(real, os.O_RDONLY | _SAFELY)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        with os.fdopen(handle, "rb", buffering=0, closefd=False) as file:
            data = file.readall() if most < 0 else file.read(most + 1)
        if not same(status, os.fstat(handle)):
            raise OSError(errno.EBUSY, "somebody writes to it")
    finally:
        os.close(handle)
    return Seen(real, status, data or b"")


def same(one: Status, other: Status) -> bool:
    """Tell whether two looks at a path saw the same file with the same bytes."""
    return all(
        getattr(one, each) == getattr(other, each)
        for each in ("st_dev", "st_ino", "st_size", "st_mtime_ns")
    )


def stage(seen: Seen, temporary: str, data: bytes) -> None:
    """Make the temporary file that will take the place of one. Raises OSError."""
    path = os.path.join(os.path.dirname(seen.path), temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY
    handle = os.open(path, flags, 0o600)
    try:
        write_all(handle, data)
        _like(handle, seen)
        os.fsync(handle)
    finally:
        os.close(handle)


def _like(handle: int, seen: Seen) -> None:
    """Give an open file the owner, attributes and mode of another one."""
    wanted, mine = seen.status, os.fstat(handle)
    if hasattr(os, "fchown") and (
        (wanted.st_uid, wanted.st_gid) != (mine.st_uid, mine.st_gid)
    ):
        os.fchown(handle, wanted.st_uid, wanted.st_gid)
    if hasattr(os, "listxattr"):
        for name in _attributes(seen.path):
            value = os.getxattr(seen.path, name)
            if _attribute(handle, name) != value:
                os.setxattr(handle, name, value)
    if hasattr(os, "fchmod"):
        # After the owner: a change of owner clears the set-id bits.
        os.fchmod(handle, stat.S_IMODE(wanted.st_mode))


def _attributes(path: str) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return []
        raise


def _attribute(handle: int, name: str) -> bytes | None:
    try:
        return os.getxattr(handle, name)
    except OSError:
        return None  # it has none yet


def land(seen: Seen, temporary: str) -> None:
    """Rename the temporary file over the one that was seen. Raises OSError.

    Where the file is not as it was seen any more, it stays.
    """
    _unchanged(seen)
    beside = os.path.join(os.path.dirname(seen.path), temporary)
    for _ in range(_RETRIES if os.name == "nt" else 0):
        with contextlib.suppress(PermissionError):  # open elsewhere for a moment
            os.replace(beside, seen.path)
            return
        time.sleep(0.05)
    os.replace(beside, seen.path)


def write_in_place(seen: Seen, data: bytes) -> None:
    """Write over the bytes of a file that was seen. Raises OSError.

    It may be half written then: `torn` tells, and the journal has the bytes.
    """
    _unchanged(seen)
    handle = os.open(seen.path, os.O_WRONLY | _SAFELY)
    try:
        if os.fstat(handle).st_ino != seen.status.st_ino:
            raise OSError(errno.EBUSY, "somebody has replaced it")
        write_all(handle, data)
        os.ftruncate(handle, len(data))
        os.fsync(handle)
    finally:
        os.close(handle)


def _unchanged(seen: Seen) -> None:
    now = os.lstat(seen.path)
    if not same(now, seen.status) or now.st_ctime_ns != seen.status.st_ctime_ns:
        raise OSError(errno.EBUSY, "somebody has changed it")


def torn(data: bytes, old: bytes, new: bytes) -> bool:
    """Tell whether bytes are what broken-off writes of new over old can leave.

    Or of old over new again: each byte is the old or the new one of its place.
    """
    shorter, longer = sorted((old, new), key=len)
    if not len(shorter) <= len(data) <= len(longer):
        return False
    inside = zip(data, old, new, strict=False)
    return all(byte in (a, b) for byte, a, b in inside) and (
        data[len(shorter) :] == longer[len(shorter) : len(data)]
    )


def staged(path: str, temporary: str) -> bool:
    """Tell whether the temporary file of a file is there."""
    return os.path.lexists(os.path.join(os.path.dirname(path), temporary))


def discard(path: str, temporary: str) -> None:
    """Remove the temporary file of a file, if there is one. Raises OSError."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(os.path.join(os.path.dirname(path), temporary))
