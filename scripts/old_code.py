"""Bring old releases to today's Python, and count the modules that import there.

    python scripts/old_code.py ARCHIVES [--python PYTHON]

In: a folder with source archives of PyPI, and a Python that has what they need. For each
one, in a scratch folder: which modules import on that Python, before and after
`asyncfix --apply --unsafe --select legacy-coroutine,legacy-loop`. The names that
`collections` and `inspect` have lost are put back, as this is about asyncio. Out: the table of
docs/real-code.md on stdout. Nothing that is downloaded belongs into the repository.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pinned

MIGRATE = (
    "--apply", "--unsafe", "--target-version=3.11",
    "--select=legacy-coroutine,legacy-loop", ".",
)  # fmt: skip
SKIPPED = frozenset(
    ("benchmarks", "build", "conftest", "demos", "docs", "example", "examples",
     "samples", "scripts", "setup", "test", "tests", "tools", "__main__")
)  # fmt: skip
# Each module is imported in a process of its own, forked from one that is ready.
IMPORTS = """
import collections, collections.abc, importlib, inspect, json, os, sys
# What Python has lost besides, and is no business of asyncio's.
for name in collections.abc.__all__:
    setattr(collections, name, getattr(collections.abc, name))
inspect.formatargspec = inspect.getargspec = None
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
sys.dont_write_bytecode = True
sys.path.insert(0, os.getcwd())
good = []
for name in sys.argv[1:]:
    child = os.fork()
    if not child:
        os.dup2(2, 1)
        sys.argv[1:] = []
        try:
            importlib.import_module(name)
        except BaseException:
            os._exit(1)
        os._exit(0)
    if not os.waitpid(child, 0)[1]:
        good.append(name)
print(json.dumps(good))
"""


def main() -> int:
    """Write the table; give the exit code."""
    parser = argparse.ArgumentParser(prog="old_code.py")
    parser.add_argument("archives", type=Path)
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    print("| archive | modules | before | after | safe | unsafe | manual |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    total: Counter[str] = Counter()
    for archive in sorted(options.archives.glob("*.tar.gz")):
        with tempfile.TemporaryDirectory(prefix="asyncfix-old-") as folder:
            found = measured(archive, Path(folder), options.python)
        total.update(found)
        print(row(archive.name.removesuffix(".tar.gz"), found), flush=True)
    print(row("all", total))
    return 0


def measured(archive: Path, root: Path, python: str) -> Counter[str]:
    """In: an archive, an empty folder, a Python. Out: what the columns say."""
    for name, content in pinned.members(archive):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (root / "pyproject.toml").touch()
    top = root / "src" if (root / "src").is_dir() else root
    names = list(modules(top, ""))
    before = imported(python, top, names)
    command = [sys.executable, "-m", "asyncfix", *MIGRATE]
    done = subprocess.run(
        [*command, "--format=json"], cwd=root, capture_output=True, text=True
    )
    levels = Counter(each["level"] for each in json.loads(done.stdout)["findings"])
    after = imported(python, top, names)
    return Counter({"modules": len(names), "before": before, "after": after, **levels})


def row(name: str, found: Counter[str]) -> str:
    """Give a row of the table."""
    columns = ("modules", "before", "after", "safe", "unsafe", "manual")
    return f"| {name} | " + " | ".join(str(found[each]) for each in columns) + " |"


def modules(folder: Path, package: str) -> list[str]:
    """Give the dotted names of the modules below a folder, tests left out."""
    found = [package] if package else []
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".py")
        if name in SKIPPED or name == "__init__" or not name.isidentifier():
            continue
        dotted = f"{package}.{name}" if package else name
        if path.is_dir() and (path / "__init__.py").exists():
            found += modules(path, dotted)
        elif path.suffix == ".py" and (package or not name.startswith("test")):
            found.append(dotted)
    return found


def imported(python: str, folder: Path, names: list[str]) -> int:
    """Count the modules that import on a Python."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", IMPORTS, *names],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return len(json.loads(done.stdout))


if __name__ == "__main__":
    sys.exit(main())
