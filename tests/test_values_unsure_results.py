"""What does this call call? Nobody can say, for a function gives what it calls it on.

As in `test_values_unsure.py`, for what functions and their decorators give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Called

UNKNOWN: dict[str, str] = {
    "result under an unknown decorator": (
        "import requests\n@magic\ndef make() -> requests.Session: ...\n"
        "make().get(1)  # <-"
    ),
    "result under a decorator of a library that is not known": (
        "import requests, lib\n@lib.magic\ndef make() -> requests.Session: ...\n"
        "make().get(1)  # <-"
    ),
    "result under a decorator that gives a coroutine": (
        """
        import requests
        def asynchronous(f):
            async def wrapper(*args):
                return f(*args)
            return wrapper
        @asynchronous
        def make() -> requests.Session: ...
        make().get(1)  # <-
        """
    ),
    "result under a decorator that hands it to an executor": (
        """
        import concurrent.futures, requests
        pool = concurrent.futures.ThreadPoolExecutor()
        def threaded(f):
            def wrapper(*args):
                return pool.submit(f, *args)
            return wrapper
        @threaded
        def make() -> requests.Session: ...
        make().get(1)  # <-
        """
    ),
    "result under a decorator that decorates itself": (
        "@d\ndef d(f): return f\n@d\ndef make(): return d\nmake().get()  # <-"
    ),
    "result of a generator": (
        "import requests\ndef make():\n    yield requests.Session()\n"
        "make().get(1)  # <-"
    ),
    "result under a decorator that starts a thread with a lambda": (
        """
        import threading, requests
        def threaded(f):
            def wrapper(*args):
                threading.Thread(target=lambda: f(*args)).start()
            return wrapper
        @threaded
        def make() -> requests.Session: ...
        make().get(1)  # <-
        """
    ),
    "result under a decorator that calls it once and for all": (
        """
        import requests
        def once(f):
            result = f()
            return lambda: result.other
        @once
        def make() -> requests.Session: ...
        make().get(1)  # <-
        """
    ),
    "result of a function without a return": "def f(): pass\nf().get()  # <-",
    "result of a lambda": (
        "import requests\nf = lambda: requests.Session()\nf().get()  # <-"
    ),
    "result of a method of a protocol": (
        """
        from typing import Protocol
        class P(Protocol):
            def make(self): ...
        def f(p: P):
            p.make().get(1)  # <-
        """
    ),
}


@pytest.mark.parametrize("row", UNKNOWN)
def test_nothing_is_said_where_nothing_is_sure(called: Called, row: str) -> None:
    assert called(UNKNOWN[row]) == "unknown"
