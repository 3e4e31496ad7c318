"""Stage 8, deliver: proven changes -> files. The only stage that writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from asyncfix import transaction
from asyncfix.model import Change, Status
from asyncfix.transaction import Outcome, Write


def write(
    changes: Sequence[Change],
    root: Path,
    command: str,
    read: Mapping[str, Status] | None = None,
) -> Outcome:
    """Write the files of a run; of a symbolic link the target is written.

    `read` holds the `stat` of each file from before it was read: one that has
    changed since is not written. Raises AsyncfixError, with nothing written,
    where `transaction.apply` does.
    """
    known = read or {}
    writes = [
        Write(
            os.fspath(each.path),
            each.shown,
            each.old,
            each.new,
            each.group or each.shown,
            known.get(each.shown),
        )
        for each in changes
    ]
    return transaction.apply(os.fspath(root), writes, command)
