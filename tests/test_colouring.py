"""What keeps a helper from becoming a coroutine function: each row is a project.

The helper is `pause`, a module's function or a method of `Clock`; a coroutine of
`work.py` calls it. Told is the guard, or the level where it becomes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Made, Run

FUNCTION = """
import time

def pause():
    time.sleep(0.1)
    {more}
"""
METHOD = """
import time

class Clock:
    def pause(self):
        time.sleep(0.1)
        {more}
"""
# So that a thread is refused, and what is told is of the coroutine function.
BOUND = "import threading; return threading.current_thread()"
WORK = """
import app.clock

async def work():
    return app.clock.pause()
"""
WORK_WITH_METHOD = """
from app.clock import Clock

async def work(clock: Clock):
    return clock.pause()
"""

FUNCTIONS: dict[str, tuple[dict[str, str], str]] = {
    "nothing else": ({}, "intent"),
    "a method of that name of something unknown": (
        {"b.py": "def f(x):\n    return x.pause()\n"},
        "intent",
    ),
    "a text that is no name of it": (
        {"b.py": "NAMES = ['pause', 'a.pause', 'clock-pause']\n"},
        "intent",
    ),
    "a comment": ({"b.py": "# app.clock.pause\n"}, "intent"),
    "another function of that name": (
        {"b.py": "def pause(): pass\n\npause()\nx = pause\n"},
        "intent",
    ),
    "a local name of another thing": (
        {"b.py": "def f(pause):\n    return pause, pause()\n"},
        "intent",
    ),
    "called in a script": (
        {"b.py": "from app.clock import pause\n\npause()\n"},
        "manual colour-sync-caller",
    ),
    "called by another name in a script": (
        {"b.py": "from app.clock import pause as nap\n\nnap()\n"},
        "manual colour-sync-caller",
    ),
    "called in a class body": (
        {"b.py": "import app.clock\n\nclass A:\n    x = app.clock.pause()\n"},
        "manual colour-sync-caller",
    ),
    "called in a function nobody calls": (
        {"b.py": "import app.clock\n\ndef f():\n    app.clock.pause()\n"},
        "manual colour-sync-caller",
    ),
    "called in a generator": (
        {
            "b.py": "import app.clock\n\ndef f():\n    yield app.clock.pause()\n\n"
            "async def g():\n    return [*f()]\n"
        },
        "manual colour-sync-caller",
    ),
    "passed on": (
        {"b.py": "import app.clock\n\ndef f(x):\n    x(app.clock.pause)\n"},
        "manual V1",
    ),
    "stored": ({"b.py": "import app.clock\n\nT = [app.clock.pause]\n"}, "manual V1"),
    "one of two": (
        {
            "b.py": "try:\n    from fast import pause\nexcept ImportError:\n"
            "    from app.clock import pause\n\nasync def f():\n    pause()\n"
        },
        "manual V1",
    ),
    "set from outside": (
        {"b.py": "import app.clock\n\napp.clock.pause = None\n"},
        "manual V1",
    ),
    "taken by getattr": (
        {"b.py": "import app.clock\n\nf = getattr(app.clock, 'pause')\n"},
        "manual V1",
    ),
    "named in a string": ({"b.py": "JOB = 'app.clock:pause'\n"}, "manual V1"),
    "exported by a package": (
        {"app/__init__.py": "from app.clock import pause\n\n__all__ = ['pause']\n"},
        "manual V1",
    ),
    "its module is handed on": (
        {"b.py": "from app import clock\n\ndef f(x):\n    x(clock)\n"},
        "manual V1",
    ),
    "its module is asked for an attribute": (
        {"b.py": "from app import clock\n\ndef f(x):\n    return clock.other\n"},
        "intent",
    ),
    "called in a doctest": (
        {"b.py": "from app import clock\n\ndef f():\n    '''>>> clock.pause()'''\n"},
        "manual V1",
    ),
    "its module is taken by a name": (
        {
            "b.py": "import importlib\n\ndef f(name):\n"
            "    return importlib.import_module(name).pause()\n"
        },
        "manual V1",
    ),
    "its module is taken from sys.modules": (
        {"b.py": "import sys\n\nsys.modules['app.clock'].pause()\n"},
        "manual V1",
    ),
    "another module is taken by a name": (
        {
            "b.py": "import importlib\n\ndef f(name):\n"
            "    return importlib.import_module(name).start()\n"
        },
        "intent",
    ),
    "an entry point": (
        {"pyproject.toml": "[project.scripts]\np = 'app.clock:pause'\n"},
        "manual V1",
    ),
    "a stub says that it is a plain function": (
        {"app/clock.pyi": "def other() -> None: ...\ndef pause() -> object: ...\n"},
        "manual colour-stub",
    ),
    "a stub that says nothing of it": (
        {"app/clock.pyi": "async def pause() -> object: ...\ndef pauses(): ...\n"},
        "intent",
    ),
    "a package that is built": (
        {"pyproject.toml": "[build-system]\nrequires = []\n"},
        "unsafe colour-public",
    ),
    "a package built by setup.py": (
        {"setup.py": "from setuptools import setup\n\nsetup(name='app')\n"},
        "unsafe colour-public",
    ),
}
METHODS: dict[str, tuple[dict[str, str], str]] = {
    "nothing else": ({}, "intent"),
    "of something unknown": (
        {"b.py": "def f(x):\n    return x.pause()\n"},
        "manual V1",
    ),
    "a value of something unknown": (
        {"b.py": "def f(x, y):\n    y(x.pause)\n"},
        "manual V1",
    ),
    "set on something unknown": ({"b.py": "def f(x):\n    x.pause = 1\n"}, "manual V1"),
    "of a library's object": (
        {"b.py": "import threading\n\nx = threading.Event()\nx.pause()\n"},
        "intent",
    ),
    "of another class": (
        {
            "b.py": "class Other:\n    def pause(self): pass\n\n"
            "def f(x: Other):\n    return x.pause()\n"
        },
        "intent",
    ),
    "through a protocol": (
        {
            "b.py": "from typing import Protocol\n\nclass P(Protocol):\n"
            "    def pause(self): ...\n\ndef f(x: P):\n    return x.pause()\n"
        },
        "manual V1",
    ),
    "overridden": (
        {
            "b.py": "from app.clock import Clock\n\nclass C(Clock):\n"
            "    def pause(self): pass\n"
        },
        "manual V1",
    ),
    "inherited": (
        {
            "b.py": "from app.clock import Clock\n\nclass C(Clock):\n"
            "    async def more(self):\n        return self.pause()\n"
        },
        "intent",
    ),
    "a name put together": (
        {"b.py": "def f(x, y):\n    return getattr(x, 'pa' + y)()\n"},
        "unsafe V1",
    ),
    "another name put together": (
        {"b.py": "def f(x, y):\n    return getattr(x, f'do_{y}')()\n"},
        "intent",
    ),
}


def _told(run: Run, made: Made, more: dict[str, str], clock: str, work: str) -> str:
    files = {"app/__init__.py": "", "app/clock.py": clock, "work.py": work, **more}
    made(files)
    ran = run("--format", "json", "--prefer", "colour", "--select", "blocking-call")
    found = [each for each in ran.json["findings"] if each["path"] == "work.py"]
    assert len(found) == 1, ran.said
    return " ".join(filter(None, (found[0]["level"], found[0]["guard"])))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(run: Run, made: Made, name: str) -> None:
    more, wanted = FUNCTIONS[name]
    clock = FUNCTION.format(more=BOUND)
    assert _told(run, made, more, clock, WORK) == wanted


@pytest.mark.parametrize("name", METHODS)
def test_method(run: Run, made: Made, name: str) -> None:
    more, wanted = METHODS[name]
    clock = METHOD.format(more=BOUND)
    assert _told(run, made, more, clock, WORK_WITH_METHOD) == wanted


@pytest.mark.parametrize(("lines", "shown"), [(20, True), (80, False)])
def test_a_long_twin_is_said_in_words(
    run: Run, made: Made, lines: int, shown: bool
) -> None:
    clock = FUNCTION.format(more="count = 1\n    " * lines + BOUND)
    clock += "\ndef pause_twice():\n    pause()\n    pause()\n"
    work = WORK.replace("pause", "pause_twice")
    sync = "from app.clock import pause_twice\n\npause_twice()\n"
    _told(run, made, {"b.py": sync}, clock, work)
    ran = run("--format", "json", "--prefer", "colour", "--select", "blocking-call")
    (by_hand,) = [
        each["advice"] for each in ran.json["findings"] if each["path"] == "work.py"
    ]
    assert by_hand.endswith("await pause_twice_async(...)")
    assert ("async def pause_async" in by_hand) == shown
    words = "pause (app/clock.py:4), pause_twice (app/clock.py:"
    assert (words in by_hand) != shown


def test_a_stub_of_later_is_seen(run: Run, made: Made) -> None:
    clock = FUNCTION.format(more=BOUND)
    files = {"app/__init__.py": "", "app/clock.py": clock, "work.py": WORK}
    stub = "app/clock.pyi"
    made(files)
    diff = ["--diff", "--prefer", "colour", "--select", "blocking-call"]
    assert b"+async def pause" in run(*diff).out
    made({stub: "def pause() -> object: ...\n"})
    ran = run(*diff)
    assert ran.out == b""
    assert f"{stub}:1 says that it is a plain function" in ran.said
    made({stub: "# nothing\n"})
    assert b"+async def pause" in run(*diff).out


def test_files_that_were_not_named_are_not_written(run: Run, made: Made) -> None:
    made(
        {
            "pyproject.toml": "",
            "app/__init__.py": "",
            "app/clock.py": FUNCTION.format(more=BOUND),
            "work.py": WORK,
        }
    )
    ran = run("--diff", "--prefer", "colour", "work.py")
    assert ran.out == b""
    assert "app/clock.py would have to change, too" in ran.said
    assert b"+async def pause" in run("--diff", "--prefer", "colour").out
