"""A way to what blocks is given up only where it surely cannot be gone.

Each row is some helpers, the calls of them in a coroutine that are told, and
those that are not. Of both, `Reach` alone finds the way: conditions decide.
A call that is told wrongly costs the reader a look; one that is dropped wrongly
is never found, so most calls here are told.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from asyncfix import engine, registry
from asyncfix.model import Settings

if TYPE_CHECKING:
    from conftest import Chains

HEAD = """\
import asyncio, contextlib, dataclasses, fcntl, functools, os, queue, threading
from concurrent.futures import Future
from multiprocessing.pool import AsyncResult
from subprocess import Popen
from time import sleep as block
"""
COROUTINE = "async def f(x, fut: Future, q: queue.Queue, q2: queue.Queue, p: Popen):"

ARGUMENTS = {
    "by place": (
        "def h(a):\n if a: block()",
        "h(True); h(1); h('a'); h(x); h(not x); h([])",
        "h(False); h(''); h(None); h(0)",
    ),
    "by name": (
        "def h(a, *, b):\n if a and not b: block()",
        "h(a=1, b=0); h(b=x, a=1); h(x, b=x)",
        "h(b=1, a=1); h(a=0, b=0); h(x, b=True); h(0, b=x)",
    ),
    "defaults": (
        "def h(a, b=True, *, c=True):\n if b and not c: block()",
        "h(1, c=False); h(1, b=x, c=False)",
        "h(1); h(1, x); h(1, False, c=False); h(1, b=False, c=False)",
    ),
    "a default that is not a literal": (
        "def h(a=[], b=-1):\n if a: block()\ndef k(a=None or 1):\n if a: block()",
        "h(); k()",
        "k(0)",
    ),
    "stars": (
        "def h(a=0, b=0):\n if a or b: block()",
        "h(*x); h(**x); h(0, *x); h(0, **x)",
        "h(); h(0, 0)",
    ),
    "a function with stars": (
        "def h(*a, b=0, **c):\n if a: block()\n if b: block()",
        "h(1, b=0); h(); h(c=1)",
        "",
    ),
    "only by place": (
        "def h(a, /, **kw):\n if not a: block()",
        "h(False, a=True)",
        "h(True, a=False)",
    ),
    "handed on": (
        "def h(a=True):\n if a: block()\ndef k(b, c=1):\n h(a=b)\n"
        "def e(n):\n k(b=n)\ndef no(n):\n k(b=not n)\ndef swapped(a, b):\n h(b)",
        "k(True); e(x); e(1); no(True); swapped(False, True)",
        "k(False); e(False); swapped(True, False)",
    ),
    "rebound before it is handed on": (
        "def h(a):\n if a: block()\ndef k(a=False):\n a = x()\n h(a)\n"
        "def e(a):\n [h(a) for a in (0, 1)]",
        "k(); k(False); e(False)",
        "",
    ),
    "constants of the module": (
        "NO = False\nYES = True\nA = B = False\nC: bool = False\nD = (\n  False)\n"
        "E = False; E = True\nfor F in (0, 1): pass\nG = 0\nG += 1\nH = 0\n"
        "def on():\n global H\n H = 1\ntry: HAS = True\nexcept E: HAS = False\n"
        "def h(a):\n if a: block()",
        "h(YES); h(E); h(F); h(G); h(H); h(HAS); h(UNKNOWN)",
        "h(NO); h(A); h(C); h(D)",
    ),
    "a constant that a function shadows": (
        "NO = False\ndef h(a):\n if a: block()\ndef k(NO):\n h(NO)\n"
        "def e():\n NO = True\n h(NO)\ndef r():\n h(NO)",
        "k(True); k(x); e()",
        "k(False); r()",
    ),
    "two equal literals that are not the same": (
        "def h(a):\n if a == 1: block()\ndef k(a):\n if a is True: block()\n"
        "def e(a):\n if a in (1, 2): block()",
        "h(True); h(1.0); k(True); e(True)",
        "k(1); h(2); e(0)",
    ),
}

TESTS = {
    "is None": (
        "def h(a=None):\n if a is None: return\n block()\n"
        "def k(a=None):\n if a is not None: block()",
        "h(1); h(x); h(False); k(0); k(x)",
        "h(); h(None); k(); k(None)",
    ),
    "texts": (
        "def h(m='r'):\n if m == 'a': return\n if m in ('w', 'x'): return\n"
        " if m.startswith('q'): return\n if m.endswith('z'): raise E\n block()",
        "h(); h('b'); h(x); h(m='xw'); h(b'a')",
        "h('a'); h('x'); h(m='qq'); h('az')",
    ),
    "texts that may be one": ("def h(a):\n if a is 'b': block()", "h('b'); h('c')", ""),
    "numbers": (
        "def h(n=0):\n if n > 0: block()\ndef k(n=0):\n if n >= 0: block()\n"
        "def e(n=0):\n if 0 < n < 5: block()",
        "h(3); h(-1); h('a'); k(); k(x); e()",
        "h(); h(0); h(n=0.0)",
    ),
    "nested": (
        "def h(a=0, b=0):\n if a:\n  if b: block()\n  else: raise E\n elif b: return",
        "h(1, 1); h(x, 1); h(x, x)",
        "h(); h(1, 0); h(0, 1); h(0, x)",
    ),
    "and, or, not": (
        "def h(a, b):\n if a and not b: block()\ndef k(a, b):\n if a or b: block()\n"
        "def e(a): return a and block()\ndef o(a): return a or block()",
        "h(1, 0); h(x, 0); k(0, 1); k(x, 0); e(1); e(x); o(0); o(x)",
        "h(1, 1); h(0, x); h(x, 1); k(0, 0); e(0); o(1)",
    ),
    "conditional expressions": (
        "def h(a): return block() if a else None\n"
        "def k(a): return None if a else block()\n"
        "def e(a): return 1 if block() else a",
        "h(1); h(x); k(0); k(x); e(0); e(1)",
        "h(0); k(1)",
    ),
    "while": (
        "def h(a):\n while a: block()\ndef k(a):\n while a: a = 0\n else: block()\n"
        "def e(a):\n while not a: a = 1\n if a: block()\n"
        "def t():\n while True:\n  if x(): break\n block()",
        "h(1); h(x); k(0); k(1); e(0); t()",
        "h(0)",
    ),
    "never": (
        "def h():\n if 0: block()\n while False: block()\n"
        "def k():\n if TYPE_CHECKING: block()\ndef e():\n assert 0\n block()",
        "k(); e()",
        "h()",
    ),
    "left before": (
        "def h(a=0):\n if not a: raise E\n block()\n"
        "def k(a=0):\n if a: pass\n else: return\n block()\n"
        "def e(a=0):\n with x:\n  if not a: return\n  block()\n"
        "def w(a=0):\n with x:\n  if not a: return\n block()",
        "h(1); k(1); k(x); e(1); e(x); w(0); w(1)",
        "h(); k(); e()",
    ),
    "a loop is left, not the function": (
        "def h(a):\n for i in x:\n  if not a: break\n block()\n"
        "def k(a):\n for i in x:\n  if not a: continue\n  block()\n"
        "def e(a):\n for i in x:\n  if not a: break\n else: block()\n"
        "def w(a):\n while x:\n  if not a: continue\n block()\n"
        "def n(a):\n for i in x:\n  for j in i:\n   if not a: break\n  block()",
        "h(0); k(1); e(0); e(1); w(0); n(0)",
        "k(0)",
    ),
    "try": (
        "def h(a):\n try:\n  if not a: return\n finally: block()\n"
        "def k(a):\n try:\n  if not a: raise E\n except E: block()\n"
        "def e(a):\n try:\n  if not a: return\n  block()\n finally: pass\n"
        "def r(a):\n try:\n  int(a)\n  return 1\n except E: pass\n block()\n"
        "def o(a):\n try:\n  if not a: raise E\n except E: pass\n else: block()",
        "h(0); k(0); e(1); r(0); o(1)",
        "e(0)",
    ),
    "match is not decided": (
        "def h(a):\n match a:\n  case False: block()\n  case _: pass",
        "h(False); h(True)",
        "",
    ),
    "comprehensions": (
        "def h(a): return [block() for a in x if a]\n"
        "def k(a):\n y = [a for a in x]\n if a: block()",
        "h(0); k(0); k(1)",
        "",
    ),
    "functions in functions": (
        "def h(a):\n def inner(a):\n  if a: block()\n inner(not a)\n"
        "def k(a):\n def inner():\n  if a: block()\n inner()\n"
        "def e(a):\n def inner(a):\n  if a: block()\n inner(0)\n"
        "def d(a):\n if a:\n  def inner(y=block()): pass",
        "h(0); h(1); k(0); k(1); d(1)",
        "e(1); d(0)",
    ),
}

REBOUND = {
    name: (f"def h(a=0, b=0):\n {code}\n if a: block()", "h(); h(0); h(a=0)", "")
    for name, code in {
        "augmented": "a += 1",
        "walrus": "print(a := x())",
        "for": "for a in x(): pass",
        "with": "with x() as a: pass",
        "tuple": "(a, y), *z = x()",
        "star": "y, *a = x()",
        "except": "try: x()\n except E as a: pass",
        "import": "import a",
        "import as": "from y import z as a",
        "def": "def a(): pass",
        "class": "class a: pass",
        "annotated": "a: int = x()",
        "deleted": "del a",
        "match": "match x():\n  case [a]: pass",
        "match the rest": "match x():\n  case {1: 2, **a}: pass",
        "try": "try: a = 1\n except E: pass",
        "in a loop, later": "while x():\n  if a: block()\n  a = 1",
        "nonlocal": "def c():\n  nonlocal a\n  a = 1\n c()",
        "perhaps": "if x(): a = 1",
        "in the branch taken": "if not b: a = 1",
        "after a test that rebinds": "if (b := x()): pass\n if b: a = 1",
    }.items()
}
REBOUND["in the branch that is not taken"] = (
    "def h(a=0, b=0):\n if b: a = 1\n elif a: a = 2\n if a: block()",
    "h(b=1); h(b=x); h(1); h(x)",
    "h(); h(0, 0)",
)

CALLED = {
    "methods": (
        "class C:\n def m(self, a=0, b=0):\n  if b: block()\n"
        "class D(C):\n def n(self): self.m(0, 1)\n def o(self): self.m(1)",
        "C().m(0, 1); C().m(x, x); D().m(b=1); D().n()",
        "C().m(1); D().m(1, 0); D().o()",
    ),
    "methods through the class": (
        "class C:\n def m(self, a, b):\n  if b: block()\nc = C()",
        "C.m(x, 0, 1); C.m(c, False, x); C.m(self=x, a=0, b=1)",
        "C.m(c, 1, 0); C.m(x, True, False)",
    ),
    "class and static methods": (
        "class C:\n @classmethod\n def c(cls, a, b=0):\n  if a: block()\n"
        " @staticmethod\n def s(a, b=0):\n  if a: block()",
        "C.c(1); C().c(1); C.s(1); C().s(1); C.c(x)",
        "C.c(0, 1); C().c(0, 1); C.s(0, 1); C().s(0, 1)",
    ),
    "constructors": (
        "class B:\n def __init__(self, a, b=0):\n  if b: block()\n"
        "class C(B): pass\n"
        "class D(B):\n def __init__(self, a): super().__init__(0, a)\n"
        "class E(B):\n def __init__(self, a): B.__init__(self, 0, a)\n"
        "class F(B):\n def __init__(self, a): B.__init__(self, a)\n"
        "class G(B):\n def __init__(self, a): super().__init__(a, 0)",
        "B(0, 1); C(0, 1); D(1); E(1); E(x)",
        "B(1); C(1, 0); D(0); E(0); F(1); G(1)",
    ),
    "the maker of the object": (
        "class C:\n def __new__(cls, a, b=0):\n  if a: block()\n"
        "class D(C):\n def __new__(cls): return super().__new__(cls, 1)",
        "C(1); C(x); D()",
        "C(0, 1)",
    ),
    "a class that is handed on": (
        "class C:\n def __init__(self, a=1):\n  if a: block()\n"
        " @classmethod\n def make(cls, a=0): return cls(a)",
        "C(); C.make(1); C.make(x)",
        "C(0); C.make()",
    ),
    "what others call with other arguments": (
        "@dataclasses.dataclass\nclass P:\n a: int\n b: dataclasses.InitVar[int]\n"
        " def __post_init__(self, b=0):\n  if b: block()\n"
        "class W:\n def __init__(self, x=0): pass\n def __enter__(self): pass\n"
        " def __exit__(self, kind=None, error=None, tb=None):\n"
        "  if kind is not None: block()",
        "P(0, 1)\nwith W(): pass\nwith W(None): pass",
        "",
    ),
    "an object that is called": (
        "class C:\n def __call__(self, a=0, b=0):\n  if a: block()\nc = C()",
        "c(1); C()(1); c(x); c.__call__(1)",
        "c(0, 1); c()",
    ),
    "partial": (
        "def h(a=0, b=0):\n if b: block()\nshort = functools.partial(h, 0)\n"
        "named = functools.partial(h, b=1)",
        "short(1); short(b=1); named()",
        "",
    ),
    "own decorators": (
        "def deco(fn):\n @functools.wraps(fn)\n def wrapper(*args):\n"
        "  return fn(*args, a=1)\n return wrapper\n"
        "@deco\ndef h(a=0):\n if a: block()",
        "h()",
        "",
    ),
    "context managers and generators": (
        "@contextlib.contextmanager\ndef h(a=0):\n if a: block()\n yield\n"
        "def g(a=0):\n if a: block()\n yield",
        "with h(1): pass\nwith h(x): pass\nfor i in g(1): pass",
        "with h(): pass\nfor i in g(0): pass",
    ),
}

LOOPS = {
    "no running loop": (
        "def h():\n try: asyncio.get_running_loop()\n"
        " except RuntimeError: return asyncio.run(block())\n"
        "def k():\n try: asyncio.get_running_loop()\n except RuntimeError: pass\n"
        " else: raise E\n block()\n"
        "def e():\n try:\n  asyncio.get_running_loop()\n  return 1\n"
        " except RuntimeError: pass\n block()\n"
        "def w():\n try: asyncio.get_running_loop()\n except RuntimeError: return\n"
        " block()\n"
        "def o():\n try: asyncio.get_running_loop()\n except ValueError: block()\n"
        "def l():\n try: asyncio.get_running_loop()\n except RuntimeError: pass\n"
        " else: block()\n"
        "def z():\n try: asyncio.get_running_loop()\n except RuntimeError: pass\n"
        " finally: block()",
        "w(); o(); l(); z()",
        "h(); k(); e()",
    ),
    "what else may raise it": (
        "def h():\n try:\n  loop = asyncio.get_running_loop()\n  x()\n"
        " except Exception: block()\n"
        "def k():\n try: asyncio.get_event_loop().run_until_complete(x)\n"
        " except RuntimeError: block()\n"
        "def e():\n try:\n  asyncio.get_running_loop()\n  int(x)\n"
        " except (RuntimeError, ValueError): block()\n"
        "def r():\n try:\n  if asyncio.get_running_loop(): raise RuntimeError\n"
        " except RuntimeError: block()\n"
        "def i():\n try:\n  def g(): asyncio.get_running_loop()\n  x()\n"
        " except RuntimeError: block()",
        "h(); k(); e(); r(); i()",
        "",
    ),
    "the loop or None": (
        "def h():\n try: loop = asyncio.get_running_loop()\n"
        " except RuntimeError: loop = None\n if loop is None: block()\n"
        "def k():\n try: loop = asyncio.get_running_loop()\n"
        " except RuntimeError: loop = None\n if loop is not None: block()\n"
        "def e():\n loop = None\n try: loop = asyncio.get_running_loop()\n"
        " except RuntimeError: pass\n if loop and loop.is_running(): return\n block()",
        "k()",
        "h(); e()",
    ),
    "a loop that is not found always": (
        "def h(a):\n loop = None\n if a: loop = asyncio.get_running_loop()\n"
        " if loop is None: block()\n"
        "def k(loop=None):\n if loop is None: loop = asyncio.get_running_loop()\n"
        " if loop.is_running(): return\n block()\n"
        "def e():\n loop = asyncio.get_running_loop()\n for loop in x:\n"
        "  if loop is None: block()\n"
        "def l(loop):\n if loop: return\n loop = asyncio.get_running_loop()\n block()\n"
        "def o():\n loop = asyncio.get_running_loop()\n loop = None\n"
        " if loop is None: block()\n"
        "def v():\n try:\n  y = int(x)\n  loop = asyncio.get_running_loop()\n"
        " except ValueError: loop = None\n if loop is None: block()",
        "h(0); h(x); k(x); e(); l(x); o(); v()",
        "",
    ),
    "is it running?": (
        "def h():\n if asyncio.get_event_loop().is_running(): return\n block()\n"
        "def k():\n if not asyncio.get_event_loop().is_running(): return\n block()\n"
        "def e():\n if loop := asyncio.get_running_loop(): return\n block()\n"
        "def o(loop):\n if loop.is_running(): return\n block()\n"
        "def s(self):\n loop = self.get_event_loop()\n if loop is None: block()\n"
        "def c():\n if asyncio.get_event_loop().is_closed(): return\n block()",
        "k(); o(x); s(x); c()",
        "h(); e()",
    ),
    "threads": (
        "def h(loop_thread):\n if threading.get_ident() != loop_thread: block()\n"
        "def k(loop_thread):\n if threading.get_ident() == loop_thread: block()\n"
        "def e():\n if threading.current_thread() is threading.main_thread(): return\n"
        " block()\n"
        "def w(worker):\n if threading.current_thread() is worker: return\n block()\n"
        "def o(self):\n if self.owner == threading.get_ident(): return\n block()\n"
        "def l(self):\n if self.event is not threading.current_thread(): block()",
        "k(x); w(x); o(x); l(x)",
        "h(x); e()",
    ),
    "who starts a loop": (
        "def h(): asyncio.run(x)\n"
        "def k(): asyncio.get_event_loop().run_until_complete(x)",
        "asyncio.run(x); asyncio.get_event_loop().run_until_complete(x)",
        "h(); k()",
    ),
}

ASKED = {
    "queues": (
        "",
        "if q.empty(): q.get()\nif not q.empty(): q2.get()\n"
        "y = q.get() if q.empty() else 1\nif q.empty() and q.get(): pass\n"
        "if not q.empty() or x: q.get()\nwhile q.empty(): q.get()",
        "if not q.empty(): q.get()\nwhile not q.empty(): q.get()\n"
        "if q.empty() or q.get(): pass\ny = None if q.empty() else q.get()\n"
        "while q.qsize(): q.get()\nwhile q.qsize() > 0: q.get()",
    ),
    "futures and processes": (
        "def h(p: Popen):\n if p.poll() is None: p.wait()\n"
        "def k(p: Popen):\n if p.poll() is not None: p.wait()",
        "if not fut.done(): fut.result()\nwhile not fut.done(): fut.result(1)\n"
        "if p.poll() is None: p.wait()\nh(p)",
        "if fut.done(): fut.result()\nif p.poll() is not None: p.wait()\nk(p)\n"
        "y = fut.done() and fut.result()",
    ),
    "flags": (
        "def h(n): fcntl.flock(1, fcntl.LOCK_EX | (fcntl.LOCK_NB if n else 0))",
        "fcntl.flock(x, fcntl.LOCK_EX); h(0); h(x); os.waitpid(x, 0)\n"
        "fcntl.flock(x, x & ~fcntl.LOCK_NB)",
        "fcntl.flock(x, fcntl.LOCK_EX | fcntl.LOCK_NB); os.waitpid(x, os.WNOHANG); h(1)",
    ),
    "what is remembered": (
        "@functools.cache\ndef h(): block()\n"
        "@functools.lru_cache(maxsize=None)\ndef k(): block()\n"
        "@functools.cache\ndef e(a): block()\n"
        "@functools.cache\ndef o(a): block()\no(1)\n"
        "@functools.cache\ndef s(**a): block()\n"
        "class C:\n @functools.cache\n def m(self): block()",
        "e(1); s(); s(a=1); C().m()",
        "h(); k(); o(2)",
    ),
}

LONG = "\n".join(f"def s{n}(): s{n + 1}()" for n in range(30)) + "\ndef s30(): block()"
WIDE = "\n".join(
    f"def w{n}(a, z=0):\n if z: block()\n "
    + "; ".join(f"w{n + 1}({m}{n})" for m in range(1, 9))
    for n in range(4)
)
WAYS = {
    "the nearest way is ruled out": (
        "def c(): block()\ndef b(): c()\ndef h(a=0):\n if a: block()\n b()\n"
        "def k(a=0):\n if a: block()\n if a: b()",
        "h(); h(1); k(1)",
        "k()",
    ),
    "a long way": (LONG, "s0(); s15(); s30()", ""),
    "many ways": (
        WIDE + "\ndef w4(a, z=0):\n if z: block()\n t0()\n"
        "def t0(): t1()\ndef t1(): t2()\ndef t2(): block()",
        "w0(1); w3(1)",
        "",
    ),
    "functions that call one another": (
        "def h(n, a):\n if a: block()\n k(n, a)\ndef k(n, a): h(n, a)",
        "h(x, 1); k(x, 1); k(x, x)",
        "h(x, 0); k(x, 0)",
    ),
    "nothing through a circle, but from elsewhere": (
        "def a(): b(); c()\ndef b(n=0):\n if n: block()\n a()\n"
        "def c(): d()\ndef d(): e()\ndef e(): block()",
        "a(); b()",
        "",
    ),
}

ROWS = {**ARGUMENTS, **TESTS, **REBOUND, **CALLED, **LOOPS, **ASKED, **WAYS}


@pytest.mark.parametrize("row", ROWS)
def test_what_cannot_be_reached_is_not_told(
    here: Path, chains: Chains, row: str
) -> None:
    helpers, told, silent = ROWS[row]
    wanted, other = _calls(told), _calls(silent)
    calls = wanted + other
    text = f"{HEAD}{helpers}\n{COROUTINE}\n"
    first = text.count("\n") + 1
    text += "".join(f"    {call}\n" for call in calls)

    lines = {int(each.split(":")[1].split(" ")[0]) for each in chains(text)}
    assert lines == set(range(first, first + len(calls))), "who calls whom"

    (here / "main.py").write_text(text)
    settings = Settings(paths=(here,), root=here, select=("blocking-call",))
    result = engine.run(settings, registry.installed())
    assert not result.problems
    assert [calls[each.line - first] for each in result.findings] == wanted


def _calls(said: str) -> list[str]:
    return [each for each in said.replace("; ", "\n").split("\n") if each]


def test_more_is_told_than_not() -> None:
    told = sum(len(_calls(row[1])) for row in ROWS.values())
    silent = sum(len(_calls(row[2])) for row in ROWS.values())
    assert told > silent > 100
