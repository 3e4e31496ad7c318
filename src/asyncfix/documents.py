"""The files of the catalog as they were parsed, kept in the cache of a project.

TOML takes 140 ms a megabyte to parse and check, what `marshal` wrote of it a
twentieth: most of what a run after an edit did was reading what is known of a few
libraries once more.
"""

from __future__ import annotations

import marshal
import os

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from asyncfix.store import Store

# What the blobs are of: the store asks it of each.
_PARSED = b"toml"


class Documents:
    """What TOML files say, by path."""

    def __init__(self, store: Store) -> None:
        """Keep them in this store."""
        self._store = store

    def get(
        self, path: str, parse: Callable[[], Mapping[str, object]]
    ) -> Mapping[str, object]:
        """Give what a file says, as `parse` gives it; that is asked if it has changed.

        Raises OSError where there is no such file, and whatever `parse` does.
        """
        status = os.stat(path)  # before it is read: it may change meanwhile
        if self._store.known(path, status) == _PARSED:
            data = self._store.blob(path, _PARSED)
            try:
                known = marshal.loads(data) if data else None
            except Exception:
                known = None  # forged, though its checksum is right
            if type(known) is dict:
                return known
        document = parse()
        try:
            plain: Any = document
            data = marshal.dumps(plain)
        except ValueError:  # a date, which is no plain data: it will be told of
            return document
        self._store.put(path, status, _PARSED, data)
        return document
