"""The store gives what was put or nothing, whatever became of its file."""

from __future__ import annotations

import errno
import marshal
import os
import pickle
import random
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from asyncfix import store
from asyncfix.store import Store
from asyncfix.table import pack

SECOND = 1_000_000_000
FILES = {f"/p/{n}.py": (bytes([n]) * 16, bytes([65 + n]) * (n * 20)) for n in range(4)}
SECTIONS = {"answers": [("a", 1, None), ("b", 2.5, True)], "": "unnamed", "none": []}


def status(**changes: int) -> os.stat_result:
    """Give the status of a file that was written long ago."""
    with_size = [0o100644, changes.get("inode", 7), 1, 1, 0, 0, changes.get("size", 9)]
    times = {
        "st_mtime_ns": changes.get("mtime", 10**18),
        "st_ctime_ns": changes.get("ctime", 10**18),
    }
    return os.stat_result((*with_size, 0, 0, 0), times)


def fill(opened: Store) -> None:
    for path, (digest, blob) in FILES.items():
        opened.put(path, status(), digest, blob)
    for name, value in SECTIONS.items():
        opened.set_section(name, value)


def answers(opened: Store) -> list[object]:
    """Ask for everything that `fill` put; what is lost is None."""
    given: list[object] = []
    for path, (digest, _) in FILES.items():
        given += [opened.known(path, status()), opened.blob(path, digest)]
    return given + [opened.section(name) for name in SECTIONS]


RIGHT = [each for pair in FILES.values() for each in pair] + [*SECTIONS.values()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that holds the filled cache of the project `/p`."""
    path = tmp_path / "cache"
    opened = again(path)
    fill(opened)
    assert opened.save() == ""
    assert answers(opened) == RIGHT
    return path


def again(folder: Path, root: str = "/p", key: bytes = b"1") -> Store:
    return Store(root, key, str(folder))


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def heals(folder: Path) -> None:
    """Whatever there is, a run that puts all again saves all again."""
    opened = again(folder)
    fill(opened)
    assert opened.save() == ""
    assert answers(again(folder)) == RIGHT
    assert again(folder).note == ""


# -- what is kept -----------------------------------------------------------


def test_a_round_trip(folder: Path) -> None:
    assert answers(again(folder)) == RIGHT
    assert again(folder).note == ""


@pytest.mark.parametrize(("root", "key"), [("/q", b"1"), ("/p", b"2"), ("/p1", b"")])
def test_another_project_or_key_is_another_cache(
    folder: Path, root: str, key: bytes
) -> None:
    other = again(folder, root, key)
    assert answers(other) == [None] * len(RIGHT)
    other.set_section("x", 1)
    assert other.save() == ""
    assert answers(again(folder)) == RIGHT
    assert again(folder, root, key).section("x") == 1


def test_a_cache_under_another_name_is_not_taken(folder: Path) -> None:
    other = again(folder, "/q")
    only_file(folder).rename(folder / other._name)
    assert answers(again(folder, "/q")) == [None] * len(RIGHT)


def test_a_root_is_known_by_its_real_path(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "link").symlink_to("/p")
    assert answers(again(folder, str(tmp_path / "link"))) == RIGHT


@pytest.mark.parametrize("what", ["mtime", "size", "inode", "ctime"])
def test_a_changed_file_is_not_known(folder: Path, what: str) -> None:
    changed = status(**{what: 5})
    opened = again(folder)
    assert opened.known("/p/1.py", changed) is None
    digest, blob = FILES["/p/1.py"]
    assert opened.blob("/p/1.py", digest) == blob
    assert opened.blob("/p/1.py", b"other") is None
    opened.touch("/p/1.py", changed, b"other")
    assert opened.known("/p/1.py", changed) is None
    opened.touch("/p/1.py", changed, digest)
    assert opened.save() == ""
    for each in (opened, again(folder)):
        assert each.known("/p/1.py", changed) == digest
        assert each.known("/p/1.py", status()) is None
        assert each.blob("/p/1.py", digest) == blob


@pytest.mark.parametrize(("age", "trusted"), [(-99, 0), (0, 0), (1.9, 0), (2.5, 1)])
def test_a_file_that_has_just_changed_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float, trusted: bool
) -> None:
    now = 2 * 10**18
    monkeypatch.setattr(time, "time_ns", lambda: now)
    opened = again(tmp_path / "cache")
    young = status(mtime=now - int(age * SECOND))
    # However long the run then takes, the file was read early in it.
    monkeypatch.setattr(time, "time_ns", lambda: now + 60 * SECOND)
    opened.put("a", young, b"digest", b"blob")
    assert opened.save() == ""
    later = again(tmp_path / "cache")
    assert later.known("a", young) == (b"digest" if trusted else None)
    assert later.blob("a", b"digest") == b"blob"
    later.touch("a", young, b"digest")  # it was read again, a minute later
    assert later.known("a", young) == (b"digest" if age > -58 else None)


def test_nothing_is_written_where_nothing_changed(folder: Path) -> None:
    before = only_file(folder).stat()
    opened = again(folder)
    answers(opened)
    for path, (digest, _) in FILES.items():
        opened.touch(path, status(), digest)
    # Equal to what is kept; nothing else of this test holds these objects.
    one, half = int("1"), float("2.5")
    opened.set_section("answers", [("".join("a"), one, None), ("b", half, True)])
    assert opened.save() == ""
    after = only_file(folder).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    opened.set_section("answers", [("a", True, None), ("b", 2.5, 1)])
    assert opened.save() == ""
    middle = only_file(folder).stat()
    assert middle.st_size > before.st_size
    assert opened.save() == ""
    assert only_file(folder).stat().st_size == middle.st_size
    assert repr(again(folder).section("answers")[0]) == "('a', True, None)"


def test_a_section_is_kept_as_it_was_set(folder: Path) -> None:
    opened = again(folder)
    value = [1]
    opened.set_section("answers", value)
    value.append(2)
    opened.section("answers").append(3)
    assert opened.section("answers") == [1]
    with pytest.raises(ValueError):
        opened.set_section("bad", Path())
    assert opened.save() == ""
    assert again(folder).section("answers") == [1]
    assert again(folder).section("bad") is None


@pytest.mark.parametrize("appended", [0, 40_000])
def test_waste_is_dropped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, appended: int
) -> None:
    monkeypatch.setattr(store, "_MOST_APPENDED", appended)
    monkeypatch.setattr(store, "_SHARE", 1000)
    sizes = []
    blobs = {}
    for run in range(30):
        opened = again(folder)
        for path in ("a", "b", "c")[: 1 + run % 3]:
            blobs[path] = random.randbytes(5000)
            opened.put(path, status(), blobs[path][:16], blobs[path])
        assert opened.save() == ""
        for each in (opened, again(folder)):
            assert answers(each) == RIGHT
            assert all(each.blob(p, b[:16]) == b for p, b in blobs.items())
        sizes.append(only_file(folder).stat().st_size)
    assert max(sizes) < 2 * 15_000 + 15_000 + 2_000 + appended


def broken_copy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: int) -> int:
        raise OSError(errno.EXDEV, "other file system")

    if name == "no pread":
        monkeypatch.delattr(os, "pread", raising=False)
    elif name == "no copy":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    else:
        replaced = fail if name == "refused" else lambda *args: 0
        monkeypatch.setattr(os, "copy_file_range", replaced, raising=False)


@pytest.mark.parametrize("name", ["no pread", "no copy", "refused", "nothing done"])
def test_other_systems(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    broken_copy(name, monkeypatch)
    opened = again(folder)
    assert answers(opened) == RIGHT
    opened.put("new", status(), b"digest", b"blob")
    assert opened.save() == ""
    for each in (opened, again(folder)):
        assert answers(each) == RIGHT
        assert each.blob("new", b"digest") == b"blob"


# -- damage -----------------------------------------------------------------


@pytest.mark.any_python
@pytest.mark.parametrize("mask", [0xFF, 0x01, 0x80])
def test_a_flipped_bit_loses_something_and_changes_nothing(
    folder: Path, mask: int
) -> None:
    path = only_file(folder)
    good = path.read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= mask
        path.write_bytes(bad)
        opened = again(folder)
        given = answers(opened)
        pairs = zip(given, RIGHT, strict=True)
        assert None in given, place
        assert given == [
            each if each is None else right for each, right in pairs
        ], place
        # What is damaged is not carried on, and what is not is not lost.
        opened.set_section("new", 1)
        assert opened.save() == ""
        assert answers(again(folder)) == given, place
        if place % 5 == 0:
            path.write_bytes(bad)
            heals(folder)


def test_a_file_cut_short_or_grown_is_no_cache(folder: Path) -> None:
    path = only_file(folder)
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        assert answers(again(folder)) == [None] * len(RIGHT), length
    heals(folder)
    # What was appended and is no record is not read, and nothing is appended to it.
    path.write_bytes(good + b"\0")
    opened = again(folder)
    assert answers(opened) == RIGHT
    opened.set_section("new", 1)
    assert opened.save() == ""
    assert again(folder).section("new") == 1
    assert only_file(folder).read_bytes()[: len(good) + 1] != good + b"\0"


def test_a_file_cut_short_while_it_is_open(folder: Path) -> None:
    opened = again(folder)
    opened.put("new", status(), b"digest", b"blob")
    os.truncate(only_file(folder), 400)
    assert opened.blob("/p/3.py", FILES["/p/3.py"][0]) is None
    assert "cut short" in opened.save()
    assert len(list(folder.iterdir())) == 1
    heals(folder)


def nested(depth: int) -> bytes:
    return b"(\x01\0\0\0" * depth + b"N"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(5000),
        b"\xff" * 5000,
        pickle.dumps({"a": (1, 2)}),
        marshal.dumps(({}, {}, 0, 0)),
        nested(100_000),
        b"[\xff\xff\xff\x7f",
        b"asyncfix cache 2" + b"\xff" * 200,
    ],
)
def test_something_else_in_its_place(folder: Path, data: bytes) -> None:
    path = only_file(folder)
    head = path.read_bytes()[:48]
    for bad in (data, head + data, head + b"\xff" * 8 + data):
        path.write_bytes(bad)
        assert answers(again(folder)) == [None] * len(RIGHT)
        assert again(folder).save() == ""
        heals(folder)


def digest(data: bytes, size: int = 16) -> bytes:
    return blake2b(data, digest_size=size).digest()


def forge(path: Path, table: bytes, rest: bytes) -> None:
    """Write a cache whose header and table have the right checksum."""
    head = path.read_bytes()[:48] + len(table).to_bytes(8, "little")
    path.write_bytes(head + digest(head + table, 32) + table + rest)


def entry(*end: object) -> dict[str, Any]:
    return {path: (10**18, 9, 7, 10**18, d, *end) for path, (d, _) in FILES.items()}


@pytest.mark.parametrize(
    "table",
    [None, 1, "text", (), (1, 2, 3, 4), ({}, {}, 0, 0), ((0, 0, b""), {}, -9, 9),
     ((0, 0, b""), {}, 0, 0.0), ((0, 0, b""), {"answers": 1}, 0, 0),
     (("a", "b", "c"), {"answers": ("a", "b", "c", "d")}, 0, 0),
     ((0, 2**62, b""), {"answers": (2**62, -1, b"", b"")}, 0, 0),
     ((0, 2**99, b""), {"answers": (-5, 4, b"", b"")}, 0, 0),
     compile("1", "", "eval")],
)  # fmt: skip
def test_a_forged_table_ends_no_run(folder: Path, table: object) -> None:
    forge(only_file(folder), marshal.dumps(table), b"")
    assert answers(again(folder)) == [None] * len(RIGHT)
    heals(folder)


@pytest.mark.parametrize(
    "data",
    [nested(100_000), b"[\xff\xff\xff\x00", b"(", b"", b"?"]
    + [
        marshal.dumps(each)
        for each in (
            None, [1], {1: 2}, ("", b"", b"", b""), ("\0", b"", b"", 1),
            ("\0a\0", bytes(8), b"8bytes..", b"N"), (b"\0a\0", bytes(8), bytes(8), b""),
            ("\0/p/1.py\0", b"\xff" * 8, b"\xff" * 8, b"N"), ("\0a\0", b"", b"1" * 8, b""),
            ("\0\0\0/p/1.py\0", bytes(8), bytes(8), b"N"),
        )
    ]
    + [
        pack(each.items())
        for each in (
            {"/p/1.py": None}, {"/p/1.py": "12345678"}, {"/p/1.py": ()},
            entry(), entry("a", "b", "c"), entry(0, "b", b"c"), entry(0.5, 1, b"c"),
            entry(-(2**70), 2**70, b"c"), entry(2**70, -1, None), entry(0, 5, 6),
        )
    ],
)  # fmt: skip
def test_forged_files_and_sections_end_no_run(folder: Path, data: bytes) -> None:
    place = (0, len(data), digest(data))
    good = pack(())
    empty = (len(data), len(good), digest(good))
    places = {"answers": (*place, b"")}
    for files in (place, empty):
        table = (files, places, len(data + good), 0)
        forge(only_file(folder), marshal.dumps(table), data + good)
        opened = again(folder)
        blobs = [opened.blob(path, each[0]) for path, each in FILES.items()]
        assert blobs == [None] * len(FILES)
        assert opened.section("answers") == _loaded(data) or files is place
        opened.touch("/p/1.py", status(size=1), FILES["/p/1.py"][0])
        opened.set_section("new", 1)
        assert opened.save() == ""
        assert again(folder).section("new") == 1
        heals(folder)


def test_no_more_is_read_than_there_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is made for what is read; a length from the file must not be believed."""
    path = only_file(folder)
    huge = 2**40
    good = path.read_bytes()
    real, asked = os.pread, []

    def noted(handle: int, length: int, offset: int) -> bytes:
        asked.append(length)
        return real(handle, min(length, huge >> 20), offset)

    monkeypatch.setattr(os, "pread", noted)
    path.write_bytes(good[:48] + huge.to_bytes(8, "little") + good[56:])
    assert answers(again(folder)) == [None] * len(RIGHT)
    place = (0, huge, b"")
    forge(path, marshal.dumps((place, {"answers": (*place, b"")}, 0, 0)), b"")
    assert answers(again(folder)) == [None] * len(RIGHT)
    assert len(asked) > 3 and max(asked) <= len(good)


def _loaded(data: bytes) -> object:
    try:
        return marshal.loads(data)
    except (EOFError, TypeError, ValueError):
        return None
