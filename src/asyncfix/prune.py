"""What nobody uses goes from the folder of the caches."""

from __future__ import annotations

import os
import time

_DAY = 86_400
_LARGEST_FOLDER = 1_000_000_000


def prune(folder: str, name: str, size: int) -> None:
    """Remove what nobody uses from the folder, and the oldest of too much.

    `name` is the cache that is in use, of `size` bytes. Another key's cache of the same
    project is given a week: who runs two Pythons in turn has two. Raises OSError where
    the folder is gone.
    """
    now = time.time()
    total = size
    rest = []
    with os.scandir(folder) as found:
        for each in found:
            if each.name == name or not _is_ours(each.name):
                continue
            status = each.stat(follow_symlinks=False)
            if each.name.endswith(".tmp"):
                days = 1 / 24  # its writer was killed; a write takes no hour
            else:
                days = 7 if each.name[:32] == name[:32] else 30
                rest.append((status.st_mtime, status.st_size, each.path))
                total += status.st_size
            if now - status.st_mtime > days * _DAY:
                _unlink(each.path)
    for _, length, path in sorted(rest):
        if total <= _LARGEST_FOLDER:
            break
        _unlink(path)
        total -= length


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # it was somebody else's turn, or is the next run's


def _is_ours(name: str) -> bool:
    stem, suffix, rest = name.partition(".cache")
    named = len(stem) == 65 and set(stem) <= set("-0123456789abcdef")
    return named and suffix != "" and (not rest or rest[-4:] == ".tmp")
