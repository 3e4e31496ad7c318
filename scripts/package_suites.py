"""Run the test suites of packages before and after `asyncfix --apply`, and compare.

In: the packages of package_suites.tsv, downloaded from PyPI into a scratch folder; each
gets a virtual environment of its own there. Out: one Markdown table on stdout, without
and with `--unsafe`; on stderr how long the suites took, and the tests that passed before
and do not after; exit code 1 if there are any. This runs the code and the tests of those
packages.

    python scripts/package_suites.py [--scratch DIR] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from pinned import Package, fetch

SUITES = Path(__file__).resolve().with_suffix(".tsv")
FLAGS = ("--apply", "--min-severity", "medium")
MODES = {"after": (), "after-unsafe": ("--unsafe",)}  # folder: flags besides
ADDRESS = re.compile(r"0x[0-9a-f]+")  # in names of tests, other ones in each run
TIME_LIMIT = 3600  # seconds for one run of one suite
TRIES = 2  # more for a test that passed before and not after: some are flaky
HEAD = """\
| package | version | tests | passed before | files changed | passed after | lost \
| files changed, `--unsafe` | passed after | lost |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


@dataclass(frozen=True)
class Suite:
    """A line of package_suites.tsv: what to install besides, what to run."""

    package: Package
    requirements: tuple[str, ...]
    arguments: tuple[str, ...]


def read_suites() -> list[Suite]:
    """Out: the suites of package_suites.tsv, in its order."""
    found = []
    for line in SUITES.read_text(encoding="utf-8").splitlines():
        if line[:1] not in ("", "#"):
            *pin, requirements, arguments = line.split("\t")
            words = shlex.split(requirements), shlex.split(arguments)
            found.append(Suite(Package(*pin), tuple(words[0]), tuple(words[1])))
    return found


def run(command: list[str], folder: Path, **more: str) -> int:
    """Run a command with its output in `output.txt` beside the folder; its exit code."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with open(folder.with_name("output.txt"), "ab") as output:
        try:
            return subprocess.run(
                command,
                cwd=folder,
                env=kept | more,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=TIME_LIMIT,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            print(f"{folder}: gave up after {TIME_LIMIT} s", file=sys.stderr)
            return -1


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a source archive without its top folder."""
    with tarfile.open(archive) as sdist:
        for entry in sdist:
            entry.name = entry.name.partition("/")[2]
            if entry.name and (entry.isfile() or entry.isdir()):
                sdist.extract(entry, folder, filter="data")


def environment(suite: Suite, place: Path, checkout: Path) -> Path:
    """Out: a Python with the package's dependencies and those of its tests."""
    python = place / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(place / "venv", with_pip=True)
        wanted = ["pytest", *suite.requirements]
        command = [str(python), "-m", "pip", "install", "-q", str(checkout), *wanted]
        if run(command, checkout):
            sys.exit(f"{suite.package.name}: pip failed, see {place / 'output.txt'}")
    return python


def passed(suite: Suite, python: Path, checkout: Path, only: set[str]) -> set[str]:
    """Out: the names of the tests that passed; with `only`, of those alone."""
    report = checkout.with_name(f"{checkout.name}.xml")
    report.unlink(missing_ok=True)
    paths = [str(checkout / "src"), str(checkout)]
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [f"--junitxml={report}", *suite.arguments]
    if only:
        names = sorted({name.partition(" ")[2].partition("[")[0] for name in only})
        command += ["-k", " or ".join(names)]
    begun = time.monotonic()
    run(command, checkout, PYTHONPATH=os.pathsep.join(paths))
    took = time.monotonic() - begun
    print(f"{suite.package.name}: {checkout.name}: {took:.0f} s", file=sys.stderr)
    if not report.exists():
        return set()
    return {
        ADDRESS.sub("0x", f"{case.get('classname')} {case.get('name')}")
        for case in ElementTree.parse(report).iter("testcase")
        if not len(case.findall("failure") + case.findall("error"))
        and case.find("skipped") is None
    }


def changed(before: Path, after: Path) -> dict[Path, bytes]:
    """Out: the Python files of a checkout that asyncfix has changed, as they are now."""
    names = [path.relative_to(after) for path in after.rglob("*.py")]
    both = [name for name in names if (before / name).exists()]
    texts = {name: (after / name).read_bytes() for name in both}
    for name in both:
        if texts[name] == (before / name).read_bytes():
            del texts[name]
    return texts


def compared(suite: Suite, scratch: Path) -> tuple[str, set[str]]:
    """Out: the line of the table, and the tests that a rewrite has broken."""
    package = suite.package
    place = scratch / "suites" / package.name
    before = place / "before"
    archive = fetch(package, scratch / "downloads")
    rewrites = []
    for name, flags in MODES.items():
        for each in (before, place / name):
            if not each.exists():
                unpack(archive, each)
        asyncfix = [sys.executable, "-m", "asyncfix", *FLAGS, *flags, "."]
        run(asyncfix, place / name, ASYNCFIX_CACHE_DIR="off")
        rewrites.append((place / name, changed(before, place / name)))
    python = environment(suite, place, before)
    first = passed(suite, python, before, set())
    tests, broken = set(first), set[str]()
    cells: list[int] = []
    second, lost = first, set[str]()
    known: dict[Path, bytes] = {}
    for after, files in rewrites:
        if files != known:
            second, known = passed(suite, python, after, set()), files
            lost = first - second
            for _ in range(TRIES):
                if lost:
                    lost -= passed(suite, python, after, lost)
        tests |= second
        broken |= {f"{after.name}: {name}" for name in lost}
        cells += [len(files), len(second), len(lost)]
    row = (package.name, package.version, len(tests), len(first), *cells)
    return f"| {' | '.join(map(str, row))} |", broken


def main() -> int:
    """Out: 1 if a test passed before and not after, else 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scratch", type=Path, help="keep what is fetched here")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    options = parser.parse_args()
    code = 0
    with tempfile.TemporaryDirectory() as throwaway:
        scratch = (options.scratch or Path(throwaway)).resolve()
        (scratch / "downloads").mkdir(parents=True, exist_ok=True)
        print(HEAD, flush=True)
        for suite in read_suites():
            if options.only and suite.package.name not in options.only:
                continue
            line, lost = compared(suite, scratch)
            print(line, flush=True)
            for name in sorted(lost):
                print(f"{suite.package.name}: lost: {name}", file=sys.stderr)
                code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
