"""Names, objects and questions are followed through functions to what blocks.

Each row is helpers, the calls of them in a coroutine that are told, and those that
are not, as in test_conditions. Where a row could drop a true finding, the call that
must stay is in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.told import check_calls

HEAD = """\
import asyncio, concurrent.futures, fcntl, functools, io, os, pathlib, sys
import abc, enum, threading, typing
from time import sleep as block
from names import TOKEN
"""

ROWS = {
    "the same question under another name": (
        "def info(name):\n  kind = name.split('/')[0]\n  name = name.split('/')[1]\n"
        "  if R.has(kind): return 1\n  block()\n"
        "def first(m):\n  m = clean(m)\n  kind = m.split('/')[0]\n"
        "  if R.has(kind): return info(m)\n"
        "def second(m):\n  kind = m.split('/')[0]\n  m = clean(m)\n"
        "  if R.has(kind): return info(m)\n"
        "def third(m):\n  kind = m.split('/')[0]\n"
        "  if not R.has(kind): return info(m)",
        "second(x); third(x)",
        "first(x)",
    ),
    "a parameter that gets a new value after it was asked": (
        "def h(path=None):\n  if not path: return\n  path = str(path)\n  block()\n"
        "def k(path=None):\n  path = path or x()\n  if not path: return\n  block()",
        "h('a'); h(x); k(); k(x)",
        "h(); h(None)",
    ),
    "answers that differ each time": (
        "def h(f):\n  line = f.readline()\n  if line: return\n"
        "  line = f.readline()\n  if line: block()",
        "h(x)",
        "",
    ),
    "not None is something": (
        "def h(o):\n  if o.url: return 1\n  block()\n"
        "def k(o):\n  if o.url is not None: h(o)\n"
        "def e(o):\n  if o.url is None: h(o)\n"
        "def d(o):\n  o.url = x()\n  if o.url is not None: h(o)\n  h(o)",
        "h(x); e(x); d(x)",
        "k(x)",
    ),
    "one of some words": (
        "def h(kind):\n  if kind == 'b': block()\n"
        "def k(kind):\n  if kind in ('a', 'b'): return\n  h(kind)\n"
        "def e(kind):\n  if kind in ('a', 'c'): return\n  h(kind)\n"
        "def d(kind):\n  if kind == 'a': h(kind)",
        "h(x); e(x)",
        "k(x); d(x)",
    ),
    "loops over literals": (
        "PAIRS = (\n  ('a', 'A'),\n  ('b', 'B'),\n)\n"
        "def h(n):\n  if n.startswith('x'): block()\n"
        "def k():\n  for one, two in PAIRS: h(two)\n"
        "def e():\n  return [h(each) for each in ('a', 'b')]\n"
        "def d():\n  return [h(each) for each in ('a', 'x')]\n"
        "def w():\n  return [one for one, two in PAIRS if h(two)]\n"
        "def o(every):\n  for each in every: h(each)",
        "d(); o(x)",
        "k(); e(); w()",
    ),
    "constants of other modules": (
        "def h(n):\n  if n.startswith('x'): block()",
        "h(x)",
        "h(TOKEN)",
    ),
    "objects made with known arguments": (
        "class Log:\n  def __init__(self, file=None, other=None):\n"
        "    self.file = file\n    self.other = other\n"
        "  def use(self, other): self.other = other\n"
        "  def say(self, text): self.write(text)\n"
        "  def write(self, text):\n    if self.file: block()\n"
        "  def more(self):\n    if self.other: block()\n"
        "quiet = Log()\nloud = Log(file='a')\nsome = Log(x)\n"
        "class Has:\n  def __init__(self):\n    self.log = Log()\n"
        "  def h(self): self.log.say(1)\n  def k(self): self.log.more()",
        "loud.say(1); some.say(1); quiet.more(); Has().k(); Log('a').say(1)",
        "quiet.say(1); Has().h(); Log().say(1)",
    ),
    "a question that knows the word said no": (
        "SPECIAL = frozenset({'admin', 'root'})\n"
        "def special(name):\n  kind = name.split('/')[0]\n"
        "  return kind if kind in SPECIAL else None\n"
        "def find(name):\n  if name == 'admin': name = x()\n  return C.get(name)\n"
        "def login(name):\n  name = clean(name)\n  if name == 'admin': block()\n"
        "def h(name):\n  found = special(name)\n  if found is not None: return\n"
        "  login(name)\n"
        "def k(name):\n  found = special(name)\n  if found is None: return\n"
        "  login(name)\n"
        "def e(name, other):\n  found = special(other)\n"
        "  if found is not None: return\n  login(name)\n"
        "def d(name):\n  found = find(name)\n  if found: return\n  login(name)",
        "login(x); k(x); e(x, x); d(x)",
        "h(x)",
    ),
    "a wrapper that hands all on": (
        "def same(fn):\n  @functools.wraps(fn)\n  def wrapper(*a, **k):\n"
        "    return fn(*a, **k)\n  return wrapper\n"
        "def other(fn):\n  @functools.wraps(fn)\n  def wrapper(*a, **k):\n"
        "    k['n'] = 1\n    return fn(*a, **k)\n  return wrapper\n"
        "@same\ndef h(n=0):\n  if n: block()\n@other\ndef k(n=0):\n  if n: block()",
        "h(1); k()",
        "h()",
    ),
    "what the platform is": (
        "def h():\n  if sys.platform == 'win32': block()\n"
        "def k(n):\n  if sys.platform == 'win32': return\n  h()\n"
        "def e(n):\n  if sys.platform == 'linux': return\n  h()\n"
        "def d(n):\n  if sys.platform == 'win32': pass\n  else: h()",
        "h(); e(x)",
        "k(x); d(x)",
    ),
    "which part of an expression it is": (
        "class C:\n  def __init__(self, path=None, more=None, other=None):\n"
        "    self.path = pathlib.Path(path) if path else None\n"
        "    self.more = more and x(more)\n    self.other = other or x()\n"
        "    if self.path: block()\n    if self.more: block()\n"
        "    if not self.other: block()\n"
        "class D:\n  def __init__(self, path=None):\n"
        "    self.path = pathlib.Path(path) if path else x()\n"
        "    if self.path: block()",
        "C('a'); C(x); C(None, 'a'); C(); D(); D('a')",
        "C(None, None, 'a')",
    ),
    "told not to wait by an argument": (
        "L = threading.Lock()\nP = concurrent.futures.ThreadPoolExecutor()\n"
        "def h(wait=True):\n  L.acquire(wait)\n"
        "def k(wait=True):\n  L.acquire(blocking=wait)\n"
        "def e(wait=True):\n  P.shutdown(wait=wait, cancel_futures=True)\n"
        "def d(fd, wait=True):\n"
        "  flags = fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)\n"
        "  try: fcntl.flock(fd, flags)\n  except OSError: raise",
        "h(); h(x); k(); k(True); e(); e(x); d(x); d(x, x)",
        "h(False); k(wait=False); e(False); d(x, False)",
    ),
    "what class an argument is of": (
        "class A: pass\nclass B(A): pass\nclass C: pass\nclass U(unknown): pass\n"
        "class P(typing.Protocol): pass\nclass R(abc.ABC): pass\n"
        "def h(fp):\n  if not isinstance(fp, io.IOBase): block()\n"
        "def k(a):\n  if isinstance(a, (A, str)): return\n  block()\n"
        "def e(a):\n  if isinstance(a, (P, R)): block()\n"
        "def d(a):\n  a = x(a)\n  if not isinstance(a, A): block()\n"
        "def w(a):\n  if isinstance(a, (object, os.PathLike)): block()\n"
        "def first(y):\n  a = B()\n  k(a)\n"
        "def second(y):\n  a = C()\n  if y: a = B()\n  k(a)\n"
        "def third(y):\n  class A: pass\n  k(A())",
        "h(x); h('a'); h(pathlib.Path(x)); k(C()); k(x); k(U()); k([]); k(io.BytesIO())"
        "; e(C()); e(io.BytesIO()); d(A()); w(C()); w(pathlib.Path()); second(x); third(x)",
        "h(io.BytesIO(x)); h(io.StringIO()); k(A()); k(B()); k(f'{x}'); first(x)",
    ),
    "what was made is not None": (
        "class A: pass\nclass N:\n  def __new__(cls): return None\n"
        "class U(unknown): pass\n"
        "class P:\n  def __init__(self, a=None, b=0):\n    self.b = b\n    self.a = a\n"
        "    if self.a is None: block()\n"
        "def h(a=None):\n  if a is not None: return\n  block()\n"
        "def k(a=None):\n  a = x()\n  if a is None: block()\n"
        "def e(a):\n  if a is not None: block()\n"
        "def d(y):\n  a = A()\n  if y: a = None\n  h(a)\n"
        "def w(y):\n  a = A()\n  P(b=y, a=a)",
        "h(); h(x); h(N()); h(U()); h(x()); k(A()); e(A()); d(x); P(); P(b=A())",
        "h(A()); h([x]); h(f'{x}'); h(pathlib.Path(x)); w(x); P(A()); P(b=1, a=A())",
    ),
    "members of enums, and constants": (
        "class Kind(enum.Enum):\n  A = 'a'\n  B = 'b'\n  C = 'b'\n  D = x()\n"
        "class Text(str, enum.Enum):\n  A = 'a'\n  B = 'b'\n  c = 'c'\n"
        "class Other:\n  A = 'a'\nMODE = 'fast'\n"
        "def h(k):\n  if k == Kind.A.value: return\n"
        "  elif k in (Kind.B.value, 'c'): block()\n"
        "def k(k):\n  if k is Kind.B: block()\n"
        "def e(k):\n  if k == Text.B: block()\n"
        "def d(k):\n  if k != MODE: block()\n"
        "def w(k):\n  if k == Other.A: block()\n"
        "def n(k):\n  if k == Kind.D.value: block()\n"
        "def o():\n  for k in ('b', 'a'): h(k)\n"
        "def i():\n  for k in ('z', 'a'): h(k)\n"
        "def names(MODE):\n  if 'fast' != MODE: block()\n"
        "def low(k):\n  if k == Text.c.value or k == Text.B.value: block()",
        "h('b'); h('c'); h(x); k(Kind.B); k(Kind.C); k(Kind.D); k(x); e('b'); e(Text.B)"
        "; e(Kind.D); d('slow'); w('b'); n('a'); o(); names(x); low('c')",
        "h('a'); h('z'); k(Kind.A); k('b'); e('a'); e(Text.A); e(Kind.B); d('fast'); d(MODE)"
        "; i(); low('a')",
    ),
    "beside stars": (
        "def h(a=0, b=0, c=1):\n  if a and b: block()\n"
        "def k(a=0, *, b=1):\n  if a and b: block()",
        "h(1, *x); h(1, **x); h(b=1, **x); h(*x, b=1); k(1, **x); k(*x)",
        "h(0, *x); h(0, **x); h(b=0, **x); h(*x, b=0); h(0, *x, **x); k(*x, b=0)",
    ),
    "a name that is no parameter": (
        "def h(**kw):\n  if y: block()\ny = x()",
        "h(y=0); h(y=1)",
        "",
    ),
    "what has an attribute is not None": (
        "def h(a=None):\n  if a is None: block()\n"
        "def k(a):\n  a.name = 1\n  h(a)\n"
        "def e(a):\n  y = a.name if a else a and a.name\n  h(a)\n"
        "def d(a):\n  y = lambda: a.name\n  h(a)\n"
        "def w(a):\n  a.split('/')\n  a = x()\n  h(a)\n"
        "def n(a):\n  a.split('/')\n  if not a: block()",
        "h(x()); e(x); d(x); w(x); n(x)",
        "k(x)",
    ),
    "what a method of its own may set": (
        "class C:\n  def __init__(self):\n    self.a = None\n    self.open()\n"
        "    if self.a: block()\n  def open(self):\n    self.a = x()\n"
        "class D:\n  def __init__(self):\n    self.a = None\n    x(self)\n"
        "    if self.a: block()\n"
        "class E:\n  def __init__(self):\n    self.a = None\n    x(1)\n"
        "    if self.a: block()",
        "C(); D()",
        "E()",
    ),
    "what raises where a loop runs": (
        "def h(loop, main):\n  loop.run_until_complete(main)\n  block()\n"
        "def k(loop, main):\n  try: loop.run_until_complete(main)\n"
        "  except RuntimeError: pass\n  block()\n"
        "def e(loop, main):\n  if main: loop.run_until_complete(main)\n  block()",
        "k(x, x); e(x, x)",
        "h(x, x)",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_known_before_a_call(row: str, tmp_path: Path) -> None:
    (tmp_path / "names.py").write_text("TOKEN = 'abc'\n", "utf-8")
    check_calls(tmp_path, HEAD, ROWS[row])
