"""Time asyncfix and its peers on one tree, in one run, on one machine.

In: a folder with Python files, and a virtual environment that holds the peers (ruff,
flake8-async, fixit). Out: one Markdown table on stdout, progress on stderr. CPU is
user and system time of the whole process tree. POSIX only.

    python benchmarks/run.py TREE [--peers VENV] [--rounds N] [--whole]
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import multiprocessing
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CANARY = "asyncfix_canary"
CANARY_SOURCE = "import time\n\n\nasync def canary():\n    time.sleep(1)\n"
ASYNCFIX = (sys.executable, "-m", "asyncfix")
RUFF = ("check", "--isolated", "--no-cache", "--select", "ASYNC,RUF006", ".")
FIXIT = ("--rules", "fixit.rules.use_async_sleep_in_async_def", "lint", ".")
FLAKE8 = ("--asyncio", "--enable=ASYNC")
PEERS = ("ruff", "flake8-async", "fixit")
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


@dataclass
class Contest:
    """One command on one tree, and its runs; `canary` must be in what it prints."""

    tree: str
    name: str
    command: tuple[str, ...] | None
    folder: Path
    canary: str = ""
    bound: float = 0.0
    runs: list[Run] = field(default_factory=list)
    trouble: str = ""

    def median(self, what: str) -> float:
        """In: a field of Run. Out: its median over the runs."""
        return float(statistics.median(getattr(run, what) for run in self.runs))


def measure(command: tuple[str, ...], folder: Path, bound: float, state: Path) -> Run:
    """In: a command, where it runs, its time limit (0: none). Out: what it cost.

    asyncfix keeps its own files below `state`, which is emptied first: no warm cache.
    """
    shutil.rmtree(state, ignore_errors=True)
    homes = {f"XDG_{kind}_HOME": str(state) for kind in ("CACHE", "STATE", "DATA")}
    stopped = threading.Event()
    with tempfile.TemporaryFile() as printed:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **homes},
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


def compete(contests: list[Contest], rounds: int, state: Path) -> None:
    """In: contests on one tree. Out: each run `rounds` times, taking turns."""
    for number in range(rounds):
        for contest in contests:
            if contest.command is None or contest.trouble:
                continue
            told = f"{contest.tree}: {contest.name}, round {number + 1} of {rounds}"
            print(told, file=sys.stderr, flush=True)
            try:
                run = measure(contest.command, contest.folder, contest.bound, state)
            except OSError as error:  # such as too many files on one command line
                contest.trouble = str(error)
                continue
            contest.trouble = trouble_of(contest, run)
            contest.runs.append(run)


# --- trees ---------------------------------------------------------------------


def sources(tree: Path) -> Iterator[Path]:
    """In: a folder. Out: its Python files, sorted, hidden folders left out."""
    for folder, folders, names in os.walk(tree):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, n) for n in sorted(names) if n.endswith(".py"))


def draw(tree: Path, target: Path, limit: float, seed: int) -> tuple[int, int, int]:
    """In: a tree, an empty folder, bytes wanted, a seed. Out: files, bytes, lines.

    Copies whole files in a random order that the seed fixes, until the limit is
    reached. Only files this Python can parse are taken, since flake8-async stops at
    the first one it cannot, and then looks fast. A small file with one blocking
    sleep comes on top: a tool that does not report it has not done the work.
    """
    found = list(sources(tree))
    random.Random(seed).shuffle(found)
    files = size = lines = 0
    for path in found:
        content = path.read_bytes()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(content)
        except (SyntaxError, ValueError, RecursionError):
            continue
        copy = target / path.relative_to(tree)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        files, size, lines = files + 1, size + len(content), lines + content.count(10)
        if size >= limit:
            break
    last = target / "zzz" / f"{CANARY}.py"  # a tool that gives up early misses it
    last.parent.mkdir(parents=True)
    last.write_text(CANARY_SOURCE, encoding="utf-8")
    return files, size, lines


# --- commands ------------------------------------------------------------------


def peer(venv: Path | None, name: str, *arguments: str) -> tuple[str, ...] | None:
    """In: the peers' environment and a tool. Out: its command, None if missing."""
    found = shutil.which(name, path=str(venv / "bin") if venv else None)
    return (str(Path(found).absolute()), *arguments) if found else None


def start_up(folder: Path) -> list[Contest]:
    """Out: `asyncfix --help` against an empty Python program."""
    empty = (sys.executable, "-c", "pass")
    return [
        Contest("start-up", "python -c pass", empty, folder),
        Contest("start-up", "asyncfix --help", (*ASYNCFIX, "--help"), folder),
    ]


def whole_tree(tree: Path, venv: Path | None) -> list[Contest]:
    """In: the tree as it is. Out: ruff and asyncfix on all of it."""
    ruff = peer(venv, "ruff", *RUFF)
    return [
        Contest("tree", "ruff", ruff, tree),
        Contest("tree", "asyncfix --jobs 1", (*ASYNCFIX, "--jobs", "1", "."), tree),
        Contest("tree", "asyncfix", (*ASYNCFIX, "."), tree),
    ]


def sample(folder: Path, venv: Path | None) -> list[Contest]:
    """In: a folder filled by draw(). Out: asyncfix and every peer on it."""
    listed = [str(path.relative_to(folder)) for path in sources(folder)]
    flake8 = peer(venv, "flake8-async", *FLAKE8, *listed)
    return [
        Contest("sample", "ruff", peer(venv, "ruff", *RUFF), folder, CANARY),
        Contest("sample", "asyncfix", (*ASYNCFIX, "."), folder, CANARY),
        Contest("sample", "fixit", peer(venv, "fixit", *FIXIT), folder, CANARY),
        Contest("sample", "flake8-async", flake8, folder, CANARY),
    ]


def all_parsed(folder: Path, venv: Path | None, bound: float) -> list[Contest]:
    """In: a folder filled without a limit. Out: flake8-async against asyncfix."""
    listed = [str(path.relative_to(folder)) for path in sources(folder)]
    flake8 = peer(venv, "flake8-async", *FLAKE8, *listed)
    return [
        Contest("whole", "asyncfix", (*ASYNCFIX, "."), folder, CANARY),
        Contest("whole", "flake8-async", flake8, folder, CANARY, bound),
    ]


# --- telling -------------------------------------------------------------------


def ratio(contest: Contest, base: list[Contest]) -> str:
    """In: a measured contest and at most one more. Out: CPU by the other's CPU."""
    if not base or base[0].runs[-1].stopped:
        return ""
    value = contest.median("cpu") / max(base[0].median("cpu"), 0.001)
    least = "> " if contest.runs[-1].stopped else ""
    return f"{least}{value:,.2f}" if value < 100 else f"{least}{value:,.0f}"


def table(contests: list[Contest]) -> str:
    """In: contests that were run. Out: a Markdown table of medians and ratios."""
    head = ["on", "tool", "runs", "CPU s", "wall s", "peak MiB"]
    head += ["CPU / first row", "CPU / asyncfix"]
    lines = [head, ["---"] * len(head)]
    for contest in contests:
        cells = [contest.tree, contest.name]
        if contest.command is None or contest.trouble or not contest.runs:
            why = " ".join((contest.trouble or "not installed").split())
            lines.append([*cells, why.replace("|", "/"), *[""] * (len(head) - 3)])
            continue
        fair = [c for c in contests if c.tree == contest.tree and c.runs]
        fair = [c for c in fair if not c.trouble]
        own = [c for c in fair if c.name in ("asyncfix", "asyncfix --help")]
        least = "> " if contest.runs[-1].stopped else ""
        cells += [str(len(contest.runs)), f"{least}{contest.median('cpu'):.3f}"]
        cells += [f"{least}{contest.median('wall'):.3f}"]
        cells += [f"{max(run.peak_mib for run in contest.runs):.0f}"]
        cells += [ratio(contest, rivals[:1]) for rivals in (fair, own)]
        lines.append(cells)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def versions(venv: Path | None) -> str:
    """In: the peers' environment. Out: what was compared, in one line."""
    script = (
        "import sys; from importlib.metadata import version, PackageNotFoundError\n"
    )
    script += "for name in sys.argv[1:]:\n"
    script += "    try: print(name, version(name))\n"
    script += "    except PackageNotFoundError: pass"
    told = []
    for python, names in (
        (sys.executable, ["asyncfix-codemod"]),
        (str(venv / "bin" / "python") if venv else sys.executable, PEERS),
    ):
        command = [python, "-c", script, *names]
        done = subprocess.run(command, capture_output=True, text=True)
        told += done.stdout.splitlines()
    told += [f"{platform.python_implementation()} {platform.python_version()}"]
    return ", ".join([*told, f"{platform.system()} with {os.cpu_count()} CPUs"])


def main() -> int:
    """In: the command line. Out: 0, or 1 when asyncfix itself could not be timed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tree", type=Path, help="folder with Python files")
    parser.add_argument("--peers", type=Path, help="virtual environment of the peers")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (5)")
    parser.add_argument("--sample-mb", type=float, default=1.0, help="its size (1)")
    parser.add_argument("--seed", type=int, default=1, help="draws the sample (1)")
    parser.add_argument(
        "--whole", action="store_true", help="flake8-async on every file, once: slow"
    )
    parser.add_argument("--bound", type=float, default=7200, help="its seconds (7200)")
    options = parser.parse_args()
    tree, venv = options.tree.resolve(), options.peers
    if not tree.is_dir() or options.rounds < 1:
        parser.error("TREE must be a folder, and --rounds at least 1")
    if importlib.util.find_spec("asyncfix") is None:
        parser.error(f"asyncfix is not installed for {sys.executable}")
    with tempfile.TemporaryDirectory() as throwaway:
        scratch = Path(throwaway)
        state, small, large = (scratch / name for name in ("state", "small", "large"))
        # In a child: what it holds would count as the peak of every later child.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            limit = options.sample_mb * 1e6
            files, size, lines = pool.apply(draw, (tree, small, limit, options.seed))
            if options.whole:
                pool.apply(draw, (tree, large, float("inf"), options.seed))
        contests = start_up(scratch)
        compete(contests, options.rounds * 5, state)
        for more in (whole_tree(tree, venv), sample(small, venv)):
            compete(more, options.rounds, state)
            contests += more
        if options.whole:
            contests += (more := all_parsed(large, venv, options.bound))
            compete(more, 1, state)
    print(table(contests))
    print(
        f"\nTree: {tree.name}. Sample: {files} files, {size:,} bytes, {lines:,} lines."
    )
    print(versions(venv) + ".")
    return int(any(c.trouble for c in contests if c.name.startswith("asyncfix")))


if __name__ == "__main__":
    sys.exit(main())
