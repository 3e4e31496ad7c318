"""Say again what was said before an edit, where the edit is nothing to anybody.

The answer was made from a state of the project's cache, which still is there. A file
that has changed since is scanned, and compared with the facts that the cache has of it
(`alike`). Whether a file may change at all without another answer was found out by the
run that gave it: nobody has read its source, and nothing of it is told.

This module is on the way of a run after an edit: it imports next to nothing at first.
"""

from __future__ import annotations

from stat import S_ISREG

from asyncfix.digest import digest as digest_of
from asyncfix.store import Store

# As in `model`, which takes long to import.
_UNSEEN = 2
# A larger file may be over a limit of the run, or has to be scanned apart.
_LARGEST = 500_000
TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from asyncfix.replay import Answer, Replay


def answer(replay: Replay) -> Answer | None:
    """Give what the same command said before, if its files changed for nobody.

    All of them are compared with one state: none of them knows what others gained.
    """
    if not replay.changed or replay.base is None:
        return None
    root, key, mark = replay.base
    renewed = replay.renewed()
    before = dict(renewed)
    for path, (status, how_far) in replay.changed.items():
        stamp, digest = renewed.get(path, (None, b""))
        now = replay.stamp(status)
        if now is not None and now == stamp:
            continue
        data = _read(path) if S_ISREG(status.st_mode) else None
        if data is None:
            return None
        found = digest_of(data)
        if found != digest:
            if replay.cache is None:
                replay.cache = Store(root, key)
            if not mark or replay.cache.mark != mark:
                return None
            if not _says_the_same(replay, path, data, found, how_far):
                return None
        renewed[path] = now, found
    if renewed != before:
        replay.renew(renewed)
    return replay.answer


def _says_the_same(
    replay: Replay, path: str, data: bytes, digest: bytes, how_far: int
) -> bool:
    """Tell whether a file says the same to all others as when the cache was made."""
    last = replay.cache.last(path) if replay.cache else None
    if last is None:
        return False
    if last[0] == digest:
        return True
    from asyncfix.alike import DIFFERENT, MOVED, alike
    from asyncfix.facts import Facts
    from asyncfix.model import Problem
    from asyncfix.scan import scan

    scanned = scan(path, data)
    if isinstance(scanned, Problem):
        return False
    replay.scanned[path] = scanned[0]
    how = alike(Facts(path, *last), scanned[0])
    return how != DIFFERENT and (how != MOVED or bool(how_far & _UNSEEN))


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        return None
    return data if len(data) <= _LARGEST else None
