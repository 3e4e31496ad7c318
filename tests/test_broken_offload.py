"""What `broken-offload` says of Python is tried on Python."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asyncfix import Settings
from asyncfix.deliver import write
from asyncfix.engine import run
from asyncfix.registry import in_pack
from asyncfix.testing import run_with_heartbeat

PROGRAM = """\
import asyncio
import time


def work():
    time.sleep(0.15)
    print("worked")


def read(name, *, times=1):
    time.sleep(0.15)
    return name * times


class Client:
    async def fetch(self, url):
        await asyncio.sleep(0.01)
        return f"page of {url}"

    async def load(self):
        return await asyncio.to_thread(self.fetch, "x")


async def main():
    loop = asyncio.get_running_loop()
    print(await loop.run_in_executor(None, read, "ab", times=2))
    await asyncio.to_thread(work())
    await loop.run_in_executor(None, work())
    print(await Client().load())
    asyncio.to_thread(work)
"""


def test_a_broken_program_works_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run_with_heartbeat(PROGRAM)
    assert before.output == "" and "TypeError" in before.stderr
    (tmp_path / "app.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    codemods = [c for c in in_pack("asyncfix_codemods") if c.name == "broken-offload"]
    result = run(Settings(unsafe=True), codemods)
    assert not result.problems and len(result.findings) == 5
    assert write(result.changes, tmp_path, "test", result.read).problems == ()
    after = run_with_heartbeat(Path("app.py"))
    wanted = "abab\nworked\nworked\npage of x\nworked\n"
    assert (after.output, after.stderr, after.exit_code) == (wanted, "", 0)
    assert after.lag_seconds < 0.1
    assert not run(Settings(unsafe=True), codemods).findings


def test_run_in_executor_takes_no_keywords() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        with pytest.raises(TypeError, match="keyword"):
            await loop.run_in_executor(None, int, "11", base=2)  # type: ignore[call-arg]  # what is tried
        return await loop.run_in_executor(None, functools.partial(int, "11", base=2))

    assert asyncio.run(main()) == 3


def test_a_call_runs_on_the_loop_and_none_cannot_be_called() -> None:
    ran: list[threading.Thread] = []

    def work() -> None:
        ran.append(threading.current_thread())

    async def main() -> None:
        with pytest.raises(TypeError, match="not callable"):
            await asyncio.to_thread(work())  # type: ignore[func-returns-value]  # what is tried
        await asyncio.to_thread(work)

    asyncio.run(main())
    assert ran[0] is threading.main_thread() and ran[1] is not ran[0]


def test_an_async_function_gives_a_coroutine() -> None:
    async def answer() -> int:
        return 42

    async def main() -> int:
        coroutine = await asyncio.to_thread(answer)
        assert asyncio.iscoroutine(coroutine)
        return await coroutine

    assert asyncio.run(main()) == 42


@pytest.mark.filterwarnings("ignore:coroutine 'to_thread' was never awaited")
def test_to_thread_alone_never_starts() -> None:
    ran: list[int] = []

    async def main() -> None:
        asyncio.to_thread(ran.append, 1)
        await asyncio.sleep(0.05)

    asyncio.run(main())
    assert ran == []


def test_run_in_executor_alone_starts_and_only_logs_its_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ran: list[int] = []

    def fail() -> None:
        ran.append(1)
        raise ValueError("lost")

    async def main() -> None:
        asyncio.get_running_loop().run_in_executor(None, fail)
        await asyncio.sleep(0.1)

    with caplog.at_level(logging.ERROR, "asyncio"):
        asyncio.run(main())
    assert ran == [1]
    assert "exception was never retrieved" in caplog.text


@pytest.mark.parametrize("awaited", [False, True])
def test_leaving_a_pool_waits_on_the_loop(awaited: bool) -> None:
    """Where every job was awaited, nothing is left to wait for."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor() as pool:
            job = loop.run_in_executor(pool, time.sleep, 0.2)
            if awaited:
                await job
            begin = time.perf_counter()
        waited = time.perf_counter() - begin
        await job
        return waited

    waited = asyncio.run(main())
    assert waited < 0.1 if awaited else waited > 0.15
