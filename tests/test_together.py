"""What becomes of serial tasks, on real runs: results, time, errors, cancels.

Each program is fixed by the engine first, then run in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncfix.engine import run
from asyncfix.model import Level, Settings
from asyncfix.registry import installed

Fix = Callable[..., str]

HEAD = """
import asyncio

log = []


async def work(number):
    await asyncio.sleep(0.3 if number == 1 else 0.2)
    if number in FAILING:
        raise FAILING[number](number)
    return number * 10

"""
COLLECTS = HEAD + """
FAILING = {}


async def rounds(numbers: list[int]):
    found = []
    for number in numbers:
        found.append(await asyncio.create_task(work(number)))
    return found
"""
GOES_ON = HEAD + """
FAILING = {}


async def rounds(numbers: list[int]):
    found = []
    for number in numbers:
        result = await asyncio.create_task(work(number))
        log.append((number, result))
        found.append(result)
    return found
"""
# Its clock is moved on to the next thing that is due: no test waits, nor goes by how
# busy the machine is.
RUN = """

class Virtual(asyncio.SelectorEventLoop):
    now = 0.0

    def time(self):
        return self.now

    def _run_once(self):
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when())
        super()._run_once()


loop = Virtual()
asyncio.set_event_loop(loop)
loop.run_until_complete(main())
print(round(loop.time(), 2))
loop.close()
"""
TIMED = """

async def main():
    print(await rounds([3, 1, 2, 0]), log)
    print(len(asyncio.all_tasks()))
""" + RUN
FAILS = """

FAILING.update({2: ValueError, 3: KeyError, 1: OSError})


async def main():
    try:
        await rounds([0, 1, 2, 3])
    except Exception as error:
        print(type(error).__name__, error.args, log)
    await asyncio.sleep(0.2)
    print(len(asyncio.all_tasks()))
""" + RUN
CANCELLED = """

async def main():
    job = asyncio.create_task(rounds([0, 1, 2, 3]))
    await asyncio.sleep(0.05)
    job.cancel()
    try:
        await job
    except asyncio.CancelledError:
        print("cancelled", len(asyncio.all_tasks()))
""" + RUN


@pytest.fixture
def fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fix:
    """Give what fixes a program and gives its new text."""
    monkeypatch.chdir(tmp_path)

    def fix(program: str, **settings: Any) -> str:  # fields of Settings
        Path("program.py").write_text(program, "utf-8")
        plain = Settings(select=("serial-tasks",), unsafe=True, target=(3, 11))
        result = run(plain._replace(**settings), installed())
        assert Level.MANUAL not in {each.level for each in result.findings}
        (change,) = result.changes
        return change.new.decode()

    return fix


def said(program: str) -> list[str]:
    """Run a program; nothing may come out on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", program],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("limit", [0, 4])
@pytest.mark.parametrize("program", [COLLECTS, GOES_ON], ids=["gather", "ordered"])
def test_same_results_in_order_in_the_time_of_two_rounds(
    fixed: Fix, program: str, limit: int
) -> None:
    before = said(program + TIMED)
    after = said(fixed(program + TIMED, concurrency_limit=limit))
    assert after[:2] == before[:2] and after[1] == "1"
    # Three rounds of 0.2 s and one of 0.3 s; together, no longer than the longest.
    assert (before[2], after[2]) == ("0.9", "0.3")


def test_error_in_the_order_of_the_items_and_nothing_goes_on(fixed: Fix) -> None:
    # Item 2 fails sooner than item 1; the error is that of item 1 all the same.
    before, after = said(GOES_ON + FAILS), said(fixed(GOES_ON + FAILS))
    assert after[:2] == before[:2] == ["OSError (1,) [(0, 0)]", "1"]


def test_gather_raises_the_first_error_in_time(fixed: Fix) -> None:
    assert said(fixed(COLLECTS + FAILS))[:2] == ["ValueError (2,) []", "1"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup is newer")
def test_task_group_raises_a_group(fixed: Fix) -> None:
    text = fixed(COLLECTS + FAILS, task_style="taskgroup")
    first, left, _ = said(text)
    assert first.startswith("ExceptionGroup") and left == "1"


@pytest.mark.parametrize("limit", [0, 2])
@pytest.mark.parametrize("program", [COLLECTS, GOES_ON], ids=["gather", "ordered"])
def test_a_cancel_from_outside_leaves_no_task(
    fixed: Fix, program: str, limit: int
) -> None:
    after = fixed(program + CANCELLED, concurrency_limit=limit)
    assert said(after) == ["cancelled 1", "0.05"]


BOUNDED = """
import asyncio
import tracemalloc

most = now = 0


async def work(number):
    global most, now
    now += 1
    most = max(most, now)
    await asyncio.sleep(0)
    now -= 1
    return number


async def main():
    numbers = list(range(10_000))
    tracemalloc.start()
    found = await rounds(numbers)
    print(found == numbers, most, tracemalloc.get_traced_memory()[1] < 3_000_000)


async def rounds(numbers: list[int]):
    return [await asyncio.create_task(once(number)) for number in numbers]


async def once(number):
    return await hidden(work, number)


asyncio.run(main())
"""


def test_ten_thousand_items_with_a_limit(fixed: Fix) -> None:
    # `hidden` keeps the counters of the test out of the proof.
    program = "async def hidden(function, number):\n    return await function(number)\n"
    after = fixed(program + BOUNDED, concurrency_limit=20)
    assert said(after) == ["True 20 True"]
