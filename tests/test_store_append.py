"""A run that changes little appends to the cache; what does not follow is not read."""

from __future__ import annotations

import errno
import os
import random
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncfix import store
from asyncfix.store import Store
from asyncfix.table import Table, pack

STATUS, TOUCHED = (
    os.stat_result(
        (0o100644, 7, 1, 1, 0, 0, 9, 0, 0, 0),
        {"st_mtime_ns": time, "st_ctime_ns": time},
    )
    for time in (10**18, 10**18 + 1)
)
PATHS = [f"/p/{number}.py" for number in range(5)]


def again(folder: Path) -> Store:
    return Store("/p", b"1", str(folder))


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def put(opened: Store, path: str, text: str) -> None:
    opened.put(path, STATUS, text.encode(), text.encode() * 100)


def state(opened: Store) -> dict[str, Any]:
    """Give all that a cache holds."""
    files = {path: opened.last(path) for path in PATHS}
    table = opened.table("table")
    plain = None if table is None else dict(table.items())
    names = ("first", "second")
    return {**files, **{name: opened.section(name) for name in names}, "table": plain}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    opened = again(path)
    for name in PATHS[:3]:
        put(opened, name, "old")
    opened.set_section("first", [1, 2])
    opened.set_table("table", {"a": 1, "b": (2, None), "é": "x"}.items())
    assert opened.save() == ""
    return path


def changed(folder: Path) -> Store:
    """Change a little of everything, and save it."""
    opened = again(folder)
    put(opened, PATHS[0], "new")
    put(opened, PATHS[3], "came")
    opened.touch(PATHS[1], TOUCHED, b"old")
    opened.set_section("second", "here")
    opened.patch("table", {"a": None, "c": [3], "b": 4})
    assert opened.save() == ""
    return opened


def test_what_is_appended_is_read(folder: Path) -> None:
    before = only_file(folder).read_bytes()
    opened = changed(folder)
    after = only_file(folder).read_bytes()
    assert after[: len(before)] == before
    assert len(after) < len(before) + 2000
    for each in (opened, again(folder)):
        assert each.last(PATHS[0]) == (b"new", b"new" * 100)
        assert each.last(PATHS[1]) == (b"old", b"old" * 100)
        assert each.last(PATHS[3]) == (b"came", b"came" * 100)
        assert each.known(PATHS[3], STATUS) == b"came"
        assert each.known(PATHS[1], TOUCHED) == b"old"
        assert each.section("first") == [1, 2]
        assert each.section("second") == "here"
        table = each.table("table")
        assert table is not None
        assert dict(table.items()) == {"é": "x", "c": [3], "b": 4}
        assert sorted(table.names()) == ["b", "c", "é"]
        assert [table.get(name) for name in "abcé"] == [None, 4, [3], "x"]
    assert again(folder).mark == opened.mark != b""


@pytest.mark.any_python
def test_many_runs_and_foldings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MOST_RECORDS", 5)
    chance = random.Random(1)
    expected = state(again(folder))
    inodes = set()
    for run in range(60):
        opened = again(folder)
        assert state(opened) == expected, run
        for _ in range(chance.randrange(1, 4)):
            kind = chance.randrange(4)
            if kind == 0:
                path, text = chance.choice(PATHS), f"text {run}"
                put(opened, path, text)
                expected[path] = text.encode(), text.encode() * 100
            elif kind == 1:
                name = chance.choice(["first", "second"])
                opened.set_section(name, [run])
                expected[name] = [run]
            elif kind == 2:
                name, value = chance.choice("abcd"), chance.choice([None, run])
                opened.patch("table", {name: value})
                expected["table"] = {**expected["table"], name: value}
            elif chance.random() < 0.3:
                opened.set_table("table", {"a": run}.items())
                expected["table"] = {"a": run}
        some = expected["table"].items()
        expected["table"] = {name: each for name, each in some if each is not None}
        assert opened.save() == ""
        assert state(opened) == expected, run
        inodes.add((only_file(folder).stat().st_ino, len(inodes) and run // 6))
    assert 2 < len(inodes) < 40  # both ways were taken
    assert stat.S_IMODE(only_file(folder).stat().st_mode) == 0o600


def test_a_torn_record_is_not_read(folder: Path) -> None:
    path = only_file(folder)
    before, whole = state(again(folder)), len(path.read_bytes())
    changed(folder)
    good, after = path.read_bytes(), state(again(folder))
    for length in range(whole, len(good)):
        path.write_bytes(good[:length])
        assert state(again(folder)) == before, length
        if length % 7 == 0:
            # The next run does the work again, and nothing stands behind the rest.
            changed(folder)
            assert state(again(folder)) == after


@pytest.mark.any_python
@pytest.mark.parametrize("mask", [0xFF, 0x01])
def test_a_flipped_bit_is_seen(folder: Path, mask: int) -> None:
    path = only_file(folder)
    before, whole = state(again(folder)), len(path.read_bytes())
    changed(folder)
    good, after = path.read_bytes(), state(again(folder))
    for place in range(whole, len(good)):
        bad = bytearray(good)
        bad[place] ^= mask
        path.write_bytes(bad)
        found = state(again(folder))
        for name, value in found.items():
            assert value in (None, before[name], after[name]), place
        assert found != after, place


def test_a_record_of_another_state_is_not_read(folder: Path) -> None:
    path = only_file(folder)
    start = path.read_bytes()
    before = state(again(folder))
    changed(folder)
    record = path.read_bytes()[len(start) :]
    other = again(folder)
    other.set_section("first", "other")
    assert other.save() == ""
    last = path.read_bytes()[len(start) + len(record) :]
    for wrong in (record + record, last, last + record, record[:60] + record):
        path.write_bytes(start + wrong)
        once = wrong.startswith(record)
        assert state(again(folder))["first"] == [1, 2]
        assert (state(again(folder)) == before) != once
        opened = again(folder)
        opened.set_section("second", "anew")
        assert opened.save() == ""
        assert again(folder).section("second") == "anew"


def test_two_runs_at_once(folder: Path) -> None:
    """The later one writes the file anew: they are never mixed."""
    one, two = again(folder), again(folder)
    put(one, PATHS[0], "one")
    one.set_section("first", "one")
    put(two, PATHS[1], "two")
    two.set_section("second", "two")
    assert one.save() == two.save() == ""
    found = again(folder)
    assert (found.section("first"), found.section("second")) == ([1, 2], "two")
    assert found.last(PATHS[0]) == (b"old", b"old" * 100)
    assert found.last(PATHS[1]) == (b"two", b"two" * 100)
    assert found.mark == two.mark != one.mark


def test_two_runs_append_in_the_same_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = again(folder), again(folder)
    one.set_section("first", "one")
    put(two, PATHS[1], "two")
    real = store.write_all
    waiting: list[Callable[[], str]] = [one.save]

    def write_all(target: int, data: bytes) -> None:
        if waiting:
            assert waiting.pop()() == ""
        real(target, data)

    monkeypatch.setattr(store, "write_all", write_all)
    assert two.save() == ""
    monkeypatch.undo()
    assert two.mark == b""  # nothing may be built on it
    found = again(folder)
    assert found.section("first") == "one"
    assert found.last(PATHS[1]) == (b"old", b"old" * 100)
    assert found.mark == one.mark
    for opened in (two, found):
        opened.set_section("second", "later")
        assert opened.save() == ""
        assert again(folder).section("second") == "later"


def test_the_file_was_replaced_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, other = again(folder), again(folder)
    monkeypatch.setattr(store, "_MOST_RECORDS", 0)
    other.set_section("first", "other")
    assert other.save() == ""
    monkeypatch.undo()
    opened.set_section("second", "mine")
    assert opened.save() == ""
    found = again(folder)
    assert (found.section("first"), found.section("second")) == ([1, 2], "mine")


@pytest.mark.parametrize("done", [0, 1, 60, 300])
def test_the_disk_is_full(
    folder: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    before = state(again(folder))
    real = os.write

    def write(target: int, data: Any) -> int:
        left.append(real(target, bytes(data)[: done - sum(left)]))
        if sum(left) == done:
            raise OSError(errno.ENOSPC, "No space left on device")
        return left[-1]

    left: list[int] = []
    opened = again(folder)
    put(opened, PATHS[0], "new")
    monkeypatch.setattr(os, "write", write)
    assert "No space left" in opened.save()
    monkeypatch.undo()
    assert state(again(folder)) == before
    changed(folder)
    assert again(folder).last(PATHS[0]) == (b"new", b"new" * 100)


def test_much_is_written_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inode = only_file(folder).stat().st_ino
    opened = again(folder)
    opened.put(PATHS[0], STATUS, b"big", bytes(300_000))
    assert opened.save() == ""
    assert only_file(folder).stat().st_ino != inode
    assert again(folder).last(PATHS[0]) == (b"big", bytes(300_000))


@pytest.mark.parametrize("count", [0, 1, 3, 300])
def test_a_table(count: int) -> None:
    values = {f"name {number} \u20ac"[: 5 + number]: number for number in range(count)}
    table = Table(pack(values.items()))
    for _ in range(3):
        for name, value in values.items():
            assert table.get(name) == value
        for name in ("", "nam", "name 1", "\u20ac", "name 0 \u20ac"):
            assert table.get(name) == values.get(name)
    assert dict(table.items()) == values
    assert table.names() == [*values]
    table.fresh = {"new": 1, "name ": None}
    values.pop("name ", None)
    assert dict(Table(table.as_bytes()).items()) == {**values, "new": 1}
    with pytest.raises(ValueError):
        pack({"a": Path()}.items())
