"""What functions answer, what methods set and what annotations promise is believed.

Each row is helpers, the calls of them in a coroutine that are told, and those that
are not, as in test_before.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncfix import engine, registry
from asyncfix.model import Settings
from tests.told import check_calls

HEAD = """\
import asyncio, functools, typing
from typing import Literal, Optional
from time import sleep as block
def loop():
  try: return asyncio.get_running_loop()
  except RuntimeError: return None
def in_loop():
  try:
    asyncio.get_running_loop()
  except RuntimeError:
    return False
  return True
def perhaps(y):
  try: return asyncio.get_running_loop()
  except RuntimeError: return None
  finally:
    if y: return None
def same(name, kind=None):
  if name == 'hub': return name, 'hub'
  if kind and kind == 'big': return name, kind.upper()
  return name, kind
def clean(name):
  if '/' in name: name = name.split('/')[0]
  return name
"""

ROWS = {
    "the running loop": (
        "def h():\n  here = loop()\n  if here is not None: return\n  block()\n"
        "def k():\n  if in_loop(): return\n  block()\n"
        "def e():\n  if not in_loop(): return\n  block()\n"
        "def d():\n  here = loop()\n  here = x()\n  if here: return\n  block()\n"
        "def w(loop):\n  if loop() is not None: return\n  block()\n"
        "def n(y):\n  if perhaps(y): return\n  block()\n"
        "def o():\n  if loop() is None: block()",
        "e(); d(); w(x); n(x)",
        "h(); k(); o()",
    ),
    "who cannot be asked": (
        "async def a():\n  return True\n"
        "def g():\n  yield True\n"
        "def wrapped(y):\n  return lambda: x()\n"
        "@wrapped\ndef c():\n  return True\n"
        "class C:\n  def m(self): return True\n  def h(self):\n"
        "    if self.m(): return\n    block()\n"
        "class D(C):\n  def m(self): return False\n"
        "def one(y):\n  if y: return True\n"
        "def two():\n  return two()\n"
        "def h():\n  if a(): return\n  block()\n"
        "def k():\n  if g(): return\n  block()\n"
        "def e():\n  if c(): return\n  block()\n"
        "def d(y):\n  if one(y): return\n  block()\n"
        "def w():\n  if two(): return\n  block()",
        "h(); k(); e(); d(x); w(); D().h()",
        "d(1)",
    ),
    "what was handed over comes back": (
        "def h(name, kind=None):\n  name, kind = same(name, kind)\n"
        "  if kind == 'slow': block()\n"
        "def k(name, kind):\n  pair = same(name, kind)\n  kind = pair[1]\n"
        "  if kind == 'slow': block()\n"
        "def e(name):\n  name, kind = same(name)\n  name, kind = same(name, kind)\n"
        "  if kind is not None: block()\n"
        "def d(name, kind):\n  name, kind = same(name, kind)\n  kind = x(kind)\n"
        "  if kind == 'slow': block()\n"
        "def w(name):\n  name = clean(name)\n  if name == 'slow': block()",
        "h('a', 'slow'); h('a', x); h(x, 'quick'); k('a', 'quick'); e(x); e('hub')"
        "; d('a', 'quick'); w('slow/2'); w(x)",
        "h('a', 'quick'); h('a'); e('a'); w('quick')",
    ),
    "what a literal annotation allows": (
        "def h(kind: Literal['a', 'b']):\n  if kind == 'slow': block()\n"
        "def k(kind: Optional[Literal['a', 'b']] = None):\n"
        "  if kind == 'slow' or not kind: block()\n"
        "def e(kind: typing.Literal['a'] | Literal['b', None]):\n"
        "  if kind == 'slow': block()\n"
        "def d(kind: Literal['a', 'b'] = x):\n  if kind == 'slow': block()\n"
        "def w(kind: Literal['a'] | str):\n  if kind == 'slow': block()\n"
        "def n(kind: Literal['a', 'slow']):\n  if kind == 'slow': block()\n"
        "def o(kind: Literal['a', 'b']):\n  kind = x(kind)\n"
        "  if kind == 'slow': block()\n"
        "def i(kind: Literal['a', 'b'] = 'slow'):\n  if kind == 'slow': block()\n"
        "def p(kind: Literal['a', 'b']):\n  name = kind + '/' + kind\n  q(name)\n"
        "def q(name):\n  if name.split('/', 1)[0] == 'slow': block()",
        "k(x); k(); d(x); w(x); n(x); o(x); i(x); q(x); q('slow/1')",
        "h(x); k('a'); e(x); p(x); q('a/slow')",
    ),
    "an attribute that was just set": (
        "class A:\n  def __init__(self, names=None, n=0):\n    self.names = names\n"
        "    self.n = self.count(n)\n    self.start()\n"
        "  def count(self, n):\n    return n + 1\n"
        "  def start(self):\n    if self.names: block()\n"
        "class B:\n  def __init__(self):\n    self.names = None\n    self.look()\n"
        "    self.start()\n"
        "  def look(self):\n    self.find()\n  def find(self):\n    self.names = x()\n"
        "  def start(self):\n    if self.names: block()\n"
        "class C:\n  def __init__(self):\n    self.names = None\n    self.start()\n"
        "  def start(self):\n    x(self)\n    if self.names: block()\n"
        "class D(unknown):\n  def __init__(self):\n    self.names = None\n"
        "    self.look()\n    self.start()\n"
        "  def start(self):\n    if self.names: block()\n"
        "class E:\n  def __init__(self):\n    self.names = None\n    self.names = x()\n"
        "    self.start()\n  def start(self):\n    if self.names: block()\n"
        "class F:\n  def __init__(self):\n    self.names = None\n    self.look()\n"
        "    self.start()\n"
        "  def look(self):\n    super().look()\n"
        "  def start(self):\n    if self.names: block()",
        "A(x); A(n=x, names='a'); B(); C(); D(); E(); F()",
        "A(); A(n=x); A(None, x)",
    ),
    "what a method sets when it is called so": (
        "class A:\n  def __init__(self, one=None, two=None):\n"
        "    self.one = one\n    self.two = two\n    self.start()\n"
        "  def start(self):\n    self.one = self.work(self.one)\n"
        "    self.two = self.work(self.two)\n"
        "  def work(self, names):\n    if names is None: return None\n"
        "    self.two = [names]\n    block()\n"
        "class B:\n  def __init__(self, one=None):\n"
        "    self.two = None\n    self.set(one)\n    if self.two: block()\n"
        "  def set(self, one):\n    def later():\n      self.two = one\n"
        "    later()\n",
        "A(x); A(None, x); A(two=x); B(x); B()",
        "A(); A(None)",
    ),
    "what is no key of a dictionary stays at its default": (
        "OPTIONS = {'size': 1}\n"
        "def make(size=0, script=None):\n  if script: block()\n"
        "def k(**options):\n  make(**options)\n"
        "def e(**options):\n  options['script'] = x()\n  make(**options)\n"
        "def d(**options):\n  options.update(size=1)\n  options = {\n"
        "    key: value for key, value in options.items() if value}\n"
        "  make(**options)\n"
        "def w(**options):\n  x(options)\n  make(**options)\n"
        "def n():\n  OPTIONS['size'] = 2\n  make(**OPTIONS)\n"
        "def o(y):\n  every = {'size': y}\n  if y: every['color'] = y\n"
        "  make(1, **every)\n"
        "def i(y):\n  every = {'size': y, **y}\n  make(**every)\n"
        "def p(y):\n  every = {'size': y}\n  for each in y:\n"
        "    q(every)\n"
        "def q(every):\n  make(**every)\n  every['script'] = x()\n"
        "class C:\n  def all(self):\n    return {'size': self.size}\n"
        "  def clone(self, **changes):\n    every = self.all()\n"
        "    every.update(changes)\n    return r(every)\n"
        "  def other(self, every):\n    every.update(self.all())\n    r(every)\n"
        "def r(every):\n  make(**{key: every[key] for key in every})\n"
        "  make(**{key: value for key, value in every.items()})\n"
        "def s(every):\n"
        "  make(**{key: value for key, value in every.items() if key in x()})\n"
        "class D(C):\n  def clone(self, **changes):\n    every = self.all()\n"
        "    every.update(changes)\n    return s(every)\n"
        "def t(y):\n  every = {'size': y}\n  same = every\n"
        "  same['script'] = y\n  make(**every)",
        "k(script=x); k(**x); e(size=1); d(script=x); w(size=1); n(); i(x); p(x); q(x)"
        "; C().clone(size=1); C().other(x); D().clone(script=1); D().clone(**x); t(x)",
        "k(); k(size=1); d(size=2); o(x); D().clone(size=1)",
    ),
    "certificates that are given as a text": (
        "import ssl\n"
        "def h(data):\n  c = ssl.SSLContext()\n  c.load_verify_locations(cadata=data)\n"
        "def k(data, file=None):\n  c = ssl.SSLContext()\n"
        "  c.load_verify_locations(cafile=file, cadata=data)\n"
        "def e(data):\n  c = ssl.SSLContext()\n  c.load_verify_locations(data)\n"
        "def d(data, folder):\n  c = ssl.SSLContext()\n"
        "  c.load_verify_locations(None, folder, data)",
        "k(x, x); k(x, 'a'); e(x); d(x, x)",
        "h(x); k(x)",
    ),
    "an object of the project is no text": (
        "class A:\n  @classmethod\n  async def make(cls) -> 'A | None': ...\n"
        "class M(dict): pass\nclass U(unknown): pass\n"
        "def h(a):\n  if isinstance(a, (str, bytes)): block()\n"
        "def k(a):\n  if isinstance(a, (str, dict)): block()\n"
        "def e(a):\n  if not isinstance(a, str): block()\n"
        "def d(a):\n  if isinstance(a, A): block()\n"
        "def w(a: A):\n  h(a)\n"
        "def n(a: 'A | str'):\n  h(a)\n"
        "def o(a: M):\n  k(a)\n"
        "def i(a: U):\n  h(a)\n"
        "def p(a: A):\n  e(a)\n  d(a)\n"
        "def t(a):\n  if isinstance(a, str): block()\n"
        "def q(a: A | str | typing.Callable):\n  t(a)\n"
        "def s(y):\n  a = A() if y else None\n  q(a)",
        "h(x); n(x); o(x); i(x); p(x); q(x); q('a')",
        "w(x); s(x)",
    ),
    "what a parameter gives is of its class": (
        "from collections.abc import Callable\n"
        "class A(typing.Generic[typing.T]): pass\n"
        "class U(unknown): pass\n"
        "def t(a: A | Literal['hub']):\n  if isinstance(a, str): block()\n"
        "def up(a: A | Literal['hub'] = 'hub'):\n  t(a=a or A())\n"
        "def h(make: Callable[[str], A[int]]):\n  a = make('hub')\n  t(a)\n"
        "def k(make: Callable[[str], A]):\n  up(make('hub'))\n"
        "def e(make: Callable[[str], 'A | str']):\n  t(make('hub'))\n"
        "def d(make: Callable[[str], U]):\n  t(make('hub'))\n"
        "def w(make: Callable):\n  t(make('hub'))\n"
        "def n(make: Callable[[str], A] | None):\n  make = make or x\n  t(make('a'))\n"
        "def o(make: Callable[[str], A], a=None):\n  t(make('hub') if a else 'hub')\n"
        "def i(make: typing.Callable[..., A], a=None):\n  t(A() if a else make(a))\n"
        "def p(a: A | str):\n  up(a)",
        "up(x); e(x); d(x); w(x); n(x); o(x); p(x); up('hub')",
        "h(x); k(x); i(x); up(A())",
    ),
    "an address that has its answer in it": (
        "from urllib.request import urlopen\n"
        "def h(url):\n  if not url.startswith('data:'): raise ValueError\n"
        "  with urlopen(url) as a: return a.read()\n"
        "def k(url):\n  if url.startswith('data:'): x()\n"
        "  with urlopen(url) as a: return a.read()\n"
        "def e(url, b):\n  if url.startswith('data:'):\n    a = urlopen(url)\n"
        "    if b: a = urlopen(b)\n    return a.read()\n"
        "def d(url):\n  return urlopen(url).read()\n"
        "def p(y):\n  d('data:text/plain,' + y)\n"
        "def w(url):\n  a = urlopen(url)\n  return a.read()\n"
        "def n(y):\n  w(f'data:,{y}')\n"
        "def o(y):\n  if y.startswith('data:'): w(y)\n"
        "def i(y):\n  if y.startswith('https:'): w(y)",
        "k(x); e(x, x); d(x); w(x); i(x); w('https://a')",
        "h(x); n(x); o(x); p(x); w('data:,a')",
    ),
    "a name that means the same further down": (
        "def a(log):\n  if log.model_provider_name == 'hub': block()\n"
        "def b(log):\n  if log.get('model_provider_name') == 'hub': block()\n"
        "def c(log):\n  if log['model_provider_name'] != 'azure': block()\n"
        "def g(log, model_provider_name=None):\n"
        "  if log.model_provider_name == 'hub': block()\n"
        "def j(log):\n  x(log)\n  a(log)\n"
        "class S:\n  def __init__(self, log, model_provider_name=None):\n"
        "    a(log)\n    b(log)\n    c(log)\n"
        "class T:\n  def __init__(self, log, model_provider_name=None):\n"
        "    model_provider_name = x()\n    a(log)\n"
        "def h(log, model_provider_name='azure'):\n  S(log, model_provider_name)\n"
        "def k(log):\n  T(log, 'azure')\n"
        "def e(log, model_name='azure'):\n  a(log)\n"
        "def d(log, model_provider_name='azure'):\n  g(log, x)\n"
        "def w(log, model_provider_name='azure'):\n  j(log)\n"
        "def n(log, y, model_provider_name='azure'):\n  if y: j(log)\n  a(log)\n"
        "def o(name):\n  model_provider_name = name.split('/')[0]\n"
        "  if model_provider_name == 'hub': block()\n"
        "def i(name, model_provider_name):\n"
        "  name, model_provider_name = x(name, model_provider_name)\n"
        "  if model_provider_name == 'hub': block()\n  o(name)\n"
        "def p(name, model_provider_name):\n  for each in name:\n"
        "    model_provider_name = each or model_provider_name\n"
        "    if model_provider_name is None: block()\n"
        "def q(name, model_provider_name):\n  model_provider_name = 'hub'\n  o(name)\n"
        "def l(name, kind):\n  name, kind = x(name, kind)\n  if kind == 'hub': block()\n"
        "def m(log, model_provider_name: Literal['azure', 'big']):\n  a(log)\n"
        "def r(name, model_provider_name: Literal['hub', 'big']):\n"
        "  name, model_provider_name = x(name, model_provider_name)\n"
        "  if model_provider_name == 'hub': block()",
        "r(x, x); a(x); S(x); S(x, 'hub'); S(x, x); h(x, 'hub'); e(x); d(x); w(x); n(x, x); o(x)"
        "; i(x, x); i(x, 'hub'); p(x, x); q(x, 'azure'); l(x, 'azure')",
        "S(x, 'azure'); h(x); k(x); n(x, None); i(x, 'azure'); p(x, 'azure'); m(x, x)"
        "; r(x, 'big')",
    ),
    "what is got from options by a key": (
        "def h(**options):\n  mode = options.get('mode')\n"
        "  if mode is not None: block()\n"
        "def k(**options):\n  if 'mode' in options: block()\n"
        "def e(**options):\n  options['mode'] = 1\n  if options.get('mode'): block()\n"
        "def d(**options):\n  x(options)\n  if options.get('mode'): block()\n"
        "def w(**options):\n  if options.pop('mode', None): block()\n"
        "def n(**options):\n  if options.get('mode', 1): block()\n"
        "def o(**options):\n  h(**options)\n"
        "class C:\n  def __init__(self, size=None, **options):\n"
        "    if options.get('mode') is not None: block()\n"
        "class D(C):\n  def __init__(self, **options):\n"
        "    super().__init__(**options)",
        "h(mode=x); h(**x); k(mode=x); e(); d(); w(mode=x); n(); n(mode=0); o(mode=x)"
        "; C(mode=x); D(mode=x); D(**x)",
        "h(); h(a=x); k(a=x); w(); o(a=1); C(); C(1, a=x); D(size=1)",
    ),
    "an archive in a buffer": (
        "import io, tarfile, zipfile\n"
        "def h(data):\n  with zipfile.ZipFile(io.BytesIO(data)) as a:\n"
        "    return a.namelist()\n"
        "def k(data):\n  with zipfile.ZipFile(io.BytesIO(data)) as a:\n"
        "    return a.read('a')\n"
        "def e(path):\n  with zipfile.ZipFile(path) as a:\n    return a.namelist()\n"
        "def d(data):\n  b = io.BytesIO(data)\n  a = tarfile.open(fileobj=b)\n"
        "  try:\n    return a.getmembers()\n  finally:\n    a.close()\n"
        "def w(path):\n  a = tarfile.open(path)\n  a.close()\n"
        "def n(data, path):\n  a = zipfile.ZipFile(io.BytesIO(data))\n"
        "  if path: a = zipfile.ZipFile(path)\n  a.close()\n"
        "def o(data):\n  return zipfile.is_zipfile(io.BytesIO(data))",
        "k(x); e(x); w(x); n(x, x)",
        "h(x); d(x); o(x)",
    ),
    "what poll says": (
        "import subprocess, zmq\n"
        "def h(p: subprocess.Popen):\n  while p.poll() is None: x()\n  p.wait()\n"
        "def k(p: subprocess.Popen):\n  while p.poll() is None:\n    if x(): break\n"
        "  p.wait()\n"
        "def e(p: subprocess.Popen):\n  if p.poll() is None: p.wait()\n"
        "def d(p: subprocess.Popen, q):\n  while q.poll() is None: x()\n  p.wait()\n"
        "def w(s: zmq.Socket, poller):\n  there = bool(poller.poll(0))\n"
        "  if there: return s.recv()\n"
        "def n(s: zmq.Socket, poller, there):\n  if there: return s.recv()\n"
        "def o(s: zmq.Socket, poller):\n  if poller.poll(0): x()\n  s.recv()\n"
        "def i(p: subprocess.Popen):\n"
        "  if p.poll() is not None: return p.stderr.read()\n"
        "def p(p: subprocess.Popen):\n  if x(): return p.stderr.read()",
        "k(x); e(x); d(x, x); n(x, x, x); o(x, x); p(x)",
        "h(x); w(x, x); i(x)",
    ),
    "a lock that is taken at once or not at all": (
        "from filelock import FileLock\n"
        "def h():\n  a = FileLock('a', timeout=0)\n  a.acquire()\n"
        "def k():\n  with FileLock('a', timeout=0): x()\n"
        "def e():\n  a = FileLock('a')\n  a.acquire()\n"
        "def d():\n  a = FileLock('a', timeout=0)\n  a.acquire(timeout=9)\n"
        "def w():\n  with FileLock('a', timeout=1): x()\n"
        "def n():\n  with FileLock('a', blocking=False): x()",
        "e(); d(); w()",
        "h(); k(); n()",
    ),
    "how a text begins": (
        "def t(key):\n  if key.startswith('os/'): key = key.split('/')[1]\n"
        "  if key.startswith('oidc/'): block()\n"
        "def q(key=None):\n  if key is None: return\n  if key == 'a/b': block()\n"
        "def h(y):\n  t(f'oidc/{y}')\n"
        "def k(y):\n  t(f'{y}/oidc')\n"
        "def e(y):\n  t('o' + y)\n"
        "def d(y):\n  t(f'{y.upper()}oidc/')\n"
        "def w(y):\n  t(f'{y.upper()}')\n"
        "def n(y):\n  t(f'{y.title()}_KEY')\n"
        "def o(y):\n  t(f'{y!r}_KEY')\n"
        "def i(y):\n  q(f'a/{y}')\n"
        "def p(y):\n  t(f'os/{y}')\n"
        "def s(y):\n  key = f'KEY_{y}'\n  if y: key = y\n  t(key)\n"
        "def a(y):\n  t(f'KEY_{y}')\n"
        "def b(y):\n  t(f'{y.upper()}_KEY')\n"
        "def c(y):\n  t('oid' + 'C' + y)\n"
        "def g(y):\n  q(f'b/{y}')\n"
        "def j(y, start='KEY_'):\n  t(f'{start}{y}')\n"
        "def l(y):\n  q(f'{y.upper()}/b')\n"
        "def m(key):\n  t(f'{key}x')\n"
        "def r(y):\n  m(f'K{y}')\n"
        "def u(y):\n  if f'a{y}': return\n  block()",
        "h(x); k(x); e(x); d(x); w(x); n(x); o(x); i(x); p(x); s(x); m(x); j(x, x)"
        "; m('oidc/')",
        "a(x); b(x); c(x); g(x); j(x); l(x); r(x); u(x)",
    ),
    "what was just assigned is of its class": (
        "class A:\n  @classmethod\n  def of(cls, y) -> 'A': ...\n"
        "class U(unknown): pass\n"
        "def t(a):\n  if isinstance(a, str): block()\n"
        "def q(a: A | str):\n  t(a)\n"
        "def h(y):\n  a: typing.Final = A()\n  q(a)\n"
        "def k(y):\n  a: typing.Final = A.of(y) if y else None\n  q(a)\n"
        "def e(y):\n  q(A.of(y))\n"
        "def d(y):\n  a: typing.Final = A.of(y) if y else 'a'\n  q(a)\n"
        "def w(y):\n  a: typing.Final = U()\n  q(a)\n"
        "def n(y):\n  a: typing.Final = A()\n  a = x()\n  q(a)\n"
        "def o(y):\n  a: typing.Final = A.of(y)\n  if y:\n    a = x()\n  q(a)\n"
        "b = unknown\ndef i(y):\n  global b\n  b = A.of(y)\n  x()\n  q(b)\n"
        "def p(y):\n  q(y.of(y))\n"
        "def s(y):\n  a: typing.Final = y\n  q(a)\n"
        "def l(y):\n  for a in y:\n    q(a)\n    a = A.of(y)",
        "d(x); w(x); n(x); o(x); i(x); p(x); s(x); l(x)",
        "h(x); k(x); e(x)",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_sure_is_believed(row: str, tmp_path: Path) -> None:
    check_calls(tmp_path, HEAD, ROWS[row])


FETCHED = """\
import httpx
def show(response: httpx.Response):
    return response.read()
def again(url):
    return fetch(url)
def fetch(url):
    return httpx.get(url)
def page(url):
    response = again(url)
    return show(response)
def only_reads(response: httpx.Response):
    return show(response) + response.read()
async def f(url):
    page(url)
async def g(response: httpx.Response):
    only_reads(response)
"""


def test_who_fetched_a_response_is_told(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(FETCHED, "utf-8")
    settings = Settings(paths=(tmp_path,), root=tmp_path, select=("blocking-call",))
    result = engine.run(settings, registry.installed())
    told = [each.message.replace(f"{tmp_path}/", "") for each in result.findings]
    ways = [each.partition(" holds the event loop: ")[2] for each in told]
    assert ways[0].startswith("again (main.py:9) -> fetch (main.py:5) -> httpx.get")
    assert ways[1].startswith("httpx.Response.read (main.py:12)")
    assert len(ways) == 2


AWAITED = """\
from time import sleep
from typing import Final, Optional
class Hook:
    @staticmethod
    async def make() -> Optional["Hook"]: ...
    @staticmethod
    async def read(): ...
def text(a):
    if isinstance(a, str):
        sleep(1)
def add(hook: Hook | str):
    text(hook)
async def f():
    hook: Final = await Hook.make()
    add(hook)
async def g():
    hook: Final = await Hook.read()
    add(hook)
async def h(other):
    hook: Final = await other.make()
    add(hook)
"""


def test_what_was_awaited_is_of_its_class(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(AWAITED, "utf-8")
    settings = Settings(paths=(tmp_path,), root=tmp_path, select=("blocking-call",))
    found = engine.run(settings, registry.installed()).findings
    assert [AWAITED.splitlines()[each.line - 2] for each in found] == [
        "    hook: Final = await Hook.read()",
        "    hook: Final = await other.make()",
    ]


def test_more_is_told_than_not() -> None:
    told = sum(len(row[1].split("; ")) for row in ROWS.values())
    silent = sum(len(row[2].split("; ")) for row in ROWS.values())
    assert told > silent > 15
