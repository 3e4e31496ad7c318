"""What does this call call? Nobody can say: two answers are no answer.

Each row is a project with one call marked `# <-` of which nothing may be said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Called

S = "s = requests.Session()\n"

NAMES: dict[str, str | dict[str, str]] = {
    "parameter": "import time\ndef f(time):\n    time.sleep(1)  # <-",
    "parameter of a lambda": "import time\nlambda time: time.sleep(1)  # <-",
    "star parameter": "import time\ndef f(*time):\n    time.sleep(1)  # <-",
    "keyword parameter": "import time\ndef f(*, time):\n    time.sleep(1)  # <-",
    "assigned": "import time\ntime = other()\ntime.sleep(1)  # <-",
    "assigned in the function": (
        "import time\ndef f():\n    time.sleep(1)  # <-\n    time = x"
    ),
    "assigned by another function": (
        """
        import time
        def g():
            global time
            time = 1
        def f():
            time.sleep(1)  # <-
        """
    ),
    "added to": "import time\nf = time.sleep\nf += x\nf = y\nf(1)  # <-",
    "deleted, and assigned": "import time\ndel time\ntime = x\ntime.sleep(1)  # <-",
    "loop variable": "import time\nfor time in x:\n    time.sleep(1)  # <-",
    "loop variable, unpacked": (
        "import time\nfor n, time in x:\n    time.sleep(1)  # <-"
    ),
    "with as": "import time\nwith x as time:\n    time.sleep(1)  # <-",
    "except as": ("import time\ntry: pass\nexcept E as time:\n    time.sleep(1)  # <-"),
    "captured by a match": (
        "import time\nmatch x:\n    case time:\n        time.sleep(1)  # <-"
    ),
    "captured by a match, the rest": (
        "import time\nmatch x:\n    case [1, *time]:\n        time.sleep(1)  # <-"
    ),
    "captured by a match, of a mapping": (
        "import time\nmatch x:\n    case {1: 2, **time}:\n        time.sleep(1)  # <-"
    ),
    "captured by a match, as": (
        "import time\nmatch x:\n    case [1] as time:\n        time.sleep(1)  # <-"
    ),
    "comprehension variable": "import time\n[time.sleep(1) for time in x]  # <-",
    "comprehension variable, unpacked": (
        "import time\n[time.sleep(1) for n, time in x]  # <-"
    ),
    "walrus": "import time\nif time := x:\n    time.sleep(1)  # <-",
    "walrus in a comprehension": (
        "import time\ndef f():\n    [time := y for y in x]\n    time.sleep(1)  # <-"
    ),
    "class scope": "import time\nclass C:\n    time = x()\n    time.sleep(1)  # <-",
    "function of that name": (
        "from time import sleep\nif x:\n    def sleep(): pass\nsleep(1)  # <-"
    ),
    "two modules": (
        """
        try:
            from time import sleep
        except ImportError:
            from gevent import sleep
        sleep(1)  # <-
        """
    ),
    "a module, or none of its kind": (
        """
        try:
            import requests
        except ImportError:
            requests = Fake()
        requests.get(1)  # <-
        """
    ),
    "two functions of ours": (
        """
        if x:
            def load(): pass
        else:
            def load(): return 1
        load()  # <-
        """
    ),
    "not defined": "load()  # <-",
    "a star of a library, later": (
        "from time import sleep\nfrom library import *\nsleep(1)  # <-"
    ),
    "a star of a library, or of ours": {
        "main.py": "from db import *\nfrom library import *\nconnect()  # <-",
        "db.py": "def connect(): pass",
    },
    "two stars of ours": {
        "main.py": "from a import *\nfrom b import *\nload()  # <-",
        "a.py": "def load(): pass",
        "b.py": "load = other()",
    },
    "not in the module of ours": {
        "main.py": "import db\ndb.connect()  # <-",
        "db.py": "x = 1",
    },
    "not in the package of ours": {
        "main.py": "from app import connect\nconnect()  # <-",
        "app/__init__.py": "",
        "app/db.py": "def connect(): pass",
    },
    "a module's name for the unknown": {
        "main.py": "from db import connect\nconnect()  # <-",
        "db.py": "def connect(): pass\nconnect = wrapped(connect)",
    },
    "of two files of one module name, both beside": {
        "main.py": "import db\ndb.connect()  # <-",
        "db.py": "def connect(): pass",
        "src/db.py": "def connect(): pass",
    },
    "a relative import too far out": {
        "p/main.py": "",
        "main.py": "from ..c import load\nload()  # <-",
        "p/c.py": "def load(): pass",
    },
    "a relative import of what is not there": {
        "main.py": "from .c import load\nload()  # <-",
    },
    "two aliases": "import time\nf = time.sleep\nf = time.time\nf()  # <-",
    "an alias of itself": "f = f\nf()  # <-",
    "aliases in a circle": "a = b\nb = c\nc = a\na()  # <-",
    "either of two": (
        "import time\ndef f(x):\n    g = time.sleep if x else time.time\n    g()  # <-"
    ),
    "partial of a parameter": (
        "from functools import partial\ndef f(g):\n    h = partial(g)\n    h()  # <-"
    ),
    "somebody's own partial": (
        "import time\nfrom db import partial\nf = partial(time.sleep)\nf()  # <-"
    ),
    "from a dict of functions": "import time\nd = {1: time.sleep}\nd[1]()  # <-",
    "by getattr": "import time\nf = getattr(time, 'sleep')\nf(1)  # <-",
}

OBJECTS: dict[str, str | dict[str, str]] = {
    "parameter without annotation": "def f(s):\n    s.get(1)  # <-",
    "parameter with a default": (
        "import requests\ndef f(s=requests.Session()):\n    s.get(1)  # <-"
    ),
    "parameter that is Any": "from typing import Any\ndef f(s: Any):\n    s.g()  # <-",
    "parameter of a type variable": (
        "from typing import TypeVar\nT = TypeVar('T')\ndef f(s: T):\n    s.g()  # <-"
    ),
    "a union of two": (
        "import httpx\n"
        "def f(c: httpx.Client | httpx.AsyncClient):\n    c.get(1)  # <-"
    ),
    "a union with the unknown": (
        "import requests\ndef f(c: requests.Session | Other):\n    c.get(1)  # <-"
    ),
    "a Union of two": (
        "import httpx\nfrom typing import Union\n"
        "def f(c: Union[httpx.Client, httpx.AsyncClient]):\n    c.get(1)  # <-"
    ),
    "an alias of two": (
        "import httpx\nfrom typing import Union\n"
        "C = Union[httpx.Client, httpx.AsyncClient]\n"
        "def f(c: C):\n    c.get(1)  # <-"
    ),
    "an alias of itself": (
        "from typing import Optional\nC = Optional['C']\ndef f(c: C):\n    c.g()  # <-"
    ),
    "an object as annotation": (
        f"import requests\n{S}def f(c: s):\n    c.get(1)  # <-"
    ),
    "an annotation that is no code": "def f(s: 'not python ]['):\n    s.get()  # <-",
    "a parameter, assigned": (
        "import requests\ndef f(s: requests.Session):\n"
        "    s.get(1)\n    def g(s):\n        s.get(1)  # <-"
    ),
    "a parameter that is turned into something else": (
        "import httpx\ndef f(c: httpx.Client):\n"
        "    c = httpx.AsyncClient()\n    c.get(1)  # <-"
    ),
    "two constructors": (
        "import httpx, requests\n"
        "s = requests.Session()\ns = httpx.Client()\ns.get(1)  # <-"
    ),
    "a constructor, and the unknown": (
        f"import requests\n{S}s = wrap(s)\ns.get(1)  # <-"
    ),
    "made by the unknown": "import x\ns = x.make()\ns.get(1)  # <-",
    "made by one of two": (
        """
        import httpx, requests
        def make(x):
            if x:
                return requests.Session()
            return httpx.Client()
        make(1).get(1)  # <-
        """
    ),
    "made by what may give the unknown": (
        """
        import requests
        def make(x):
            if x:
                return x
            return requests.Session()
        make(1).get(1)  # <-
        """
    ),
    "made by a function that calls itself": (
        "def make():\n    return make()\nmake().get(1)  # <-"
    ),
    "a coroutine that is not awaited": (
        """
        import requests
        async def make() -> requests.Session: ...
        make().get(1)  # <-
        """
    ),
    "element of what mixes": (
        "import httpx, requests\n"
        "for s in [requests.Session(), httpx.Client()]:\n    s.get(1)  # <-"
    ),
    "element of a list of the unknown": (
        "def f(sessions: list):\n    for s in sessions:\n        s.get(1)  # <-"
    ),
    "unpacked with a star": (
        "import requests\na, *s = 1, requests.Session()\ns.get(1)  # <-"
    ),
    "entered, and it gives something else": (
        """
        class Pool:
            def __enter__(self): return make()
            def load(self): pass
        with Pool() as p:
            p.load()  # <-
        """
    ),
    "entered, and it gives nothing": (
        """
        class Pool:
            def __enter__(self): pass
            def load(self): pass
        with Pool() as p:
            p.load()  # <-
        """
    ),
    "a context manager without annotation": (
        """
        import contextlib
        @contextlib.contextmanager
        def session():
            yield make()
        with session() as s:
            s.get(1)  # <-
        """
    ),
    "a path divided by the unknown": (
        "def f(p):\n    q = p / 'x'\n    q.read_text()  # <-"
    ),
    "a number divided": "x = 1\n(x / 2).read_text()  # <-",
    "set on another object": (
        """
        import requests
        class C: pass
        def f(c):
            c.s = requests.Session()
            c.s.get(1)  # <-
        """
    ),
}

CLASSES: dict[str, str | dict[str, str]] = {
    "unknown base": "class C(Base):\n    def f(self):\n        self.get(1)  # <-",
    "unknown base before the known": (
        """
        class A:
            def get(self): pass
        class C(Unknown, A):
            def f(self):
                self.get()  # <-
        """
    ),
    "a base that a function gives": (
        "class C(make()):\n    def f(self):\n        self.get(1)  # <-"
    ),
    "a base that may be one of two": (
        """
        import requests
        if x:
            Base = requests.Session
        else:
            Base = object
        class C(Base):
            def f(self):
                self.get(1)  # <-
        """
    ),
    "a base of a library that is not known": (
        "import lib\nclass C(lib.Base):\n    def f(self):\n        self.get(1)  # <-"
    ),
    "its own base": "class C(C):\n    pass\nC().get()  # <-",
    "bases in a circle": (
        "class A(B): pass\nclass B(A):\n    def f(self):\n        self.get()  # <-"
    ),
    "bases in no order": (
        """
        class A:
            def get(self): pass
        class B(A): pass
        class C(A, B): pass
        C().other()  # <-
        """
    ),
    "no such member": "class C:\n    x = 1\nC().get()  # <-",
    "set twice on self": (
        """
        import httpx, requests
        class C:
            def __init__(self): self.s = requests.Session()
            def other(self): self.s = httpx.Client()
            def f(self):
                self.s.get(1)  # <-
        """
    ),
    "set on self to the unknown": (
        """
        import requests
        class C:
            def __init__(self): self.s = requests.Session()
            def other(self, s): self.s = s
            def f(self):
                self.s.get(1)  # <-
        """
    ),
    "set on self by a loop": (
        """
        import requests
        class C:
            def __init__(self): self.s = requests.Session()
            def other(self, x):
                for self.s in x: pass
            def f(self):
                self.s.get(1)  # <-
        """
    ),
    "set on the class, too": (
        """
        import httpx, requests
        class C:
            s = requests.Session()
            @classmethod
            def make(cls): cls.s = httpx.Client()
        C.s.get(1)  # <-
        """
    ),
    "set on self, unpacked": (
        """
        import requests
        class C:
            def __init__(self): self.s = requests.Session()
            def other(self, x):
                self.s, *self.t = x
            def f(self):
                self.s.get(1)  # <-
        """
    ),
    "a method, replaced on self": (
        """
        class C:
            def __init__(self, get):
                self.get = get
            def get(self): pass
            def f(self):
                self.get()  # <-
        """
    ),
    "a method, replaced from outside": (
        """
        class C:
            def get(self): pass
        C.get = other
        C().get()  # <-
        """
    ),
    "a function of a module, replaced from outside": {
        "main.py": "import db\ndb.connect = fake\ndb.connect()  # <-",
        "db.py": "def connect(): pass",
    },
    "a type that a subclass overrides with another": (
        """
        import httpx, requests
        class A:
            s = requests.Session()
        class B(A):
            def __init__(self): self.s = make()
            def f(self):
                self.s.get(1)  # <-
        """
    ),
    "self of a static method": (
        "class C:\n    @staticmethod\n    def f(self):\n        self.g()  # <-\n"
        "    def g(self): pass"
    ),
    "self that is assigned": (
        "class C:\n    def f(self):\n        self = other()\n        self.g()  # <-\n"
        "    def g(self): pass"
    ),
    "self of a function outside": (
        "class C:\n    def g(self): pass\ndef f(self):\n    self.g()  # <-"
    ),
    "super of an unknown base": (
        "class C(Base):\n    def f(self):\n        super().f()  # <-"
    ),
    "super where there is nothing above": (
        "class C:\n    def f(self):\n        super().f()  # <-"
    ),
    "super outside of a class": "def f(self):\n    super().f()  # <-",
    "somebody's own super": (
        "from lib import super\nclass A:\n    def f(self): pass\n"
        "class B(A):\n    def f(self):\n        super().f()  # <-"
    ),
    "a property under an unknown decorator": (
        """
        import requests
        class C:
            @magic
            def s(self) -> requests.Session: ...
        C().s.get(1)  # <-
        """
    ),
}

UNKNOWN = {
    **{f"name: {row}": NAMES[row] for row in NAMES},
    **{f"object: {row}": OBJECTS[row] for row in OBJECTS},
    **{f"class: {row}": CLASSES[row] for row in CLASSES},
}


@pytest.mark.parametrize("row", UNKNOWN)
def test_nothing_is_said_where_nothing_is_sure(called: Called, row: str) -> None:
    assert called(UNKNOWN[row]) == "unknown"
