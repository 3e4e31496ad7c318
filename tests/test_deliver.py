"""Deliver: a file is wholly old or wholly new, whatever happens."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncfix import deliver
from asyncfix.deliver import write
from asyncfix.model import Change, Problem

OLD, NEW = b"old\r\n\xff", b"new\r\n\xff\x00\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.py"
    path.write_bytes(OLD)
    return path


def change(path: Path, old: bytes = OLD) -> Change:
    return Change(path, "shown.py", old, NEW, (), ())


def refused(path: Path, *, word: str, old: bytes = OLD) -> Problem:
    """Write in vain: nothing has changed, nothing is left over."""
    before = {each: each.lstat().st_mtime_ns for each in path.parent.iterdir()}
    data = path.read_bytes() if path.exists() else None
    problem = write(change(path, old))
    assert problem is not None
    assert problem.path == "shown.py"
    assert word in problem.message
    assert problem.hint
    assert (path.read_bytes() if path.exists() else None) == data
    after = {each: each.lstat().st_mtime_ns for each in path.parent.iterdir()}
    assert after == before
    return problem


def test_a_file_is_written(file: Path) -> None:
    assert write(change(file)) is None
    assert file.read_bytes() == NEW
    assert os.listdir(file.parent) == ["x.py"]


@pytest.mark.parametrize(
    "mode", [0o644, 0o755, 0o600, 0o664, 0o700, 0o4755, 0o200 | 0o444]
)
def test_the_mode_is_kept(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert write(change(file)) is None
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_the_owner_is_kept_where_that_can_be(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda handle, uid, gid: asked.append((uid, gid)))
    status = file.stat()
    assert write(change(file)) is None
    assert asked == [(status.st_uid, status.st_gid)]


def test_of_a_link_the_target_is_written(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "one.py").symlink_to("../x.py")
    (folder / "two.py").symlink_to("one.py")
    assert write(change(folder / "two.py")) is None
    assert file.read_bytes() == NEW
    assert os.readlink(folder / "one.py") == "../x.py"
    assert os.readlink(folder / "two.py") == "one.py"


def test_a_relative_path(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert write(change(Path("x.py"))) is None
    assert file.read_bytes() == NEW


@pytest.mark.parametrize("name", ["a b.py", "ü.py", "-x.py", os.fsdecode(b"\xff.py")])
def test_a_name_of_any_letters(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(OLD)
    assert write(change(path)) is None
    assert path.read_bytes() == NEW


# -- refusals ---------------------------------------------------------------


def test_a_file_that_has_changed_is_refused(file: Path) -> None:
    refused(file, word="changed since it was read", old=b"older")


def test_a_file_that_is_gone_is_refused(file: Path) -> None:
    file.unlink()
    refused(file, word="cannot be written")


def test_a_read_only_file_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename would go round the mode; root's `os.access` would allow it."""
    file.chmod(0o444)
    if os.geteuid() == 0:
        real = os.access

        def access(path: Any, mode: int, **more: Any) -> bool:
            if mode & os.W_OK and not os.stat(path).st_mode & 0o222:
                return False
            return real(path, mode, **more)

        monkeypatch.setattr(os, "access", access)
    refused(file, word="read-only")


def test_a_file_with_other_hard_links_is_refused(file: Path, tmp_path: Path) -> None:
    os.link(file, tmp_path / "y.py")
    refused(file, word="hard link")
    assert (tmp_path / "y.py").read_bytes() == OLD


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.py").mkdir()
    problem = write(change(tmp_path / "x.py"))
    assert problem is not None
    assert os.listdir(tmp_path) == ["x.py"]


# -- faults -----------------------------------------------------------------


def failing(code: int) -> Callable[..., None]:
    def fail(*args: object, **more: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS, errno.EDQUOT]
)
@pytest.mark.parametrize("call", ["replace", "fsync", "fchmod", "fdopen", "fchown"])
def test_a_fault_leaves_the_file_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    if call == "fchown":
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, call, failing(code))
    problem = write(change(file))
    assert problem is not None
    assert os.strerror(code) in problem.message
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["x.py"]


def test_a_full_disk_at_the_first_byte(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *error: object) -> None:
            self.inner.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        write = staticmethod(failing(errno.ENOSPC))

    real = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda *args: Full(real(*args)))
    refused(file, word=os.strerror(errno.ENOSPC))


def test_a_folder_where_nothing_may_be_made(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        import tempfile

        monkeypatch.setattr(tempfile, "mkstemp", failing(errno.EACCES))
    else:
        file.parent.chmod(0o555)
    try:
        refused(file, word=os.strerror(errno.EACCES))
    finally:
        file.parent.chmod(0o755)


def test_an_interrupt_leaves_nothing_behind(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(change(file))
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["x.py"]


def test_a_folder_that_cannot_be_synced_is_no_failure_of_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the rename the file is new: it must not be called unwritten."""
    monkeypatch.setattr(deliver, "_sync_folder", failing(errno.EINVAL))
    problem = write(change(file))
    assert file.read_bytes() == NEW
    assert problem is None or "as it was" not in problem.hint


def test_the_bytes_are_on_the_disk_before_the_name_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for call in ("fsync", "replace"):
        real = getattr(os, call)

        def noted(*args: Any, call: str = call, real: Any = real) -> None:
            order.append(call)
            real(*args)

        monkeypatch.setattr(os, call, noted)
    assert write(change(file)) is None
    assert order[:2] == ["fsync", "replace"]
