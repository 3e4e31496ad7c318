"""The store: what earlier runs have learnt of a project, kept between runs.

One file for each project and version key, in a folder of the person's own:

    header   16 bytes of magic with the format number, 32 of the project and
             key, 8 of the table's length, 32 of a BLAKE2b of all that and of
             the table
    table    marshal: where the files and the sections are, with a BLAKE2b of
             each, and where the blobs are
    files    marshal: {path: (mtime_ns, size, inode, ctime_ns, digest, offset,
             length, BLAKE2b of the blob)}
    sections marshal of plain data, one after the other
    blobs    one after the other; those of files that changed stay as waste
             until it is more than half

It is written anew beside the old one and renamed, so that a reader sees one
or the other; of two writers the later wins, and the loser's work is done
again some day. Nothing is parsed before its checksum has been compared, for
`marshal` may crash on damaged data
(https://docs.python.org/3/library/marshal.html). The checksums are against
accidents; against people, the folder and the file must belong to who runs us.

This module is on the way of a run that has nothing to do: it imports only
what starts with Python, or nearly.
"""

from __future__ import annotations

import marshal
import os
import stat
import sys
import time

from asyncfix.digest import digest as digest_of

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from asyncfix.model import Status

    # As in the file, with mtime_ns None where the stat is not to be trusted.
    Entry = tuple[int | None, int, int, int, bytes, int, int, bytes]
    # Offset, length, checksum, and the mark that tells equal values.
    Place = tuple[int, int, bytes, bytes]

_MAGIC = b"asyncfix cache 1"
_HEADER = 88
_RACY = 2_000_000_000
_DAY = 86_400
# Follow no link, wait for no pipe, translate no line ends.
_SAFELY = 0
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
    _SAFELY |= getattr(os, _flag, 0)


class Store:
    """The cache of one project, as the last run left it, and changes to it.

    Open it before any of the files is read: a file that is younger than that,
    or nearly so, may change again without its times telling. Nothing here
    raises for what is on the disk: a cache that cannot be used is empty. Not
    for use by several threads.
    """

    note = ""
    """Why the cache is not used, where a person should know."""
    folder = ""
    """Where the cache is, empty where there is none."""
    mark = b""
    """What tells this state of the cache from any other; empty where none is kept."""
    _file = -1

    def __init__(self, root: str, key: bytes, folder: str | None = None) -> None:
        """Open the cache of the project at `root` as tools of this `key` left it.

        `folder` is what `ASYNCFIX_CACHE_DIR` says otherwise.
        """
        self._opened = time.time_ns()
        self._files: dict[str, Entry] = {}
        self._sections: dict[str, Place] = {}
        # What is not on the disk yet; its offsets mean nothing.
        self._new_blobs: dict[str, bytes] = {}
        self._new_sections: dict[str, bytes] = {}
        self._changed = False
        self._size = self._base = self._start = self._kept = 0
        try:
            real = os.fsencode(os.path.realpath(root))
            self._identity = _sum(real + b"\0" + key, 32)
            self._name = f"{_sum(real).hex()}-{_sum(self._identity).hex()}.cache"
            self.folder = _chosen(folder)
            self._path = os.path.join(self.folder, self._name)
            if self.folder:
                self._open()
        except FileNotFoundError:
            pass  # nothing was saved yet
        except (OSError, ValueError) as error:
            self.note = f"the cache is not read: {_reason(error)}"

    def __del__(self) -> None:
        self._close()

    def known(self, path: str, status: Status) -> bytes | None:
        """Give the content's digest where the file is surely unchanged."""
        entry = self._files.get(path)
        return entry[4] if entry and entry[:4] == times(status) else None

    def blob(self, path: str, digest: bytes) -> bytes | None:
        """Give what was put for this file with this content, None if it is lost."""
        entry = self._files.get(path)
        if entry is None or entry[4] != digest:
            return None
        if path in self._new_blobs:
            return self._new_blobs[path]
        return self._checked(self._start + entry[5], entry[6], entry[7])

    def last(self, path: str) -> tuple[bytes, bytes] | None:
        """Give the digest and the blob that a file had when it was put."""
        entry = self._files.get(path)
        blob = entry and self.blob(path, entry[4])
        return (entry[4], blob) if entry and blob else None

    def digest(self, path: str) -> bytes:
        """Give the digest a file had when its blob was put, or nothing."""
        entry = self._files.get(path)
        return entry[4] if entry else b""

    def put(self, path: str, status: Status, digest: bytes, blob: bytes) -> None:
        """Keep a blob for a file; `status` is from before its content was read."""
        stamp = self._stamp(status)
        self._files[path] = (*stamp, digest, -1, len(blob), _sum(blob))
        self._new_blobs[path] = blob
        self._changed = True

    def touch(self, path: str, status: Status, digest: bytes) -> None:
        """Note that a file was touched and has the same content as before."""
        entry = self._files.get(path)
        if entry is None or entry[4] != digest:
            return
        stamp = self._stamp(status)
        if entry[:4] != stamp:
            self._files[path] = (*stamp, *entry[4:])
            self._changed = True

    def keep_only(self, paths: Iterable[str]) -> None:
        """Forget all other files."""
        for path in self._files.keys() - set(paths):
            del self._files[path]
            self._new_blobs.pop(path, None)
            self._changed = True

    def section(self, name: str) -> Any:
        """Give the value kept under a name, None where there is none any more.

        It is made anew each time, so the caller may change it. `Any`, because
        it is whatever plain data was set.
        """
        data = self._section(name)
        if data is None:
            return None
        try:
            return marshal.loads(data)
        except Exception:
            # Its checksum is right: it was forged, and may be anything at all.
            return None

    def set_section(self, name: str, value: Any, changed: bool = False) -> None:
        """Keep a value under a name, as it is now. ValueError: it is no plain data.

        `changed` says that it surely is another one than before; else it is compared,
        which takes as long as all the rest.
        """
        mark = b""
        if not changed:
            # Later versions than 2 write down who shares what, which is faster to
            # read but differs between equal values.
            mark = _sum(marshal.dumps(value, 2))
            old = self._sections.get(name)
            if old and old[3] == mark and self._section(name) is not None:
                return
        data = marshal.dumps(value)
        self._sections[name] = (-1, len(data), _sum(data), mark)
        self._new_sections[name] = data
        self._changed = True

    def save(self) -> str:
        """Write what has changed, if anything has; give the reason if that fails.

        After a failure the old cache is still there, or none.
        """
        if not self.folder:
            return self.note
        if not self._changed:
            return ""
        try:
            os.makedirs(self.folder, 0o700, exist_ok=True)
            _trust(self.folder, os.lstat(self.folder), stat.S_IFDIR, 0o022)
            self._drop_waste()
            self._write()
        except (OSError, ValueError, MemoryError) as error:
            return f"the cache is not saved: {_reason(error)}"
        self._changed = False
        from asyncfix.prune import prune  # a run that has nothing to do needs it not

        _quietly(prune, self.folder, self._name, self._size)
        return ""

    # -- reading ------------------------------------------------------------

    def _open(self) -> None:
        """Read what is there. Raises OSError where it cannot be, or is not ours."""
        _trust(self.folder, os.lstat(self.folder), stat.S_IFDIR, 0o022)
        self._open_file()
        status = os.fstat(self._file)
        # We never let others read it. One that they may read comes from
        # somewhere else: out of a repository, for one.
        _trust(self._path, status, stat.S_IFREG, 0o077)
        self._size = status.st_size
        try:
            self._load()
        except Exception:
            # A table with the right checksum was forged, and may be anything
            # at all; what has been taken from it so far is forgotten.
            self._files, self._sections, self._kept, self.mark = {}, {}, 0, b""
        if time.time() - status.st_mtime > _DAY:
            _quietly(os.utime, self._path)  # for `_prune`: it is in use

    def _open_file(self) -> None:
        self._file = os.open(self._path, os.O_RDONLY | _SAFELY)

    def _load(self) -> None:
        header = self._read(0, _HEADER)
        length = int.from_bytes(header[48:56], "little")
        if header[:48] != _MAGIC + self._identity or length > self._size:
            return
        table = self._read(_HEADER, length)
        if _sum(header[:56] + table, 32) != header[56:]:
            return
        place, sections, start, kept = marshal.loads(table)
        base = _HEADER + length
        if base + start + kept != self._size or not type(start) is type(kept) is int:
            return
        self._base, self._start, self._kept = base, start, kept
        self.mark = header[56:]
        for name, (offset, size, checksum, mark) in sections.items():
            self._sections[name] = (offset, size, checksum, mark)
        data = self._checked(*place)
        if data is None:
            return
        files: dict[str, Entry] = marshal.loads(data)
        for _, _, _, _, _, at, long, _ in files.values():
            # What could make a method fail, and no more: it is the warm path.
            if not type(at) is type(long) is int:
                return
        self._files = files

    def _section(self, name: str) -> bytes | None:
        if name in self._new_sections:
            return self._new_sections[name]
        if name not in self._sections:
            return None
        return self._checked(*self._sections[name][:3])

    def _checked(self, offset: int, length: int, checksum: bytes) -> bytes | None:
        """Give the bytes at an offset from the table's end, None if not as they were."""
        try:
            # Room for it is made first, so its length must be possible.
            data = self._read(self._base + offset, min(length, self._size))
        except Exception:
            # The disk's fault or, in a forged table, a place that is none:
            # there is nothing to be had from it.
            return None
        return data if len(data) == length and _sum(data) == checksum else None

    def _read(self, offset: int, length: int) -> bytes:
        """Read so many bytes, or fewer. Raises OSError."""
        if hasattr(os, "pread"):
            return os.pread(self._file, length, offset)
        os.lseek(self._file, offset, os.SEEK_SET)
        return os.read(self._file, length)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # -- writing ------------------------------------------------------------

    def _stamp(self, status: Status) -> tuple[int | None, int, int, int]:
        """Give what will tell a later change of the file, if anything can.

        Where it was written just before it was read, a second write may come
        in the same tick of the file system's clock, which on FAT lasts 2 s
        (as in git, https://git-scm.com/docs/racy-git).
        """
        racy = status.st_mtime_ns > self._opened - _RACY
        return (None, 0, 0, 0) if racy else times(status)

    def _drop_waste(self) -> None:
        """Take the blobs into memory where more than half of their region is waste."""
        old = [path for path in self._files if path not in self._new_blobs]
        if self._file >= 0 and self._kept <= 2 * sum(self._files[p][6] for p in old):
            return
        for path in old:
            blob = self.blob(path, self._files[path][4])
            if blob is not None:
                self._new_blobs[path] = blob
            else:
                del self._files[path]
        self._kept = 0

    def _write(self) -> None:
        """Write the file and take it as the one that we read from. Raises OSError."""
        files = self._files.copy()
        end = self._kept
        for path, blob in self._new_blobs.items():
            files[path] = (*files[path][:5], end, *files[path][6:])
            end += len(blob)
        parts = [marshal.dumps(files)]
        place = (0, len(parts[0]), _sum(parts[0]))
        start = len(parts[0])
        sections = {}
        for name, old in self._sections.items():
            data = self._section(name)
            if data is not None:
                sections[name] = (start, *old[1:])
                parts.append(data)
                start += len(data)
        table = marshal.dumps((place, sections, start, end))
        header = _MAGIC + self._identity + len(table).to_bytes(8, "little")
        header += _sum(header + table, 32)

        temporary = f"{self._path}.{os.urandom(8).hex()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY
        target = os.open(temporary, flags, 0o600)
        try:
            try:
                for part in (header, table, *parts):
                    _write_all(target, part)
                self._copy_blobs(target)
                blobs = list(self._new_blobs.values())
                for first in range(0, len(blobs), 256):  # not all of it at once
                    _write_all(target, b"".join(blobs[first : first + 256]))
            finally:
                os.close(target)
            self._close()  # Windows replaces no open file
            os.replace(temporary, self._path)
        except BaseException:
            _quietly(os.unlink, temporary)
            raise
        finally:
            if self._file < 0:
                # Ours, or after a failure the old one. It may also be that of
                # another run by now: then the checksums say so.
                _quietly(self._open_file)
        self._base, self._start, self._kept = _HEADER + len(table), start, end
        self._size = self._base + start + end
        self._files, self._sections = files, sections
        self._new_blobs, self._new_sections = {}, {}
        self.mark = header[56:]

    def _copy_blobs(self, target: int) -> None:
        offset = self._base + self._start
        end = offset + self._kept
        if hasattr(os, "copy_file_range"):
            try:  # takes half the time (11 against 23 ms for 20 MB)
                while offset < end:
                    done = os.copy_file_range(self._file, target, end - offset, offset)
                    if done == 0:
                        break
                    offset += done
            except OSError:
                pass  # not of this kernel or file system; or the disk is full
        while offset < end:
            data = self._read(offset, min(1 << 20, end - offset))
            if not data:
                raise OSError("the old cache was cut short")
            _write_all(target, data)
            offset += len(data)


def _chosen(asked: str | None) -> str:
    """Give the folder of the caches, empty for none. Raises OSError."""
    if asked is None:
        asked = os.environ.get("ASYNCFIX_CACHE_DIR")
    if asked is not None:
        return "" if asked in ("", "off") else os.path.abspath(asked)
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):  # others are to be ignored, says its specification
        return os.path.join(base, "asyncfix")
    home = "~/.cache/asyncfix"
    if sys.platform == "win32":
        home = os.path.join(os.environ.get("LOCALAPPDATA", ""), "asyncfix", "cache")
    elif sys.platform == "darwin":
        home = "~/Library/Caches/asyncfix"
    home = os.path.expanduser(home)
    return home if os.path.isabs(home) else ""


def _trust(path: str, status: os.stat_result, kind: int, closed: int) -> None:
    """Raise OSError where a file or folder is not of this kind, or not ours alone.

    `closed` are the bits of the mode that must not be set.
    """
    mode = status.st_mode
    if stat.S_IFMT(mode) != kind:
        what = "a symbolic link" if stat.S_ISLNK(mode) else "something else"
        raise OSError(f"{path} is {what}")
    if hasattr(os, "geteuid"):  # Windows keeps others out of a person's folders
        if status.st_uid != os.geteuid():
            raise OSError(f"{path} belongs to another user")
        if mode & closed:
            raise OSError(f"{path} is open to others, its mode is {mode & 0o777:o}")


def _quietly(call: Callable[..., object], *arguments: object) -> None:
    """Try what may fail: it was somebody else's turn, or is the next run's."""
    try:
        call(*arguments)
    except OSError:
        return


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


def _sum(data: bytes, size: int = 16) -> bytes:
    return digest_of(data, size=size)


def times(status: Status) -> tuple[int, int, int, int]:
    """Give what tells one state of a file from a later one."""
    # The last tells of a change whose author has set the old mtime again.
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return getattr(error, "strerror", None) or str(error) or "no memory left"
