"""Does it block, and through whom? The chains from each coroutine.

Each row is a project and the chains that are found in it, as text; none where
nothing holds the event loop. A line of a chain reads: the file and line of a
call, and what is called there, on to the call that blocks.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from asyncfix.catalog import Catalog
from asyncfix.reach import Reach

if TYPE_CHECKING:
    from conftest import Linked

REQUESTS = "import requests\n"
WITH = "def fetch(u): requests.get(u)\n"

FOUND: dict[str, tuple[str | Mapping[str, str], str]] = {
    "in the coroutine itself": (
        "import time\nasync def f():\n    time.sleep(1)",
        "main.py:3 time.sleep",
    ),
    "each call for itself, in the order of the file": (
        "import time, os\nasync def f():\n    os.system(1)\n    time.sleep(1)",
        "main.py:3 os.system\nmain.py:4 time.sleep",
    ),
    "through a helper": (
        "import time\ndef nap():\n    time.sleep(1)\nasync def f():\n    nap()",
        "main.py:5 nap -> main.py:3 time.sleep",
    ),
    "through helpers in other files": (
        {
            "a.py": "from b import load\nasync def f():\n    load()",
            "b.py": "from c import query\n\ndef load():\n    query()",
            "c.py": 'import sqlite3\n\ndef query():\n    con = sqlite3.connect("x")\n'
            "    con.cursor().execute(1)",
        },
        "a.py:3 load -> b.py:4 query -> c.py:5 sqlite3.Cursor.execute",
    ),
    "through methods, over the types of objects": (
        {
            "web.py": """
                from service import Service
                class View:
                    def __init__(self, service: Service):
                        self.service = service
                    async def get(self):
                        return self.service.load()
                """,
            "service.py": """
                from store import Store
                class Service:
                    def __init__(self):
                        self.store = Store()
                    def load(self):
                        return self.store.all()
                """,
            "store.py": """
                import requests
                class Store:
                    def __init__(self):
                        self.session = requests.Session()
                    def all(self):
                        return self.session.get("x")
                """,
        },
        "web.py:7 Service.load -> service.py:7 Store.all"
        " -> store.py:7 requests.Session.get",
    ),
    "a method of a base": (
        """
        import requests
        class Base:
            def load(self): requests.get(1)
        class C(Base):
            async def f(self):
                self.load()
        """,
        "main.py:7 Base.load -> main.py:4 requests.get",
    ),
    "super": (
        """
        import requests
        class Base:
            def __init__(self): requests.get(1)
        class C(Base):
            def __init__(self):
                super().__init__()
        async def f():
            C()
        """,
        "main.py:9 C.__init__ -> main.py:7 Base.__init__ -> main.py:4 requests.get",
    ),
    "the shortest of two ways": (
        """
        import requests
        def long(): middle()
        def middle(): short()
        def short(): requests.get(1)
        def both():
            long()
            short()
        async def f():
            both()
        """,
        "main.py:10 both -> main.py:8 short -> main.py:5 requests.get",
    ),
    "of two calls in a helper, the worse": (
        """
        import os, requests
        def helper():
            open("x")
            requests.get(1)
        async def f():
            helper()
        """,
        "main.py:7 helper -> main.py:5 requests.get",
    ),
    "recursion": (
        """
        import requests
        def walk(n):
            walk(n - 1)
            requests.get(n)
        async def f():
            walk(3)
        """,
        "main.py:7 walk -> main.py:5 requests.get",
    ),
    "mutual recursion": (
        """
        import requests
        def odd(n):
            even(n)
        def even(n):
            odd(n)
            requests.get(n)
        async def f():
            odd(3)
        """,
        "main.py:9 odd -> main.py:4 even -> main.py:7 requests.get",
    ),
    "a generator that is iterated": (
        """
        import requests
        def pages():
            yield requests.get(1)
        async def f():
            for page in pages():
                pass
        """,
        "main.py:6 pages -> main.py:4 requests.get",
    ),
    "a generator that is iterated in a comprehension": (
        """
        import requests
        def pages():
            yield requests.get(1)
        async def f():
            return [page for page in pages()]
        """,
        "main.py:6 pages -> main.py:4 requests.get",
    ),
    "a generator that hands on": (
        """
        import requests
        def pages():
            yield requests.get(1)
        def more():
            yield from pages()
        async def f():
            for page in more():
                pass
        """,
        "main.py:8 more -> main.py:6 pages -> main.py:4 requests.get",
    ),
    "a context manager that is entered": (
        """
        import contextlib, os
        @contextlib.contextmanager
        def mounted():
            os.system("mount")
            yield
        async def f():
            with mounted():
                pass
        """,
        "main.py:8 mounted -> main.py:5 os.system",
    ),
    "__enter__": (
        """
        import os
        class Mounted:
            def __enter__(self): os.system("mount")
            def __exit__(self, *_): pass
        async def f():
            with Mounted():
                pass
        """,
        "main.py:7 Mounted.__enter__ -> main.py:4 os.system",
    ),
    "__exit__": (
        """
        import os
        class Mounted:
            def __enter__(self): pass
            def __exit__(self, *_): os.system("umount")
        async def f():
            with Mounted():
                pass
        """,
        "main.py:7 Mounted.__exit__ -> main.py:5 os.system",
    ),
    "with open": (
        "async def f():\n    with open('x'):\n        pass",
        "main.py:2 builtins.open",
    ),
    "__init__": (
        """
        import requests
        class C:
            def __init__(self): requests.get(1)
        async def f():
            return C()
        """,
        "main.py:6 C.__init__ -> main.py:4 requests.get",
    ),
    "__post_init__": (
        """
        import requests
        from dataclasses import dataclass
        @dataclass
        class C:
            n: int
            def __post_init__(self): requests.get(1)
        async def f():
            return C(1)
        """,
        "main.py:9 C.__post_init__ -> main.py:7 requests.get",
    ),
    "__call__": (
        """
        import requests
        class C:
            def __call__(self): requests.get(1)
        c = C()
        async def f():
            c()
        """,
        "main.py:7 C.__call__ -> main.py:4 requests.get",
    ),
    "in a comprehension": (
        "import requests\nasync def f(us):\n    return [requests.get(u) for u in us]",
        "main.py:3 requests.get",
    ),
    "a function inside that is called by its name": (
        """
        import requests
        async def f():
            def fetch(): requests.get(1)
            fetch()
        """,
        "main.py:5 f.fetch -> main.py:4 requests.get",
    ),
    "a class method": (
        """
        import requests
        class C:
            @classmethod
            def make(cls): requests.get(1)
        async def f():
            C.make()
        """,
        "main.py:7 C.make -> main.py:5 requests.get",
    ),
    "an alias of a helper": (
        REQUESTS + WITH + "g = fetch\nasync def f():\n    g(1)",
        "main.py:5 fetch -> main.py:2 requests.get",
    ),
    "a partial of a helper": (
        "import requests, functools\n" + WITH + "g = functools.partial(fetch, 1)\n"
        "async def f():\n    g()",
        "main.py:5 fetch -> main.py:2 requests.get",
    ),
    "a helper under a decorator of a library that keeps it": (
        """
        import functools, requests
        @functools.lru_cache
        def fetch(): requests.get(1)
        async def f():
            fetch()
        """,
        "main.py:6 fetch -> main.py:4 requests.get",
    ),
    "a helper under a decorator of ours that calls it": (
        """
        import requests
        def logged(function):
            def wrapper(*args):
                return function(*args)
            return wrapper
        @logged
        def fetch(): requests.get(1)
        async def f():
            fetch()
        """,
        "main.py:10 fetch -> main.py:8 requests.get",
    ),
    "a function that gives an awaitable blocks before it is awaited": (
        """
        import requests
        def start():
            requests.get(1)
            return other()
        async def f():
            await start()
        """,
        "main.py:7 start -> main.py:4 requests.get",
    ),
    "the body of a coroutine is told there, not where it is awaited": (
        """
        import requests
        async def inner(): requests.get(1)
        async def outer():
            await inner()
        """,
        "main.py:3 requests.get",
    ),
    "a coroutine in a coroutine": (
        """
        import requests
        async def outer():
            async def inner(): requests.get(1)
            await inner()
        """,
        "main.py:4 requests.get",
    ),
    "an async generator": (
        "import requests\nasync def f():\n    yield requests.get(1)",
        "main.py:3 requests.get",
    ),
    "arguments are worked out here, whoever gets them": (
        """
        import asyncio, requests
        async def f():
            await asyncio.to_thread(print, requests.get(1))
        """,
        "main.py:4 requests.get",
    ),
    "the call that makes what is handed to a thread": (
        """
        import asyncio, requests
        def make():
            requests.get(1)
            return print
        async def f():
            await asyncio.to_thread(make())
        """,
        "main.py:7 make -> main.py:4 requests.get",
    ),
    "waits, although it might be told not to": (
        """
        import queue, threading
        lock, work = threading.Lock(), queue.Queue()
        async def f():
            lock.acquire()
            lock.acquire(timeout=3)
            work.get()
        """,
        "main.py:5 threading.Lock.acquire\nmain.py:6 threading.Lock.acquire\n"
        "main.py:7 queue.Queue.get",
    ),
}

NOTHING: dict[str, str | Mapping[str, str]] = {
    "no coroutine": "import requests\nrequests.get(1)\ndef f(): requests.get(1)",
    "no coroutine calls it": (
        REQUESTS + WITH + "def g(): fetch(1)\nasync def f(): pass"
    ),
    "recursion without an end": (
        "def a(): b()\ndef b(): a()\nasync def f():\n    a()"
    ),
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
    "awaited": (
        REQUESTS + "async def f(c: requests.Session):\n    await c.get(1)"
    ),
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


def chains(
    linked: Linked,
    catalog: Catalog,
    files: str | Mapping[str, str],
    severity: str = "medium",
) -> list[str]:
    """Give all chains of a project, in the order of its files and lines."""
    files = {"main.py": files} if isinstance(files, str) else files
    project = linked({path: textwrap.dedent(text) for path, text in files.items()})
    reach = Reach(project, catalog, severity)
    found = []
    for path, edges in sorted(reach.blocking(sorted(project.files)).items()):
        for _, edge in edges:
            chain = reach.chain(path, edge)
            assert chain is not None
            steps = [
                f"{step.path.rpartition('/')[2]}:{step.line} {step.name}"
                for step in chain.steps
            ]
            found.append(" -> ".join(steps))
    return found


@pytest.mark.parametrize("row", FOUND)
def test_the_chain_is_found(linked: Linked, catalog: Catalog, row: str) -> None:
    files, wanted = FOUND[row]
    assert chains(linked, catalog, files) == wanted.split("\n")


@pytest.mark.parametrize("row", NOTHING)
def test_nothing_blocks(linked: Linked, catalog: Catalog, row: str) -> None:
    assert chains(linked, catalog, NOTHING[row]) == []


LEVELS = """
import os, requests
async def f():
    os.path.exists(1)
    open(1)
    requests.get(1)
"""


@pytest.mark.parametrize(
    ("severity", "lines"), [("low", [4, 5, 6]), ("medium", [5, 6]), ("high", [6])]
)
def test_what_is_less_severe_is_shown_when_asked_for(
    linked: Linked, catalog: Catalog, severity: str, lines: list[int]
) -> None:
    found = chains(linked, catalog, LEVELS, severity)
    assert [int(each.partition(":")[2].partition(" ")[0]) for each in found] == lines
