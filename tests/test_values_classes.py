"""What does this call call? Classes of the project.

Each row is a project with one call marked `# <-` and what it is that is
called; `test_values.py` has the names, `test_values_unsure.py` the doubts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Called

GET = "requests.Session.get"

CLASSES: dict[str, tuple[str | dict[str, str], str]] = {
    "method on self": (
        """
        class C:
            def f(self):
                self.g()  # <-
            def g(self): pass
        """,
        "main.py: C.g",
    ),
    "method on self, whatever it is called": (
        """
        class C:
            def f(this):
                this.g()  # <-
            def g(this): pass
        """,
        "main.py: C.g",
    ),
    "method of a base": (
        {
            "main.py": "from base import Base\nclass C(Base): pass\nC().load()  # <-",
            "base.py": "class Base:\n    def load(self): pass",
        },
        "base.py: Base.load",
    ),
    "method of a base of a base": (
        """
        class A:
            def load(self): pass
        class B(A): pass
        class C(B):
            def f(self):
                self.load()  # <-
        """,
        "main.py: A.load",
    ),
    "the nearest of two": (
        """
        class A:
            def load(self): pass
        class B(A):
            def load(self): pass
        class C(B): pass
        C().load()  # <-
        """,
        "main.py: B.load",
    ),
    "a diamond: the sides come before the top": (
        """
        class Top:
            def load(self): pass
        class Left(Top): pass
        class Right(Top):
            def load(self): pass
        class C(Left, Right): pass
        C().load()  # <-
        """,
        "main.py: Right.load",
    ),
    "method of a base that takes parameters": (
        """
        from typing import Generic, TypeVar
        T = TypeVar("T")
        class A(Generic[T]):
            def load(self): pass
        class B(A[int]): pass
        B().load()  # <-
        """,
        "main.py: A.load",
    ),
    "method of a class that is derived from a library's": (
        """
        import requests
        class C(requests.Session):
            def f(self):
                self.get(1)  # <-
        """,
        GET,
    ),
    "set on self": (
        """
        import requests
        class C:
            def __init__(self):
                self.s = requests.Session()
            def f(self):
                self.s.get(1)  # <-
        """,
        GET,
    ),
    "set on self by a parameter": (
        """
        import requests
        class C:
            def __init__(self, s: requests.Session):
                self.s = s
            def f(self):
                self.s.get(1)  # <-
        """,
        GET,
    ),
    "set on self, None at first": (
        """
        import requests
        class C:
            def __init__(self):
                self.s = None
            async def start(self):
                self.s = requests.Session()
            def f(self):
                self.s.get(1)  # <-
        """,
        GET,
    ),
    "set on self, with its type": (
        """
        import requests
        class C:
            def __init__(self, make):
                self.s: requests.Session = make()
            def f(self):
                self.s.get(1)  # <-
        """,
        GET,
    ),
    "set on self by a base in another file": (
        {
            "main.py": "from base import Base\nclass C(Base):\n    def f(self):\n"
            "        self.s.get(1)  # <-",
            "base.py": "import requests\nclass Base:\n    def __init__(self):\n"
            "        self.s = requests.Session()",
        },
        GET,
    ),
    "set on self, of self": (
        """
        import sqlite3
        class C:
            def __init__(self):
                self.con = sqlite3.connect("x")
                self.cur = self.con.cursor()
            def f(self):
                self.cur.execute(1)  # <-
        """,
        "sqlite3.Cursor.execute",
    ),
    "through two objects": (
        """
        import requests
        class Net:
            def __init__(self):
                self.s = requests.Session()
        class C:
            def __init__(self):
                self.net = Net()
            def f(self):
                self.net.s.get(1)  # <-
        """,
        GET,
    ),
    "class attribute": (
        "import requests\nclass C:\n    s = requests.Session()\nC.s.get(1)  # <-",
        GET,
    ),
    "class attribute, on an object": (
        "import requests\nclass C:\n    s = requests.Session()\nC().s.get(1)  # <-",
        GET,
    ),
    "class attribute by cls": (
        """
        import requests
        class C:
            s = requests.Session()
            @classmethod
            def f(cls):
                cls.s.get(1)  # <-
        """,
        GET,
    ),
    "class attribute that a class method makes": (
        """
        class C:
            _one = None
            @classmethod
            def one(cls):
                if cls._one is None:
                    cls._one = cls()
                return cls._one
            def load(self): pass
        C.one().load()  # <-
        """,
        "main.py: C.load",
    ),
    "set on self, as it is or new": (
        """
        import requests
        class C:
            s = None
            def start(self):
                self.s = self.s or requests.Session()
            def f(self):
                self.s.get(1)  # <-
        """,
        GET,
    ),
    "field of a dataclass": (
        """
        from dataclasses import dataclass, field
        import requests
        @dataclass
        class C:
            n: int
            s: requests.Session = field(default_factory=requests.Session)
        def f(c: C):
            c.s.get(1)  # <-
        """,
        GET,
    ),
    "property": (
        """
        import requests
        class C:
            @property
            def s(self) -> requests.Session: ...
        C().s.get(1)  # <-
        """,
        GET,
    ),
    "property that can be set": (
        """
        import requests
        class C:
            @property
            def s(self): return requests.Session()
            @s.setter
            def s(self, value): pass
        C().s.get(1)  # <-
        """,
        GET,
    ),
    "cached property": (
        """
        import functools, requests
        class C:
            @functools.cached_property
            def s(self): return requests.Session()
            def f(self):
                self.s.get(1)  # <-
        """,
        GET,
    ),
    "made by a class method": (
        """
        class C:
            @classmethod
            def make(cls): return cls()
            def load(self): pass
        C.make().load()  # <-
        """,
        "main.py: C.load",
    ),
    "made by a class method, by its annotation": (
        """
        class C:
            @classmethod
            def make(cls) -> "C": return other()
            def load(self): pass
        C.make().load()  # <-
        """,
        "main.py: C.load",
    ),
    "static method": (
        "class C:\n    @staticmethod\n    def f(x): pass\nC.f(1)  # <-",
        "main.py: C.f",
    ),
    "a builder gives itself": (
        """
        class C:
            def at(self, place): return self
            def load(self): pass
        C().at(1).at(2).load()  # <-
        """,
        "main.py: C.load",
    ),
    "Self": (
        """
        from typing import Self
        class C:
            def at(self) -> Self: ...
            def load(self): pass
        C().at().load()  # <-
        """,
        "main.py: C.load",
    ),
    "super": (
        """
        class A:
            def load(self): pass
        class B(A):
            def load(self):
                super().load()  # <-
        """,
        "main.py: A.load",
    ),
    "super of a library's class": (
        """
        import requests
        class C(requests.Session):
            def get(self, url):
                return super().get(url)  # <-
        """,
        GET,
    ),
    "an abstract method is what is called, unless it is known better": (
        """
        from abc import ABC, abstractmethod
        class A(ABC):
            @abstractmethod
            def load(self): pass
        class B(A):
            def load(self): pass
        B().load()  # <-
        """,
        "main.py: B.load",
    ),
    "a class in a class": (
        "class A:\n    class B:\n        def f(self): pass\nA.B().f()  # <-",
        "main.py: A.B.f",
    ),
    "an enumeration": (
        """
        import enum
        class Color(enum.Enum):
            RED = 1
            def load(self): pass
        def f(c: Color):
            c.load()  # <-
        """,
        "main.py: Color.load",
    ),
}


@pytest.mark.parametrize("row", CLASSES)
def test_it_is_known_what_is_called(called: Called, row: str) -> None:
    files, name = CLASSES[row]
    assert called(files) == name
