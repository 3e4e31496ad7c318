"""What a command costs: CPU of its process tree, wall time, peak memory. POSIX only."""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True)
class Run:
    """What one command cost, and what it printed."""

    cpu: float
    wall: float
    peak_mib: float
    code: int
    output: str
    stopped: bool


@dataclass(eq=False)
class Contest:
    """One command in one folder, and its runs; `canary` must be in what it prints.

    `cache` is where asyncfix keeps what it has learnt; None for a folder that is
    emptied before each run. `rival` is the contest that this one is compared with,
    `size` the bytes of Python in the folder, where they count.
    """

    on: str
    name: str
    command: tuple[str, ...] | None
    folder: Path
    canary: str = ""
    bound: float = 0.0
    cache: Path | None = None
    rival: Contest | None = None
    rival_name: str = ""
    size: int = 0
    forget: bool = False
    """What asyncfix answered to the same command before is of no use to it."""
    runs: list[Run] = field(default_factory=list)
    trouble: str = ""

    @property
    def counts(self) -> bool:
        """Whether there is a cost to tell."""
        return self.command is not None and bool(self.runs) and not self.trouble

    @property
    def stopped(self) -> bool:
        """Whether the cost is only what was spent until the time limit."""
        return any(run.stopped for run in self.runs)

    @property
    def peak_mib(self) -> float:
        """The most that the largest process of a run held."""
        return max(run.peak_mib for run in self.runs)

    def median(self, what: str) -> float:
        """In: a field of Run. Out: its median over the runs."""
        return float(statistics.median(getattr(run, what) for run in self.runs))


def ratios(above: Contest, below: Contest) -> tuple[float, float, float]:
    """In: two contests that count. Out: CPU by CPU: of the medians; least and most.

    The least and the most are of runs of the same round.
    """
    of_medians = above.median("cpu") / max(below.median("cpu"), 0.001)
    pairs = zip(above.runs, below.runs, strict=False)
    each = [mine.cpu / max(theirs.cpu, 0.001) for mine, theirs in pairs]
    return of_medians, min(each), max(each)


def measure(
    command: tuple[str, ...],
    folder: Path,
    bound: float,
    state: Path,
    cache: Path,
    extra: dict[str, str],
) -> Run:
    """In: a command, where it runs, its time limit (0: none). Out: what it cost.

    asyncfix has its cache in `cache`, and other files of a person's below `state`.
    What the environment says of caches to asyncfix and to ruff does not count, nor
    that Python should not write compiled modules, which an installed tool has.
    """
    shutil.rmtree(state, ignore_errors=True)
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ASYNCFIX_", "RUFF_", "PYTHONDONTWRITE"))
    }
    variables |= {f"XDG_{kind}_HOME": str(state) for kind in ("CACHE", "STATE", "DATA")}
    variables |= {"ASYNCFIX_CACHE_DIR": str(cache), **extra}
    stopped = threading.Event()
    with tempfile.TemporaryFile() as printed:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def stop() -> None:
            stopped.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(bound or threading.TIMEOUT_MAX, stop)
        timer.daemon = True
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            stop()
            raise
        finally:
            timer.cancel()
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        output = printed.read().decode(errors="replace")
    return Run(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        peak_mib=usage.ru_maxrss / (MIB if sys.platform == "darwin" else 1024),
        code=process.returncode,
        output=output,
        stopped=stopped.is_set(),
    )


def trouble_of(contest: Contest, run: Run) -> str:
    """In: a finished run. Out: why its time does not count, or an empty text."""
    if run.stopped:
        return ""
    if "\nTraceback (most recent call last)" in f"\n{run.output}":
        return f"crashed: {run.output.strip().splitlines()[-1]}"
    bad = run.code not in (0, 1)
    if run.code == 2 and contest.name.startswith("asyncfix"):
        bad = "Usage: " in run.output[:500]  # else: some files could not be read
    if bad:
        return f"exit code {run.code}: {run.output.strip()[-200:]}"
    if contest.canary not in run.output:
        return "did not report the planted time.sleep: not comparable"
    return ""


def take(contest: Contest, told: str, state: Path) -> None:
    """In: a contest, what to say of the run. Out: the contest has one more run."""
    if contest.command is None or contest.trouble:
        return
    print(f"{contest.on}: {contest.name}, {told}", file=sys.stderr, flush=True)
    # COLUMNS belongs to what asyncfix knows an answer by, and changes nothing in it.
    extra = {"COLUMNS": str(200 + len(contest.runs))} if contest.forget else {}
    cache = contest.cache or state / "asyncfix"
    command, folder, bound = contest.command, contest.folder, contest.bound
    try:
        run = measure(command, folder, bound, state, cache, extra)
    except OSError as error:  # such as too many files on one command line
        contest.trouble = str(error)
        return
    contest.trouble = trouble_of(contest, run)
    contest.runs.append(run)


def compete(contests: Iterable[Contest], rounds: int, state: Path) -> None:
    """In: contests. Out: each run `rounds` times, taking turns."""
    contests = list(contests)
    for number in range(rounds):
        for contest in contests:
            take(contest, f"round {number + 1} of {rounds}", state)
