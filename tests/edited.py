"""A small project, and edits that may change what is said of files without them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from asyncfix import config, engine, registry
from asyncfix.model import Result, Settings

START = {
    "pyproject.toml": "[tool.asyncfix]\n",
    "app/__init__.py": "",
    "app/helpers.py": (
        "import time\nfrom .quiet import calm\n"
        "def load(wait=True):\n    if wait:\n        slow()\n"
        "def slow():\n    time.sleep(1)\ndef rest():\n    calm()\n"
        "NO = 0\ndef never():\n    load(NO)\n"
    ),
    "app/quiet.py": "def calm():\n    return 1\nLIMIT = 0\n",
    "app/types.py": (
        "import requests\n"
        "class Base:\n    def get(self):\n        return requests.get('x')\n"
        "class Other:\n    def get(self):\n        return 1\n"
    ),
    "app/models.py": (
        "from .types import Base, Other\n"
        "class Model(Base):\n    def save(self):\n        return self.get()\n"
    ),
    "app/api.py": "from .helpers import load, rest\nfrom .models import Model as M\n",
    "app/names.py": (
        "from .quiet import *\nimport time\nnap = time.sleep\n"
        "def afar():\n    size = 1\n    return size\n"
    ),
    "app/views.py": (
        "from .api import M, load, rest\nfrom . import helpers, names, rows\n"
        "async def view(model: M):\n    load()\n    rest()\n    model.save()\n"
        "async def other():\n    names.nap(1)\n    names.calm()\n    load(False)\n"
        "async def third():\n    helpers.never()\n"
        "def spare():\n    load(wait=False)\n"
    ),
    "app/far.py": (
        "from lib.away import away\nfrom lib import kept\n"
        "async def go():\n    away()\n    kept()\n"
    ),
    "app/alone.py": "import time\nasync def alone():\n    time.sleep(1)\n    open('x')\n",
    "app/alone2.py": "def nothing():\n    pass\n",
    "app/alone3.py": "import os\nasync def f():\n    os.system('x')\n",
    "app/deco.py": (
        "import time\n"
        "def same(f):\n    def inner(*a):\n        return f(*a)\n    return inner\n"
        "def bare(f):\n    f.seen = 1\n    return f\n"
    ),
    "app/decorated.py": (
        "import time\nfrom . import deco\nfrom .quiet import calm\n"
        "class Box:\n    size = 3\n    def __init__(self):\n        self.held = calm()\n"
        "    @deco.same\n    def wait(self):\n        time.sleep(self.size)\n"
        "def made():\n    found = Box()\n    return found\n"
        "async def use():\n    made().wait()\n    made().extra()\n"
    ),
    "app/steps.py": (
        "from .quiet import calm\n"
        "async def one(i):\n    return await fetch(i)\n"
        "async def fetch(i):\n    calm()\n    return i\n"
    ),
    "app/rows.py": (
        "from .steps import one\nfrom .away2 import two\n"
        "async def rows(ids):\n    found = []\n    for i in ids:\n"
        "        found.append(await one(i))\n    return found\n"
        "async def lost():\n    one(1)\n"
    ),
    "lib/__init__.py": "from .away import away as kept\n",
    "lib/away.py": "import time\ndef away():\n    time.sleep(1)\n",
}

CODEMODS = registry.installed()
Files = dict[str, str]
Edit = Callable[[Files], None]


def put(name: str, text: str) -> Edit:
    """Write a file, or put it back as it was at the start."""

    def edit(files: Files) -> None:
        files[name] = START[name] if files.get(name) == text else text

    return edit


def swap(name: str, old: str, new: str) -> Edit:
    """Change a part of a file, or change it back."""

    def edit(files: Files) -> None:
        text = files.get(name, START.get(name, ""))
        files[name] = text.replace(old, new) if old in text else text.replace(new, old)

    return edit


def toggle(name: str, text: str) -> Edit:
    """Add a file, or remove it."""

    def edit(files: Files) -> None:
        if files.pop(name, None) is None:
            files[name] = START.get(name, text)

    return edit


def touch(name: str) -> Edit:
    def edit(files: Files) -> None:
        files[name] = files.get(name, START[name]) + "\n"

    return edit


EDITS: dict[str, Edit] = {
    "a helper blocks": swap("app/quiet.py", "return 1", "import time; time.sleep(1)"),
    "a helper blocks no more": swap("app/helpers.py", "time.sleep(1)", "pass"),
    "another default": swap("app/helpers.py", "wait=True", "wait=False"),
    "a condition": swap("app/helpers.py", "if wait", "if None"),
    "a constant": swap("app/helpers.py", "NO = 0", "NO = 1"),
    "a helper is renamed": swap("app/helpers.py", "def rest()", "def west()"),
    "a helper is async": swap("app/helpers.py", "def load(", "async def load("),
    "another import": swap("app/api.py", "Model as M", "Other as M"),
    "an import of another module": swap("app/api.py", ".helpers", ".quiet"),
    "another base": swap("app/models.py", "(Base)", "(Other)"),
    "the base is a library's": swap("app/types.py", "class Base:", "class Base(Lib):"),
    "an alias": swap("app/names.py", "nap = time.sleep", "nap = print"),
    "an alias twice": swap("app/names.py", "nap = time.sleep", "nap = nap2 = 1"),
    "the star brings more": swap("app/quiet.py", "LIMIT = 0", "from time import *"),
    "the star is shadowed": swap("app/names.py", "import *", "import LIMIT"),
    "a file comes": toggle("app/names2.py", "import time\nasync def n(): time.sleep(1)"),
    "a file goes": toggle("app/quiet.py", ""),
    "a package in place of a module": toggle("app/types/__init__.py", "Base = 1\n"),
    "a module that shadows a library": toggle("requests.py", "def get(x): pass\n"),
    "a comment": swap("app/types.py", "import requests", "# one\nimport requests"),
    "blank lines": swap("app/helpers.py", "def slow", "\n\n\ndef slow"),
    "a syntax error": swap("app/helpers.py", "def slow():", "def slow(:"),
    "a syntax error in a view": swap("app/views.py", "model: M", "model: :"),
    "touched": touch("app/views.py"),
    "generated": swap("app/views.py", "from .api", "# @generated\nfrom .api"),
    "generated helper": swap("app/helpers.py", "import time\n", "import time  # @generated\n"),
    "outside": swap("lib/away.py", "time.sleep(1)", "return 1"),
    "outside, an import": swap("lib/__init__.py", "away as kept", "nobody as kept"),
    "outside, broken": swap("lib/away.py", "def away():", "def away(:"),
    "outside, it goes": toggle("lib/away.py", ""),
    "severity": put("pyproject.toml", "[tool.asyncfix]\nseverity = 'high'\n"),
    "severity low": put("pyproject.toml", "[tool.asyncfix]\nseverity = 'low'\n"),
    "catalog": put(
        "pyproject.toml",
        "[tool.asyncfix.catalog.calls]\n'lib.own.x' = {severity = 'high', "
        "strategy = 'offload', use = 'rest'}\n",
    ),
    "a test patches the call": toggle(
        "app/test_alone.py",
        "from unittest.mock import patch\n"
        "def test():\n    with patch('app.alone.time.sleep'):\n        pass\n",
    ),
    "the clock is frozen": toggle(
        "app/test_frozen.py",
        "from freezegun import freeze_time\nimport app.alone\n"
        "def test():\n    with freeze_time('2020-01-01'):\n        pass\n",
    ),
    "somebody takes the import": toggle(
        "app/taker.py", "from app.alone import time\nprint(time)\n"
    ),
    "outside, a test patches": swap(
        "lib/away.py", "def away", "import mock; mock.patch('app.alone3.os.system')\ndef away"
    ),
    "nobody cares": swap("app/alone2.py", "pass", "return 5 + 5"),
    "nobody cares for a word": swap("app/alone2.py", "def nothing", "def anything"),
    "a word counts": swap("app/alone2.py", "pass", "alone.time.sleep = print"),
    "a body that nobody asks for": swap("app/names.py", "size = 1", "size = len(str(5))"),
    "lines that nobody asks for": swap("app/names.py", "size = 1", "size = 1\n\n    more = 2"),
    "a body with a name asked for": swap("app/names.py", "size = 1", "size = nap(1)"),
    "one more function": swap("app/names.py", "def afar", "def other(): pass\ndef afar"),
    "a helper more, which is called": swap(
        "app/helpers.py", "def rest():\n", "def more(): return 1\ndef rest():\n    more()\n"
    ),
    "a helper more, which blocks": swap(
        "app/helpers.py", "def rest():\n", "def xyz():\n    slow()\ndef rest():\n    xyz()\n"
    ),
    "a helper less": swap("app/helpers.py", "def never():\n    load(NO)\n", ""),
    "a name that others say": swap("app/quiet.py", "LIMIT = 0", "LIMIT = 0\ndef nap(x): pass\n"),
    "a builtin is shadowed": swap("app/alone.py", "import time\n", "import time\ndef open(x): pass\n"),
    "a constructor": swap("app/types.py", "class Base:", "class Base:\n    def __init__(self): self.get()\n"),
    "it is called at once": swap("app/decorated.py", "self.held = calm()", "self.wait()"),
    "a method more": swap("app/decorated.py", "    @deco", "    def extra(self): time.sleep(1)\n    @deco"),
    "a method that nobody calls": swap("app/decorated.py", "    @deco", "    def unseen(self): pass\n    @deco"),
    "an attribute more": swap("app/decorated.py", "self.held =", "self.extra = self.wait\n        self.held ="),
    "a local is something else": swap("app/decorated.py", "found = Box()", "found = deco"),
    "a local more": swap("app/decorated.py", "found = Box()", "other = calm(); found = Box()"),
    "what is given has another name": swap("app/decorated.py", "found", "fount"),
    "the size of a box": swap("app/decorated.py", "size = 3", "size = 0"),
    "a decorator hands on to a thread": swap("app/deco.py", "return f(*a)", "return run(f, *a)"),
    "a decorator waits": swap("app/deco.py", "        return f(*a)", "        time.sleep(1)\n        return f(*a)"),
    "a decorator gives something else": swap("app/deco.py", "    return inner", "    return time"),
    "another decorator": swap("app/deco.py", "f.seen = 1", "f.seen = time.time()"),
    "a step writes": swap("app/steps.py", "    calm()\n", "    await i.post(calm())\n"),
    "a step is another": swap("app/steps.py", "await fetch(i)", "await calm(fetch, i)"),
    "a step is no coroutine": swap("app/steps.py", "async def one(i):\n    return await", "def one(i):\n    return"),
    "a step more": swap("app/steps.py", "async def fetch", "async def further(): pass\nasync def fetch"),
    "a step's comment": swap("app/steps.py", "    calm()", "    calm()  # now"),
    "a loop in a comprehension": swap("app/steps.py", "calm()", "[calm() for _ in range(i)]"),
    "somebody above": toggle(
        "app/above.py", "from . import views\nasync def above():\n    views.spare()\n"
    ),
    "a way is open": swap("app/views.py", "wait=False", "wait=True"),
    "a row more": swap("app/rows.py", "async def lost", "def row3(): pass\nasync def lost"),
    "a row is lost twice": swap("app/rows.py", "    one(1)\n", "    one(1)\n    one(2)\n"),
    "no row is lost": swap("app/rows.py", "    one(1)\n", "    await one(1)\n"),
    "a row is kept": swap("app/rows.py", "    one(1)\n", "    return one(1)\n"),
    "a row is off": swap("app/rows.py", "one(1)\n", "one(1)  # asyncfix: off\n"),
    "a row has a fix": swap("app/rows.py", "    one(1)\n", "    one(1)\n    time.sleep(2)\n"),
    "a row is asked for": swap("app/views.py", "    load()\n", "    load(); rows.lost()\n"),
    "a row's import": swap("app/rows.py", "from .steps", "import time\nfrom .steps"),
    "off": swap("app/alone.py", "time.sleep(1)", "time.sleep(1)  # asyncfix: off"),
    "the view alone": swap("app/views.py", "    rest()\n", "    rest(); load()\n"),
    "the caller's argument": swap("app/views.py", "load(False)", "load(1)"),
    "another sleep": swap("app/alone.py", "open('x')", "open('y'); open('z')"),
}  # fmt: skip


class Project:
    """A project on the disk, whose files all seem to be old."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: Files = {}
        self._seconds = 1_000_000_000

    def write(self, files: Mapping[str, str]) -> None:
        for name in self.files.keys() - files.keys():
            (self.root / name).unlink(missing_ok=True)
            shutil.rmtree(self.root / "app" / "types", ignore_errors=True)
        for name, text in files.items():
            if self.files.get(name) != text:
                path = self.root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                # What is younger than two seconds is not trusted.
                self._seconds += 10
                os.utime(path, (self._seconds, self._seconds))
        self.files = dict(files)

    def run(self, **changes: Any) -> Result:
        """Run with whatever cache the environment names."""
        found = config.load(self.root)
        wanted: dict[str, Any] = {
            "paths": (self.root / "app",),
            "root": self.root,
            "severity": found.severity,
            "catalog": found.catalog,
            **changes,
        }
        return engine.run(Settings(**wanted), CODEMODS)
