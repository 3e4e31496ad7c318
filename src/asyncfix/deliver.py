"""Stage 8, deliver: proven changes -> files. The only stage that writes."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from asyncfix.model import Change, Problem


def write(change: Change) -> Problem | None:
    """Write one file so that it is, at every moment, wholly old or wholly new.

    A temporary file beside it, fsync, rename; mode and owner are kept, and of
    a symbolic link the target is written. Gives a Problem, with the file left
    as it was, where it has changed since it was read or cannot be written.
    """
    target = Path(os.path.realpath(change.path))
    temporary: str | None = None
    try:
        refusal = _refusal(target, change)
        if refusal is not None:
            return Problem(change.shown, 1, *refusal)
        status = target.stat()
        handle, temporary = tempfile.mkstemp(prefix=".asyncfix-", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(change.new)
            file.flush()
            if hasattr(os, "fchown") and os.geteuid() == 0:
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            # After the owner: a change of owner clears the set-id bits.
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            os.fsync(file.fileno())
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "the file is as it was; free the cause and run again"
        return Problem(change.shown, 1, f"cannot be written: {reason}", hint)
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        _sync_folder(target.parent)  # some file systems cannot; the file is new
    return None


def _refusal(target: Path, change: Change) -> tuple[str, str] | None:
    if target.read_bytes() != change.old:
        return "has changed since it was read", "it is not written; run again"
    if not os.access(target, os.W_OK):
        return "is read-only", "it is not written; make it writable and run again"
    if target.stat().st_nlink > 1:
        return (
            "has other hard links, which a safe write would cut off",
            "it is not written; apply the diff by hand",
        )
    return None


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
