"""Where caches are kept, who may read them, and how bytes get into them."""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from collections.abc import Callable

# Follow no link, wait for no pipe, translate no line ends.
SAFELY = 0
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
    SAFELY |= getattr(os, _flag, 0)


def chosen(asked: str | None) -> str:
    """Give the folder of the caches, empty for none. Raises OSError."""
    if asked is None:
        asked = os.environ.get("ASYNCFIX_CACHE_DIR")
    if asked is not None:
        return "" if asked in ("", "off") else os.path.abspath(asked)
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # others are to be ignored, says its specification
        return os.path.join(base, "asyncfix")
    home = "~/.cache/asyncfix"
    if sys.platform == "win32":
        home = os.path.join(os.environ.get("LOCALAPPDATA", ""), "asyncfix", "cache")
    elif sys.platform == "darwin":
        home = "~/Library/Caches/asyncfix"
    home = os.path.expanduser(home)
    return home if os.path.isabs(home) else ""


def trust(path: str, status: os.stat_result, kind: int, closed: int) -> None:
    """Raise OSError where a file or folder is not of this kind, or not ours alone.

    `closed` are the bits of the mode that must not be set.
    """
    mode = status.st_mode
    if stat.S_IFMT(mode) != kind:
        what = "a symbolic link" if stat.S_ISLNK(mode) else "something else"
        raise OSError(f"{path} is {what}")
    if hasattr(os, "geteuid"):  # Windows keeps others out of a person's folders
        if status.st_uid != os.geteuid():
            raise OSError(f"{path} belongs to another user")
        if mode & closed:
            raise OSError(f"{path} is open to others, its mode is {mode & 0o777:o}")


def quietly(call: Callable[..., object], *arguments: object) -> None:
    """Try what may fail: it was somebody else's turn, or is the next run's."""
    try:
        call(*arguments)
    except OSError:
        return


def write_all(target: int, data: bytes) -> None:
    """Write all of it. Raises OSError where only a part can be."""
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
