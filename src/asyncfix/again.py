"""Take up the work where an earlier run of the same command began it.

Where only the content of source files has changed, the command line, the configuration
and the list of files lead to the same as before: all of them are kept, and neither read
nor walked again.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from stat import S_ISREG
from typing import Any

from asyncfix.ending import ends
from asyncfix.model import Opening, Settings, Since
from asyncfix.replay import Replay


def began(replay: Replay) -> tuple[Settings, dict[str, Any], Since] | None:
    """Give how the command began before, and what has changed since.

    None where it has to begin at the beginning.
    """
    if not replay.in_place:
        return None
    try:
        said, options, counts, rest = replay.opened()
        settings = Settings(*said)
        paths, root = tuple(map(Path, settings.paths)), Path(settings.root)
        settings = settings._replace(paths=paths, root=root)
        files, around = replay.sources(*counts)
        opening = Opening(files, around, *rest)
        if not all(S_ISREG(os.lstat(path).st_mode) for path in replay.edited):
            return None
    except (OSError, TypeError, ValueError):
        return None
    edited = frozenset(replay.edited)
    since = Since(opening, edited, replay.base, replay.cache, replay.scanned)
    return settings, options, since


def taken_up(replay: Replay) -> int | None:
    """Do what the command asks for; None where it has to begin at the beginning."""
    if sys.stdout.isatty() or sys.stderr.isatty():
        return None  # it is shown colours, and how far the work is
    found = began(replay)
    if found is None:
        return None
    settings, options, since = found
    from asyncfix import engine, outcome, registry

    try:
        with ends("; nothing was written"):
            codemods = registry.installed()
            known = {**replay.statuses, **replay.edited}
            result = engine.run(settings, codemods, known=known, since=since)
            return outcome.keep(replay, result, settings, options, taken_up=True)
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # Who reads has gone; https://docs.python.org/3/library/signal.html#note-on-sigpipe
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):  # or what is left in them would fail once more
            os.dup2(nowhere, stream)
        return 1
