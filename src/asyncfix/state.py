"""Where journals are kept: a folder of the person's own, never in the project.

A run that writes nothing asks one question here, which is one `stat`: was an
earlier run interrupted while it wrote? So this module imports next to nothing.
"""

from __future__ import annotations

import os
import sys

try:
    # By way of hashlib it would come with OpenSSL, and 3 ms later.
    from _sha2 import sha256  # type: ignore[import-not-found, unused-ignore]
except ImportError:  # before Python 3.12, or no CPython
    from hashlib import sha256


def folder() -> str:
    """Give the folder of all journals, which need not exist.

    `XDG_STATE_HOME` where it is absolute (a relative one is to be ignored,
    says its specification), else the usual place of the system.
    """
    base = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(base):
        return os.path.join(base, "asyncfix")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA", ""), "asyncfix", "state")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/asyncfix")
    return os.path.expanduser("~/.local/state/asyncfix")


def project(root: str | os.PathLike[str]) -> str:
    """Give the folder of the journals of the project at `root`."""
    real = os.path.realpath(root).encode("utf-8", "surrogateescape")
    return os.path.join(folder(), sha256(real).hexdigest()[:32])


def marker(root: str | os.PathLike[str]) -> str:
    """Give the path of the file that exists while a run writes in this project."""
    return os.path.join(project(root), "open")
