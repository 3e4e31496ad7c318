"""What runs in a fork ends as a program does: its code, its words, its last warnings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Forking, Forks


@pytest.fixture(scope="module")
def strict(forking: Forking) -> Iterator[Forks]:
    with forking("asyncio", "aiohttp", flags=("-X", "dev")) as running:
        yield running


@pytest.mark.parametrize(
    ("code", "status"),
    [("pass", 0), ("import sys; sys.exit(3)", 3), ("1/0", 1), ("import os; os.abort()", -6)],
)  # fmt: skip
def test_the_exit_code(strict: Forks, tmp_path: Path, code: str, status: int) -> None:
    found, _, err = strict.run(tmp_path, code)
    assert found == status
    assert ("ZeroDivisionError" in err) == (code == "1/0")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("main = aiohttp.ClientSession", "Unclosed client session"),
        ("async def g(): raise ValueError\n"
         "async def main():\n    global task\n    task = asyncio.create_task(g())\n"
         "    await asyncio.sleep(0.01)", "never retrieved"),
        ("async def g(): pass\nasync def main(): g()", "never awaited"),
        ("async def main(): open(__import__('os').devnull)", "unclosed file"),
    ],
)  # fmt: skip
def test_what_is_left_open_is_said(
    strict: Forks, tmp_path: Path, code: str, said: str
) -> None:
    head = "import asyncio, aiohttp\n"
    run = "async def whole():\n    made = main()\n    await made\nasyncio.run(whole())"
    if "async def main" not in code:
        run = run.replace("    await made\n", "")
    status, _, err = strict.run(tmp_path, f"{head}{code}\n{run}")
    assert status == 0, err
    assert said in err


def test_one_knows_nothing_of_the_other(
    strict: Forks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOW", "1")
    code = "import os, sys; print(sys.argv, os.environ['NOW'], os.environ.get('THEN'))"
    first = strict.run(tmp_path, f"{code}; asyncio = sys.mine = 1", THEN="2")
    assert first == (0, "['-c'] 1 2\n", "")
    code = (
        "import os, sys; print(os.getcwd(), 'THEN' in os.environ, hasattr(sys, 'mine'))"
    )
    assert strict.run(tmp_path, code) == (0, f"{tmp_path} False False\n", "")
