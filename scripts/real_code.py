"""Run the installed asyncfix over pinned packages from PyPI and check what it does.

In: the packages of pinned.tsv, downloaded into a scratch folder. Out: one Markdown table on stdout, broken promises on
stderr, and exit code 1 if a promise was broken. Needs git and a POSIX system.

    python scripts/real_code.py [--scratch DIR] [--only NAME ...] [--write]
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, cast

from pinned import Package, obtain, read_pins

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "real-code.md"
BEGIN, END = "<!-- counts -->", "<!-- /counts -->"
LEVELS = ("safe", "intent", "unsafe", "manual")
TIME_LIMIT = 1800  # seconds for one run of asyncfix on one package
INTRO = f"""# Real code

`scripts/real_code.py` downloads the packages below from PyPI, pinned by version and
sha256, and runs the installed asyncfix on each: report, diff, apply, apply again, undo.
They were chosen because they are large and live on asyncio, or because a plain `ast`
search finds `time.sleep` inside their coroutines: no random sample of Python.
A source archive ("sdist") brings the package's own tests along, a wheel rarely does.

"yes" under "promises" means, for that package: the exit code tells the outcome and
no run ended in a traceback; report and diff left every file alone; git accepts the
diff, and `git apply` gives the same bytes as `asyncfix --apply`; every changed file
that compiled before still does; a second `--apply` changes nothing; `asyncfix undo`
gives every file its old bytes. It does not mean that the packages' test suites were run,
nor that a person read every finding.

"guards" counts the findings that name a guard, by that guard; "failed" are the files
asyncfix could not analyse (homeassistant's syntax needs Python 3.13). CPU is user and
system time of one report with an empty cache, all processes together. To make the
table again (needs git, pip, a network, and some 700 MB of disk for a while):

```console
python scripts/real_code.py --write
```

{BEGIN}
{END}
"""


class Broken(Exception):
    """A promise of asyncfix that does not hold; the text says which."""


class Finding(TypedDict):
    """The part of one reported finding that is counted here."""

    level: str
    guard: str | None


class Files(TypedDict):
    """The report's own count of files."""

    failed: int


class Report(TypedDict):
    """The part of `asyncfix --format json` that is used here."""

    version: str
    findings: list[Finding]
    problems: list[object]
    files: Files


@dataclass
class Row:
    """What was counted in one package; `broken` lists the promises that failed."""

    package: Package
    files: int = 0
    lines: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    guards: Counter[str] = field(default_factory=Counter)
    changed: int = 0
    failed: int = 0
    cpu: float = 0.0
    version: str = "unknown"
    broken: list[str] = field(default_factory=list)


# --- one package ---------------------------------------------------------------


class Tree:
    """A package in a throwaway git repository, where asyncfix is let loose."""

    def __init__(self, source: Path, root: Path, state: Path) -> None:
        """In: the unpacked package, the repository to make, asyncfix's own files."""
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(source, root)
        homes = {f"XDG_{kind}_HOME": str(state) for kind in ("CACHE", "STATE", "DATA")}
        nogit = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        self.environment = {**os.environ, **homes, **nogit}
        self.root = root
        self.git("init", "-q")
        self.git("add", "-A", "-f")
        user = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
        self.git(*user, "commit", "-q", "-m", "as published")
        self.names = self.git("ls-files", "-z").decode().rstrip("\0").split("\0")
        self.python = [name for name in self.names if name.endswith(".py")]

    def git(self, *arguments: str) -> bytes:
        """In: a git command line. Out: what it printed; Broken when it fails."""
        command = ["git", "-c", "core.autocrlf=false", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip() or "no message"
            raise Broken(f"git {arguments[0]}: {said.splitlines()[0]}")
        return done.stdout

    def asyncfix(self, *arguments: str) -> tuple[int, bytes]:
        """In: asyncfix's options. Out: its exit code and what it printed.

        Broken when it ends in a traceback, by a signal or not at all.
        """
        told = " ".join(("asyncfix", *arguments, "."))
        try:
            done = subprocess.run(
                [sys.executable, "-m", "asyncfix", *arguments, "."],
                cwd=self.root,
                env=self.environment,
                capture_output=True,
                timeout=TIME_LIMIT,
            )
        except subprocess.TimeoutExpired:
            raise Broken(f"{told}: not done after {TIME_LIMIT} s") from None
        if b"Traceback (most recent call last)" in done.stderr:
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1]
            raise Broken(f"{told}: traceback, {last}")
        if done.returncode not in (0, 1, 2):
            raise Broken(f"{told}: exit code {done.returncode}")
        return done.returncode, done.stdout

    def undo(self) -> None:
        """Take the last run back; Broken when that is not done whole."""
        done = subprocess.run(
            [sys.executable, "-m", "asyncfix", "undo"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
        )
        if done.returncode:
            raise Broken(f"asyncfix undo: {done.stderr.decode(errors='replace')}")

    def digests(self) -> dict[str, str]:
        """Out: the sha256 of every file of the package as it is now."""
        return {
            name: (
                hashlib.sha256((self.root / name).read_bytes()).hexdigest()
                if (self.root / name).exists()
                else "gone"
            )
            for name in self.names
        }


def report(tree: Tree, row: Row) -> Report:
    """In: a tree. Out: asyncfix's report on it, its numbers also put into `row`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, printed = tree.asyncfix("--format", "json")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    row.cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    try:
        found = cast(Report, json.loads(printed))
        row.version, row.failed = found["version"], found["files"]["failed"]
        row.levels.update(finding["level"] for finding in found["findings"])
        guards = (finding["guard"] for finding in found["findings"])
        row.guards.update(guard for guard in guards if guard is not None)
        expected = 2 if found["problems"] else 1 if found["findings"] else 0
    except (ValueError, LookupError, TypeError) as error:
        raise Broken(f"--format json: not the promised document: {error!r}") from None
    if strangers := set(row.levels) - set(LEVELS):
        raise Broken(f"--format json: unknown levels {sorted(strangers)}")
    if code != expected:
        raise Broken(
            f"--format json: exit code {code}, but {len(found['findings'])} findings "
            f"and {len(found['problems'])} problems call for {expected}"
        )
    return found


def check_compiles(name: str, old: bytes, new: bytes) -> None:
    """In: a changed file, before and after. Broken when the change made it invalid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(old, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return  # newer than this interpreter: nothing to compare with
        try:
            compile(new, name, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise Broken(f"{name}: does not compile after --apply: {error}") from None


def check(tree: Tree, row: Row) -> None:
    """In: a fresh tree. Out: `row` filled; Broken at the first broken promise."""
    found = report(tree, row)
    allowed = (0, 1, 2) if found["problems"] else (0, 1)
    published = tree.digests()
    code, diff = tree.asyncfix("--diff")
    if code not in allowed:
        raise Broken(f"--diff: exit code {code} without a problem in the report")
    if tree.git("status", "--porcelain", "-uno"):
        raise Broken("report or --diff changed a file")
    if not diff and row.levels["safe"] + row.levels["intent"]:
        raise Broken("--diff: empty, but the report has safe or intent findings")
    if diff:
        patch = tree.root.with_suffix(".patch")
        patch.write_bytes(diff)
        tree.git("apply", "--check", str(patch.resolve()))
        tree.git("apply", "--whitespace=nowarn", str(patch.resolve()))
    patched = tree.digests()
    tree.git("checkout", "-q", "--", ".")
    code, _ = tree.asyncfix("--apply")
    if code not in allowed:
        raise Broken(f"--apply: exit code {code} without a problem in the report")
    applied = tree.digests()
    if other := [name for name in tree.names if patched[name] != applied[name]]:
        raise Broken(f"{other[0]}: --apply and git apply of --diff differ")
    changed = [name for name in tree.names if applied[name] != published[name]]
    row.changed = len(changed)
    for name in changed:
        old = tree.git("show", f"HEAD:{name}")
        check_compiles(name, old, (tree.root / name).read_bytes())
    tree.asyncfix("--apply", "--allow-dirty")
    again = tree.digests()
    if other := [name for name in tree.names if again[name] != applied[name]]:
        raise Broken(f"{other[0]}: a second --apply changes it again")
    if changed:
        tree.undo()
    restored = tree.digests()
    if other := [name for name in tree.names if restored[name] != published[name]]:
        raise Broken(f"{other[0]}: undo does not give the old bytes")


def examine(package: Package, scratch: Path) -> Row:
    """In: a pin and the scratch folder. Out: everything counted in that package."""
    work = scratch / "work"
    tree = Tree(
        obtain(package, scratch), work / package.name, work / f"{package.name}.state"
    )
    row = Row(package, files=len(tree.python))
    row.lines = sum((tree.root / n).read_bytes().count(b"\n") for n in tree.python)
    try:
        check(tree, row)
    except Broken as broken:
        row.broken.append(str(broken).replace(f"{tree.root}{os.sep}", ""))
    return row


# --- telling -------------------------------------------------------------------


def table(rows: list[Row]) -> str:
    """In: the rows. Out: a Markdown table, and below it every broken promise."""
    head = ["package", "version", "from", "files", "lines", *LEVELS, "guards"]
    head += ["changed files", "failed", "CPU s", "promises"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for row in rows:
        package, kind = row.package, "wheel" if row.package.is_wheel else "sdist"
        guards = sorted(row.guards.items(), key=lambda item: (-item[1], item[0]))
        cells = [package.name, package.version, kind, f"{row.files:,}"]
        cells += [f"{row.lines:,}", *(str(row.levels[level]) for level in LEVELS)]
        cells += [", ".join(f"{guard} {n}" for guard, n in guards) or "none"]
        cells += [str(row.changed), str(row.failed), f"{row.cpu:.1f}"]
        lines.append(" | ".join([*cells, "**no**" if row.broken else "yes"]))
    versions = ", ".join(sorted({row.version for row in rows}))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    told = ["| " + line + " |" for line in lines]
    told += ["", f"asyncfix {versions} on {python}.", ""]
    told += [f"- {row.package.name}: {text}" for row in rows for text in row.broken]
    return "\n".join(told).rstrip() + "\n"


def write(text: str) -> None:
    """In: the table. Out: docs/real-code.md with it between the two markers."""
    old = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else INTRO
    if BEGIN not in old or END not in old:
        sys.exit(f"docs/real-code.md has lost its markers {BEGIN} and {END}")
    head, rest = old.split(BEGIN, 1)
    new = f"{head}{BEGIN}\n\n{text}\n{END}{rest.split(END, 1)[1]}"
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(new, encoding="utf-8")


def main() -> int:
    """In: the command line. Out: 0 when every promise held, else 1."""
    packages = read_pins()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scratch", type=Path, help="keep downloads in this folder")
    names = [package.name for package in packages]
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names)
    parser.add_argument("--write", action="store_true", help="update docs/real-code.md")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write needs every package: leave out --only")
    if importlib.util.find_spec("asyncfix") is None:
        parser.error(f"asyncfix is not installed for {sys.executable}")
    with tempfile.TemporaryDirectory() as throwaway:
        scratch = Path(options.scratch or throwaway).resolve()
        rows = []
        for package in packages:
            if not options.only or package.name in options.only:
                rows.append(examine(package, scratch))
                said = "; ".join(rows[-1].broken) or "every promise held"
                print(f"{package.name} {package.version}: {said}", file=sys.stderr)
    text = table(rows)
    print(text, end="")
    if options.write:
        write(text)
    return int(any(row.broken for row in rows))


if __name__ == "__main__":
    sys.exit(main())
