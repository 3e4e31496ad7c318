"""The link stage: what a name may mean where that is not sure.

Each row of the table is a project. `main.py` holds one call marked `# <-`;
asked is what the name of that call means there. None stands for "not sure".
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Answers, Linked, Meant

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
    "alias of what it holds, in a loop": (
        "import time\nnap = time\nwhile x:\n    nap = nap.inner\nnap.sleep(1)  # <-"
    ),
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
def test_a_name_that_may_mean_another_thing_is_not_known(
    meant: Meant, answers: Answers, row: str
) -> None:
    files = UNSURE[row]
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
def test_type_parameters(
    meant: Meant, linked: Linked, text: str, name: str | None
) -> None:
    if sys.version_info >= (3, 12):
        assert meant({"main.py": text}) == name
        return
    # An older Python sees no call there; and what is bound there is not known.
    project = linked({"main.py": text})
    (opaque,) = project.files[f"{project.root}/main.py"].opaque
    assert "time" in opaque.words


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("two imports", {"gevent.sleep", "time.sleep"}),
        ("try, else nothing", {"", "time.sleep"}),
        ("assigned", {"", "time.sleep"}),
        ("alias", {"time.sleep"}),
        ("alias of what it holds, in a loop", {"", "time.sleep"}),
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
def test_everything_a_name_may_mean_is_told(
    answers: Answers, row: str, wanted: set[str]
) -> None:
    assert {answer.name for answer in answers(UNSURE[row])} == wanted


def test_names_that_are_made_of_each_other_have_an_end(answers: Answers) -> None:
    text = """\
        import time
        a = time
        while x:
            a = b.first
            b = a.first
            b = a.last
        a.sleep(1)  # <-
    """
    found = {answer.name for answer in answers(text)}
    assert {"", "time.sleep"} < found
    # Each round doubles them; of longer names nothing is known.
    assert len(found) < 50
