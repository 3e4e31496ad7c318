"""What an answer depends on besides the files that were read: folders, what git says.

Each is noted with its stamp in `seen`, or in `absent` where there is nothing.
"""

from __future__ import annotations

import os

from asyncfix.store import times

Stamp = tuple[int, int, int, int]

_MOST_FOLDERS = 50_000
_NEVER = frozenset(
    (".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "node_modules",
     "__pycache__", "__pypackages__", ".mypy_cache", ".ruff_cache", ".eggs", ".direnv")
)  # fmt: skip
_LOOKED_FOR = (".git", "pyproject.toml", "setup.py", "setup.cfg", ".gitignore")


def look_for(path: str, seen: dict[str, Stamp], absent: set[str]) -> None:
    """Note a file that may be there or not."""
    try:
        seen[path] = times(os.stat(path))
    except OSError:
        absent.add(path)


def look_up(start: str, seen: dict[str, Stamp], absent: set[str]) -> None:
    """Note what decides the root and the configuration, up to the repository."""
    folder = start if os.path.isdir(start) else os.path.dirname(start)
    while True:
        for name in _LOOKED_FOR:
            path = os.path.join(folder, name)
            if name == ".git" and os.path.isdir(path):
                # Its own times change with every command of git.
                for inner in ("index", os.path.join("info", "exclude"), "config"):
                    look_for(os.path.join(path, inner), seen, absent)
            elif name == ".git" and os.path.lexists(path):
                raise ValueError("a worktree: its index is elsewhere")
            else:
                look_for(path, seen, absent)
        if os.path.isdir(os.path.join(folder, ".git")):
            return
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def look_down(folder: str, seen: dict[str, Stamp]) -> None:
    """Note every folder, and every file of git that says what is ignored."""
    todo = [folder]
    count = 0
    while todo:
        place = todo.pop()
        seen[place] = times(os.stat(place))
        count += 1
        if count > _MOST_FOLDERS:
            raise ValueError("too many folders to look at each")
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _NEVER:
                        todo.append(entry.path)
                elif entry.name == ".gitignore":
                    seen[entry.path] = times(entry.stat())
