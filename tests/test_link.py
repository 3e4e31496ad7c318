"""The link stage: what a name means, over the files of a small project.

Each row of the tables is a project. `main.py` holds one call marked `# <-`;
asked is what the name of that call means there. None stands for "not sure".
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping

import pytest

from asyncfix.facts import Facts, Use
from asyncfix.link import Answer, Project
from asyncfix.model import Problem
from asyncfix.scan import scan

ROOT = "/r"
MARK = "# <-"


def linked(files: Mapping[str, str]) -> Project:
    found = []
    for path, text in files.items():
        scanned = scan(f"{ROOT}/{path}", textwrap.dedent(text).encode())
        assert not isinstance(scanned, Problem), (path, scanned)
        found.append(scanned[0])
    return Project(found, ROOT)


def marked(facts: Facts, text: str) -> Use:
    lines = textwrap.dedent(text).split("\n")
    (line,) = [number for number, each in enumerate(lines, 1) if MARK in each]
    uses = [use for use in facts.calls if use.line == line]
    assert uses, lines[line - 1]
    return max(uses, key=lambda use: (use.name.count("."), -use.col))


def project_of(main: str | Mapping[str, str]) -> dict[str, str]:
    return {"main.py": main} if isinstance(main, str) else dict(main)


def answers(files: Mapping[str, str], at: str = "main.py") -> tuple[Answer, ...]:
    project = linked(files)
    path = f"{ROOT}/{at}"
    use = marked(project.files[path], files[at])
    return project.answers(path, use.scope, use.name)


def meant(files: Mapping[str, str], at: str = "main.py") -> str | None:
    project = linked(files)
    path = f"{ROOT}/{at}"
    use = marked(project.files[path], files[at])
    return project.qualified_name(path, use.scope, use.name)


# -- what is sure -----------------------------------------------------------

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
def test_a_name_that_can_mean_one_thing_is_known(row: str) -> None:
    main, name = SURE[row]
    assert meant(project_of(main)) == name


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
def test_relative_imports(at: str, statement: str) -> None:
    call = "c.sleep" if statement.endswith(" c") else "sleep"
    files = {
        "p/__init__.py": "",
        "p/q/__init__.py": "",
        "p/q/r/__init__.py": "",
        "p/c.py": "from time import sleep",
        at: f"{statement}\n{call}(1)  # <-",
    }
    assert meant(files, at) == "time.sleep"


# -- what is not sure -------------------------------------------------------

UNSURE: dict[str, str | dict[str, str]] = {
    "never bound": "sleeep(1)  # <-",
    "parameter": "from time import sleep\ndef f(sleep):\n    sleep(1)  # <-",
    "parameter, keyword only": "import time\ndef f(*, time):\n    time.sleep(1)  # <-",
    "parameter, *": "import time\ndef f(*time):\n    time.sleep(1)  # <-",
    "parameter, **": "import time\ndef f(**time):\n    time.sleep(1)  # <-",
    "parameter, positional only": "import time\ndef f(time, /):\n    time.sleep(1)  # <-",
    "parameter of a lambda": "import time\nlambda time: time.sleep(1)  # <-",
    "parameter of a function around": (
        "import time\ndef f(time):\n    def g():\n        time.sleep(1)  # <-"
    ),
    "assigned": "import time\ntime = fake()\ntime.sleep(1)  # <-",
    "assigned below": "import time\ntime.sleep(1)  # <-\ntime = fake()",
    "assigned in the function": (
        "import time\ndef f():\n    time.sleep(1)  # <-\n    time = 1"
    ),
    "assigned in a branch": "import time\nif x:\n    time = y\ntime.sleep(1)  # <-",
    "assigned, with a type": "import time\ntime: T = fake()\ntime.sleep(1)  # <-",
    "assigned, unpacked": "import time\na, (*time, b) = x\ntime.sleep(1)  # <-",
    "assigned, augmented": "import time\ntime += 1\ntime.sleep(1)  # <-",
    "declared local by a type": (
        "import time\ndef f():\n    time: T\n    time.sleep(1)  # <-"
    ),
    "for": "import time\nfor time in x:\n    time.sleep(1)  # <-",
    "async for": (
        "import time\nasync def f():\n    async for time in x:\n        time.sleep(1)  # <-"
    ),
    "with": "import time\nwith x as time:\n    time.sleep(1)  # <-",
    "with, unpacked": "import time\nwith x as (y, time):\n    time.sleep(1)  # <-",
    "except": "import time\ntry: x\nexcept E as time:\n    time.sleep(1)  # <-",
    "except, name taken away": (
        "import time\ntry: x\nexcept E as time: pass\ntime.sleep(1)  # <-"
    ),
    "def": "from time import sleep\ndef sleep(x): pass\nsleep(1)  # <-",
    "async def": "from time import sleep\nasync def sleep(x): pass\nsleep(1)  # <-",
    "class": "import time\nclass time: pass\ntime.sleep(1)  # <-",
    "walrus": "import time\nif (time := x):\n    time.sleep(1)  # <-",
    "walrus in a comprehension": (
        "import time\ndef f():\n    [(time := y) for y in z]\n    time.sleep(1)  # <-"
    ),
    "comprehension": "import time\n[time.sleep(1) for time in x]  # <-",
    "comprehension, second loop": (
        "import time\n[time.sleep(1) for y in x for time in y]  # <-"
    ),
    "comprehension, unpacked": "import time\n{time.f() for y, (time, z) in x}  # <-",
    "dict comprehension": "import time\n{1: time.f() for time in x}  # <-",
    "generator": "import time\nany(time.sleep(1) for time in x)  # <-",
    "comprehension, condition": "import time\n[y for time in x if time.f()]  # <-",
    "match, capture": (
        "import time\nmatch x:\n    case time:\n        time.sleep(1)  # <-"
    ),
    "match, as": (
        "import time\nmatch x:\n    case 1 as time:\n        time.sleep(1)  # <-"
    ),
    "match, star": (
        "import time\nmatch x:\n    case [1, *time]:\n        time.sleep(1)  # <-"
    ),
    "match, rest": (
        "import time\nmatch x:\n    case {1: 2, **time}:\n        time.sleep(1)  # <-"
    ),
    "match, in a class pattern": (
        "import time\nmatch x:\n    case C(1, y=time):\n        time.sleep(1)  # <-"
    ),
    "global, assigned elsewhere": (
        "import time\ndef g():\n    global time\n    time = 1\ntime.sleep(1)  # <-"
    ),
    "global, assigned before it is said": (
        """
        import time
        def g():
            if x:
                global time
            for time in y: pass
        time.sleep(1)  # <-
        """
    ),
    "global in a class": (
        "import time\nclass C:\n    global time\n    time = 1\ntime.sleep(1)  # <-"
    ),
    "global, walrus": (
        """
        import time
        def g():
            global time
            [(time := y) for y in z]
        time.sleep(1)  # <-
        """
    ),
    "nonlocal": (
        """
        def f():
            import time
            def g():
                nonlocal time
                time = 1
            time.sleep(1)  # <-
        """
    ),
    "nonlocal, bound below": (
        """
        def f():
            def g():
                nonlocal time
                time = 1
            import time
            time.sleep(1)  # <-
        """
    ),
    "nonlocal, two levels": (
        """
        def f():
            import time
            def g():
                def h():
                    nonlocal time
                    time = 1
            time.sleep(1)  # <-
        """
    ),
    "del": "import time\ndel time\ntime.sleep(1)  # <-",
    "del in the function": (
        "import time\ndef f():\n    time.sleep(1)  # <-\n    del time"
    ),
    "two imports": (
        """
        try:
            from gevent import sleep
        except ImportError:
            from time import sleep
        sleep(1)  # <-
        """
    ),
    "try, else nothing": (
        "try:\n    import time\nexcept ImportError:\n    time = None\ntime.sleep(1)  # <-"
    ),
    "two modules of one name": (
        "if x:\n    import time\nelse:\n    import fake as time\ntime.sleep(1)  # <-"
    ),
    "import of a function over that of a module": (
        "import time\ndef f():\n    from x import time\n    time.sleep(1)  # <-"
    ),
    "only in the class body": (
        "class C:\n    import time\n    def m(self):\n        time.sleep(1)  # <-"
    ),
    "alias": "import time\nnap = time.sleep\nnap(1)  # <-",
    "alias of itself": "nap = nap\nnap(1)  # <-",
    "aliases in a circle": "a = b\nb = a\na(1)  # <-",
    "attribute of a call": "import time\nf(time).sleep(1)  # <-",
    "star import, unknown": "from unknown import *\nsleep(1)  # <-",
    "star import after": (
        "from time import sleep\nfrom unknown import *\nsleep(1)  # <-"
    ),
    "star import may hide a builtin": "from unknown import *\nopen(1)  # <-",
    "star import after, of ours": {
        "main.py": "from time import sleep\nfrom c import *\nsleep(1)  # <-",
        "c.py": "def sleep(x): pass",
    },
    "star import after, of ours, with a star": {
        "main.py": "from time import sleep\nfrom c import *\nsleep(1)  # <-",
        "c.py": "from unknown import *",
    },
    "builtin shadowed": "def open(x): pass\nopen(1)  # <-",
    "builtin shadowed by a star of ours": {
        "main.py": "from c import *\nopen(1)  # <-",
        "c.py": "from x import open",
    },
    "re-export, assigned": {
        "main.py": "from c import sleep\nsleep(1)  # <-",
        "c.py": "from time import sleep\nsleep = wrapped(sleep)",
    },
    "re-export, one of two": {
        "main.py": "from c import sleep\nsleep(1)  # <-",
        "c.py": "try:\n    from a import sleep\nexcept E:\n    from time import sleep",
    },
    "re-export, alias": {
        "main.py": "from c import nap\nnap(1)  # <-",
        "c.py": "import time\nnap = time.sleep\nnap = other",
    },
    "circle without a way out": {
        "main.py": "from c import sleep\nsleep(1)  # <-",
        "c.py": "from d import sleep",
        "d.py": "from c import sleep",
    },
    "star imports in a circle": {
        "main.py": "from c import *\nsleep(1)  # <-",
        "c.py": "from d import *",
        "d.py": "from c import *",
    },
    "imports itself": "from main import sleep\nsleep(1)  # <-",
    "two files of one module name": {
        "main.py": "from c import sleep\nsleep(1)  # <-",
        "a/c.py": "from time import sleep",
        "b/c.py": "from gevent import sleep",
    },
    "a name of a package before its module": {
        "main.py": "from p import a\na.sleep(1)  # <-",
        "p/__init__.py": "import fake as a",
        "p/a.py": "from time import sleep",
    },
    "two projects of one package name": {
        "main.py": "from p.c import sleep\nsleep(1)  # <-",
        "a/p/__init__.py": "",
        "a/p/c.py": "from time import sleep",
        "b/p/__init__.py": "",
        "b/p/c.py": "def sleep(x): pass",
    },
    "a module of a standard name": {
        # queue.py beside main.py is found first.
        "main.py": "import queue\nqueue.Queue()  # <-",
        "queue.py": "Queue = fake",
    },
}


@pytest.mark.parametrize("row", UNSURE)
def test_a_name_that_may_mean_another_thing_is_not_known(row: str) -> None:
    files = project_of(UNSURE[row])
    assert meant(files) not in ("time.sleep", "builtins.open", "queue.Queue")
    for answer in answers(files):
        assert answer.name or answer.source in ("local", "star", "class")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import time\ndef f[time](x):\n    time.sleep(1)  # <-", None),
        ("import time\nclass C[time]:\n    x = time.sleep(1)  # <-", None),
        ("import time\nclass C[time]:\n    def m(self): time.f()  # <-", None),
        ("import time\nasync def f[*time](x): time.f()  # <-", None),
        ("import time\ndef f[**time](x): time.f()  # <-", None),
        ("import time\ntype time = int\ntime.f()  # <-", None),
        ("import time\ndef f[time](): pass\ntime.f()  # <-", "time.f"),
        ("import time\ndef f[T](): time.f()  # <-", "time.f"),
        ("import time\nclass C[T]:\n    def m(self): time.f()  # <-", "time.f"),
        ("import time\ndef f[time](x=time.f()): pass  # <-", "time.f"),
    ],
)
def test_type_parameters(text: str, name: str | None) -> None:
    if sys.version_info >= (3, 12):
        assert meant({"main.py": text}) == name
        return
    # An older Python sees no call there; and what is bound there is not known.
    project = linked({"main.py": text})
    (opaque,) = project.files[f"{ROOT}/main.py"].opaque
    assert "time" in opaque.words


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("two imports", {"gevent.sleep", "time.sleep"}),
        ("try, else nothing", {"", "time.sleep"}),
        ("assigned", {"", "time.sleep"}),
        ("alias", {"time.sleep"}),
        ("two files of one module name", {"gevent.sleep", "time.sleep"}),
        ("re-export, one of two", {"a.sleep", "time.sleep"}),
        ("star import after", {"", "time.sleep"}),
        ("star import, unknown", {"unknown.sleep"}),
        ("circle without a way out", set()),
        ("two projects of one package name", {"p.c.sleep", "time.sleep"}),
        ("only in the class body", {"time.sleep"}),
        ("parameter", {""}),
    ],
)
def test_everything_a_name_may_mean_is_told(row: str, wanted: set[str]) -> None:
    assert {answer.name for answer in answers(project_of(UNSURE[row]))} == wanted


# -- who imports, who calls -------------------------------------------------

PACKAGE = {
    "main.py": "import p.a\nfrom p import b\n\np.a.f()\nb.g()\n",
    "p/__init__.py": "",
    "p/a.py": "from . import b\n\ndef f():\n    b.g()\n",
    "p/b.py": "def g():\n    pass\n\nclass C:\n    def g(self):\n        self.g()\n",
    "alone.py": "import sys\n",
}


def short(paths: frozenset[str]) -> set[str]:
    return {path.removeprefix(f"{ROOT}/") for path in paths}


@pytest.mark.parametrize(
    ("path", "imports", "importers", "reached_by"),
    [
        ("main.py", {"p/__init__.py", "p/a.py", "p/b.py"}, set(), set()),
        ("p/a.py", {"p/__init__.py", "p/b.py"}, {"main.py"}, {"main.py"}),
        ("p/b.py", set(), {"main.py", "p/a.py"}, {"main.py", "p/a.py"}),
        ("alone.py", set(), set(), set()),
    ],
)
def test_who_imports_whom(
    path: str, imports: set[str], importers: set[str], reached_by: set[str]
) -> None:
    project = linked(PACKAGE)
    assert short(project.imports(f"{ROOT}/{path}")) == imports
    assert short(project.importers(f"{ROOT}/{path}")) == importers
    assert short(project.reached_by(f"{ROOT}/{path}")) == reached_by


def test_reached_by_ends_in_a_circle() -> None:
    files = {"a.py": "import b", "b.py": "import c", "c.py": "import a"}
    assert short(linked(files).reached_by(f"{ROOT}/a.py")) == {"a.py", "b.py", "c.py"}


@pytest.mark.parametrize(
    ("line", "callers"),
    [
        (1, {("main.py", 5), ("p/a.py", 4)}),
        (5, {("p/b.py", 6)}),
    ],
)
def test_callers(line: int, callers: set[tuple[str, int]]) -> None:
    project = linked(PACKAGE)
    path = f"{ROOT}/p/b.py"
    (scope,) = [
        number
        for number, each in enumerate(project.files[path].scopes)
        if number and each.line == line
    ]
    found = {
        (caller.removeprefix(f"{ROOT}/"), use.line)
        for caller, use in project.callers(path, scope)
    }
    assert found == callers


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("a.py", {"a"}),
        ("p/__init__.py", {"p"}),
        ("p/q/__init__.py", {"p.q"}),
        ("p/q/a.py", {"p.q.a"}),
        ("src/s/__init__.py", {"s", "src.s"}),
        ("src/s/a.py", {"s.a", "src.s.a"}),
        ("scripts/tool.py", {"tool", "scripts.tool"}),
    ],
)
def test_module_names(path: str, names: set[str]) -> None:
    every = (
        "a.py", "p/__init__.py", "p/q/__init__.py", "p/q/a.py", "src/s/__init__.py",
        "src/s/a.py", "scripts/tool.py",
    )  # fmt: skip
    project = linked(dict.fromkeys(every, ""))
    assert project.module_names(f"{ROOT}/{path}") == names
    assert project.module_name(f"{ROOT}/{path}") in names


def test_the_answer_does_not_depend_on_the_order_of_questions() -> None:
    """A name that leads back to itself is cut off while it is worked out."""
    files = {
        "a.py": "from b import x\nfrom c import y\n",
        "b.py": "from a import y\nfrom time import sleep as x\n",
        "c.py": "from a import x as y\n",
        "d.py": "try:\n    from a import y\nexcept E:\n    from b import y\n",
    }
    asked = [
        (f"{ROOT}/{path}", name)
        for path, names in (
            ("a.py", "xy"),
            ("b.py", "xy"),
            ("c.py", "y"),
            ("d.py", "y"),
        )
        for name in names
    ]
    project = linked(files)
    forward = {each: project.answers(each[0], 0, each[1]) for each in asked}
    project = linked(files)
    backward = {each: project.answers(each[0], 0, each[1]) for each in asked[::-1]}
    assert forward == backward


@pytest.mark.parametrize(
    ("files", "spelled"),
    [
        ({"a.py": "from time import sleep"}, {"sleep"}),
        ({"a.py": "from time import sleep as nap"}, {"sleep", "nap"}),
        ({"a.py": "import time\nnap = time.sleep"}, {"sleep", "nap"}),
        ({"a.py": "from b import nap as z", "b.py": "from time import sleep as nap"},
         {"sleep", "nap", "z"}),
        ({"a.py": "nap = zzz\nzzz = nap"}, {"sleep"}),
        ({"a.py": "from time import sleep as nap\nnap = sleep\nsleep = nap"},
         {"sleep", "nap"}),
    ],
)  # fmt: skip
def test_spellings_hold_every_last_name(
    files: dict[str, str], spelled: set[str]
) -> None:
    assert linked(files).spellings(["time.sleep"]) == spelled


def test_long_chains_of_modules_and_names_do_not_break_it() -> None:
    deep = {f"m{n}.py": f"from m{n + 1} import sleep" for n in range(800)}
    deep["m800.py"] = "from time import sleep"
    deep["main.py"] = "from m0 import sleep\nsleep(1)  # <-"
    assert meant(deep) in ("time.sleep", None)
    names = "".join(f"a{n} = a{n + 1}\n" for n in range(3000))
    text = f"from time import sleep as a3000\n{names}a0(1)  # <-"
    assert {each.source for each in answers({"main.py": text})} <= {"local"}
