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
from struct import error as NoNumber
from struct import pack

from asyncfix.store import Store, times

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from asyncfix.facts import Facts
    from asyncfix.model import Base, Status

_RACY = 2_000_000_000
_LARGEST = 20_000_000
# Bytes of a stamp, and of as many as are compared at once.
_SIZE, _MANY = 32, 4096
# Of more files than this, stamps that are new are kept with the others.
_MOST_SINCE = 16
# More changed files than this are not looked at one by one.
_MOST_CHANGED = 20
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
        self.changed: dict[str, tuple[os.stat_result, int]] = {}
        """The source files that kept `find` from its answer, if it were only they.

        With how far each may change.
        """
        self.edited: dict[str, os.stat_result] = {}
        """All source files that have changed, if nothing else has."""
        self.in_place = False
        """Each of them still is the file that it was, with another content."""
        self._paths: list[str] = []
        self._run: tuple[bytes, tuple[str, ...], int] = b"", (), 0
        self.statuses: dict[str, os.stat_result] = {}
        """What `stat` says of files that are as they were, if `find` has no answer.

        Their times are long past, so a later change will tell, however long it takes
        until they are read.
        """
        self.base: tuple[str, bytes, bytes] | None = None
        """The cache that the answer was made from: its root, its key, its mark."""
        self.cache: Store | None = None
        """That cache, once it was opened."""
        self.scanned: dict[str, Facts] = {}
        """What changed files say, as far as they were scanned."""
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
        try:
            names, stamps, absent, sources = self._store.section("run")
            paths = names.split("\0")
            stamps = bytearray(stamps)
            for path, stamp in (self._store.section("since") or {}).items():
                if path in paths:
                    at = paths.index(path) * _SIZE
                    stamps[at : at + _SIZE] = stamp
                else:
                    paths.append(path)
                    stamps += stamp
            found = list(map(os.stat, paths))
            now = _packed(map(times, found))
            changed = [
                at
                for start in range(0, len(now), _MANY)
                if now[start : start + _MANY] != stamps[start : start + _MANY]
                for at in range(start, min(start + _MANY, len(now)), _SIZE)
                if now[at : at + _SIZE] != stamps[at : at + _SIZE]
            ]
            code, out, err, base, quiet = self._store.section("answer")
            if not changed:
                return None if any(map(os.path.lexists, absent)) else (code, out, err)
            self.statuses = dict(zip(paths, found, strict=True))
            edited: dict[str, tuple[os.stat_result, bool, int]] = {}
            for at in changed:
                place = at // _SIZE
                # The number of the file stands third.
                same = now[at + 16 : at + 24] == stamps[at + 16 : at + 24]
                edited[paths[place]] = found[place], same, quiet[place]
                del self.statuses[paths[place]]
            if changed[-1] >= sources * _SIZE or any(map(os.path.lexists, absent)):
                return None
            self._paths, self.answer = paths, (code, out, err)
            self._run = bytes(stamps), absent, sources
            self.base = base and tuple(base)
            self.edited = {path: status for path, (status, same, _) in edited.items()}
            self.in_place = all(same for _, same, _ in edited.values())
            if len(edited) <= _MOST_CHANGED and all(
                far for _, _, far in edited.values()
            ):
                self.changed = {
                    path: (status, far) for path, (status, _, far) in edited.items()
                }
        except (TypeError, ValueError, IndexError, OSError, NoNumber):
            self.edited, self.changed = {}, {}
            self.in_place = False
        return None

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
        stamp = times(status)
        return None if stamp[0] > self._started - _RACY else stamp

    def opened(self) -> Any:
        """Give how the run began that gave the answer, as it was kept."""
        return self._store and self._store.section("opened")

    def sources(self, files: int, around: int) -> tuple[tuple[str, ...], ...]:
        """Give the files that were gathered, and those around them, by their number."""
        end = files + around
        return tuple(self._paths[:files]), tuple(self._paths[files:end])

    def keep(
        self,
        answer: Answer,
        read: Mapping[str, Status],
        listed: Iterable[str],
        starts: Iterable[str],
        code_of: Iterable[str],
        never: Iterable[str] = (),
        base: Base | None = None,
        opened: tuple[int, Any] = (0, None),
    ) -> None:
        """Remember an answer.

        `read` are the files with their `stat` from before they were read,
        `listed` the folders under which files were looked for, `starts` the
        paths from which the project's root was looked for upwards, `code_of`
        the files that asyncfix and its packs are made of, `never` paths at
        which there must be nothing, `base` what the answer was made from,
        `opened` plain data of how the run began, and how many of `read`, the
        first, are sources. Never raises.
        """
        if self._store is None or len(answer[1]) + len(answer[2]) > _LARGEST:
            return
        quiet = base.quiet if base else {}
        seen = self._sources(read, quiet)
        if seen is None:
            return
        absent: set[str] = set(never)
        from asyncfix import beside

        try:
            for start in starts:
                beside.look_up(os.path.abspath(start), seen, absent)
            for folder in listed:
                beside.look_down(folder, seen)
            for path in (*code_of, *filter(os.path.isdir, sys.path)):
                seen[path] = times(os.stat(path))
            home = os.path.expanduser("~")
            for path in (
                os.path.join(home, ".gitconfig"),
                os.path.join(home, ".config", "git", "ignore"),
                os.path.join(home, ".config", "git", "config"),
            ):
                beside.look_for(path, seen, absent)
            stamps = _packed(seen.values())
        except (OSError, NoNumber, ValueError):
            return
        if self._is_young(seen):
            return
        self._paths = [*seen]
        run = "\0".join(seen), stamps, tuple(absent), opened[0] or len(read)
        self._store.set_section("run", run, changed=True)
        self._store.set_section("since", {})
        try:
            self._store.set_section("opened", opened[1])
        except ValueError:  # the configuration has a date in it, for one
            self._store.set_section("opened", None)
        self._save(answer, base)

    def keep_edited(
        self, answer: Answer, read: Mapping[str, Status], base: Base | None
    ) -> None:
        """Remember an answer to which only the edit of some files has led.

        As `keep`; all else is as `find` has found it. Never raises.
        """
        if self._store is None or len(answer[1]) + len(answer[2]) > _LARGEST:
            return
        known = set(self._paths)
        fresh = {
            path: status
            for path, status in read.items()
            if path in self.edited or path not in known
        }
        seen = self._sources(fresh, base.quiet if base else {})
        if seen is None:
            return
        self._paths += [path for path in seen if path not in known]
        since = self._store.section("since") or {}
        try:
            since.update((path, _packed([each])) for path, each in seen.items())
        except NoNumber:
            return
        if len(since) > _MOST_SINCE:
            stamps, absent, sources = self._run
            places = {path: at * _SIZE for at, path in enumerate(self._paths)}
            whole = bytearray(stamps).ljust(len(places) * _SIZE, b"\0")
            for path, stamp in since.items():
                whole[places[path] : places[path] + _SIZE] = stamp
            run = "\0".join(self._paths), bytes(whole), absent, sources
            self._store.set_section("run", run, changed=True)
            since = {}
        self._store.set_section("since", since)
        self._save(answer, base)

    def _sources(
        self, read: Mapping[str, Status], quiet: Mapping[str, int]
    ) -> dict[str, Stamp] | None:
        """Give what tells later changes of files, None where nothing would."""
        seen = {path: times(status) for path, status in read.items()}
        # What these are is known by their digests, too.
        young = [
            path for path in seen if path in quiet and self.stamp(read[path]) is None
        ]
        if len(young) > _MOST_CHANGED:
            return None
        for path in young:
            seen[path] = 0, 0, seen[path][2], 0
        return None if self._is_young(seen) else seen

    def _save(self, answer: Answer, base: Base | None) -> None:
        assert self._store is not None
        quiet = base.quiet if base else {}
        may = bytes(quiet.get(path, 0) for path in self._paths)
        kept = base and (base.root, base.key, base.mark)
        self._store.set_section("answer", (*answer, kept, may), changed=True)
        self._store.set_section("renewed", {})
        self._store.save()

    def _is_young(self, seen: Mapping[str, Stamp]) -> bool:
        """Tell whether something may change again without its times telling."""
        youngest = max((stamp[0] for stamp in seen.values()), default=0)
        return youngest > self._started - _RACY


def _is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", bool)())


def _packed(stamps: Iterable[Stamp]) -> bytes:
    """Give stamps as bytes, of one length each. Raises `struct.error`."""
    numbers = [number for stamp in stamps for number in stamp]
    return pack(f"={len(numbers)}q", *numbers)
