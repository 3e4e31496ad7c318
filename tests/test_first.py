"""What blocks the first time only is told there, and not where it surely ran before.

Lines that end in `# told` are findings, all other lines are none.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncfix import engine, registry
from asyncfix.model import Settings

HEAD = "from time import sleep as block\nfrom contextlib import suppress\n"

MODULE = """\
kept = other = None
failed = False

def load():
    global kept, failed
    if kept is not None or failed:
        return kept
    try:
        kept = block(1)
    except Exception:
        failed = True
    return kept

def count(text):
    return len(load() or text)

def perhaps(text):
    if text:
        count(text)
    return 1

def twice(text):
    return count(text) - count(text)

async def again(x):
    count(x)  # told
    x = 1
    count(x)
    return x(load(), load())

async def in_one_expression(x):
    return (
        x
        - count(x)  # told
        - load()
        - count(x)
    )

async def perhaps_before(x):
    perhaps(x)  # told
    twice(x)  # told
    perhaps(x)

async def in_a_branch(x):
    if x:
        load()  # told
    return load()  # told

async def within_reason(x):
    y = x and load()  # told
    z = load() if x else 1  # told
    f = lambda: load()
    w = [load() for _ in x]  # told
    load()  # told

async def in_a_condition(x):
    if load():  # told
        return load()
    return count(x)

async def what_may_fail(x):
    try:
        x()
        load()  # told
    except ValueError:
        return load()  # told
    return load()

async def what_is_suppressed(x):
    try:
        load()  # told
    except ValueError:
        pass
    with suppress(ValueError):
        load()  # told
    load()  # told

async def after_another_coroutine(x):
    await again(x)
    load()  # told

async def not_awaited(x):
    again(x)
    load()  # told
"""

ELSEWHERE = """\
kept = lost = odd = None

def drop():
    global kept
    kept = None

def load():
    global kept
    if kept is None:
        kept = block(1)
    return kept

def lose():
    global lost
    if lost is None:
        lost = block(1)
        lost = None
    return lost

def part(x):
    global odd
    if odd is None:
        if x:
            odd = block(1)
        else:
            block(2)
    return odd

def local(x):
    kept = x
    if kept is None:
        kept = block(1)
    return kept

async def f(x):
    load()  # told
    load()  # told
    lose()  # told
    lose()  # told
    part(x)  # told
    part(x)  # told
    local(x)  # told
    local(x)  # told
"""

OBJECT = """\
class Store:
    def __init__(self, made=None):
        self.made = made
        self.lock = None

    def get(self):
        if self.made is None:
            with self.lock:
                if self.made is None:
                    if self.url:
                        client = block(self.url)
                    else:
                        client = block(1)
                    self.made = client
        return self.made

    def has(self):
        self.check()
        return self.get().has()

    def check(self):
        pass

    def maybe(self):
        try:
            return self.get()
        except OSError:
            return None

    def drop(self):
        return self.has() and self.get()

    async def asked_before(self):
        if self.has():  # told
            self.drop()

    async def perhaps(self):
        self.maybe()  # told
        self.get()  # told

    async def another(self, other: "Store"):
        other.get()  # told
        self.get()  # told
        Store().get()  # told

    async def for_each(self):
        for _ in self.get():  # told
            self.has()
        self.get()

class Closed(Store):
    def get(self):
        if not self.made:
            self.made = block(1)
        return self.made

    def close(self):
        self.made = None

    async def closed(self):
        self.get()  # told
        self.close()
        self.get()  # told

class Below(Store):
    def lose(self):
        self.made = None

    async def loses(self):
        self.get()  # told
        self.lose()
        self.get()  # told

class Other(Store):
    async def keeps(self):
        self.get()  # told
        self.get()

class Ready:
    def __init__(self):
        self.made = None

    def get(self):
        if self.made is None:
            self.made = open("a")
        block(1)
        return self.made

    async def asks_each_time(self):
        self.get()  # told
        self.get()  # told
"""

CACHED = """\
import functools
import functools as ft

@functools.lru_cache(maxsize=None)
def asset(name):
    return block(name)

@ft.cache
def two(name, size):
    return block(name)

def js(name):
    return asset(name)

def js_of(name):
    name = name + other
    return asset(name)

def perhaps(name):
    if name:
        return two(name, 1)

def sized(name, size=other):
    return two(size=size, name=name)

class C:
    def js(self, name):
        return asset(name)

    async def same(self, page):
        await page.do(self.js("a"))  # told
        if page.new:
            await page.do(self.js("a"))
        self.js("b")  # told

    async def other(self, page):
        page.js("a")
        if page.new:
            self.js("a")  # told
        self.js("a")  # told

async def same(page):
    js("a")  # told
    js("a")
    js("b")  # told
    asset("a")  # told
    asset("a")

async def changed(page):
    js_of("a")  # told
    js_of("a")  # told
    perhaps("a")  # told
    perhaps("a")  # told
    js(page.name)  # told
    js(page.name)  # told

async def sizes(page):
    sized("a", 1)  # told
    sized("a", 1)
    sized("a", 2)  # told
    try:
        js("c")  # told
    except OSError:
        pass
    js("c")  # told
"""


@pytest.mark.parametrize("text", (MODULE, ELSEWHERE, OBJECT, CACHED))
def test_what_is_kept_is_worked_out_once(text: str, tmp_path: Path) -> None:
    lines = (HEAD + text).splitlines()
    (tmp_path / "main.py").write_text("\n".join(lines) + "\n", "utf-8")
    settings = Settings(paths=(tmp_path,), root=tmp_path, select=("blocking-call",))
    result = engine.run(settings, registry.installed())
    assert not result.problems
    wanted = [n for n, line in enumerate(lines, 1) if line.endswith("# told")]
    assert [each.line for each in result.findings] == wanted


OTHER_WAY = """\
import requests
class C:
    def get(self):
        if self.made is None:
            self.made = requests.get("a")
        return self.made
    def asks(self):
        return self.again()
    def again(self):
        return self.get()
    def helper(self):
        return self.asks() and self.get()
    async def f(self):
        self.helper()
class D:
    def get(self):
        if self.made is None:
            self.made = requests.get("a")
        return open("a")
    async def f(self):
        self.get()
        self.get()
"""


def test_the_way_that_remains_is_told(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(OTHER_WAY, "utf-8")
    settings = Settings(paths=(tmp_path,), root=tmp_path, select=("blocking-call",))
    result = engine.run(settings, registry.installed())
    told = [each.message.replace(f"{tmp_path}/", "") for each in result.findings]
    helped, first, second = (
        each.partition(" holds the event loop: ")[2] for each in told
    )
    # The shortest way is by the other call of `get`, which comes too late.
    assert helped.startswith("C.asks (main.py:12) -> C.again (main.py:8) -> C.get")
    assert first.startswith("requests.get (main.py:18)")
    assert second.startswith("builtins.open (main.py:19)")
