"""The store's folder: whose it is, what a crash leaves in it, what is removed."""

from __future__ import annotations

import ast
import errno
import os
import random
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncfix import prune, store
from asyncfix.store import Store

DAY = 86_400
PATHS = [f"/p/{number}.py" for number in range(20)]
STATUS = os.stat_result((0o100644, 7, 1, 1, 0, 0, 9, 0, 0, 0), {"st_mtime_ns": 1})

# Puts one value everywhere: what is read later must be all of one save.
FILL = """
def fill(opened, mark):
    for path in PATHS:
        opened.put(path, STATUS, b"digest", mark * 10_000)
    opened.set_section("mark", mark)
"""
CHILD = f"""
import os, sys
from asyncfix.store import Store
PATHS = {PATHS}
STATUS = os.stat_result((0o100644, 7, 1, 1, 0, 0, 9, 0, 0, 0), {{"st_mtime_ns": 1}})
{FILL}
folder = sys.argv[1]
"""
namespace: dict[str, Any] = {"PATHS": PATHS, "STATUS": STATUS}
exec(FILL, namespace)
fill = namespace["fill"]


def again(folder: Path | str, root: str = "/p", key: bytes = b"1") -> Store:
    return Store(root, key, str(folder))


def mark(folder: Path) -> bytes | None:
    """Give the mark of the save that the cache is of, None where it is empty."""
    opened = again(folder)
    assert opened.note == ""
    blobs = {opened.blob(path, b"digest") for path in PATHS}
    section: bytes | None = opened.section("mark")
    assert blobs == {section and section * 10_000}
    return section


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder that holds the cache of the project `/p`, of mark `0`."""
    path = tmp_path / "cache"
    opened = again(path)
    fill(opened, b"0")
    assert opened.save() == ""
    return path


@pytest.fixture
def written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be appended."""
    monkeypatch.setattr(store, "_MOST_RECORDS", 0)


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def refused(folder: Path, *, word: str) -> None:
    """The cache is neither read nor written, and a person is told why."""
    before = sorted(os.listdir(folder)) if folder.is_dir() else None
    opened = again(folder)
    assert word in opened.note
    assert opened.section("mark") is None
    fill(opened, b"1")
    assert word in opened.save()
    assert opened.blob(PATHS[0], b"digest") == b"1" * 10_000  # for this run
    assert (sorted(os.listdir(folder)) if folder.is_dir() else None) == before


# -- where it is ------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "/home/me/.cache/asyncfix"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/asyncfix"),
        ("linux", {"XDG_CACHE_HOME": "xdg"}, "/home/me/.cache/asyncfix"),
        ("linux", {"XDG_CACHE_HOME": ""}, "/home/me/.cache/asyncfix"),
        ("linux", {"HOME": "nowhere"}, ""),
        ("darwin", {}, "/home/me/Library/Caches/asyncfix"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/asyncfix"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/asyncfix/cache"),
        ("win32", {}, ""),
        ("linux", {"ASYNCFIX_CACHE_DIR": "/own", "XDG_CACHE_HOME": "/xdg"}, "/own"),
        ("linux", {"ASYNCFIX_CACHE_DIR": "own"}, f"{os.sep}tmp{os.sep}own"),
        ("linux", {"ASYNCFIX_CACHE_DIR": "", "XDG_CACHE_HOME": "/xdg"}, ""),
        ("linux", {"ASYNCFIX_CACHE_DIR": "off", "XDG_CACHE_HOME": "/xdg"}, ""),
    ],
)
def test_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    environment: dict[str, str],
    expected: str,
) -> None:
    for name in ("ASYNCFIX_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir("/tmp")
    with monkeypatch.context() as patched:
        for name, value in {"HOME": "/home/me", **environment}.items():
            patched.setenv(name, value)
        patched.setattr(sys, "platform", platform)
        opened = Store("/p", b"1")
    assert opened.folder == expected
    assert Store("/p", b"1", "/given").folder == "/given"


@pytest.mark.parametrize("switch", ["", "off"])
def test_off_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASYNCFIX_CACHE_DIR", str(tmp_path / "never"))
    opened = again(switch)
    fill(opened, b"1")
    assert (opened.note, opened.save(), opened.folder) == ("", "", "")
    assert opened.section("mark") == b"1"
    assert os.listdir(tmp_path) == []


def test_it_imports_next_to_nothing() -> None:
    program = (
        "import sys, __future__, os, stat; before = set(sys.modules)\n"
        f"sys.path[:0] = [{str(Path(store.__file__).parent.parent)!r}]\n"
        "import asyncfix.store; print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", program], capture_output=True, check=True
    )
    assert set(ast.literal_eval(done.stdout.decode())) <= {
        "_bisect",
        "_blake2",
        "_struct",
        "asyncfix",
        "asyncfix.cachefile",
        "asyncfix.digest",
        "asyncfix.store",
        "asyncfix.stored",
        "asyncfix.table",
        "bisect",
        "struct",
    }


# -- whose it is ------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_modes_are_for_nobody_else(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        opened = again(tmp_path / "deep" / "cache")
        fill(opened, b"1")
        assert opened.save() == ""
    finally:
        os.umask(before)
    path = only_file(tmp_path / "deep" / "cache")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_folder_open_to_others_is_not_used(folder: Path, mode: int) -> None:
    folder.chmod(mode)
    refused(folder, word="open to others")
    folder.chmod(0o755)  # may be looked into, as ~/.cache itself
    assert mark(folder) == b"0"


def test_a_link_is_not_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    refused(tmp_path / "link", word="is a symbolic link")
    (tmp_path / "dangling").symlink_to("gone")
    assert "symbolic link" in again(tmp_path / "dangling").note


def test_a_folder_of_another_user_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    refused(folder, word="belongs to another user")


def test_a_file_of_another_user_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fstat

    def of_another(handle: int) -> os.stat_result:
        fields = list(real(handle))
        fields[stat.ST_UID] += 1
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", of_another)
    opened = again(folder)
    assert "belongs to another user" in opened.note
    assert opened.section("mark") is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_file_open_to_others_is_replaced(folder: Path, mode: int) -> None:
    only_file(folder).chmod(mode)
    opened = again(folder)
    assert "open to others" in opened.note
    assert opened.section("mark") is None
    fill(opened, b"1")
    assert opened.save() == ""
    assert mark(folder) == b"1"
    assert stat.S_IMODE(only_file(folder).stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_something_else_in_the_files_place(
    folder: Path, tmp_path: Path, kind: str
) -> None:
    path = only_file(folder)
    moved = path.rename(tmp_path / "moved")
    data = moved.read_bytes()
    if kind == "link":
        path.symlink_to(moved)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    opened = again(folder)
    assert opened.note
    assert opened.section("mark") is None
    fill(opened, b"1")
    assert bool(opened.save()) == (kind == "folder")
    assert moved.read_bytes() == data
    assert len(os.listdir(folder)) == 1


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(tmp_path / "file", word=f"{tmp_path / 'file'}")
    refused(tmp_path / "file" / "cache", word=os.strerror(errno.ENOTDIR))


@pytest.mark.parametrize("root", ["/p/\0", "/\ud800", os.devnull, "/gone/for/good", ""])
def test_any_root(tmp_path: Path, root: str) -> None:
    opened = again(tmp_path / "cache", root)
    opened.set_section("x", 1)
    assert bool(opened.save()) == bool(opened.note)
    assert again(tmp_path / "cache", root).section("x") == (None if opened.note else 1)


def test_a_folder_that_vanished_is_made_again(folder: Path) -> None:
    opened = again(folder)
    only_file(folder).unlink()
    folder.rmdir()
    opened.set_section("new", 1)
    assert opened.save() == ""
    assert mark(folder) == b"0"  # it was still open
    assert again(folder).section("new") == 1


# -- faults -----------------------------------------------------------------


def failing(call: str, after: int, code: int) -> Callable[..., Any]:
    """Give the call of `os` as it is where it fails after some bytes or files."""
    real = getattr(os, call)
    left = after

    def fail(*args: Any, **more: Any) -> Any:
        nonlocal left
        if call == "open" and not args[1] & os.O_CREAT:
            return real(*args, **more)
        if left <= 0:
            raise OSError(code, os.strerror(code))
        if call == "write":
            args = (args[0], args[1][:left])
            left -= len(args[1])
        else:
            left = 0
        return real(*args, **more)

    return fail


@pytest.mark.usefixtures("written_anew")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
@pytest.mark.parametrize(
    ("call", "after"),
    [("open", 0), ("replace", 0), ("makedirs", 0), ("copy_file_range", 0)]
    + [("write", after) for after in (0, 1, 100, 2_000, 9_000)],
)
def test_a_fault_leaves_the_old_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str, after: int, code: int
) -> None:
    path = only_file(folder)
    data = path.read_bytes()
    opened = again(folder)
    opened.put("new", STATUS, b"digest", bytes(10_000))
    opened.set_section("new", 1)
    with monkeypatch.context() as patched:
        patched.setattr(os, call, failing(call, after, code))
        if call == "copy_file_range":
            patched.setattr(os, "write", failing("write", 5_000, code))
        assert os.strerror(code) in opened.save()
    assert path.read_bytes() == data
    assert only_file(folder) == path
    assert opened.section("new") == 1
    assert opened.save() == ""
    assert mark(folder) == b"0"
    assert again(folder).blob("new", b"digest") == bytes(10_000)


def test_an_interrupt_leaves_the_old_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    opened = again(folder)
    fill(opened, b"1")
    with pytest.raises(KeyboardInterrupt):
        opened.save()
    assert mark(folder) == b"0"
    assert len(os.listdir(folder)) == 1


def child(program: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + program, *map(str, arguments)],
        stdout=subprocess.PIPE,
    )


def test_a_limit_of_file_size(folder: Path) -> None:
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, [50_000] * 2)\n"
    save = "opened = Store('/p', b'1', folder)\nfill(opened, b'1')\n"
    said, _ = child(limit + save + "print(opened.save())", folder).communicate()
    assert os.strerror(errno.EFBIG) in said.decode()
    assert mark(folder) == b"0"
    assert len(os.listdir(folder)) == 1


def test_a_kill_leaves_a_whole_cache(folder: Path) -> None:
    program = """
for number in range(10**9):
    opened = Store("/p", b"1", folder)
    fill(opened, b"%d " % number)
    assert opened.save() == ""
    print(number, flush=True)
"""
    left_over = 0
    for _ in range(20):
        with child(program, folder) as running:
            assert running.stdout is not None
            running.stdout.readline()
            time.sleep(random.random() / 50)
            running.kill()
            said = running.stdout.read().split()
        last = int(said[-1]) if said else 0
        # It may have died between the save and the word of it.
        assert mark(folder) in (b"%d " % last, b"%d " % (last + 1))
        left_over = max(left_over, len(os.listdir(folder)) - 1)
    assert left_over < 21


def test_two_writers_at_once(folder: Path) -> None:
    program = """
for _ in range(200):
    opened = Store("/p", b"1", folder)
    fill(opened, b"x")
    fill(opened, sys.argv[2].encode())
    assert opened.save() == "", opened.save()
"""
    running = [child(program, folder, each) for each in "ab"]
    seen = set()
    while any(each.poll() is None for each in running):
        seen.add(mark(folder))
    assert [each.wait() for each in running] == [0, 0]
    for each in running:
        each.communicate()
    assert seen <= {b"0", b"a", b"b"}
    assert mark(folder) in (b"a", b"b")
    assert len(os.listdir(folder)) == 1


# -- what is removed --------------------------------------------------------

OWN, OTHER = "<own>", "f" * 32
HEX = "0123456789abcdef" * 2


@pytest.mark.usefixtures("written_anew")
@pytest.mark.parametrize(
    ("name", "days", "stays"),
    [
        (f"{OWN}-{HEX}.cache", 6, True),
        (f"{OWN}-{HEX}.cache", 8, False),
        (f"{OTHER}-{HEX}.cache", 29, True),
        (f"{OTHER}-{HEX}.cache", 31, False),
        (f"{OTHER}-{HEX}.cache", -400, True),
        (f"{OTHER}-{HEX}.cache.0123456789abcdef.tmp", 0.03, True),
        (f"{OTHER}-{HEX}.cache.0123456789abcdef.tmp", 0.05, False),
        (f"{OWN}-{HEX}.cache.0123456789abcdef.tmp", 0.05, False),
        (f"{OTHER}-{HEX}.cached", 400, True),
        (f"{OTHER}-{HEX}", 400, True),
        (f"{OTHER}-{HEX[1:]}.cache", 400, True),
        (f"{OTHER}-{HEX[1:]}G.cache", 400, True),
        ("notes.txt", 400, True),
        ("x.cache", 400, True),
    ],
)
def test_what_nobody_uses_is_removed(
    folder: Path, name: str, days: float, stays: bool
) -> None:
    path = folder / name.replace(OWN, only_file(folder).name[:32])
    path.touch()
    os.utime(path, (time.time() - days * DAY,) * 2)
    opened = again(folder)
    assert opened.save() == ""
    assert path.exists()  # nothing was saved
    opened.set_section("new", 1)
    assert opened.save() == ""
    assert path.exists() == stays
    assert mark(folder) == b"0"


@pytest.mark.usefixtures("written_anew")
def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / f"{OTHER}-{HEX}.cache"
    outside.touch()
    inside = folder / outside.name
    inside.symlink_to(outside)
    os.utime(inside, (1, 1), follow_symlinks=False)
    opened = again(folder)
    opened.set_section("new", 1)
    assert opened.save() == ""
    assert outside.exists() and not inside.is_symlink()


@pytest.mark.usefixtures("written_anew")
def test_the_oldest_of_too_much_are_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = only_file(folder).stat().st_size
    monkeypatch.setattr(prune, "_LARGEST_FOLDER", size + 35_000)
    for days in (1, 2, 3, 4, 5):
        path = folder / f"{str(days) * 32}-{HEX}.cache"
        path.write_bytes(bytes(10_000))
        os.utime(path, (time.time() - days * DAY,) * 2)
    opened = again(folder)
    opened.set_section("new", 1)
    assert opened.save() == ""
    left = {each.name[0] for each in folder.glob(f"*-{HEX}.cache")}
    assert left == {"1", "2", "3"}
    assert mark(folder) == b"0"


@pytest.mark.parametrize(("days", "marked"), [(0.5, False), (20, True)])
def test_a_cache_that_is_read_is_in_use(
    folder: Path, days: float, marked: bool
) -> None:
    path = only_file(folder)
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    again(folder)
    assert (path.stat().st_mtime > then + 60) == marked
