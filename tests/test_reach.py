"""Does it block, and through whom? The chains from each coroutine.

Each row is a project and the chains that are found in it, a line for each: the
file and line of a call and what is called there, on to the call that blocks.
`test_reach_nothing.py` has what must not be found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Chains

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


@pytest.mark.parametrize("row", FOUND)
def test_the_chain_is_found(chains: Chains, row: str) -> None:
    files, wanted = FOUND[row]
    assert chains(files) == wanted.split("\n")


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
    chains: Chains, severity: str, lines: list[int]
) -> None:
    found = chains(LEVELS, severity)
    assert [int(each.partition(":")[2].partition(" ")[0]) for each in found] == lines
