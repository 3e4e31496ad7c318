"""What does this call call? Objects: where they come from and what they are.

Each row is a project with one call marked `# <-` and what it is that is
called; `test_values.py` has the names, `test_values_unsure.py` the doubts.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Called

GET = "requests.Session.get"
REPO = "class Repo:\n    def load(self): pass"

MADE: dict[str, tuple[str | dict[str, str], str]] = {
    "by its class": (
        "import requests\ns = requests.Session()\ns.get(1)  # <-",
        GET,
    ),
    "by its class, at once": (
        "import requests\nrequests.Session().get(1)  # <-",
        GET,
    ),
    "by a function that gives one": (
        "import requests\nrequests.session().get(1)  # <-",
        GET,
    ),
    "by a class of ours, in another file": (
        {"main.py": "import db\nr = db.Repo()\nr.load()  # <-", "db.py": REPO},
        "db.py: Repo.load",
    ),
    "with as": (
        "import requests\nwith requests.Session() as s:\n    s.get(1)  # <-",
        GET,
    ),
    "with as, of several": (
        "import requests\nwith open(1) as f, requests.Session() as s:\n"
        "    s.get(1)  # <-",
        GET,
    ),
    "async with as": (
        """
        import httpx
        async def f():
            async with httpx.AsyncClient() as client:
                client.get(1)  # <-
        """,
        "httpx.AsyncClient.get",
    ),
    "with as, of a class of ours": (
        """
        import requests
        class Pool:
            def __enter__(self) -> requests.Session: ...
            def __exit__(self, *_): pass
        with Pool() as s:
            s.get(1)  # <-
        """,
        GET,
    ),
    "with as, of a class that gives itself": (
        """
        class Pool:
            def __enter__(self):
                return self
            def load(self): pass
        with Pool() as p:
            p.load()  # <-
        """,
        "main.py: Pool.load",
    ),
    "async with as, of a class of ours": (
        """
        class Pool:
            async def __aenter__(self):
                return self
            def load(self): pass
        async def f():
            async with Pool() as p:
                p.load()  # <-
        """,
        "main.py: Pool.load",
    ),
    "context manager": (
        """
        from contextlib import contextmanager
        from typing import Iterator
        import requests
        @contextmanager
        def session() -> Iterator[requests.Session]:
            yield requests.Session()
        with session() as s:
            s.get(1)  # <-
        """,
        GET,
    ),
    "async context manager": (
        """
        import contextlib, requests
        from collections.abc import AsyncIterator
        @contextlib.asynccontextmanager
        async def session() -> AsyncIterator[requests.Session]:
            yield requests.Session()
        async def f():
            async with session() as s:
                s.get(1)  # <-
        """,
        GET,
    ),
    "cursor of a connection": (
        """
        import sqlite3
        con = sqlite3.connect("x")
        cur = con.cursor()
        cur.execute(1)  # <-
        """,
        "sqlite3.Cursor.execute",
    ),
    "cursor of a cursor of a connection": (
        'import sqlite3\nsqlite3.connect("x").execute(1).fetchall()  # <-',
        "sqlite3.Cursor.fetchall",
    ),
    "connection entered": (
        'import sqlite3\nwith sqlite3.connect("x") as con:\n    con.commit()  # <-',
        "sqlite3.Connection.commit",
    ),
    "path of a path": (
        'from pathlib import Path\np = Path("x") / "y" / "z"\np.read_text()  # <-',
        "pathlib.Path.read_text",
    ),
    "path of a path, at once": (
        'from pathlib import Path\n(Path("x") / "y").read_text()  # <-',
        "pathlib.Path.read_text",
    ),
    "parent of a path": (
        "from pathlib import Path\nPath(1).parent.read_text()  # <-",
        "pathlib.Path.read_text",
    ),
    "walrus": (
        "import requests\nif s := requests.Session():\n    s.get(1)  # <-",
        GET,
    ),
    "unpacked": (
        "import requests\nn, s = 1, requests.Session()\ns.get(1)  # <-",
        GET,
    ),
    "unpacked from what a function gives": (
        """
        import requests
        def both() -> tuple[int, requests.Session]: ...
        n, s = both()
        s.get(1)  # <-
        """,
        GET,
    ),
    "or": (
        """
        import requests
        def f(session: requests.Session | None = None):
            s = session or requests.Session()
            s.get(1)  # <-
        """,
        GET,
    ),
    "or, into the parameter itself": (
        """
        import requests
        def f(session: requests.Session | None = None):
            session = session or requests.Session()
            session.get(1)  # <-
        """,
        GET,
    ),
    "two ways, both the same": (
        """
        import requests
        if x:
            s = requests.Session()
        else:
            s = requests.session()
        s.get(1)  # <-
        """,
        GET,
    ),
    "None first": (
        "import requests\ns = None\ns = requests.Session()\ns.get(1)  # <-",
        GET,
    ),
    "global of another module": (
        {
            "main.py": "from net import session\nsession.get(1)  # <-",
            "net.py": "import requests\nsession = requests.Session()",
        },
        GET,
    ),
    "global, made when it is first needed": (
        """
        import requests
        session = None
        def get():
            global session
            if session is None:
                session = requests.Session()
            session.get(1)  # <-
        """,
        GET,
    ),
    "awaited": (
        """
        import httpx
        async def make() -> httpx.Client: ...
        async def f():
            client = await make()
            client.get(1)  # <-
        """,
        "httpx.Client.get",
    ),
    "element of a loop": (
        """
        import requests
        def f(sessions: list[requests.Session]):
            for s in sessions:
                s.get(1)  # <-
        """,
        GET,
    ),
    "element of a comprehension": (
        """
        import requests
        def f(sessions: list[requests.Session]):
            return [s.get(1) for s in sessions]  # <-
        """,
        GET,
    ),
    "element of a list": (
        """
        import requests
        def f(sessions: list[requests.Session]):
            sessions[0].get(1)  # <-
        """,
        GET,
    ),
    "value of a dict": (
        """
        import requests
        def f(sessions: dict[str, requests.Session]):
            sessions["a"].get(1)  # <-
        """,
        GET,
    ),
    "values of a dict": (
        """
        import requests
        def f(sessions: dict[str, requests.Session]):
            for s in sessions.values():
                s.get(1)  # <-
        """,
        GET,
    ),
    "items of a dict": (
        """
        import requests
        def f(sessions: dict[str, requests.Session]):
            for name, s in sessions.items():
                s.get(1)  # <-
        """,
        GET,
    ),
}

# The type of a parameter, and of `s` there; `R` is requests.
ANNOTATIONS = {
    "plain": "requests.Session",
    "Optional": "Optional[requests.Session]",
    "or None": "requests.Session | None",
    "None or": "None | requests.Session",
    "Union with None": "Union[requests.Session, None]",
    "a string": '"requests.Session"',
    "a string inside": 'Optional["requests.Session"]',
    "a string of a union": '"requests.Session | None"',
    "Annotated": 'Annotated[requests.Session, Depends("x")]',
    "Annotated and Optional": "Annotated[Optional[requests.Session], 1]",
    "an alias": "Alias",
    "an alias of an alias": "Again",
    "an alias of a union": "Maybe",
    "an alias, said to be one": "Said",
    "Final": "Final[requests.Session]",
    "a module's other name": "R.Session",
    "another name of the class": "requests.sessions.Session",
}
TYPED = """
import requests
import requests as R
import requests.sessions
from typing import Annotated, Final, Optional, TypeAlias, Union
Alias = requests.Session
Again = Alias
Maybe = Optional[requests.Session]
Said: TypeAlias = "requests.Session"
def f(s: {0}):
    s.get(1)  # <-
"""


@pytest.mark.parametrize("row", MADE)
def test_it_is_known_how_an_object_came_to_be(called: Called, row: str) -> None:
    files, name = MADE[row]
    assert called(files) == name


@pytest.mark.parametrize("row", ANNOTATIONS)
def test_it_is_known_what_an_annotation_says(called: Called, row: str) -> None:
    assert called(TYPED.format(ANNOTATIONS[row])) == GET


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs the type statement")
@pytest.mark.parametrize(
    "text",
    [
        "type S = requests.Session\ndef f(s: S):\n    s.get(1)  # <-",
        "type S = requests.Session | None\ndef f(s: S):\n    s.get(1)  # <-",
        "def f[T](s: requests.Session, t: T):\n    s.get(1)  # <-",
        "class C[T]:\n    s: requests.Session\n"
        "    def f(self):\n        self.s.get(1)  # <-",
    ],
)
def test_type_statements(called: Called, text: str) -> None:
    assert called(f"import requests\n{text}") == GET
