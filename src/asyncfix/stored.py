"""The file that a cache is kept in, as it is on the disk.

One file for each project and version key, in a folder of the person's own:

    header   16 bytes of magic with the format number, 32 of the project and
             key, 8 of the table's length, 32 of a BLAKE2b of all that and of
             the table
    table    marshal: where the files and the sections are, with a BLAKE2b of
             each, and where the blobs are
    files    `Table`: (mtime_ns, size, inode, ctime_ns, digest, offset, length,
             BLAKE2b of the blob) by path
    sections marshal of plain data, or a `Table`, one after the other
    blobs    one after the other; those of files that changed stay as waste
             until it is more than half
    records  what later runs have changed, one for each: 8 bytes of magic, 8 of
             the length of the data, 8 of that of the index, 32 of a BLAKE2b of
             the mark of the state before, of these lengths and of the index;
             new blobs and sections; an index of the changes, as marshal

A run that changes little appends a record, with one write to the end of the file. A
record that does not follow from the state before it (it is torn, or two runs have
appended at once) ends what is read, and the next run writes the file anew. That is done
beside the old one, which is replaced, so that a reader sees one or the other; of two
writers the later wins, and the loser's work is done again some day. Nothing is parsed
before its checksum has been compared, for `marshal` may crash on damaged data
(https://docs.python.org/3/library/marshal.html). The checksums are against
accidents; against people, the folder and the file must belong to who runs us.

This module is on the way of a run that has nothing to do: it imports only
what starts with Python, or nearly.
"""

from __future__ import annotations

import marshal
import os
import stat
import time

from asyncfix.cachefile import SAFELY, quietly, trust
from asyncfix.digest import digest as digest_of
from asyncfix.table import Table

TYPE_CHECKING = False  # that of `typing` costs its import
if TYPE_CHECKING:
    from typing import Any

    # As in the file, with mtime_ns None where the stat is not to be trusted.
    Entry = tuple[int | None, int, int, int, bytes, int, int, bytes]
    # Offset, length, checksum, and the mark that tells equal values.
    Place = tuple[int, int, bytes, bytes]

MAGIC = b"asyncfix cache 2"
HEADER = 88
RECORD = b"appended"
RECORD_HEADER = 56
_DAY = 86_400


class Stored:
    """What there is in the file of one project and key; not what a run changes."""

    mark = b""
    """What tells this state of the cache from any other; empty where none is kept."""
    _file = -1
    _size = 0

    def __init__(self) -> None:
        """Have nothing yet."""
        self._identity = b""
        """What stands for the project and the key."""
        self._forget()

    def __del__(self) -> None:
        self._close()

    def _forget(self) -> None:
        """Have nothing of what is on the disk."""
        self._files = Table()
        self._sections: dict[str, Place] = {}
        self._patches: dict[str, dict[str, Any]] = {}
        self._base = self._start = self._kept = self._records = self._end = 0
        self.mark = b""

    def _open(self, path: str) -> None:
        """Read what is there. Raises OSError where it cannot be, or is not ours."""
        folder = os.path.dirname(path)
        trust(folder, os.lstat(folder), stat.S_IFDIR, 0o022)
        self._path = path
        self._open_file()
        status = os.fstat(self._file)
        # We never let others read it. One that they may read comes from
        # somewhere else: out of a repository, for one.
        trust(self._path, status, stat.S_IFREG, 0o077)
        self._size = status.st_size
        try:
            self._load()
        except Exception:
            # A table with the right checksum was forged, and may be anything
            # at all; what has been taken from it so far is forgotten.
            self._forget()
        if time.time() - status.st_mtime > _DAY:
            quietly(os.utime, self._path)  # for `prune`: it is in use

    def _open_file(self) -> None:
        self._file = os.open(self._path, os.O_RDONLY | SAFELY)

    def _load(self) -> None:
        header = self._read(0, HEADER)
        length = int.from_bytes(header[48:56], "little")
        if header[:48] != MAGIC + self._identity or length > self._size:
            return
        table = self._read(HEADER, length)
        if checksum(header[:56] + table, 32) != header[56:]:
            return
        place, sections, start, kept = marshal.loads(table)
        base = HEADER + length
        end = base + start + kept
        if end > self._size or not type(start) is type(kept) is int:
            return
        for name, (offset, size, said, mark) in sections.items():
            self._sections[name] = (offset, size, said, mark)
        self._base, self._start, self._kept = base, start, kept
        self._end, self.mark = end, header[56:]
        data = self._checked(*place)
        if data is not None:
            self._files = Table(data)
        while self._end < self._size and self._load_record():
            self._records += 1

    def _load_record(self) -> bool:
        """Take the next record; False where it does not follow from the rest."""
        header = self._read(self._end, RECORD_HEADER)
        body, index = (int.from_bytes(header[at : at + 8], "little") for at in (8, 16))
        after = self._end + RECORD_HEADER + body
        if header[:8] != RECORD or after + index > self._size:
            return False
        data = self._read(after, index)
        mark = header[24:]
        if checksum(self.mark + header[:24] + data, 32) != mark:
            return False
        files, sections, patches = marshal.loads(data)
        self._files.fresh.update(files)
        for name, (offset, size, said, equal) in sections.items():
            self._sections[name] = (offset, size, said, equal)
            self._patches.pop(name, None)
        for name, values in patches.items():
            self._patches.setdefault(name, {}).update(values)
        self._end, self.mark = after + index, mark
        return True

    def _entry(self, path: str) -> Entry | None:
        """Give what is known of a file."""
        try:
            entry: Entry | None = self._files.get(path)
            # What could make a method fail, and no more: it is the warm path.
            if entry is not None:
                _, _, _, _, _, at, length, said = entry
                return entry if type(at) is type(length) is int and said else None
        except Exception:
            pass  # forged, as in `_open`
        return None

    def _section(self, name: str) -> bytes | None:
        """Give the bytes of a section, None if there are none any more."""
        place = self._sections.get(name)
        return place and self._checked(*place[:3])

    def _checked(self, offset: int, length: int, said: bytes) -> bytes | None:
        """Give the bytes at an offset from the table's end, None if not as they were."""
        try:
            # Room for it is made first, so its length must be possible.
            data = self._read(self._base + offset, min(length, self._size))
        except Exception:
            # The disk's fault or, in a forged table, a place that is none:
            # there is nothing to be had from it.
            return None
        return data if len(data) == length and checksum(data) == said else None

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


def checksum(data: bytes, size: int = 16) -> bytes:
    """Give what tells data from any other."""
    return digest_of(data, size=size)
