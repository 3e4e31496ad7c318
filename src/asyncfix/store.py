"""The store: what earlier runs have learnt of a project, kept between runs.

It is one file for each project and version key, in a folder of the person's own
(`stored` says what stands in it). A run changes it in memory and writes it at the end.
"""

from __future__ import annotations

import marshal
import os
import stat
import time

from asyncfix.cachefile import SAFELY, chosen, quietly, trust, write_all
from asyncfix.stored import HEADER, MAGIC, RECORD, RECORD_HEADER, Stored, checksum
from asyncfix.table import Table, pack

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from asyncfix.model import Status
    from asyncfix.stored import Entry

# All that is appended is read at every start: no more records, no more bytes of them
# than this, or than a share of the file.
_MOST_RECORDS = 32
_MOST_APPENDED, _SHARE = 200_000, 8
_RACY = 2_000_000_000


class Store(Stored):
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

    def __init__(self, root: str, key: bytes, folder: str | None = None) -> None:
        """Open the cache of the project at `root` as tools of this `key` left it.

        `folder` is what `ASYNCFIX_CACHE_DIR` says otherwise.
        """
        super().__init__()
        self._opened = time.time_ns()
        # What is not on the disk yet; its offsets mean nothing.
        self._new_files: dict[str, Entry] = {}
        self._new_blobs: dict[str, bytes] = {}
        self._new_sections: dict[str, bytes] = {}
        self._new_patches: dict[str, dict[str, Any]] = {}
        self._changed = False
        try:
            real = os.fsencode(os.path.realpath(root))
            self._identity = checksum(real + b"\0" + key, 32)
            self._name = (
                f"{checksum(real).hex()}-{checksum(self._identity).hex()}.cache"
            )
            self.folder = chosen(folder)
            self._path = os.path.join(self.folder, self._name)
            if self.folder:
                self._open(self._path)
        except FileNotFoundError:
            pass  # nothing was saved yet
        except (OSError, ValueError) as error:
            self.note = f"the cache is not read: {_reason(error)}"

    def known(self, path: str, status: Status) -> bytes | None:
        """Give the content's digest where the file is surely unchanged."""
        entry = self._entry(path)
        return entry[4] if entry and entry[:4] == times(status) else None

    def blob(self, path: str, digest: bytes) -> bytes | None:
        """Give what was put for this file with this content, None if it is lost."""
        last = self.last(path)
        return last[1] if last and last[0] == digest else None

    def last(self, path: str) -> tuple[bytes, bytes] | None:
        """Give the digest and the blob that a file had when it was put."""
        entry = self._entry(path)
        if entry is None:
            return None
        blob = self._new_blobs.get(path)
        if blob is None:
            blob = self._checked(self._start + entry[5], entry[6], entry[7])
        return (entry[4], blob) if blob is not None else None

    def digest(self, path: str) -> bytes:
        """Give the digest a file had when its blob was put, or nothing."""
        entry = self._entry(path)
        return entry[4] if entry else b""

    def put(self, path: str, status: Status, digest: bytes, blob: bytes) -> None:
        """Keep a blob for a file; `status` is from before its content was read."""
        stamp = self._stamp(status)
        self._new_files[path] = (*stamp, digest, -1, len(blob), checksum(blob))
        self._new_blobs[path] = blob
        self._changed = True

    def touch(self, path: str, status: Status, digest: bytes) -> None:
        """Note that a file was touched and has the same content as before."""
        entry = self._entry(path)
        if entry is None or entry[4] != digest:
            return
        stamp = self._stamp(status)
        if entry[:4] != stamp:
            self._new_files[path] = (*stamp, *entry[4:])
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
            mark = checksum(marshal.dumps(value, 2))
            old = self._sections.get(name)
            if old and old[3] == mark and self._section(name) is not None:
                return
        self._set(name, marshal.dumps(value), mark)

    def table(self, name: str) -> Table | None:
        """Give the table kept under a name, None where there is none any more.

        Its values may be forged, and what is not marshalled raises as that does.
        """
        data = self._section(name)
        if data is None:
            return None
        try:
            return Table(data, self._patches.get(name, {}))
        except Exception:
            return None  # forged

    def set_table(self, name: str, items: Iterable[tuple[str, Any]]) -> None:
        """Keep a table under a name. ValueError: it is no plain data."""
        self._set(name, pack(items))

    def patch(self, name: str, values: Mapping[str, Any]) -> None:
        """Change some values of a table that is kept; None for a name that is gone.

        ValueError: they are no plain data.
        """
        if values:
            marshal.dumps(dict(values))
            self._patches.setdefault(name, {}).update(values)
            self._new_patches.setdefault(name, {}).update(values)
            self._changed = True

    def _entry(self, path: str) -> Entry | None:
        return self._new_files.get(path) or super()._entry(path)

    def _section(self, name: str) -> bytes | None:
        if name in self._new_sections:
            return self._new_sections[name]
        return super()._section(name)

    def _set(self, name: str, data: bytes, mark: bytes = b"") -> None:
        self._sections[name] = (-1, len(data), checksum(data), mark)
        self._new_sections[name] = data
        self._patches.pop(name, None)
        self._new_patches.pop(name, None)
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
            trust(self.folder, os.lstat(self.folder), stat.S_IFDIR, 0o022)
            if not self._append():
                self._take_in()
                self._write()
                from asyncfix.prune import prune  # most runs need it not

                quietly(prune, self.folder, self._name, self._size)
        except (OSError, ValueError, MemoryError) as error:
            return f"the cache is not saved: {_reason(error)}"
        self._changed = False
        return ""

    # -- writing ------------------------------------------------------------

    def _stamp(self, status: Status) -> tuple[int | None, int, int, int]:
        """Give what will tell a later change of the file, if anything can.

        Where it was written just before it was read, a second write may come
        in the same tick of the file system's clock, which on FAT lasts 2 s
        (as in git, https://git-scm.com/docs/racy-git).
        """
        racy = status.st_mtime_ns > self._opened - _RACY
        return (None, 0, 0, 0) if racy else times(status)

    def _append(self) -> bool:
        """Append a record of the changes. Raises OSError.

        False where the file has to be written anew: much has changed, or was appended
        already, or what is there is not what this run has read.
        """
        if not self.mark or self._end != self._size or self._records >= _MOST_RECORDS:
            return False
        parts = [*self._new_blobs.values(), *self._new_sections.values()]
        most = max(_MOST_APPENDED, self._size // _SHARE)
        whole = self._base + self._start + self._kept
        if self._end - whole + sum(map(len, parts)) > most:
            return False
        target = self._opened_to_append()
        if target < 0:
            return False
        try:
            # Places of blobs count from the first one, those of sections from the table.
            at = self._size + RECORD_HEADER - self._base
            files, sections = {}, {}
            for path, entry in self._new_files.items():
                if path in self._new_blobs:
                    entry = (*entry[:5], at - self._start, *entry[6:])
                    at += entry[6]
                files[path] = entry
            for name in self._new_sections:
                sections[name] = (at, *self._sections[name][1:])
                at += sections[name][1]
            index = marshal.dumps((files, sections, self._new_patches))
            body = b"".join(parts)
            header = RECORD + b"".join(
                len(each).to_bytes(8, "little") for each in (body, index)
            )
            mark = checksum(self.mark + header + index, 32)
            write_all(target, b"".join((header, mark, body, index)))
            end = self._size + RECORD_HEADER + len(body) + len(index)
            # Another run may have appended first: the place is not ours then.
            self.mark = mark if os.fstat(target).st_size == end else b""
        finally:
            os.close(target)
        self._end = self._size = end
        self._records += 1
        self._files.fresh.update(files)
        self._sections.update(sections)
        self._written()
        return True

    def _opened_to_append(self) -> int:
        """Open the file, if it still is the one that was read; else give -1."""
        try:
            target = os.open(self._path, os.O_WRONLY | os.O_APPEND | SAFELY)
        except OSError:
            return -1
        try:
            mine, there = os.fstat(self._file), os.fstat(target)
            trust(self._path, there, stat.S_IFREG, 0o077)
            if os.path.samestat(mine, there) and there.st_size == self._size:
                return target
        except OSError:
            pass  # it belongs to somebody else by now
        os.close(target)
        return -1

    def _take_in(self) -> None:
        """Take blobs that are to be moved into memory: of records, or all of them.

        All of them, where more than half of their region is waste.
        """
        old = {
            path: entry for path in self._files.names() if (entry := self._entry(path))
        }
        for path in self._new_blobs:
            old.pop(path, None)
        whole = {path for path, entry in old.items() if entry[5] < self._kept}
        if self._file < 0 or self._kept > 2 * sum(old[path][6] for path in whole):
            whole, self._kept = set(), 0
        for path, entry in old.items():
            if path not in whole:
                blob = self.blob(path, entry[4])
                if blob is not None:
                    self._new_files[path], self._new_blobs[path] = entry, blob
                else:
                    self._files.fresh[path] = None

    def _write(self) -> None:
        """Write the file and take it as the one that we read from. Raises OSError."""
        end = self._kept
        files = {
            path: entry for path in self._files.names() if (entry := self._entry(path))
        }
        files.update(self._new_files)
        for path, blob in self._new_blobs.items():
            entry = files[path]
            files[path] = (*entry[:5], end, *entry[6:])
            end += len(blob)
        parts = [pack(files.items())]
        place = (0, len(parts[0]), checksum(parts[0]))
        start = len(parts[0])
        sections = {}
        for name, old in self._sections.items():
            data = self._section(name)
            if name in self._patches:
                table = self.table(name)
                try:
                    data = table.as_bytes() if table else None
                except Exception:
                    data = None  # forged
                old = (0, len(data or b""), checksum(data or b""), b"")
            if data is not None:
                sections[name] = (start, *old[1:])
                parts.append(data)
                start += len(data)
        where = marshal.dumps((place, sections, start, end))
        header = MAGIC + self._identity + len(where).to_bytes(8, "little")
        header += checksum(header + where, 32)

        temporary = f"{self._path}.{os.urandom(8).hex()}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY
        target = os.open(temporary, flags, 0o600)
        try:
            try:
                for part in (header, where, *parts):
                    write_all(target, part)
                self._copy_blobs(target)
                blobs = list(self._new_blobs.values())
                for first in range(0, len(blobs), 256):  # not all of it at once
                    write_all(target, b"".join(blobs[first : first + 256]))
            finally:
                os.close(target)
            self._close()  # Windows replaces no open file
            os.replace(temporary, self._path)
        except BaseException:
            quietly(os.unlink, temporary)
            raise
        finally:
            if self._file < 0:
                # Ours, or after a failure the old one. It may also be that of
                # another run by now: then the checksums say so.
                quietly(self._open_file)
        self._base, self._start, self._kept = HEADER + len(where), start, end
        self._end = self._size = self._base + start + end
        self._records = 0
        self._files, self._sections, self._patches = Table(parts[0]), sections, {}
        self.mark = header[56:]
        self._written()

    def _written(self) -> None:
        """Have nothing that is not on the disk."""
        self._new_files, self._new_blobs = {}, {}
        self._new_sections, self._new_patches = {}, {}

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
            write_all(target, data)
            offset += len(data)


def times(status: Status) -> tuple[int, int, int, int]:
    """Give what tells one state of a file from a later one."""
    # The last tells of a change whose author has set the old mtime again.
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return getattr(error, "strerror", None) or str(error) or "no memory left"
