"""What does this call call? Names: imports, modules, shadowing, aliases.

Each row is a project with one call marked `# <-` and what it is that is
called. Objects and their types have `test_values_objects.py`; what must stay
unknown has `test_values_unsure.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Called

DB = "def connect(): pass\nclass Repo:\n    def load(self): pass"

IMPORTS: dict[str, tuple[str | dict[str, str], str]] = {
    "import": ("import time\ntime.sleep(1)  # <-", "time.sleep"),
    "import as": ("import time as t\nt.sleep(1)  # <-", "time.sleep"),
    "from import as": ("from time import sleep as nap\nnap(1)  # <-", "time.sleep"),
    "import a.b": ("import os.path\nos.path.exists(1)  # <-", "os.path.exists"),
    "import a.b as c": (
        "import os.path as p\np.exists(1)  # <-",
        "os.path.exists",
    ),
    "import of a module of ours": (
        {"main.py": "import db\ndb.connect()  # <-", "db.py": DB},
        "db.py: connect",
    ),
    "import a.b of ours": (
        {
            "main.py": "import app.db\napp.db.connect()  # <-",
            "app/__init__.py": "",
            "app/db.py": DB,
        },
        "app/db.py: connect",
    ),
    "import a.b as c of ours": (
        {
            "main.py": "import app.db as d\nd.connect()  # <-",
            "app/__init__.py": "",
            "app/db.py": DB,
        },
        "app/db.py: connect",
    ),
    "a submodule that somebody else imports": (
        {
            "main.py": "import app\nimport app.db\napp.db.connect()  # <-",
            "app/__init__.py": "",
            "app/db.py": DB,
        },
        "app/db.py: connect",
    ),
    "from a package import a module": (
        {
            "main.py": "from app import db\ndb.connect()  # <-",
            "app/__init__.py": "",
            "app/db.py": DB,
        },
        "app/db.py: connect",
    ),
    "a method, through its class": (
        {
            "main.py": "from app.db import Repo as R\nR.load(1)  # <-",
            "app/__init__.py": "",
            "app/db.py": DB,
        },
        "app/db.py: Repo.load",
    ),
    "a class is called": (
        {"main.py": "from db import Repo\nRepo()  # <-", "db.py": DB},
        "db.py: Repo",
    ),
    "re-exported by the package": (
        {
            "main.py": "from app import connect\nconnect()  # <-",
            "app/__init__.py": "from .db import connect",
            "app/db.py": DB,
        },
        "app/db.py: connect",
    ),
    "re-exported twice, renamed once": (
        {
            "main.py": "import app\napp.open_it()  # <-",
            "app/__init__.py": "from .api import open_it",
            "app/api.py": "from .db import connect as open_it",
            "app/db.py": DB,
        },
        "app/db.py: connect",
    ),
    "what a module of ours imports": (
        {"main.py": "import db\ndb.time.sleep(1)  # <-", "db.py": "import time"},
        "time.sleep",
    ),
    "a module of ours, kept under another name there": (
        {
            "main.py": "from app import store\nstore.connect()  # <-",
            "app/__init__.py": "from . import db as store",
            "app/db.py": DB,
        },
        "app/db.py: connect",
    ),
    "star import": (
        {"main.py": "from db import *\nconnect()  # <-", "db.py": DB},
        "db.py: connect",
    ),
    "star import of what is listed": (
        {
            "main.py": "from db import *\n_connect()  # <-",
            "db.py": "__all__ = ['_connect']\ndef _connect(): pass",
        },
        "db.py: _connect",
    ),
    "star import that does not list it": (
        {
            "main.py": "from time import sleep\nfrom db import *\nsleep(1)  # <-",
            "db.py": "__all__ = ['other']\ndef sleep(x): pass\ndef other(): pass",
        },
        "time.sleep",
    ),
    "star import, then a definition": (
        {
            "main.py": "from db import *\ndef connect(): pass\nconnect()  # <-",
            "db.py": DB,
        },
        "main.py: connect",
    ),
    "star of a star": (
        {
            "main.py": "from app import *\nconnect()  # <-",
            "app/__init__.py": "from .db import *",
            "app/db.py": DB,
        },
        "app/db.py: connect",
    ),
    "the same, tried two ways": (
        """
        try:
            import simplejson, time
        except ImportError:
            import time
        time.sleep(1)  # <-
        """,
        "time.sleep",
    ),
    "for type checkers, and for real below": (
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from requests import Session
        def f(session: "Session"):
            session.get(1)  # <-
        """,
        "requests.Session.get",
    ),
    "in a function": (
        "def f():\n    from time import sleep\n    sleep(1)  # <-",
        "time.sleep",
    ),
    "in a function around": (
        """
        def f():
            import time
            def g():
                return [time.sleep(x) for x in ()]  # <-
        """,
        "time.sleep",
    ),
    "global in another function": (
        "def f():\n    global time\n    import time\ndef g():\n    time.sleep(1)  # <-",
        "time.sleep",
    ),
    "imported below": ("def f():\n    time.sleep(1)  # <-\nimport time", "time.sleep"),
    "folder without __init__": (
        {
            "main.py": "from app.inner.db import connect\nconnect()  # <-",
            "app/inner/db.py": DB,
        },
        "app/inner/db.py: connect",
    ),
    "folder without __init__, module by module": (
        {"main.py": "import app.db\napp.db.connect()  # <-", "app/db.py": DB},
        "app/db.py: connect",
    ),
    "src layout": (
        {
            "tests/test_db.py": "",
            "main.py": "from app.db import connect\nconnect()  # <-",
            "src/app/__init__.py": "",
            "src/app/db.py": DB,
        },
        "src/app/db.py: connect",
    ),
    "of two modules of one name, the one beside": (
        {
            "main.py": "import db\ndb.connect()  # <-",
            "db.py": DB,
            "tools/db.py": DB,
        },
        "db.py: connect",
    ),
    "builtin": ("def f():\n    open(1)  # <-", "builtins.open"),
}

SHADOWS: dict[str, tuple[str | dict[str, str], str]] = {
    "shadowed elsewhere only": (
        """
        import time
        def other(time):
            time = 1
        class C:
            time = 2
        [time for time in ()]
        lambda time: time
        def f():
            time.sleep(1)  # <-
        """,
        "time.sleep",
    ),
    "a name of the class is none of its methods": (
        """
        from time import sleep
        class C:
            sleep = None
            def m(self):
                sleep(1)  # <-
        """,
        "time.sleep",
    ),
    "a name of the class, in the class": (
        "class C:\n    from time import sleep\n    sleep(1)  # <-",
        "time.sleep",
    ),
    "the first iterable of a comprehension": (
        "import time\n[time for time in time.f()]  # <-",
        "time.f",
    ),
    "a default, of a parameter of that name": (
        "import time\ndef f(time=time.time()):  # <-\n    pass",
        "time.time",
    ),
    "a function inside, by its name": (
        """
        def load(): pass
        def f():
            def load(): pass
            load()  # <-
        """,
        "main.py: f.load",
    ),
    "nonlocal": (
        """
        def f():
            nap = None
            def g():
                nonlocal nap
                from time import sleep as nap
            nap(1)  # <-
        """,
        "time.sleep",
    ),
}

ALIASES: dict[str, tuple[str | dict[str, str], str]] = {
    "alias of a function": (
        "import time\nnap = time.sleep\nnap(1)  # <-",
        "time.sleep",
    ),
    "alias of an alias, of a module": (
        {
            "main.py": "import db\nd = db\nopen_it = d.connect\nopen_it()  # <-",
            "db.py": DB,
        },
        "db.py: connect",
    ),
    "alias of a method": (
        """
        import requests
        session = requests.Session()
        get = session.get
        get(1)  # <-
        """,
        "requests.Session.get",
    ),
    "alias of a method of ours": (
        {"main.py": "import db\nload = db.Repo().load\nload()  # <-", "db.py": DB},
        "db.py: Repo.load",
    ),
    "alias in the class": (
        """
        class C:
            def load(self): pass
            fetch = load
        C().fetch()  # <-
        """,
        "main.py: C.load",
    ),
    "alias on self": (
        """
        import time
        class C:
            def __init__(self):
                self.nap = time.sleep
            def m(self):
                self.nap(1)  # <-
        """,
        "time.sleep",
    ),
    "tuple of aliases": (
        "import time, os\nnap, run = time.sleep, os.system\nrun(1)  # <-",
        "os.system",
    ),
    "partial": (
        "import functools, time\nnap = functools.partial(time.sleep, 1)\nnap()  # <-",
        "time.sleep",
    ),
    "partial of a method": (
        """
        from functools import partial
        import requests
        def f(session: requests.Session):
            get = partial(session.get, timeout=1)
            get(1)  # <-
        """,
        "requests.Session.get",
    ),
    "either, and both the same": (
        "import time\ndef f(x):\n    g = time.sleep if x else time.sleep\n    g()  # <-",
        "time.sleep",
    ),
}

KNOWN = {
    **{f"import: {row}": IMPORTS[row] for row in IMPORTS},
    **{f"shadow: {row}": SHADOWS[row] for row in SHADOWS},
    **{f"alias: {row}": ALIASES[row] for row in ALIASES},
}


@pytest.mark.parametrize("row", KNOWN)
def test_it_is_known_what_is_called(called: Called, row: str) -> None:
    files, name = KNOWN[row]
    assert called(files) == name


@pytest.mark.parametrize(
    ("at", "statement"),
    [
        ("p/main.py", "from .c import load"),
        ("p/main.py", "from . import c"),
        ("p/main.py", "from p.c import load"),
        ("p/main.py", "from .q import load"),
        ("p/q/main.py", "from ..c import load"),
        ("p/q/main.py", "from .. import c"),
        ("p/q/main.py", "from . import load"),
        ("p/q/__init__.py", "from ..c import load"),
        ("p/q/r/main.py", "from ...c import load as load"),
        ("p/q/r/main.py", "from ... import c"),
        ("p/__init__.py", "from .c import load"),
        ("p/__init__.py", "from . import c"),
    ],
)
def test_relative_imports(called: Called, at: str, statement: str) -> None:
    call = "c.load" if statement.endswith(" c") else "load"
    files = {
        "p/__init__.py": "",
        "p/q/__init__.py": "from ..c import load",
        "p/q/r/__init__.py": "",
        "p/c.py": "def load(): pass",
        at: f"{statement}\n{call}(1)  # <-",
    }
    assert called(files, at) == "p/c.py: load"
