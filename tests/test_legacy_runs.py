"""Old programs before and after, on the Pythons of both ages.

Cases `run_*` of the two codemods for older asyncio are whole programs with the output
that they are to have, `output.txt`, on every Python that can run them: before on one of
the older Pythons, after on these and on today's. A Python that is not on this machine
is a test that is skipped, and says so; the rest is compared all the same.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.any_python,  # each runs the Pythons that it needs
]

FIXTURES = Path(__file__).parent / "fixtures"
PROGRAMS = sorted(
    path.parent.relative_to(FIXTURES).as_posix()
    for path in FIXTURES.glob("legacy-*/run_*/output.txt")
)
OLD, NEW = ("3.8", "3.9"), ("3.11", "3.12", "3.13")
# What these wait for in a generator without decorator was one itself until 3.6.
ONLY_3_6 = frozenset(
    f"legacy-coroutine/run_{name}"
    for name in ("mutual_bare", "recursion", "subclass_bare_coroutine", "undecorated_chain")
)  # fmt: skip
# `with (yield from lock)` is gone in 3.9, `async` a keyword since 3.7.
ONLY_3_8 = frozenset(("legacy-coroutine/run_locks",))


@cache
def python(version: str) -> str | None:
    """Give a Python of this machine: the running one, of pyenv, or on the path."""
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for folder in sorted(root.glob(f"versions/{version}.*"), reverse=True):
        if (folder / "bin" / "python").exists():
            return str(folder / "bin" / "python")
    return shutil.which(f"python{version}")


DRIVER = """
import asyncio, json, os, runpy, sys, traceback, warnings

def run(folder, pipe):
    os.dup2(pipe, 1)
    os.dup2(pipe, 2)
    os.chdir(folder)
    sys.path.insert(0, folder)
    code = 1
    try:
        runpy.run_path("main.py", run_name="__main__")
        code = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)

warnings.simplefilter("ignore")
sys.dont_write_bytecode = True
found = {}
for folder in sys.argv[1:]:
    out, into = os.pipe()
    child = os.fork()
    if not child:
        run(folder, into)
    os.close(into)
    with open(out, encoding="utf-8") as pipe:
        said = pipe.read()
    found[folder] = [os.waitpid(child, 0)[1], said]
print(json.dumps(found))
"""


@cache
def outputs(version: str) -> dict[str, tuple[int, str]]:
    """Run all programs on one Python, each in a process forked from one that is ready."""
    interpreter = python(version)
    assert interpreter is not None
    kinds = ("before", "unchanged", "after")
    folders = [
        str(FIXTURES / name / kind)
        for name in PROGRAMS
        for kind in kinds
        if (FIXTURES / name / kind).is_dir()
    ]
    done = subprocess.run(
        [interpreter, "-c", DRIVER, *folders],
        env={"PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: dict[str, tuple[int, str]] = json.loads(done.stdout)
    return found


def output(version: str, folder: Path) -> str:
    """Give what a program prints. Skips where that Python is missing."""
    if python(version) is None:
        pytest.skip(f"Python {version} is not on this machine: not compared with it")
    code, said = outputs(version)[str(folder)]
    assert code == 0, said
    return said


def _wanted(name: str) -> str:
    return (FIXTURES / name / "output.txt").read_text("utf-8")


def _befores() -> list[tuple[str, str]]:
    found = []
    for name in PROGRAMS:
        for version in OLD:
            if name in ONLY_3_6:
                version = "3.6"
            if name in ONLY_3_8:
                version = "3.8"
            if (name, version) not in found:
                found.append((name, version))
    return found


def _is_done(name: str) -> bool:
    """Tell whether nothing is left that today's Pythons do not know."""
    after = FIXTURES / name / "after"
    return after.is_dir() and not any(
        b"asyncio.coroutine" in path.read_bytes()
        or b"loop=noisy()" in path.read_bytes()
        for path in after.rglob("*.py")
    )


@pytest.mark.parametrize(("name", "version"), _befores())
def test_before(name: str, version: str) -> None:
    before = FIXTURES / name / "before"
    folder = before if before.is_dir() else FIXTURES / name / "unchanged"
    assert output(version, folder) == _wanted(name)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        (name, version)
        for name in PROGRAMS
        if (FIXTURES / name / "after").is_dir()
        for version in (OLD[0], *(NEW if _is_done(name) else ()))
    ],
)
def test_after(name: str, version: str) -> None:
    if version == OLD[0] and _needs_newer(name):
        version = NEW[0]
    assert output(version, FIXTURES / name / "after") == _wanted(name)


def _needs_newer(name: str) -> bool:
    return "--target-version 3.11" in (FIXTURES / name / "flags.txt").read_text("utf-8")


def test_there_are_programs() -> None:
    done = [name for name in PROGRAMS if _is_done(name)]
    assert len(PROGRAMS) >= 45
    assert len(done) >= 30
