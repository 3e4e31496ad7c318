"""What a run costs, counted in calls of Python functions and never in time."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from asyncfix import engine
from asyncfix.model import Settings
from asyncfix.registry import installed

CODEMODS = installed()

pytestmark = pytest.mark.any_python


def many(shape: str, count: int) -> str:
    """Give a file of many sites in one of the shapes that code comes in."""
    head = "import time\n\nNOW = time.time\n\n\n"
    if shape == "functions":
        return head + "\n\n".join(
            f"async def f{n}():\n    time.sleep(1)\n" for n in range(count)
        )
    if shape == "methods":
        return f"{head}class C:\n" + "\n".join(
            f"    async def f{n}(self):\n        time.sleep(1)\n" for n in range(count)
        )
    if shape == "writes":
        return (
            f"{head}class C:\n    async def f(self):\n"
            + "        time.sleep(1)\n        self.n = 1\n" * count
        )
    return f"{head}async def f():\n" + "    time.sleep(1)\n" * count


def calls(folder: Path, shape: str, count: int) -> int:
    """Give how many calls it takes to look through a file of many sites."""
    folder.mkdir()
    (folder / "a.py").write_text(many(shape, count), "utf-8")
    settings = Settings(paths=(folder,), root=folder)
    made = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal made
        made += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        result = engine.run(settings, CODEMODS)
    finally:
        sys.setprofile(before)
    assert not result.problems
    assert [each.codemod for each in result.findings] == ["blocking-sleep"] * count
    return made


@pytest.mark.parametrize(
    ("shape", "most"),
    [
        ("functions", 5.5),
        ("methods", 5.5),
        ("statements", 5.5),
        # Guard A3 walks the function for each site.
        ("writes", 12),
    ],
)
def test_many_sites_in_one_file_take_calls_in_proportion(
    tmp_path: Path, shape: str, most: float
) -> None:
    """Four times the sites: about four times the calls, not sixteen."""
    calls(tmp_path / "first", shape, 1)  # what is done once and kept
    few, more = (calls(tmp_path / str(count), shape, count) for count in (30, 120))
    assert more < most * few, (few, more)
