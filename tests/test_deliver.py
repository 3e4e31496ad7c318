"""Deliver: a file is wholly old or wholly new, whatever happens."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncfix import journal, replaced, state
from asyncfix.deliver import write
from asyncfix.model import AsyncfixError, Change, Problem
from asyncfix.transaction import Outcome

OLD, NEW = b"old\r\n\xff", b"new\r\n\xff\x00\n"


@pytest.fixture(autouse=True)
def own_journals(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("own")))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.py"
    path.write_bytes(OLD)
    return path


def change(path: Path, old: bytes = OLD, group: str = "") -> Change:
    return Change(path, path.name, old, NEW, (), (), group)


def written(*changes: Change) -> Outcome:
    return write(changes, changes[0].path.parent, "test")


def ok(path: Path) -> None:
    outcome = written(change(path))
    assert outcome.problems == ()
    assert [each.shown for each in outcome.written] == [path.name]


def refused(path: Path, *, word: str, old: bytes = OLD) -> Problem:
    """Write in vain: nothing has changed, nothing is left over."""
    before = {each: each.lstat().st_mtime_ns for each in path.parent.iterdir()}
    data = path.read_bytes() if path.is_file() else None
    outcome = written(change(path, old))
    (problem,) = outcome.problems
    assert problem.path == path.name
    assert word in problem.message
    assert problem.hint
    assert outcome.written == () and outcome.run == ""
    assert (path.read_bytes() if path.is_file() else None) == data
    after = {each: each.lstat().st_mtime_ns for each in path.parent.iterdir()}
    assert after == before
    assert not os.path.lexists(state.marker(path.parent))
    return problem


def test_a_file_is_written(file: Path) -> None:
    ok(file)
    assert file.read_bytes() == NEW
    assert os.listdir(file.parent) == ["x.py"]


@pytest.mark.parametrize(
    "mode", [0o644, 0o755, 0o600, 0o664, 0o700, 0o4755, 0o200 | 0o444]
)
def test_the_mode_is_kept(file: Path, mode: int) -> None:
    file.chmod(mode)
    ok(file)
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_extended_attributes_are_kept(file: Path) -> None:
    try:
        os.setxattr(file, "user.asyncfix", b"kept")
    except OSError:
        pytest.skip("this file system keeps no extended attributes")
    ok(file)
    assert os.getxattr(file, "user.asyncfix") == b"kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_is_kept(file: Path) -> None:
    os.chown(file, 12345, 54321)
    ok(file)
    status = file.stat()
    assert (status.st_uid, status.st_gid) == (12345, 54321)


def test_a_file_of_another_owner_is_written_in_place(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a new file would be ours, the old one keeps its owner."""
    before = file.stat().st_ino
    monkeypatch.setattr(
        replaced.Seen, "in_place", property(lambda seen: True), raising=True
    )
    ok(file)
    assert file.stat().st_ino == before
    assert file.read_bytes() == NEW


def test_a_file_of_a_group_that_is_not_ours_is_written_in_place(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody but root may give a new file to a group that he is not in."""
    status = file.stat()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getgroups", lambda: [1000])
    monkeypatch.setattr(os, "getegid", lambda: 1000)

    def in_place(uid: int, gid: int) -> bool:
        there = os.stat_result((status.st_mode, 1, 1, 1, uid, gid, 9, 0, 0, 0))
        return replaced.Seen(str(file), there, b"").in_place

    assert not in_place(1000, 1000)
    assert in_place(1000, 1001)
    assert in_place(1001, 1000)


def test_of_a_link_the_target_is_written(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "one.py").symlink_to("../x.py")
    (folder / "two.py").symlink_to("one.py")
    ok(folder / "two.py")
    assert file.read_bytes() == NEW
    assert os.readlink(folder / "one.py") == "../x.py"
    assert os.readlink(folder / "two.py") == "one.py"


def test_hard_links_stay_one_file(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "y.py"
    os.link(file, other)
    ok(file)
    assert file.read_bytes() == other.read_bytes() == NEW
    assert file.stat().st_ino == other.stat().st_ino


def test_a_relative_path(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    ok(Path("x.py"))
    assert file.read_bytes() == NEW


@pytest.mark.parametrize("name", ["a b.py", "ü.py", "-x.py", os.fsdecode(b"\xff.py")])
def test_a_name_of_any_letters(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(OLD)
    ok(path)
    assert path.read_bytes() == NEW


# -- refusals ---------------------------------------------------------------


def test_a_file_that_has_changed_is_refused(file: Path) -> None:
    refused(file, word="changed since it was read", old=b"older")


def test_a_file_that_was_saved_again_is_refused(file: Path) -> None:
    """The same bytes, but somebody is at it."""
    read = {"x.py": file.stat()}
    os.utime(file, ns=(1, 1))
    outcome = write([change(file)], file.parent, "test", read)
    (problem,) = outcome.problems
    assert "changed since it was read" in problem.message
    assert file.read_bytes() == OLD


def test_a_file_that_is_gone_is_refused(file: Path) -> None:
    file.unlink()
    refused(file, word="cannot be written")


def test_a_read_only_file_is_refused(file: Path, read_only: None) -> None:
    """A rename would go round the mode; root's `os.access` would allow it."""
    file.chmod(0o444)
    refused(file, word="read-only")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "x.py")
    refused(tmp_path / "x.py", word="no regular file")


def test_one_file_by_two_names_is_not_written_twice(file: Path, tmp_path: Path) -> None:
    (tmp_path / "y.py").symlink_to(file)
    outcome = written(change(file), change(tmp_path / "y.py"))
    assert [each.shown for each in outcome.written] == ["x.py"]
    assert "same file" in outcome.problems[0].message
    assert file.read_bytes() == NEW


# -- groups -----------------------------------------------------------------


def test_a_group_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.py" for name in "abcd"]
    for path in paths:
        path.write_bytes(OLD)
    paths[1].write_bytes(b"edited")
    a, b, c, d = paths
    outcome = written(change(a, group="1"), change(b, group="1"), change(c), change(d))
    assert [each.shown for each in outcome.written] == ["c.py", "d.py"]
    said = {each.path: each.message for each in outcome.problems}
    assert "changed since" in said["b.py"]
    assert "goes together with b.py" in said["a.py"]
    assert [path.read_bytes() for path in paths] == [OLD, b"edited", NEW, NEW]


@pytest.mark.parametrize("linked", [False, True], ids=["renamed", "in place"])
def test_a_group_that_fails_half_way_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    paths = [tmp_path / f"{name}.py" for name in "abc"]
    for path in paths:
        path.write_bytes(OLD)
    if linked:
        os.link(paths[0], tmp_path / "link")
    real = os.replace

    def replace(source: str, target: str) -> None:
        if target.endswith("b.py"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    a, b, c = paths
    outcome = written(change(a, group="1"), change(b, group="1"), change(c))
    assert [each.shown for each in outcome.written] == ["c.py"]
    assert {each.path for each in outcome.problems} == {"a.py", "b.py"}
    assert [path.read_bytes() for path in paths] == [OLD, OLD, NEW]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".asyncfix")]
    (run,) = journal.runs(str(tmp_path))
    assert [each.shown for each in run.landed] == ["c.py"]


# -- faults -----------------------------------------------------------------


def failing(code: int) -> Callable[..., None]:
    def fail(*args: object, **more: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS, errno.EDQUOT]
)
@pytest.mark.parametrize("call", ["replace", "fsync", "fchmod", "write"])
def test_a_fault_leaves_the_file_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """The fault is in the project only: the journal is somewhere else."""
    fail = failing(code)
    if call == "replace":
        real = os.replace
        monkeypatch.setattr(
            os,
            "replace",
            lambda a, b: fail() if b.endswith("x.py") else real(a, b),
        )
    else:
        real_stage = replaced.stage

        def stage(*args: Any) -> None:
            with monkeypatch.context() as patched:
                patched.setattr(os, call, fail)
                real_stage(*args)

        monkeypatch.setattr(replaced, "stage", stage)
    refused_now = written(change(file))
    assert os.strerror(code) in refused_now.problems[0].message
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["x.py"]
    assert not os.path.lexists(state.marker(file.parent))


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "mkdir"])
def test_without_a_journal_nothing_is_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, failing(errno.ENOSPC))
    with pytest.raises(AsyncfixError, match="nothing was written"):
        written(change(file))
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["x.py"]


def test_a_folder_where_nothing_may_be_made(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        monkeypatch.setattr(replaced, "stage", failing(errno.EACCES))
    else:
        file.parent.chmod(0o555)
    try:
        refused(file, word=os.strerror(errno.EACCES))
    finally:
        file.parent.chmod(0o755)


def test_a_write_in_place_that_fails_is_put_back(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: some bytes are written, then no more."""
    os.link(file, file.parent / "y.py")
    real = os.ftruncate
    calls: list[int] = []

    def ftruncate(handle: int, length: int) -> None:
        if length == len(NEW) and not calls:
            calls.append(1)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle, length)

    monkeypatch.setattr(os, "ftruncate", ftruncate)
    outcome = written(change(file))
    assert "No space left" in outcome.problems[0].message
    assert outcome.written == ()
    assert (file.parent / "y.py").read_bytes() == file.read_bytes() == OLD


def test_a_file_that_changes_at_the_last_moment_stays(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = replaced.stage

    def stage(*args: Any) -> None:
        real(*args)
        file.write_bytes(b"somebody was quicker")

    monkeypatch.setattr(replaced, "stage", stage)
    outcome = written(change(file))
    assert "somebody has changed it" in outcome.problems[0].message
    assert file.read_bytes() == b"somebody was quicker"
    assert os.listdir(file.parent) == ["x.py"]


def test_a_folder_that_cannot_be_synced_is_no_failure_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the rename the file is new: it must not be called unwritten."""
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "no")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    ok(file)
    assert file.read_bytes() == NEW


def test_the_old_bytes_are_on_the_disk_before_anything_is_written(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real_fsync, real_replace, real_open = os.fsync, os.replace, os.open

    def fsync(handle: int) -> None:
        order.append(
            "fsync " + os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))
        )
        real_fsync(handle)

    def replace(source: str, target: str) -> None:
        order.append(f"replace {os.path.basename(target)}")
        real_replace(source, target)

    def open_(path: Any, flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            order.append("make " + os.path.basename(path))
        return real_open(path, flags, *mode)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc")
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(os, "open", open_)
    ok(file)
    temporary = next(
        at for at, each in enumerate(order) if each.startswith("make .asyncfix-")
    )
    before = order[:temporary]
    assert before.index("fsync blobs") < before.index("replace manifest.json")
    assert "replace open" in before
    synced = next(
        at for at, each in enumerate(order) if each.startswith("fsync .asyncfix-")
    )
    assert temporary < synced < order.index("replace x.py")
