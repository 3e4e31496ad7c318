"""What a function touches: places, the loop, the thread, the unknown.

Each row is a project and what its function `f` touches, a line for each thing: the
list it stands in, what it is, the line, and through whom.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asyncfix import facts as f
from asyncfix.effects import Effects, Summary
from asyncfix.touches import ITERATED, Item, Touch

if TYPE_CHECKING:
    from conftest import Look, Made

LISTS = [each for each in Summary._fields if each not in ("generator", "returns")]

TOUCHED: dict[str, tuple[str | Mapping[str, str], str]] = {
    "nothing": ("def f(a, b): return a + b", ""),
    "what it makes itself is its own": (
        "def f():\n    rows = []\n    rows.append(1)\n    rows[0] = 2\n    del rows[0]",
        "",
    ),
    "what an argument holds": (
        "def f(row):\n    row['x'] = row['y']",
        "reads row['y'] 2\nwrites row['x'] 2",
    ),
    "what an argument holds, through another name": (
        "def f(rows):\n    more = rows\n    more.append(1)",
        "writes rows[*] 3",
    ),
    "an element of it": (
        "def f(rows):\n    for row in rows:\n        row.x = 1",
        "iterates rows[*] 2\nreads rows[*] 3\nwrites rows[*].x 3",
    ),
    "a text cannot be changed": (
        "def f(url: str):\n    url += 'x'\n    return url",
        "",
    ),
    "a list of an argument grows": (
        "def f(rows):\n    rows += [1]",
        "writes rows 2",
    ),
    "an attribute of the object": (
        "class C:\n    def f(self):\n        self.n = self.m",
        "reads self.m 3\nwrites self.n 3",
    ),
    "a container that it holds": (
        "class C:\n    def f(self):\n        self.rows.append(1)",
        "reads self.rows 3\nwrites self.rows[*] 3",
    ),
    "a module's name": (
        "n = 0\ndef f():\n    global n\n    n = 1",
        "writes n 4",
    ),
    "what a module's name holds": (
        "CACHE = {}\ndef f(k):\n    CACHE[k] = 1",
        "reads CACHE 3\nwrites CACHE[*] 3",
    ),
    "an attribute of a class": (
        "class C:\n    n = 0\ndef f():\n    C.n = 1",
        "writes C.n 4",
    ),
    "a name of another module": (
        {"main.py": "import a\ndef f():\n    a.n = 1", "a.py": "n = 0"},
        "writes n 3",
    ),
    "an attribute by its name": (
        "def f(row):\n    setattr(row, 'x', 1)",
        "writes row.x 2",
    ),
    "of what a call passes on": (
        "def same(row): return row\ndef f(row):\n    same(row).x = 1",
        "writes row.x 3",
    ),
    "through a function": (
        "def g(rows):\n    rows.append(1)\ndef f(rows):\n    g(rows)",
        "writes rows[*] 2 g",
    ),
    "through a function, of what is its own": (
        "def g(rows):\n    rows.append(1)\ndef f():\n    rows = []\n    g(rows)",
        "",
    ),
    "through a function, of what its own holds": (
        "def g(rows):\n    rows[0].x = 1\ndef f(row):\n    g([row])",
        "writes row.x 2 g",
    ),
    "through a method": (
        "class C:\n    def f(self):\n        self.g()\n    def g(self):\n        self.n = 1",
        "writes self.n 5 C.g",
    ),
    "through a method of an object that is its own": (
        "class D:\n    def __init__(self, a):\n        self.a = a\n"
        "    def g(self):\n        self.n = 1\ndef f(a):\n    D(a).g()",
        "",
    ),
    "through a method, of what the object was made of": (
        "class D:\n    def __init__(self, a):\n        self.a = a\n"
        "    def g(self):\n        self.a.n = 1\ndef f(a):\n    D(a).g()",
        "writes a.n 5 D.g",
    ),
    "through whoever overrides a method": (
        "class C:\n    def f(self):\n        self.g()\n    def g(self): pass\n"
        "class D(C):\n    def g(self):\n        self.n = 1",
        "writes self.n 7 D.g",
    ),
    "through a property": (
        "class C:\n    @property\n    def p(self):\n        self.n = 1\n"
        "    def f(self):\n        return self.p",
        "writes self.n 4 C.p",
    ),
    "through a block": (
        "class W:\n    def __enter__(self):\n        self.n = 1\n"
        "    def __exit__(self, *a): pass\nw = W()\ndef f():\n    with w: pass",
        "reads w 7\nwrites w.n 3 W.__enter__",
    ),
    "through functions that call one another": (
        "def g(a, b):\n    a.x = 1\n    f(b, a)\ndef f(a, b):\n    g(a, b)",
        "writes a.x 2 g\nwrites b.x 2 g > f > g",
    ),
    "a variable of the function around": (
        "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n = 1\n    g()",
        "",
    ),
    "not what it hands to a thread": (
        "import threading\ndef g():\n    global n\n    n = 1\nn = 0\n"
        "def f():\n    threading.Thread(target=g).start()",
        "",
    ),
    "the loop": (
        "import asyncio\ndef f():\n    return asyncio.get_event_loop()",
        "loop asyncio.get_event_loop 3",
    ),
    "the loop, by the name of a method": (
        "def f(future):\n    future.add_done_callback(print)",
        "loop future.add_done_callback 2",
    ),
    "a context variable": (
        "from contextvars import ContextVar\nV = ContextVar('v')\n"
        "def f():\n    V.get()\n    V.set(1)",
        "reads V 4\ncontexts contextvars.ContextVar.set 5\n"
        "context_reads contextvars.ContextVar.get 4",
    ),
    "the exception being handled": (
        "import sys\ndef f():\n    return sys.exc_info()",
        "exceptions sys.exc_info 3",
    ),
    "not its own exception": (
        "import sys\ndef f():\n    try: pass\n    except OSError:\n"
        "        sys.exc_info()\n        raise",
        "",
    ),
    "frames": (
        "import inspect\ndef f():\n    inspect.stack()",
        "frames inspect.stack 3",
    ),
    "StopIteration": (
        "def f(rows):\n    next(rows)",
        "writes rows[*] 2\nstops next(rows) 2",
    ),
    "StopIteration, caught": (
        "def f():\n    try:\n        next(iter([]))\n    except StopIteration: pass",
        "",
    ),
    "an object of one thread that was made elsewhere": (
        "import sqlite3\ndef f(c: sqlite3.Connection):\n    c.commit()",
        "threads sqlite3.Connection.commit 3",
    ),
    "an object of one thread that is its own": (
        "import sqlite3\ndef f():\n    c = sqlite3.connect('x')\n    c.commit()",
        "",
    ),
    "something of the process": (
        "import os\ndef f():\n    os.chdir('x')",
        "threads os.chdir 3",
    ),
    "the environment": (
        "import os\ndef f():\n    os.environ['x'] = 'y'",
        "threads os.environ 3",
    ),
    "a connection that was made elsewhere": (
        "import redis\nR = redis.Redis()\ndef f():\n    R.get('x')",
        "reads R 4\ndrivers redis.Redis.get 4",
    ),
    "an argument that is called": ("def f(g):\n    g()", "unknown g 2"),
    "a library of which nothing is known": (
        "import mystery\ndef f():\n    mystery.x()",
        "unknown mystery.x 3",
    ),
    "a method of which nothing is known": (
        "def f(a):\n    a.run()",
        "unknown a.run 2",
    ),
    "a base of which nothing is known": (
        "import mystery\nclass C(mystery.B): pass\ndef f():\n    C()",
        "unknown C (mystery.B) 4",
    ),
    "a decorator of which nothing is known": (
        "import mystery\n@mystery.d\ndef g(): pass\ndef f():\n    g()",
        "unknown g (@mystery.d) 5",
    ),
    "a key that is called": (
        "def f(rows, by):\n    sorted(rows, key=by)\n    sorted(rows, key=lambda r: r.x)",
        "reads r.x 3\niterates rows[*] 2\niterates by[*] 2\nunknown by 2",
    ),
    "what is harmless": (
        "import json, logging, os.path, subprocess\nlog = logging.getLogger('x')\n"
        "def f(name):\n    log.info('%s', name)\n    path = os.path.join('x', name)\n"
        "    found = json.loads(subprocess.check_output(['ls', path]))\n"
        "    return {k: v.strip() for k, v in found.items() if k in ('a', 'b')}",
        "reads log 4\niterates name[*] 4",
    ),
}


def _function(effects: Effects) -> tuple[str, int]:
    path = "/r/main.py"
    scopes = effects.project.files[path].scopes
    (found,) = [
        i
        for i, each in enumerate(scopes)
        if each.kind == f.FUNCTION and each.name == "f"
    ]
    return path, found


def _line(kind: str, found: Touch | Item) -> str:
    if isinstance(found, Touch) and found.how == ITERATED:
        kind = "iterates"
    via = " > ".join(step.name for step in found.via)
    return f"{kind} {found.what} {found.line} {via}".strip()


def _told(summary: Summary) -> str:
    found = [_line(name, each) for name in LISTS for each in getattr(summary, name)]
    return "\n".join(sorted(found))


@pytest.mark.parametrize("case", TOUCHED)
def test_touched(look: Look, case: str) -> None:
    files, expected = TOUCHED[case]
    effects = look(files).effects
    wanted = "\n".join(sorted(expected.split("\n")))
    assert _told(effects.of(_function(effects))) == wanted


def test_the_hash_seed_does_not_decide_which_place_is_told(
    made: Made, here: Path
) -> None:
    names = "ABCDEFGH"
    empty = "".join(f"{name} = {{}}\n" for name in names)
    changed = "".join(f"    {name}[key] = value\n" for name in names)
    code = f"""import requests

{empty}

def change(key, value):
{changed}

def load(key):
    chosen = {" or ".join(names)}
    return requests.get(chosen[key])


async def handler(key):
    return load(key)
"""
    made({"app.py": code})
    (said,) = _printed(here)
    assert b"A[...]" in said


def test_nor_which_file_is_told(made: Made, here: Path) -> None:
    given = "grant_path(), token(), user(), host()"
    helpers = """import requests

def load_grant(*args): ...

def write_grant(*args):
    requests.post("https://example.org", json=args)
"""
    code = f"""from grants import load_grant, write_grant
from known import grant_path, host, token, user

def loaded():
    return load_grant({given})


async def handler(key):
    write_grant({given})
"""
    made({"app.py": code, "grants.py": helpers, "known.py": ""})
    (said,) = _printed(here)
    assert b"app.py:5 reads grant_path(), too" in said


def _printed(here: Path) -> set[bytes]:
    """Give what runs with several hash seeds print."""
    return {
        subprocess.run(
            [sys.executable, "-m", "asyncfix", "."],
            capture_output=True,
            check=False,
            cwd=here,
            env={**os.environ, "PYTHONHASHSEED": seed, "ASYNCFIX_CACHE_DIR": "off"},
        ).stdout
        for seed in ("1", "2", "4")
    }
