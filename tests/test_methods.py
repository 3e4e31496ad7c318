"""Sites by the type of the receiver: found, not guessed, and not forgotten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from asyncfix import Codemod, Context, Level, Plan, Settings
from asyncfix.engine import run


class Submits(Codemod):
    """Finds what is handed to a pool or to a loop."""

    name = "submits"
    methods = (
        "concurrent.futures.Executor.submit",
        "asyncio.AbstractEventLoop.run_in_executor",
    )

    def judge(self, context: Context) -> Plan:
        return Plan(context.site.wanted, by_hand="", level=Level.MANUAL)


def found(root: Path) -> list[str]:
    """Give the line and the method of each site below a folder."""
    settings = Settings(paths=(root,), root=root)
    result = run(settings, [Submits()])
    assert not result.problems
    return [
        f"{Path(each.path).name}:{each.line} {each.message.rpartition('.')[2]}"
        for each in result.findings
    ]


CASES = {
    "annotated parameter": ("async def f(x: Pool):\n    x.submit(print)", "submit"),
    "optional parameter": (
        "async def f(x: Pool | None):\n    x.submit(print)",
        "submit",
    ),
    "class above": ("async def f(x: Executor):\n    x.submit(print)", "submit"),
    "made here": ("async def f():\n    x = Pool()\n    x.submit(print)", "submit"),
    "made and called": ("async def f():\n    Pool().submit(print)", "submit"),
    "block": (
        "async def f():\n    with Pool() as x:\n        x.submit(print)",
        "submit",
    ),
    "loop that runs": (
        "async def f():\n    asyncio.get_running_loop().run_in_executor(None, print)",
        "run_in_executor",
    ),
    "loop below": (
        "async def f(x: asyncio.SelectorEventLoop):\n    x.run_in_executor(None, f)",
        "run_in_executor",
    ),
    "through an attribute": (
        "class A:\n    def __init__(self, x: Pool): self.x = x\n"
        "    async def f(self): self.x.submit(print)",
        "submit",
    ),
    "in a lambda": ("async def f(x: Pool):\n    lambda: x.submit(print)", "submit"),
    "not known": ("async def f(x):\n    x.submit(print)", ""),
    "one of two": ("async def f(x: Pool | A):\n    x.submit(print)", ""),
    "another class": ("class A: ...\nasync def f(x: A):\n    x.submit(print)", ""),
    "class below gives it another body": (
        "class A(Pool):\n    def submit(self, f): return 1\n"
        "async def f(x: A):\n    x.submit(print)",
        "",
    ),
    "another method": ("async def f(x: Pool):\n    x.shutdown()", ""),
    "only read": ("async def f(x: Pool):\n    return x.submit", ""),
    "no coroutine": ("def f(x: Pool):\n    x.submit(print)", ""),
    "given another value": (
        "async def f(y):\n    x = Pool()\n    x = y\n    x.submit(print)",
        "",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_method(name: str, tmp_path: Path) -> None:
    code, method = CASES[name]
    head = (
        "import asyncio\n"
        "from concurrent.futures import Executor, ThreadPoolExecutor as Pool\n"
    )
    (tmp_path / "app.py").write_text(head + code + "\n")
    line = head.count("\n") + code.count("\n") + 1
    assert found(tmp_path) == ([f"app.py:{line} {method}"] if method else [])


def test_its_type_is_asked_again_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of a file depends on where its types are from."""
    monkeypatch.setenv("ASYNCFIX_CACHE_DIR", str(tmp_path / "cache"))
    root = tmp_path / "app"
    root.mkdir()
    (root / "use.py").write_text(
        "from state import State\n\nasync def f(s: State):\n    s.pool.submit(print)\n"
    )
    pool = "from concurrent.futures import ThreadPoolExecutor as Pool\n"
    states = [pool, "class Pool:\n    pass\n", pool]
    said = []
    for number, state in enumerate(states):
        file = root / "state.py"
        file.write_text(
            state + "class State:\n    def __init__(self): self.pool = Pool()\n"
        )
        for path in root.iterdir():
            os.utime(path, (1_000_000_000 + number, 1_000_000_000 + number))
        said.append(found(root))
    assert said == [["use.py:4 submit"], [], ["use.py:4 submit"]]
