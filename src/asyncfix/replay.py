"""Say again what the same command said, where nothing has changed since.

A run that writes nothing is remembered whole: what it printed, its exit code,
and the `stat` of everything that it depended on: each file that was read, each
folder that was listed, the configuration, the ignore files of git, the code of
asyncfix and of its packs, and what was looked for and was not there. If all of
that is as it was, the answer is, too. If only source files have changed, `renew`
may find that the answer is the same. Anything doubtful is not remembered.

This module is all that such a run needs, so it imports next to nothing.
"""

from __future__ import annotations

import os
import sys
import time

from asyncfix.store import Store

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from asyncfix.model import Base, Status

_RACY = 2_000_000_000
_MOST_FOLDERS = 50_000
_LARGEST = 20_000_000
_NEVER = frozenset(
    (".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "node_modules",
     "__pycache__", "__pypackages__", ".mypy_cache", ".ruff_cache", ".eggs", ".direnv")
)  # fmt: skip
# More changed files than this are not looked at one by one.
_MOST_CHANGED = 20
_LOOKED_FOR = (".git", "pyproject.toml", "setup.py", "setup.cfg", ".gitignore")
_ENVIRONMENT = ("NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING", "PYTHONUTF8", "TERM",
                "LANG", "LC_ALL", "LC_CTYPE", "COLUMNS", "PATH", "HOME",
                "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")  # fmt: skip

Stamp = tuple[int, int, int, int]
Answer = tuple[int, bytes, bytes]
"""Exit code, and what went to stdout and to stderr."""

current: Replay | None = None
"""The command line of this process, if its answer may be remembered."""


class Replay:
    """One command line in one folder. Open it before anything is read."""

    def __init__(self, arguments: list[str], version: str) -> None:
        """Open what is remembered; never raises."""
        self._started = time.time_ns()
        self._store: Store | None = None
        self.changed: dict[str, tuple[Status, int]] = {}
        """The source files that kept `find` from its answer, if it were only they.

        With how far each may change.
        """
        self.statuses: dict[str, os.stat_result] = {}
        """What `stat` says of files that are as they were, if `find` has no answer.

        Their times are long past, so a later change will tell, however long it takes
        until they are read.
        """
        self.base: tuple[str, bytes, bytes] | None = None
        """The cache that the answer was made from: its root, its key, its mark."""
        self.answer: Answer = 0, b"", b""
        """The answer that was remembered, while it is doubtful."""
        try:
            here = os.getcwd()
        except OSError:
            return
        said = [version, sys.version, here, *arguments]
        said += [f"{name}={os.environ.get(name)}" for name in _ENVIRONMENT]
        said += [str(_is_terminal(each)) for each in (sys.stdout, sys.stderr)]
        key = "\0".join(said).encode("utf-8", "surrogatepass")
        self._store = Store(here, b"replay\0" + key)

    @property
    def wanted(self) -> bool:
        """Tell whether there is a place to keep an answer."""
        return self._store is not None and bool(self._store.folder)

    def find(self) -> Answer | None:
        """Give what the same command said, if nothing has changed since."""
        if self._store is None:
            return None
        kept = self._store.section("run")
        changed: dict[str, tuple[Status, int]] = {}
        try:
            paths, stamps, absent, code, out, err, base, quiet = kept
            stat, statuses = os.stat, self.statuses
            for at, path in enumerate(paths):
                status = stat(path)
                mtime, size, inode, ctime = stamps[at]
                # As `_stamp` has it, without ten thousand calls.
                if (
                    status.st_mtime_ns == mtime
                    and status.st_size == size
                    and status.st_ino == inode
                    and status.st_ctime_ns == ctime
                ):
                    statuses[path] = status
                else:
                    if not quiet[at] or len(changed) == _MOST_CHANGED:
                        return None
                    changed[path] = status, quiet[at]
            if any(map(os.path.lexists, absent)):
                return None
            if changed:
                self.base = tuple(base)
        except (TypeError, ValueError, IndexError, OSError):
            return None
        self.changed, self.answer = changed, (code, out, err)
        return None if changed else self.answer

    def renewed(self) -> dict[str, tuple[Stamp | None, bytes]]:
        """Give the stamps and digests of files whose change was seen to be nothing."""
        kept = self._store.section("renewed") if self._store else None
        return kept if type(kept) is dict else {}

    def renew(self, files: dict[str, tuple[Stamp | None, bytes]]) -> None:
        """Remember that the answer is the same with these files; never raises."""
        if self._store is not None:
            self._store.set_section("renewed", files)
            self._store.save()

    def stamp(self, status: Status) -> Stamp | None:
        """Give what tells a later change of a file, None where nothing does."""
        stamp = _stamp(status)
        return None if stamp[0] > self._started - _RACY else stamp

    def keep(
        self,
        answer: Answer,
        read: Mapping[str, Status],
        listed: Iterable[str],
        starts: Iterable[str],
        code_of: Iterable[str],
        never: Iterable[str] = (),
        base: Base | None = None,
    ) -> None:
        """Remember an answer.

        `read` are the files with their `stat` from before they were read,
        `listed` the folders under which files were looked for, `starts` the
        paths from which the project's root was looked for upwards, `code_of`
        the files that asyncfix and its packs are made of, `never` paths at
        which there must be nothing, `base` what the answer was made from.
        Never raises.
        """
        code, out, err = answer
        if self._store is None or len(out) + len(err) > _LARGEST:
            return
        seen = {path: _stamp(status) for path, status in read.items()}
        absent: set[str] = set(never)
        quiet = base.quiet if base else {}
        # What these are is known by their digests, too.
        young = [
            path for path in quiet if path in read and self.stamp(read[path]) is None
        ]
        if len(young) > _MOST_CHANGED:
            return
        for path in young:
            seen[path] = 0, 0, 0, 0
        if self._is_young(seen):
            return
        try:
            for start in starts:
                _look_up(os.path.abspath(start), seen, absent)
            for folder in listed:
                _look_down(folder, seen)
            for path in (*code_of, *filter(os.path.isdir, sys.path)):
                seen[path] = _stamp(os.stat(path))
        except (OSError, ValueError):
            return
        home = os.path.expanduser("~")
        for path in (
            os.path.join(home, ".gitconfig"),
            os.path.join(home, ".config", "git", "ignore"),
            os.path.join(home, ".config", "git", "config"),
        ):
            _look_for(path, seen, absent)
        if self._is_young(seen):
            return
        kept = base and (base.root, base.key, base.mark)
        may = bytes(quiet.get(path, 0) for path in seen)
        run = *map(tuple, (seen, seen.values(), absent)), code, out, err, kept, may
        self._store.set_section("run", run, changed=True)
        self._store.set_section("renewed", {})
        self._store.save()

    def _is_young(self, seen: Mapping[str, Stamp]) -> bool:
        """Tell whether something may change again without its times telling."""
        youngest = max((stamp[0] for stamp in seen.values()), default=0)
        return youngest > self._started - _RACY


class Copy:
    """A copy of what goes to stdout and stderr while it is entered."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.err = bytearray()

    def __enter__(self) -> Copy:
        import io

        class Tee(io.RawIOBase):
            def __init__(self, real: Any, taken: bytearray) -> None:
                self.real = real
                self.taken = taken

            def writable(self) -> bool:
                return True

            def isatty(self) -> bool:
                return bool(self.real.isatty())

            def write(self, data: Any) -> int:
                self.real.write(data)
                self.taken += data
                return len(data)

        def copied(stream: Any, taken: bytearray) -> Any:
            stream.flush()
            return io.TextIOWrapper(
                io.BufferedWriter(Tee(stream.buffer, taken)),
                encoding=stream.encoding,
                errors=stream.errors,
                newline=os.linesep,
                write_through=True,
            )

        self._streams = sys.stdout, sys.stderr
        sys.stdout = copied(sys.stdout, self.out)
        sys.stderr = copied(sys.stderr, self.err)
        return self

    def __exit__(self, *error: object) -> None:
        for copy, real in zip((sys.stdout, sys.stderr), self._streams):  # noqa: B905
            copy.flush()
            real.flush()
        sys.stdout, sys.stderr = self._streams


def _is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", bool)())


def _stamp(status: Status) -> Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns


def _look_for(path: str, seen: dict[str, Stamp], absent: set[str]) -> None:
    try:
        seen[path] = _stamp(os.stat(path))
    except OSError:
        absent.add(path)


def _look_up(start: str, seen: dict[str, Stamp], absent: set[str]) -> None:
    """Note what decides the root and the configuration, up to the repository."""
    folder = start if os.path.isdir(start) else os.path.dirname(start)
    while True:
        for name in _LOOKED_FOR:
            path = os.path.join(folder, name)
            if name == ".git" and os.path.isdir(path):
                # Its own times change with every command of git.
                for inner in ("index", os.path.join("info", "exclude"), "config"):
                    _look_for(os.path.join(path, inner), seen, absent)
            elif name == ".git" and os.path.lexists(path):
                raise ValueError("a worktree: its index is elsewhere")
            else:
                _look_for(path, seen, absent)
        if os.path.isdir(os.path.join(folder, ".git")):
            return
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _look_down(folder: str, seen: dict[str, Stamp]) -> None:
    """Note every folder, and every file of git that says what is ignored."""
    todo = [folder]
    count = 0
    while todo:
        place = todo.pop()
        seen[place] = _stamp(os.stat(place))
        count += 1
        if count > _MOST_FOLDERS:
            raise ValueError("too many folders to look at each")
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _NEVER:
                        todo.append(entry.path)
                elif entry.name == ".gitignore":
                    seen[entry.path] = _stamp(entry.stat())
