"""The link stage: what a name surely means, over the files of a small project.

Each row of the table is a project. `main.py` holds one call marked `# <-`;
asked is what the name of that call means there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Meant

SURE: dict[str, tuple[str | dict[str, str], str]] = {
    "import": ("import time\ntime.sleep(1)  # <-", "time.sleep"),
    "import as": ("import time as t\nt.sleep(1)  # <-", "time.sleep"),
    "from": ("from time import sleep\nsleep(1)  # <-", "time.sleep"),
    "from as": ("from time import sleep as nap\nnap(1)  # <-", "time.sleep"),
    "dotted": ("import os.path\nos.path.exists(1)  # <-", "os.path.exists"),
    "dotted as": ("import os.path as p\np.exists(1)  # <-", "os.path.exists"),
    "submodule": ("from os import path\npath.exists(1)  # <-", "os.path.exists"),
    "two of one package": (
        "import os\nimport os.path\nos.path.exists(1)  # <-",
        "os.path.exists",
    ),
    "third party": (
        "import requests.adapters as a\na.X.y()  # <-",
        "requests.adapters.X.y",
    ),
    "builtin": ("open(1)  # <-", "builtins.open"),
    "builtin in a function": ("def f():\n    open(1)  # <-", "builtins.open"),
    "in a function": (
        "def f():\n    import time\n    time.sleep(1)  # <-",
        "time.sleep",
    ),
    "from a function around": (
        """
        def f():
            from time import sleep
            def g():
                return [lambda: sleep(1) for x in y]  # <-
        """,
        "time.sleep",
    ),
    "in a method, past the class": (
        """
        from time import sleep
        class C:
            sleep = None
            def m(self):
                sleep(1)  # <-
        """,
        "time.sleep",
    ),
    "imported below": ("def f():\n    time.sleep(1)  # <-\nimport time", "time.sleep"),
    "imported twice": (
        "import time\ndef f():\n    time.sleep(1)  # <-\nimport time",
        "time.sleep",
    ),
    "for type checkers, and for real": (
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            import time
        import time
        time.sleep(1)  # <-
        """,
        "time.sleep",
    ),
    "one thing under two conditions": (
        """
        try:
            from time import sleep
        except ImportError:
            from time import sleep
        sleep(1)  # <-
        """,
        "time.sleep",
    ),
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
    "global": (
        """
        def f():
            global time
            import time
        def g():
            time.sleep(1)  # <-
        """,
        "time.sleep",
    ),
    "default of a parameter of that name": (
        "import time\ndef f(time=time.time()):  # <-\n    pass",
        "time.time",
    ),
    "first iterable of a comprehension": (
        "import time\n[time for time in time.f()]  # <-",
        "time.f",
    ),
    "decorator of a function of that name": (
        "from time import f\ndef g():\n    @f()  # <-\n    def h(f): pass",
        "time.f",
    ),
    # Through the project.
    "re-export": (
        {
            "main.py": "from c import sleep\nsleep(1)  # <-",
            "c.py": "from time import *\nfrom time import sleep",
        },
        "time.sleep",
    ),
    "re-export, renamed": (
        {
            "main.py": "from c import nap\nnap(1)  # <-",
            "c.py": "from time import sleep as nap",
        },
        "time.sleep",
    ),
    "attribute of a module of ours": (
        {"main.py": "import c\nc.time.sleep(1)  # <-", "c.py": "import time"},
        "time.sleep",
    ),
    "through a package": (
        {
            "main.py": "import p\np.sleep(1)  # <-",
            "p/__init__.py": "from .a import sleep",
            "p/a.py": "from .b.c import nap as sleep",
            "p/b/__init__.py": "",
            "p/b/c.py": "from time import sleep as nap",
        },
        "time.sleep",
    ),
    "module of a package": (
        {
            "main.py": "from p import a\na.sleep(1)  # <-",
            "p/__init__.py": "",
            "p/a.py": "from time import sleep",
        },
        "time.sleep",
    ),
    "star import of a module of ours": (
        {
            "main.py": "from c import *\nsleep(1)  # <-",
            "c.py": "from time import sleep",
        },
        "time.sleep",
    ),
    "star import, listed": (
        {
            "main.py": "from c import *\nsleep(1)  # <-",
            "c.py": "from time import sleep\n__all__ = ['sleep']",
        },
        "time.sleep",
    ),
    "star of a star": (
        {
            "main.py": "from c import *\nsleep(1)  # <-",
            "c.py": "from d import *",
            "d.py": "from time import sleep",
        },
        "time.sleep",
    ),
    "star import that brings it not": (
        {
            "main.py": "from c import *\nfrom time import sleep\nsleep(1)  # <-",
            "c.py": "x = 1",
        },
        "time.sleep",
    ),
    "star import that does not list it": (
        {
            "main.py": "from time import sleep\nfrom c import *\nsleep(1)  # <-",
            "c.py": "sleep = 1\n__all__ = ['other']",
        },
        "time.sleep",
    ),
    "star import before": (
        "from unknown import *\nfrom time import sleep\nsleep(1)  # <-",
        "time.sleep",
    ),
    "star import and a private name": (
        "from time import sleep as _s\nfrom unknown import *\n_s(1)  # <-",
        "time.sleep",
    ),
    "src layout": (
        {
            "main.py": "from p.a import sleep\nsleep(1)  # <-",
            "src/p/__init__.py": "",
            "src/p/a.py": "from time import sleep",
        },
        "time.sleep",
    ),
    "folder without __init__": (
        {
            "main.py": "from p.a import sleep\nsleep(1)  # <-",
            "p/a.py": "from time import sleep",
        },
        "time.sleep",
    ),
    "a function of ours": (
        {"main.py": "from c import f\nf(1)  # <-", "c.py": "def f(): pass"},
        "c.f",
    ),
    "a method of ours": (
        {
            "main.py": "import p.c\np.c.C.m(1)  # <-",
            "p/__init__.py": "",
            "p/c.py": "class C:\n    def m(self): pass",
        },
        "p.c.C.m",
    ),
    "circle with a way out": (
        {
            "main.py": "from c import sleep\nsleep(1)  # <-",
            "c.py": "import d\nfrom time import sleep",
            "d.py": "from c import sleep",
        },
        "time.sleep",
    ),
    "a module of a name that is built in": (
        # No file can shadow it: `time` is found before sys.path is looked at.
        {
            "main.py": "import time\ntime.sleep(1)  # <-",
            "time.py": "def sleep(x): pass",
        },
        "time.sleep",
    ),
    "of two files of one module name, the one beside": (
        {
            "main.py": "from c import sleep\nsleep(1)  # <-",
            "c.py": "from time import sleep",
            "tools/c.py": "from gevent import sleep",
        },
        "time.sleep",
    ),
    "a standard name inside a package": (
        {
            "main.py": "import queue\nqueue.Queue()  # <-",
            "p/__init__.py": "",
            "p/queue.py": "Queue = 1",
        },
        "queue.Queue",
    ),
}


@pytest.mark.parametrize("row", SURE)
def test_a_name_that_can_mean_one_thing_is_known(meant: Meant, row: str) -> None:
    main, name = SURE[row]
    assert meant(main) == name


@pytest.mark.parametrize(
    ("at", "file", "is_python"),
    [
        # Python has imported `os` before it looks anywhere.
        ("main.py", "os.py", True),
        # No folder inside of a package is on the path: `app.files.subprocess` it is.
        ("app/main.py", "app/files/subprocess.py", True),
        ("app/files/main.py", "app/files/subprocess.py", True),
        ("app/files/main.py", "app/files/subprocess/__init__.py", True),
        # A script is found by those beside it, and by no others.
        ("main.py", "scripts/subprocess.py", True),
        ("app/main.py", "scripts/subprocess.py", True),
        ("scripts/main.py", "scripts/subprocess.py", False),
        # The project's root and its src folder may be on the path.
        ("app/main.py", "subprocess.py", False),
        ("app/main.py", "src/subprocess.py", False),
    ],
)
def test_a_file_with_the_name_of_a_module_of_pythons(
    meant: Meant, at: str, file: str, is_python: bool
) -> None:
    name = "os" if "os.py" in file else "subprocess"
    files = {
        "app/__init__.py": "",
        file: "from time import sleep as run",
        at: f"import {name}\n{name}.run(x)  # <-",
    }
    assert meant(files, at) == (f"{name}.run" if is_python else "time.sleep")


def test_a_file_in_a_folder_of_a_package_by_its_whole_name(meant: Meant) -> None:
    files = {
        "app/__init__.py": "",
        "app/files/subprocess.py": "from time import sleep",
        "main.py": "from app.files.subprocess import sleep\nsleep(x)  # <-",
    }
    assert meant(files) == "time.sleep"


def test_a_helper_of_tests_in_a_folder_above(meant: Meant) -> None:
    files = {
        "app/__init__.py": "",
        "app/tests/helpers.py": "from time import sleep",
        "app/tests/deep/main.py": "from helpers import sleep\nsleep(x)  # <-",
    }
    assert meant(files, "app/tests/deep/main.py") == "time.sleep"


@pytest.mark.parametrize(
    ("at", "statement"),
    [
        ("p/main.py", "from .c import sleep"),
        ("p/main.py", "from . import c"),
        ("p/main.py", "from p.c import sleep"),
        ("p/q/main.py", "from ..c import sleep"),
        ("p/q/main.py", "from .. import c"),
        ("p/q/__init__.py", "from ..c import sleep"),
        ("p/q/r/main.py", "from ...c import sleep as sleep"),
        ("p/__init__.py", "from .c import sleep"),
    ],
)
def test_relative_imports(meant: Meant, at: str, statement: str) -> None:
    call = "c.sleep" if statement.endswith(" c") else "sleep"
    files = {
        "p/__init__.py": "",
        "p/q/__init__.py": "",
        "p/q/r/__init__.py": "",
        "p/c.py": "from time import sleep",
        at: f"{statement}\n{call}(1)  # <-",
    }
    assert meant(files, at) == "time.sleep"
