"""Coroutines that nobody awaits: what Python itself says of the fixtures that run.

In its development mode Python tells for each coroutine that is collected before it
was awaited where it was made. The findings must name those lines and no others.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from asyncfix.engine import run
from asyncfix.model import Settings
from asyncfix.registry import installed

FIXTURES = Path(__file__).parent / "fixtures" / "unawaited-coroutine"
# What each program prints once it is fixed.
FIXED = {
    "run_alone": "[1, 2, 3, 5, 6, 7, 8, 9, 10, 'closed'] 1 True\n",
    "run_silent": "not found\nTrue False True\nno [] False\n[1, 2]\nnever\none 1\n"
    "[2]\n[3] [4] [5]\n[6]\nTrue\n",
    "run_raises": "attribute text\nitem 1\ncalled called\ncounted 2\n"
    "iterated [1, 2]\nlooped 1\nlooped_over row\nentered text\n"
    "entered_async text\nunpacked 3\nspread [1, 2]\nadded [1, 2, 3]\n"
    "dumped [1, 2]\ninside True\nnamed text\n",
    "run_main_guard": "started\n",
}
# Runs a program, and has each coroutine remember where it was made.
_RUN = (
    "import runpy, sys; sys.set_coroutine_origin_tracking_depth(20); "
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)
_LINE = re.compile(r'File ".*run_\w+\.\w+\.py", line (\d+)')


class Ran(NamedTuple):
    """What a program printed, and the lines whose coroutines were lost."""

    output: str
    lost: frozenset[int]
    errors: str


def _ran(program: Path) -> Ran:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "always", "-c", _RUN, program],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lost: set[int] = set()
    for block in done.stderr.split("was never awaited\n")[1:]:
        made = block.partition("RuntimeWarning")[0]
        lines = [int(line) for line in _LINE.findall(made)]
        assert lines, block
        lost.add(lines[-1])
    return Ran(done.stdout, frozenset(lost), done.stderr)


def _found(path: Path, tmp_path: Path) -> frozenset[int]:
    copy = tmp_path / "program.py"
    copy.write_bytes(path.read_bytes())
    settings = Settings((tmp_path,), tmp_path, select=("unawaited-coroutine",))
    result = run(settings, installed())
    assert not result.problems
    return frozenset(each.line for each in result.findings)


@pytest.mark.parametrize("name", FIXED)
def test_every_lost_coroutine_is_found_and_run(name: str, tmp_path: Path) -> None:
    before = _ran(FIXTURES / f"{name}.before.py")
    assert before.output != FIXED[name]
    assert before.lost == _found(FIXTURES / f"{name}.before.py", tmp_path)
    after = _ran(FIXTURES / f"{name}.after.py")
    assert (after.output, after.lost) == (FIXED[name], frozenset())
    assert "Error" not in after.errors


def test_nothing_is_lost_where_nothing_is_found(tmp_path: Path) -> None:
    program = FIXTURES / "run_nothing_lost.unchanged.py"
    assert _ran(program).lost == _found(program, tmp_path) == frozenset()


def test_every_program_is_run() -> None:
    programs = {
        path.name.partition(".")[0] for path in FIXTURES.glob("run_*.before.py")
    }
    assert programs == set(FIXED)
