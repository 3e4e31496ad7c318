"""Workers: many files, in one process or several, give the same answers."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from asyncfix import workers
from asyncfix.facts import Facts
from asyncfix.model import Problem
from asyncfix.workers import Limits, read, scan_chunk, scan_files

TEXTS = {
    "a.py": b"import time\n\n\nasync def f():\n    time.sleep(1)\n",
    "b.py": b"x = (\n",
    "c.py": b"x = '\xff'\n",
    "d.py": b"",
    "e.py": b"# coding: latin-1\nx = '\xe9'\n",
    "f.py": b"type X = int\nf()\n",
}


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    for name, data in TEXTS.items():
        (tmp_path / name).write_bytes(data)
    return [str(tmp_path / name) for name in [*sorted(TEXTS), "gone.py"]]


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Make every scan worth a pool; give the list of chunks that went out."""
    monkeypatch.setattr(workers, "WORTH_A_POOL", 0)
    sent: list[list[str]] = []
    real = workers._schedule

    def noted(pool: Any, chunk: list[str], limits: Limits) -> Any:
        sent.append(chunk)
        return real(pool, chunk, limits)

    monkeypatch.setattr(workers, "_schedule", noted)
    return sent


def kinds(found: list[Facts | Problem]) -> list[str]:
    return [type(each).__name__ for each in found]


def test_answers_come_in_the_order_of_the_paths(paths: list[str]) -> None:
    found = scan_files(paths, 1)
    assert [each.path for each in found] == paths
    assert kinds(found)[:5] == ["Facts", "Problem", "Problem", "Facts", "Facts"]
    back = scan_files(paths[::-1], 1)
    assert back == found[::-1]


def test_a_pool_gives_the_same_answers(
    paths: list[str], pool: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_CHUNK", 1500)
    alone = scan_files(paths, 1)
    assert pool == []
    ticks: list[int] = []
    assert scan_files(paths, 4, ticks.append) == alone
    assert len(pool) > 1
    assert sorted(path for chunk in pool for path in chunk) == sorted(paths)
    assert sum(ticks) == len(paths)


def test_a_few_bytes_are_not_worth_a_pool(
    paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_in_pool", None)
    assert len(scan_files(paths, 8)) == len(paths)


def test_a_pool_leaves_the_environment_alone(
    paths: list[str], pool: list[list[str]]
) -> None:
    before = dict(os.environ)
    scan_files(paths, 2)
    assert pool
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Unexpected error within the Pool"),
        OSError(errno.EMFILE, "Too many open files"),
    ],
)
def test_where_no_worker_starts_the_files_are_named(
    paths: list[str],
    pool: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def refuse(*args: Any, **named: Any) -> None:
        raise error

    monkeypatch.setattr("pebble.ProcessPool.schedule", refuse)
    found = scan_files(paths, 2)
    assert [each.path for each in found] == paths
    assert all(
        isinstance(each, Problem) and "could not be given to a worker" in each.message
        for each in found
    )


def test_nothing_to_scan(pool: list[list[str]]) -> None:
    assert scan_files([], 1) == []
    assert scan_files([], 4) == []


def test_the_answers_are_plain_values(paths: list[str]) -> None:
    """Facts cross processes as bytes."""
    for each in workers.scan_packed(paths[:2], workers.USUAL):
        assert isinstance(each, Problem) or list(map(type, each)) == [bytes, bytes]


def replaced_by(
    monkeypatch: pytest.MonkeyPatch, function: Any, *args: Any, timeout: float = 60
) -> None:
    """Let a chunk that holds a poisoned file run something else in its worker."""
    real = workers._schedule

    def schedule(pool: Any, chunk: list[str], limits: Limits) -> Any:
        if any("poison" in path for path in chunk):
            return pool.schedule(function, args=args, timeout=timeout)
        return real(pool, chunk, limits)

    monkeypatch.setattr(workers, "_schedule", schedule)


@pytest.mark.parametrize(
    ("function", "args", "timeout", "said"),
    [
        pytest.param(os.abort, (), 60, "crashed its worker (exit code ", id="crash"),
        pytest.param(os._exit, (3,), 60, "crashed its worker (exit code 3)", id="exit"),
        pytest.param(time.sleep, (60,), 0.5, "took longer than", id="endless"),
        pytest.param(
            bytearray, (5 * 10**9,), 60, "needed more than 4 GB of memory", id="memory"
        ),
    ],
)
def test_a_bad_file_costs_itself(
    paths: list[str],
    tmp_path: Path,
    pool: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    function: Any,
    args: tuple[Any, ...],
    timeout: float,
    said: str,
) -> None:
    poison = str(tmp_path / "poison.py")
    Path(poison).write_bytes(b"x = 1\n")
    alone = scan_files(paths, 1)
    replaced_by(monkeypatch, function, *args, timeout=timeout)
    found = scan_files([*paths, poison], 2)
    assert found[:-1] == alone
    lost = found[-1]
    assert isinstance(lost, Problem)
    assert lost.path == poison
    assert said in lost.message
    assert lost.hint


def test_a_worker_that_raises_costs_its_file_only(
    paths: list[str],
    tmp_path: Path,
    pool: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poison = str(tmp_path / "poison.py")
    Path(poison).write_bytes(b"x = 1\n")
    alone = scan_files(paths, 1)
    replaced_by(monkeypatch, int, "a bug of ours")
    found = scan_files([*paths, poison], 2)
    assert found[:-1] == alone
    assert isinstance(found[-1], Problem)


HOSTILE = {
    "nested": "x = " + "(" * 20_000 + ")" * 20_000,
    # The joined name would take 5 GB.
    "dots": TEXTS["a.py"].decode() + "import " + "a." * 100_000 + "a\n",
    # CPython's compiler calls itself for each of them, and counts nothing.
    "loops": TEXTS["a.py"].decode() + "y = [a" + " for a in b" * 110_000 + "]\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_does_not_end_the_run(tmp_path: Path, text: str) -> None:
    """The texts that crash a parser crash it in this process, pool or not."""
    import subprocess
    import sys

    resource = pytest.importorskip("resource")
    (tmp_path / "good.py").write_bytes(TEXTS["a.py"])
    (tmp_path / "poison.py").write_text(text)
    most = 2_000_000_000
    done = subprocess.run(
        [sys.executable, "-m", "asyncfix", "--apply", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, 4 * most)),
    )
    if "for a in b" in text and "0 failed" in done.stderr:
        return  # this Python compiles it
    assert done.returncode == 2, (done.returncode, done.stderr[-300:])
    assert "good.py:5:5: fixed blocking-sleep" in done.stdout
    assert "poison.py:" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "poison.py").read_text() == text


def test_work_is_done_apart() -> None:
    assert workers.apart(len, ["", "ab"], 60) == [0, 2]
    for work, given, said in (
        (os._exit, 3, "crashed its worker (exit code 3)"),
        (time.sleep, 60, "took longer than 1 s"),
        (int, "x", "crashed its worker (ValueError"),
    ):
        found = workers.apart(work, [given], 1 if work is time.sleep else 60)
        assert isinstance(found, str) and said in found


def test_a_large_text_is_not_compiled_in_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from asyncfix import prove

    monkeypatch.setattr(workers, "apart", lambda work, given, seconds: "too long")
    assert prove._compiled([b"x = 1", b""], 1) == [None, None]
    assert prove._compiled([b"", b"#" * 200_001], 1) == "too long"


# -- reading ----------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_a_problem(
    paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = paths[0]
    if os.geteuid() == 0:
        real = open

        def fake(path: Any, *args: Any, **more: Any) -> Any:
            if path == denied:
                raise PermissionError(13, "Permission denied", path)
            return real(path, *args, **more)

        monkeypatch.setattr("builtins.open", fake)
    else:
        os.chmod(denied, 0)
    found = read(denied)
    assert isinstance(found, Problem)
    assert "Permission denied" in found.message
    assert isinstance(scan_chunk(paths)[0], Problem)
    assert isinstance(scan_chunk(paths)[3], Facts)


def test_a_file_that_is_gone_or_no_file_is_a_problem(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.py", tmp_path):
        assert isinstance(read(str(path)), Problem)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    limits = Limits(megabytes=1)
    for name, size in (("small.py", 1_000_000), ("large.py", 1_000_001)):
        (tmp_path / name).write_bytes(b"#" * size)
    found = read(str(tmp_path / "large.py"), limits)
    assert isinstance(found, Problem)
    assert "is larger than 1 MB" in found.message
    assert "max-file-size" in found.hint
    assert read(str(tmp_path / "small.py"), limits) == b"#" * 1_000_000


def test_a_large_file_is_never_scanned_in_this_process(
    paths: list[str], tmp_path: Path, pool: list[list[str]], monkeypatch: Any
) -> None:
    monkeypatch.setattr(workers, "WORTH_A_POOL", 10**9)
    large = tmp_path / "large.py"
    large.write_bytes(b"# no code\n" * 160_000)
    alone = scan_files(paths, 1)
    assert pool == []
    found = scan_files([*paths[:2], str(large), *paths[2:]], 1)
    assert pool == [[str(large)]]
    assert [*found[:2], *found[3:]] == alone
    assert isinstance(found[2], Facts)


def test_the_limits_of_the_configuration_hold(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "pyproject.toml").write_text("[tool.asyncfix]\nmax-file-time = 1\n")
    (tmp_path / "good.py").write_bytes(TEXTS["a.py"])
    (tmp_path / "slow.py").write_bytes(b"x = [1, 2, 3, a.b(c)]\n" * 300_000)
    command = [sys.executable, "-m", "asyncfix", "."]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 2
    assert "good.py:5:5: blocking-sleep" in done.stdout
    assert "slow.py:1: error: took longer than 1 s to scan" in done.stderr
    assert "max-file-time" in done.stderr


def test_collection_of_garbage_is_left_as_it_was(paths: list[str]) -> None:
    import gc

    assert gc.isenabled()
    scan_chunk(paths)
    assert gc.isenabled()
    gc.disable()
    try:
        scan_chunk(paths)
        assert not gc.isenabled()
    finally:
        gc.enable()
