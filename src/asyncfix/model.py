"""The values that travel between the stages. Imports nothing of ours.

Everything here is frozen: what one stage says cannot be changed by the next. They are
named tuples because each dataclass costs half a millisecond at every start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

# The guards that every new `await` needs. E1 stands before N3: it says which library.
NEW_AWAIT = (
    "N1", "N2", "S1", "E1", "N3", "A1", "A2", "A3", "A3-callers", "A4", "C1", "C2", "E2",
)  # fmt: skip
# The guards that a call handed to a thread needs besides them.
NEW_THREAD = (
    "thread-affinity", "thread-loop", "thread-context", "thread-exception", "thread-stop",
    "thread-generator", "thread-state", "thread-lock", "thread-cleanup",
    "thread-arguments", "thread-unknown",
)  # fmt: skip

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class AsyncfixError(Exception):
    """Wrong usage or configuration: the run cannot start. Exit code 2."""


class Level(str, Enum):
    """How sure a fix is, which decides who applies it."""

    SAFE = "safe"
    INTENT = "intent"
    UNSAFE = "unsafe"
    MANUAL = "manual"


class Problem(NamedTuple):
    """A file that could not be read, parsed, proven or written."""

    path: str
    line: int
    message: str
    hint: str = ""


class Finding(NamedTuple):
    """One site of an anti-pattern, with what can be done about it.

    `line` and `col` count from 1, `col` in characters. `guard` is the id of
    the guard that held the fix back, None where nothing did. `advice` is what
    to write by hand, empty where a fix is offered at that level.
    """

    path: str
    line: int
    col: int
    codemod: str
    level: Level
    guard: str | None
    message: str
    advice: str
    source: str


class Doubt(NamedTuple):
    """A guard's answer when it does not hold: how bad, why, and what to do."""

    guard: str
    level: Level
    reason: str
    advice: str


class Change(NamedTuple):
    """The proven new bytes of one file, and the findings they cure."""

    path: Path
    shown: str
    old: bytes
    new: bytes
    origin: tuple[int | None, ...]
    """For each line of `new`, the index of the same line in `old`, or None."""
    findings: tuple[Finding, ...]
    group: str = ""
    """Changes of one group share fixes: they are written all, or none of them."""


class Settings(NamedTuple):
    """What the person asked for, from the command line and `pyproject.toml`."""

    paths: tuple[Path, ...] = (Path(),)
    root: Path = Path()
    unsafe: bool = False
    safe_only: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    include_generated: bool = False
    target: tuple[int, int] = (3, 9)
    """The oldest Python the analysed code must run on; unknown is 3.9."""
    line_length: int = 88
    jobs: int = 1
    catalog: Mapping[str, object] = _NOTHING
    """The table [tool.asyncfix.catalog] as it stands; `Catalog` checks it."""
    severity: str = "medium"
    """The least severity of a blocking call that is reported."""
    concurrency_limit: int = 0
    """How many calls that become concurrent may run at once; 0 for any number."""
    task_style: str = "gather"
    """What makes calls concurrent: `gather`, or `taskgroup` on Python 3.11 and later."""
    min_severity: str = "high"
    """The least severity of a blocking call that is rewritten."""
    offload: str = "auto"
    """How a call is handed to a thread: run_in_executor, to_thread, or auto."""
    executor: str = ""
    """`package.module:name` of the executor to use; empty is the loop's own."""
    process_executor: str = ""
    """The same of a ProcessPoolExecutor; empty where the project names none."""
    offload_drivers: bool = False
    """Calls of drivers with an async counterpart may be handed to a thread."""
    prefer: tuple[str, ...] = ("native", "offload", "colour")
    """The ways to mend a blocking call, the most wanted first."""
    max_file_size: int = 32
    """In MB; a larger file is not read."""
    max_file_time: int = 60
    """In seconds; what takes longer to scan is not looked at."""

    def applies(self, level: Level) -> bool:
        """Tell whether a fix of this level is made in this run."""
        if level is Level.SAFE:
            return True
        if level is Level.INTENT:
            return not self.safe_only
        return level is Level.UNSAFE and self.unsafe


class Stat(NamedTuple):
    """What tells one state of a file from another, of all that `os.stat` gives.

    A third of its memory, which counts where there are thousands of files.
    """

    st_mode: int
    st_ino: int
    st_dev: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stat:
        """Keep what counts of what `os.stat` gave."""
        return cls(
            status.st_mode,
            status.st_ino,
            status.st_dev,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )


Status = Stat | os.stat_result

UNREAD, UNSEEN = 1, 2


class Base(NamedTuple):
    """The state of the cache that a result was made from."""

    root: str
    key: bytes
    mark: bytes
    quiet: Mapping[str, int]
    """The files that may change without another result, and how far.

    UNREAD: as long as its facts stay as they are; UNSEEN: also if things move to
    other lines.
    """


class Opening(NamedTuple):
    """How a run begins, before it reads any file: what it looks at, and why so."""

    files: tuple[str, ...]
    around: tuple[str, ...]
    """Other files of the project."""
    listed: bool
    """The project's root was listed for them."""
    skipped: Mapping[str, int]
    notes: tuple[str, ...]
    question: str
    """All that answers depend on besides the files."""


class Since(NamedTuple):
    """What is known of a run before, where only some files have been edited since."""

    opening: Opening
    edited: frozenset[str]
    base: tuple[str, bytes, bytes] | None = None
    """The cache that its answer was made from: its root, its key, its mark."""
    store: Any = None
    """That cache, if it is open already."""
    scanned: Mapping[str, Any] = _NOTHING
    """Facts of edited files, if they were scanned already."""


class Result(NamedTuple):
    """What one run found and would change; nothing is written yet."""

    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    unseen: tuple[Problem, ...] = ()
    """Statements newer than the running Python: the rest of their file was seen."""
    notes: tuple[str, ...] = ()
    gathered: int = 0
    skipped: Mapping[str, int] = _NOTHING
    """Reason -> number of gathered files left out for it."""
    failed: frozenset[str] = frozenset()
    """Shown paths of files that could not be read, parsed or proven."""
    suppressed: int = 0
    read: Mapping[str, Status] = _NOTHING
    """Every file that may have been read, with its `stat` from before that."""
    looked_around: bool = False
    """Files of the project were listed that are not below the named paths."""
    base: Base | None = None
    """What it was made from, where that is kept."""
    opening: Opening | None = None
    """How it began, where the same can be taken for granted as long as no folder, no
    configuration and no code changes."""

    @property
    def unchanged(self) -> int:
        """Count the files that are neither changed, skipped nor failed."""
        rest = self.gathered - sum(self.skipped.values()) - len(self.failed)
        return rest - len(self.changes)
