"""Scan many files, in worker processes where that pays, or where it is safer.

Files go out in chunks of about the same size. A chunk whose worker crashes,
takes too long or needs too much memory is done again file by file, so that one
bad file costs itself. A large file is never scanned in this process.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from asyncfix.facts import Facts
from asyncfix.model import Problem

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool

# Below this many bytes a second process costs more than it saves (measured:
# start-up of two workers against about 0.2 s of scanning per MB).
WORTH_A_POOL = 8_000_000
_CHUNK = 500_000
# A file above this size has a worker of its own: no other one could hold a parser
# for more than half a minute (measured: every way of nesting and of repeating, CPython
# 3.10 to 3.13; the slowest are the parts of an f-string before 3.12).
_ALONE = 500_000
_MOST_MEMORY = 4_000_000_000

Scanned = Facts | Problem
_Packed = tuple[bytes, bytes]
_Given = TypeVar("_Given")
_Answer = TypeVar("_Answer")


class Limits(NamedTuple):
    """What one file may cost."""

    megabytes: int = 32
    """Its size: a larger one is not read."""
    seconds: int = 60
    """The time that scanning it may take in a worker."""


USUAL = Limits()


def scan_files(
    paths: Sequence[str],
    jobs: int,
    tick: Callable[[int], None] = lambda done: None,
    limits: Limits = USUAL,
) -> list[Scanned]:
    """Scan files; the answers come in the order of the paths, whatever `jobs` is.

    `tick` is told how many more files are done. Never raises for a bad file.
    """
    sizes = {path: _size(path) for path in paths}
    if jobs > 1 and sum(sizes.values()) >= WORTH_A_POOL:
        away = list(paths)
    else:
        away = [path for path in paths if sizes[path] > _ALONE]
    found: dict[str, Scanned] = {}
    if away:
        for chunk, answers in _in_pool(_chunks(away, sizes), jobs, limits):
            found.update(zip(chunk, answers, strict=True))
            tick(len(chunk))
    for path in paths:
        if path not in found:
            (found[path],) = scan_chunk([path], limits)
            tick(1)
    return [found[path] for path in paths]


def scan_chunk(
    paths: Sequence[str],
    limits: Limits = USUAL,
) -> list[Scanned]:
    """Scan a few files one after the other. Runs in a worker; never raises."""
    from asyncfix.scan import scan

    with no_collection():
        answers: list[Scanned] = []
        for path in paths:
            data = read(path, limits)
            if isinstance(data, Problem):
                answers.append(data)
                continue
            scanned = scan(path, data)
            answers.append(scanned if isinstance(scanned, Problem) else scanned[0])
        return answers


def scan_packed(paths: Sequence[str], limits: Limits) -> list[_Packed | Problem]:
    """Scan a few files in a worker; facts go back as the bytes they are."""
    return [
        each if isinstance(each, Problem) else (each.digest, each.packed)
        for each in scan_chunk(paths, limits)
    ]


def confine(most: int) -> None:
    """Let this process have so many bytes of memory, where the system can do that."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


@contextmanager
def no_collection() -> Iterator[None]:
    """Switch the garbage collector off for a while.

    Trees and facts are made and dropped by reference counts; a collection
    would only walk them, over and over (149 against 127 ms per MB of source
    were measured, and more where facts come out of other processes).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def read(
    path: str,
    limits: Limits = USUAL,
) -> bytes | Problem:
    """Read a file's bytes; a Problem where that cannot be done."""
    most = limits.megabytes * 1_000_000
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            data = file.readall() if size <= most else b""
        if max(size, len(data)) > most:
            hint = "exclude it, or raise max-file-size in [tool.asyncfix]"
            return Problem(path, 1, f"is larger than {limits.megabytes} MB", hint)
        return data
    except OSError as error:
        reason = error.strerror or str(error)
        return Problem(path, 1, f"cannot be read: {reason}", "check its permissions")


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _chunks(paths: Sequence[str], sizes: dict[str, int]) -> list[list[str]]:
    """Make chunks of about equal bytes, the largest files first."""
    chunks: list[list[str]] = []
    filled = _CHUNK
    for path in sorted(paths, key=lambda each: (-sizes[each], each)):
        if filled >= _CHUNK:
            chunks.append([])
            filled = 0
        chunks[-1].append(path)
        filled += sizes[path] + 1000
    return chunks


def _in_pool(
    chunks: list[list[str]], jobs: int, limits: Limits
) -> Iterable[tuple[list[str], list[Scanned]]]:
    with _pool(min(jobs, len(chunks))) as pool:
        futures = [(chunk, _schedule(pool, chunk, limits)) for chunk in chunks]
        for chunk, future in futures:
            answers = _answer(chunk, future, limits)
            if isinstance(answers, str) and len(chunk) > 1:
                alone = [(path, _schedule(pool, [path], limits)) for path in chunk]
                answers = []
                for path, single in alone:
                    answer = _answer([path], single, limits)
                    answers += _lost([path], answer)
            yield chunk, _lost(chunk, answers)


def apart(
    work: Callable[[_Given], _Answer], given: Sequence[_Given], seconds: int
) -> list[_Answer] | str:
    """Do work of a module's own, one piece after the other, in another process.

    Gives the answers, or what the process died of; never raises.
    """
    with _pool(1) as pool:
        try:
            futures = [
                pool.schedule(work, args=[each], timeout=seconds) for each in given
            ]
        except (RuntimeError, OSError) as error:
            return _unstarted(error)
        return _settled(lambda: [each.result() for each in futures], f"{seconds} s")


@contextmanager
def _pool(most: int) -> Iterator[ProcessPool]:
    """Give a pool of processes that cannot harm this one, nor take all memory."""
    from multiprocessing import get_context

    from pebble import ProcessPool

    with (
        _import_nothing_from_here(),
        ProcessPool(
            max_workers=most,
            context=get_context("spawn"),
            initializer=confine,
            initargs=[_MOST_MEMORY],
        ) as pool,
    ):
        yield pool


@contextmanager
def _import_nothing_from_here() -> Iterator[None]:
    """Let workers that start meanwhile not import modules from the current folder.

    It is the analysed project's: a `struct.py` there would be run. A worker is
    started by `python -c`, which looks there first, before it has our `sys.path`
    (https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH).
    """
    from multiprocessing import util

    name = "_args_from_interpreter_flags"
    before, given = os.environ.get("PYTHONSAFEPATH"), getattr(util, name)
    os.environ["PYTHONSAFEPATH"] = "1"
    if sys.version_info < (3, 11) and "-I" not in given():
        # Older ones know only -I. The flags of this process come first.
        setattr(util, name, lambda: [*given(), "-I"])
    try:
        yield
    finally:
        setattr(util, name, given)
        if before is None:
            os.environ.pop("PYTHONSAFEPATH", None)
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _schedule(
    pool: ProcessPool, chunk: list[str], limits: Limits
) -> ProcessFuture[list[_Packed | Problem]] | str:
    """Send a chunk out, or say why not. It has the time of one file, many times enough."""
    try:
        return pool.schedule(scan_packed, args=[chunk, limits], timeout=limits.seconds)
    except (RuntimeError, OSError) as error:  # no worker starts (any more)
        return _unstarted(error)


def _unstarted(error: RuntimeError | OSError) -> str:
    return f"could not be given to a worker ({error})"


def _answer(
    chunk: list[str],
    future: ProcessFuture[list[_Packed | Problem]] | str,
    limits: Limits,
) -> list[Scanned] | str:
    """Give a worker's answers, or what it died of."""
    if isinstance(future, str):
        return future
    answers = _settled(future.result, f"{limits.seconds} s to scan")
    if isinstance(answers, str):
        return answers
    return [
        each if isinstance(each, Problem) else Facts(path, *each)
        for path, each in zip(chunk, answers, strict=True)
    ]


def _settled(result: Callable[[], _Answer], longest: str) -> _Answer | str:
    """Give a worker's result, or what it died of."""
    from concurrent.futures import TimeoutError  # another class before Python 3.11

    try:
        return result()
    except TimeoutError:
        return f"took longer than {longest}"
    except MemoryError:
        return f"needed more than {_MOST_MEMORY // 10**9} GB of memory"
    except Exception as error:
        # Whatever else a worker died of (a crash, a bug of ours) is told of the
        # file that it died on, and of no other.
        code = getattr(error, "exitcode", None)
        why = f"exit code {code}" if code else f"{type(error).__name__}: {error}"
        return f"crashed its worker ({why})"


def _lost(chunk: list[str], answers: list[Scanned] | str) -> list[Scanned]:
    if not isinstance(answers, str):
        return answers
    hint = "nothing in this file was looked at; exclude it or report a bug"
    if answers.startswith("took"):
        hint = "nothing in it was looked at; exclude it, or raise max-file-time"
    return [Problem(path, 1, answers, hint) for path in chunk]
