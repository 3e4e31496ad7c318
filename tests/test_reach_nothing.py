"""Does it block? Not this: every row is a project in which nothing may be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Chains

REQUESTS = "import requests\n"
WITH = "def fetch(u): requests.get(u)\n"

NOTHING: dict[str, str | Mapping[str, str]] = {
    "no coroutine": "import requests\nrequests.get(1)\ndef f(): requests.get(1)",
    "no coroutine calls it": (
        REQUESTS + WITH + "def g(): fetch(1)\nasync def f(): pass"
    ),
    "recursion without an end": ("def a(): b()\ndef b(): a()\nasync def f():\n    a()"),
    "a generator that is only made": (
        REQUESTS + "def p():\n    yield requests.get(1)\nasync def f():\n    return p()"
    ),
    "a context manager that is only made": (
        """
        import contextlib, os
        @contextlib.contextmanager
        def mounted():
            os.system("mount")
            yield
        async def f():
            return mounted()
        """
    ),
    "a lambda": REQUESTS + "async def f():\n    return lambda: requests.get(1)",
    "a function inside that is not called": (
        REQUESTS + "async def f():\n    def g(): requests.get(1)\n    return g"
    ),
    "a class inside": (
        REQUESTS + "async def f():\n    class C:\n"
        "        def g(self): requests.get(1)\n    return C"
    ),
    "to_thread": (
        "import asyncio\n" + REQUESTS + WITH + "async def f():\n"
        "    await asyncio.to_thread(fetch, 1)\n"
        "    await asyncio.to_thread(requests.get, 1)"
    ),
    "run_in_executor": (
        "import asyncio\n" + REQUESTS + WITH + "async def f():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    await loop.run_in_executor(None, fetch, 1)"
    ),
    "a partial for an executor": (
        "import asyncio, functools\n" + REQUESTS + WITH + "async def f():\n"
        "    loop = asyncio.get_running_loop()\n"
        "    await loop.run_in_executor(None, functools.partial(fetch, 1))"
    ),
    "submit": (
        "import concurrent.futures\n" + REQUESTS + WITH + "async def f():\n"
        "    pool = concurrent.futures.ThreadPoolExecutor()\n"
        "    pool.submit(fetch, 1)"
    ),
    "Thread": (
        "import threading\n" + REQUESTS + WITH + "async def f():\n"
        "    threading.Thread(target=fetch).start()"
    ),
    "Process": (
        "import multiprocessing\n" + REQUESTS + WITH + "async def f():\n"
        "    multiprocessing.Process(target=fetch)"
    ),
    "anyio": (
        "import anyio.to_thread\n" + REQUESTS + WITH + "async def f():\n"
        "    await anyio.to_thread.run_sync(fetch, 1)"
    ),
    "a function inside, in a thread": (
        "import asyncio\n" + REQUESTS + "async def f():\n"
        "    def work(): requests.get(1)\n    await asyncio.to_thread(work)"
    ),
    "awaited": (REQUESTS + "async def f(c: requests.Session):\n    await c.get(1)"),
    "entered with async with": (
        REQUESTS + "async def f(c: requests.Session):\n"
        "    async with c.get(1):\n        pass"
    ),
    "told not to wait": (
        """
        import queue, threading
        lock, work = threading.Lock(), queue.Queue()
        async def f():
            lock.acquire(blocking=False)
            lock.acquire(False)
            work.get(timeout=0)
            work.get(block=False)
            work.get_nowait()
        """
    ),
    "over at once": "import os\nasync def f():\n    os.path.exists(1)",
    "an object that is not known": "async def f(s):\n    s.get(1)\n    s.execute(1)",
    "an asynchronous client": (
        "import httpx\nasync def f(c: httpx.AsyncClient):\n    await c.get(1)"
    ),
    "either of two clients": (
        "import httpx\nasync def f(c: httpx.Client | httpx.AsyncClient):\n    c.get(1)"
    ),
    "a helper that is a coroutine and never awaited": (
        REQUESTS + "def start(): return load()\nasync def load(): pass\n"
        "async def f():\n    start()"
    ),
    "a helper under a decorator that is not known": (
        REQUESTS + "from lib import magic\n@magic\n" + WITH + "async def f():\n"
        "    fetch(1)"
    ),
    "a helper under a decorator that hands it to an executor": (
        """
        import asyncio, requests
        def threaded(function):
            async def wrapper(*args):
                return await asyncio.to_thread(function, *args)
            return wrapper
        @threaded
        def fetch(u): requests.get(u)
        async def f():
            await fetch(1)
        """
    ),
    "a helper under a decorator that starts a thread with it": (
        """
        import threading, requests
        def threaded(function):
            def wrapper(*args):
                threading.Thread(target=function).start()
            return wrapper
        @threaded
        def fetch(u): requests.get(u)
        async def f():
            fetch(1)
        """
    ),
    "a helper under a decorator that hands a call of it to a thread": (
        """
        import asyncio, requests
        def threaded(function):
            async def wrapper(*args):
                def work():
                    return function(*args)
                return await asyncio.to_thread(work)
            return wrapper
        @threaded
        def fetch(u): requests.get(u)
        async def f():
            await fetch(1)
        """
    ),
    "an abstract method": (
        """
        import abc, requests
        class C(abc.ABC):
            @abc.abstractmethod
            def load(self): requests.get(1)
        async def f(c: C):
            c.load()
        """
    ),
    "the name only": REQUESTS + "async def f():\n    return requests.get",
    "a default is worked out by the module": (
        REQUESTS + "async def f(x=requests.get(1)): pass"
    ),
    "a decorator is called by the module": (
        REQUESTS + "@requests.get(1)\nasync def f(): pass"
    ),
}


@pytest.mark.parametrize("row", NOTHING)
def test_nothing_blocks(chains: Chains, row: str) -> None:
    assert chains(NOTHING[row]) == []
