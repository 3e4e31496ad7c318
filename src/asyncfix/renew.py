"""Say again what was said before an edit, where the edit is nothing to anybody.

The answer was made from a state of the project's cache, which still is there. A file
that has changed since is compared with what the cache knows of it (`grown`).

This module is on the way of a run after an edit: it imports next to nothing.
"""

from __future__ import annotations

from stat import S_ISREG

from asyncfix.grown import LARGEST, digest_of, unnoticed
from asyncfix.store import Store

# As in `model`, which takes long to import.
_UNREAD, _UNSEEN = 2, 4
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
    store: Store | None = None
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
            if store is None:
                store = Store(root, key)
            if not mark or store.mark != mark:
                return None
            if (
                found != store.digest(path)
                and unnoticed(store, path, data) is None
                and not _says_the_same(store, path, data, how_far)
            ):
                return None
        renewed[path] = now, found
    if renewed != before:
        replay.renew(renewed)
    return replay.answer


def _says_the_same(store: Store, path: str, data: bytes, how_far: int) -> bool:
    """Tell whether the facts of a file say the same, if it may change at all."""
    last = how_far & _UNREAD and store.last(path)
    if not last:
        return False
    from asyncfix.alike import DIFFERENT, MOVED, alike
    from asyncfix.facts import Facts
    from asyncfix.scan import scan

    scanned = scan(path, data)
    if not isinstance(scanned, tuple):
        return False
    how = alike(Facts(path, *last), scanned[0])
    return how != DIFFERENT and (how != MOVED or bool(how_far & _UNSEEN))


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return None
    return data if len(data) <= LARGEST else None
