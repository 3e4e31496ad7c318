"""Kill `asyncfix apply` at every system call, and see whether anything is lost.

    python scripts/kill_trials.py [--every N] [--files N] [--jobs N]

Needs strace (Linux). A project of 50 files, one of them with a second hard link,
is applied from a plan once under strace; then again for each system call from
the first one that touches the journal on, with SIGKILL instead of that call.
After each: every file is wholly old or wholly new (the one that is written in
place may be half written until it is recovered), `asyncfix recover` (every
second time with `--back`) gives files that are all old or all new, leaves
nothing behind, and `asyncfix undo` gives the old bytes again. Prints one line
per kind of system call; exit code 1 and the trial's folder where something was
lost.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

COMMAND = (sys.executable, "-m", "asyncfix")
CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")
TEXT = """import asyncio
import time


async def f{n}():
    # {filler}
    time.sleep({n})
    return asyncio, time.time()
"""


class Trial(NamedTuple):
    """The n-th call of one system call, and which way to recover."""

    call: str
    number: int
    back: bool


class Lost(Exception):
    """Something is not as it must be."""


def main() -> int:
    """Run the trials that the command line asks for; give the exit code."""
    options = read_options()
    if shutil.which("strace") is None:
        print("strace is not installed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="kill-trials-") as place:
        seed = Path(place, "seed")
        old = make(seed, options.files)
        calls = traced(Path(place), seed)
        trials = [
            Trial(call, number, bool(position % 2))
            for position, (call, number) in enumerate(calls[:: options.every])
        ]
        print(f"{len(calls)} system calls of an apply, {len(trials)} trials")
        ends: Counter[tuple[str, str]] = Counter()
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            futures = [pool.submit(run, Path(place), seed, old, t) for t in trials]
            for trial, future in zip(trials, futures, strict=True):
                end = ended(Path(place), trial, future)
                if end is None:
                    return 1
                ends[trial.call, end] += 1
    kinds = ("before the first write", "recovered to old", "recovered to new", "done")
    print(f"{'killed in':<14}" + "".join(f"{kind:>24}" for kind in kinds))
    for call in sorted({call for call, _ in ends}):
        print(f"{call:<14}" + "".join(f"{ends[call, kind]:>24}" for kind in kinds))
    print(f"{'together':<14}", end="")
    print(
        "".join(
            f"{sum(ends[c, k] for c, k in ends if k == kind):>24}" for kind in kinds
        )
    )
    print(f"{len(trials)} trials, nothing lost")
    return 0


def ended(
    place: Path, trial: Trial, future: concurrent.futures.Future[str]
) -> str | None:
    """Give how a trial ended; where something was lost, say it and keep the folder."""
    try:
        return future.result()
    except Lost as error:
        kept = Path(tempfile.mkdtemp(prefix="kill-trial-lost-"), "trial")
        shutil.copytree(place / f"{trial.call}-{trial.number}", kept, symlinks=True)
        print(f"LOST {trial}: {error}; see {kept}", file=sys.stderr)
        return None


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="every N-th call only")
    parser.add_argument("--files", type=int, default=50, help="how many files")
    parser.add_argument("--jobs", type=int, default=1, help="trials at once")
    return parser.parse_args()


def make(seed: Path, count: int) -> dict[str, bytes]:
    """Make the project and its plan; give its bytes before."""
    project = seed / "project"
    for number in range(count):
        path = project / f"p{number % 7}" / f"m{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT.format(n=number, filler="x" * (number * 400)))
    (project / "pyproject.toml").write_text("")
    link(seed)
    done = asyncfix(seed, "--diff", "--plan", "../plan.json", ".")
    if done.returncode:
        raise Lost(done.stderr.decode())
    return contents(seed)


def link(folder: Path) -> None:
    """Give one file a second name: it is written in place."""
    project = folder / "project"
    (project / "link").unlink(missing_ok=True)
    os.link(project / "p3" / "m3.py", project / "link")


def contents(folder: Path) -> dict[str, bytes]:
    """Give all files of the project."""
    project = folder / "project"
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in sorted(project.rglob("*"))
        if path.is_file()
    }


def variables(folder: Path) -> dict[str, str]:
    """Give the environment of a command: its own journals, no cache."""
    return {
        **os.environ,
        "XDG_STATE_HOME": str(folder / "state"),
        "ASYNCFIX_CACHE_DIR": "off",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def asyncfix(
    folder: Path, *arguments: str, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[bytes]:
    """Run asyncfix in a project."""
    return subprocess.run(
        [*before, *COMMAND, *arguments],
        cwd=folder / "project",
        env=variables(folder),
        capture_output=True,
        check=False,
    )


def fresh(place: Path, seed: Path, name: str) -> Path:
    """Give a copy of the project, with its link."""
    folder = place / name
    shutil.copytree(seed, folder)
    link(folder)
    return folder


def traced(place: Path, seed: Path) -> list[tuple[str, int]]:
    """Give the system calls from the first touch of the journal on, with numbers."""
    folder = fresh(place, seed, "traced")
    log = place / "log"
    strace = ("strace", "-f", "-o", str(log))
    done = asyncfix(folder, "apply", "../plan.json", before=strace)
    if done.returncode:
        raise Lost(done.stderr.decode())
    seen: Counter[str] = Counter()
    calls = []
    begun = False
    for line in log.read_text("utf-8", "replace").splitlines():
        match = CALL.match(line)
        if match is None:
            continue
        seen[match[1]] += 1
        begun = begun or (
            match[1].startswith("mkdir") and str(folder / "state") in line
        )
        if begun and match[1] not in ("exit_group", "rt_sigreturn"):
            calls.append((match[1], seen[match[1]]))
    return calls


def run(place: Path, seed: Path, old: dict[str, bytes], trial: Trial) -> str:
    """Kill one apply; say how it ended. Raises Lost."""
    folder = fresh(place, seed, f"{trial.call}-{trial.number}")
    inject = f"inject={trial.call}:signal=KILL:when={trial.number}"
    strace = (
        "strace",
        "-f",
        "-o",
        os.devnull,
        "-e",
        f"trace={trial.call}",
        "-e",
        inject,
    )
    asyncfix(folder, "apply", "../plan.json", before=strace)
    new = contents(place / "traced")
    states = judged(folder, old, new, torn=True)
    opened = list((folder / "state").glob("asyncfix/*/open"))
    recovered = asyncfix(folder, "recover", *(["--back"] if trial.back else []))
    if recovered.returncode:
        raise Lost(f"recover: {recovered.stderr.decode()}")
    after = judged(folder, old, new, torn=False)
    if len(after) != 1:
        raise Lost("recovered to files old and new")
    if list((folder / "state").glob("asyncfix/*/open")):
        raise Lost("recovered, but the run is open still")
    if after == {"new"}:
        undone = asyncfix(folder, "undo")
        if undone.returncode or judged(folder, old, new, torn=False) != {"old"}:
            raise Lost(f"undo: {undone.stderr.decode()}")
    shutil.rmtree(folder)
    if opened:
        return f"recovered to {after.pop()}"
    return "done" if states == {"new"} else "before the first write"


def judged(
    folder: Path, old: dict[str, bytes], new: dict[str, bytes], torn: bool
) -> set[str]:
    """Give the states of the files: old, new. Raises Lost for anything else."""
    states = set()
    found = contents(folder)
    for name, data in found.items():
        if name not in old:
            if torn and os.path.basename(name).startswith(".asyncfix-"):
                continue
            raise Lost(f"{name} is left behind")
        if old[name] == new[name]:
            continue
        if data == old[name]:
            states.add("old")
        elif data == new[name]:
            states.add("new")
        elif not (torn and name in ("link", "p3/m3.py")):
            raise Lost(f"{name} is neither old nor new")
    if missing := old.keys() - found.keys():
        raise Lost(f"{sorted(missing)} are gone")
    return states


if __name__ == "__main__":
    sys.exit(main())
