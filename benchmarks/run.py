"""Time asyncfix and its peers on one tree, in one run, on one machine.

In: a folder with Python files, and a virtual environment that holds the peers (ruff,
flake8-async, fixit). Out: Markdown tables on stdout, progress on stderr. CPU is
user and system time of the whole process tree. POSIX only.

    python benchmarks/run.py TREE [--peers VENV] [--rounds N] [--only PARTS] [--whole]
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

import telling
import trees
from measure import Contest, compete, take
from trees import CANARY

# Seconds after which a file that was written is sure to be what its times tell.
YOUNG = 2.5
PARTS = ("cold", "warm", "edit", "growth", "sample", "startup")
ASYNCFIX = (sys.executable, "-m", "asyncfix")
RUFF = ("check", "--isolated", "--select", "ASYNC,RUF006")
FIXIT = ("--rules", "fixit.rules.use_async_sleep_in_async_def", "lint", ".")
FLAKE8 = ("--asyncio", "--enable=ASYNC")
# What an edit adds to the end of a file. Of the first nobody can tell, the second has
# to be looked at; the calls in it are those of many functions.
ADDED = (
    ("comment", b"\n# comment %d\n"),
    ("edit", b"\n\ndef edited_%d(items):\n    return [str(each) for each in items]\n"),
)
SETTLED = 3.0  # seconds; younger files may change again without their times telling
P = ParamSpec("P")
R = TypeVar("R")


def in_child(call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Out: what the call gives, made in a child that is gone afterwards."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(call, arguments, named)


@dataclass
class Bench:
    """What the parts share: where they may write, and the copy of the tree."""

    scratch: Path
    copy: Path
    venv: Path | None
    rounds: int
    seed: int
    files: int = 0
    size: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.scratch / "state"

    def peer(self, name: str, *arguments: str) -> tuple[str, ...] | None:
        """In: a tool and its arguments. Out: its command, None if it is missing."""
        found = shutil.which(name, path=str(self.venv / "bin") if self.venv else None)
        return (str(Path(found).absolute()), *arguments) if found else None

    def ruff(self, on: str, folder: Path, keeps: bool = False) -> Contest:
        """Out: ruff in a folder, with its cache in the scratch folder or without."""
        kept = ("--cache-dir", str(self.scratch / "ruff")) if keeps else ("--no-cache",)
        return Contest(on, "ruff", self.peer("ruff", *RUFF, *kept, "."), folder, CANARY)

    def asyncfix(self, on: str, folder: Path, *arguments: str) -> Contest:
        """Out: asyncfix in a folder, with an empty cache each time."""
        command = (*ASYNCFIX, *arguments, ".")
        name = " ".join(("asyncfix", *arguments))
        return Contest(on, name, command, folder, CANARY)


def startup(bench: Bench) -> list[Contest]:
    """Out: `asyncfix --help` against an empty Python program."""
    python = (sys.executable, "-c", "pass")
    empty = Contest("start-up", "python -c pass", python, bench.scratch)
    shown = (*ASYNCFIX, "--help")
    own = Contest("start-up", "asyncfix --help", shown, bench.scratch, rival=empty)
    compete((empty, own), bench.rounds * 5, bench.state)
    return [empty, own]


def cold(bench: Bench) -> list[Contest]:
    """Out: all of the tree, with nothing known of it."""
    ruff = bench.ruff("cold", bench.copy)
    one = bench.asyncfix("cold", bench.copy, "--jobs", "1")
    own = bench.asyncfix("cold", bench.copy)
    one.size = own.size = bench.size
    one.rival = own.rival = ruff
    compete((ruff, one, own), bench.rounds, bench.state)
    return [ruff, one, own]


def filled(bench: Bench, on: str) -> list[Contest]:
    """Out: ruff and asyncfix, each with a cache that knows the tree as it is."""
    ruff = bench.ruff(on, bench.copy, keeps=True)
    own = bench.asyncfix(on, bench.copy)
    own.cache, own.rival, own.size = bench.scratch / "kept", ruff, bench.size
    for each in (ruff, own):
        take(each, "to fill its cache", bench.state)
        each.runs.clear()
    return [ruff, own]


def warm(bench: Bench) -> list[Contest]:
    """Out: the same command again, and one whose answer is not known as a whole."""
    ruff, own = filled(bench, "warm")
    other = bench.asyncfix("warm", bench.copy)
    other.name, other.forget = "asyncfix, another command", True
    other.cache, other.rival, other.size = own.cache, ruff, own.size
    compete((ruff, own, other), bench.rounds, bench.state)
    return [ruff, own, other]


def edit(bench: Bench) -> list[Contest]:
    """Out: the same command, right after a comment or a function came to one file.

    What was edited for another contest is no longer young, and known to both tools.
    """
    leaf, core = in_child(trees.to_edit, bench.copy)
    contests: list[tuple[Path, bytes, list[Contest]]] = []
    for kind, (path, importers) in (("leaf", leaf), ("core", core)):
        told = f"The {kind} that is edited: {path.relative_to(bench.copy)}, "
        bench.notes.append(f"{told}which {importers} files import.")
        for name, added in ADDED:
            contests.append((path, added, filled(bench, f"{name} {kind}")))
    before = {path: path.read_bytes() for path, *_ in contests}
    for number in range(bench.rounds):
        for path, added, taking_part in contests:
            time.sleep(YOUNG)
            for each in taking_part:
                take(each, "to know what was edited before", bench.state)
                each.runs.pop()
            with path.open("ab") as file:
                file.write(added % number)
            compete(taking_part, 1, bench.state)
    for path, content in before.items():
        path.write_bytes(content)
    return [each for *_, taking_part in contests for each in taking_part]


def growth(bench: Bench) -> list[Contest]:
    """Out: parts of the tree, the tree, and two of it, each twice the one before."""
    folders = [bench.scratch / name for name in ("quarter", "half", "twice")]
    sizes = [
        in_child(trees.part, bench.copy, folder, share, bench.seed)
        for folder, share in zip(folders[:2], (0.25, 0.5), strict=True)
    ]
    sizes += [bench.size, in_child(trees.twice, bench.copy, folders[2])]
    folders.insert(2, bench.copy)
    contests: list[Contest] = []
    named = ("1/4 tree", "1/2 tree", "1 x tree", "2 x tree")
    for on, folder, size in zip(named, folders, sizes, strict=True):
        each = bench.asyncfix(on, folder, "--jobs", "1")
        each.size = size
        if contests:
            each.rival, each.rival_name = contests[-1], contests[-1].on
        contests.append(each)
    told = ", ".join(f"{c.on} {c.size / 1e6:.2f} MB" for c in contests)
    bench.notes.append(f"Growth: {told}.")
    compete(contests, bench.rounds, bench.state)
    return contests


def sample(bench: Bench, tree: Path, limit: float) -> list[Contest]:
    """Out: asyncfix and every peer on some files of the tree."""
    folder = bench.scratch / "small"
    files, size, lines = in_child(trees.draw, tree, folder, limit, bench.seed)
    bench.notes.append(f"Sample: {files} files, {size:,} bytes, {lines:,} lines.")
    ruff = bench.ruff("sample", folder)
    own = bench.asyncfix("sample", folder)
    own.rival = ruff
    fixit = Contest("sample", "fixit", bench.peer("fixit", *FIXIT), folder, CANARY)
    flake8 = flake8_on(bench, "sample", folder)
    fixit.rival = flake8.rival = own
    compete((ruff, own, fixit, flake8), bench.rounds, bench.state)
    return [ruff, own, fixit, flake8]


def whole(bench: Bench, tree: Path, bound: float) -> list[Contest]:
    """Out: flake8-async against asyncfix, on every file that this Python parses."""
    folder = bench.scratch / "large"
    in_child(trees.draw, tree, folder, float("inf"), bench.seed)
    own = bench.asyncfix("whole", folder)
    flake8 = flake8_on(bench, "whole", folder)
    flake8.rival, flake8.bound = own, bound
    compete((own, flake8), 1, bench.state)
    return [own, flake8]


def flake8_on(bench: Bench, on: str, folder: Path) -> Contest:
    """Out: flake8-async with every file of a folder on its command line."""
    listed = (str(path.relative_to(folder)) for path in trees.sources(folder))
    command = bench.peer("flake8-async", *FLAKE8, *listed)
    return Contest(on, "flake8-async", command, folder, CANARY)


# --- the command line --------------------------------------------------------------


def parts(text: str) -> tuple[str, ...]:
    """In: names with commas. Out: the names. Raises ArgumentTypeError."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in PARTS:
            known = ", ".join(PARTS)
            raise argparse.ArgumentTypeError(f"no part {name!r}; there are {known}")
    return names


def read_options() -> argparse.Namespace:
    """Out: the command line; leaves the program with code 2 where it is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tree", type=Path, help="folder with Python files")
    parser.add_argument("--peers", type=Path, help="virtual environment of the peers")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (5)")
    parser.add_argument(
        "--only",
        type=parts,
        default=PARTS,
        metavar="PARTS",
        help=f"with commas, some of {', '.join(PARTS)} (all)",
    )
    parser.add_argument("--sample-mb", type=float, default=1.0, help="its size (1)")
    parser.add_argument("--seed", type=int, default=1, help="draws what is drawn (1)")
    parser.add_argument(
        "--whole", action="store_true", help="flake8-async on every file, once: slow"
    )
    parser.add_argument("--bound", type=float, default=7200, help="its seconds (7200)")
    options = parser.parse_args()
    if not options.tree.is_dir() or options.rounds < 1:
        parser.error("TREE must be a folder, and --rounds at least 1")
    if importlib.util.find_spec("asyncfix") is None:
        parser.error(f"asyncfix is not installed for {sys.executable}")
    return options


def main() -> int:
    """In: the command line. Out: 0, or 1 when asyncfix itself could not be timed."""
    options = read_options()
    tree: Path = options.tree.resolve()
    busy = telling.load()
    with tempfile.TemporaryDirectory() as throwaway:
        scratch = Path(throwaway).resolve()
        copy = scratch / "copy" / tree.name
        bench = Bench(scratch, copy, options.peers, options.rounds, options.seed)
        if not {"startup", "sample"}.issuperset(options.only):
            bench.files, bench.size = in_child(trees.copy, tree, copy)
            if not bench.files:
                print(f"{tree}: no Python files to copy", file=sys.stderr)
                return 1
            time.sleep(SETTLED)
        jobs: dict[str, Callable[[], list[Contest]]] = {
            "cold": lambda: cold(bench),
            "warm": lambda: warm(bench),
            "edit": lambda: edit(bench),
            "growth": lambda: growth(bench),
            "sample": lambda: sample(bench, tree, options.sample_mb * 1e6),
            "startup": lambda: startup(bench),
            "whole": lambda: whole(bench, tree, options.bound),
        }
        chosen = [*options.only, *(["whole"] if options.whole else [])]
        contests: list[Contest] = []
        for part in (name for name in jobs if name in chosen):
            contests += (more := jobs[part]())
            # Each as soon as it is there: the next part may take long, or be stopped.
            print(f"## {part}\n\n{telling.table(more)}\n", flush=True)
    print(f"## bounds\n\n{telling.bounds(contests)}\n")
    size = f" {bench.files} files, {bench.size:,} bytes." if bench.files else ""
    print(f"Tree: {tree.name}.{size}", *bench.notes)
    print(f"Load average before: {busy}; after: {telling.load()}.")
    print(telling.versions(options.peers) + ".")
    return int(any(c.trouble for c in contests if c.name.startswith("asyncfix")))


if __name__ == "__main__":
    sys.exit(main())
