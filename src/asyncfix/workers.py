"""Scan many files, in worker processes where that pays.

Files go out in chunks of about the same size. A chunk whose worker crashes or
takes too long is done again file by file, so that one bad file costs itself.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from asyncfix.facts import Facts
from asyncfix.model import Problem

if TYPE_CHECKING:
    from pebble import ProcessFuture, ProcessPool

# Below this many bytes a second process costs more than it saves (measured:
# start-up of two workers against about 0.2 s of scanning per MB).
WORTH_A_POOL = 8_000_000
_CHUNK = 500_000
_SECONDS_PER_FILE = 60
_LARGEST = 32_000_000

Scanned = Facts | Problem
_Packed = tuple[bytes, bytes]


def scan_files(
    paths: Sequence[str], jobs: int, tick: Callable[[int], None] = lambda done: None
) -> list[Scanned]:
    """Scan files; the answers come in the order of the paths, whatever `jobs` is.

    `tick` is told how many more files are done. Never raises for a bad file.
    """
    sizes = {path: _size(path) for path in paths}
    if jobs < 2 or sum(sizes.values()) < WORTH_A_POOL:
        answers = []
        for path in paths:
            answers += scan_chunk([path])
            tick(1)
        return answers
    found: dict[str, Scanned] = {}
    for chunk, answers in _in_pool(_chunks(paths, sizes), jobs):
        found.update(zip(chunk, answers, strict=True))
        tick(len(chunk))
    return [found[path] for path in paths]


def scan_chunk(paths: Sequence[str]) -> list[Scanned]:
    """Scan a few files one after the other. Runs in a worker; never raises."""
    from asyncfix.scan import scan

    with no_collection():
        answers: list[Scanned] = []
        for path in paths:
            data = read(path)
            if isinstance(data, Problem):
                answers.append(data)
                continue
            scanned = scan(path, data)
            answers.append(scanned if isinstance(scanned, Problem) else scanned[0])
        return answers


def scan_packed(paths: Sequence[str]) -> list[_Packed | Problem]:
    """Scan a few files in a worker; facts go back as the bytes they are."""
    return [
        each if isinstance(each, Problem) else (each.digest, each.packed)
        for each in scan_chunk(paths)
    ]


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


def read(path: str) -> bytes | Problem:
    """Read a file's bytes; a Problem where that cannot be done."""
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size > _LARGEST:
                hint = "exclude it in [tool.asyncfix]"
                return Problem(path, 1, f"is larger than {_LARGEST // 10**6} MB", hint)
            return file.readall()
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
    chunks: list[list[str]], jobs: int
) -> Iterable[tuple[list[str], list[Scanned]]]:
    from multiprocessing import get_context

    from pebble import ProcessPool

    with ProcessPool(max_workers=jobs, context=get_context("spawn")) as pool:
        futures = [(chunk, _schedule(pool, chunk)) for chunk in chunks]
        for chunk, future in futures:
            answers = _answer(chunk, future)
            if answers is None and len(chunk) > 1:
                alone = [(path, _schedule(pool, [path])) for path in chunk]
                answers = []
                for path, single in alone:
                    answers += _answer([path], single) or [_lost(path)]
            yield chunk, answers or [_lost(path) for path in chunk]


def _schedule(
    pool: ProcessPool, chunk: list[str]
) -> ProcessFuture[list[_Packed | Problem]]:
    timeout = _SECONDS_PER_FILE * len(chunk)
    return pool.schedule(scan_packed, args=[chunk], timeout=timeout)


def _answer(
    chunk: list[str], future: ProcessFuture[list[_Packed | Problem]]
) -> list[Scanned] | None:
    try:
        answers = future.result()
    except Exception:
        # Whatever a worker died of (crash, time limit, memory, a bug of ours)
        # is told of the file that it died on, and of no other.
        return None
    return [
        each if isinstance(each, Problem) else Facts(path, *each)
        for path, each in zip(chunk, answers, strict=True)
    ]


def _lost(path: str) -> Problem:
    return Problem(
        path,
        1,
        "crashed its worker, or took longer than "
        f"{_SECONDS_PER_FILE} seconds to scan",
        "nothing in this file was looked at; exclude it or report a bug",
    )
