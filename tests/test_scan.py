"""The scan: what one file says by itself, whatever it looks like.

Hostile texts are scanned in a process of their own: what crashes Python's or
LibCST's parser must be seen to crash, and not take this run with it.
"""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from asyncfix import facts as f
from asyncfix.facts import Facts
from asyncfix.model import Problem
from asyncfix.scan import scan

ASLEEP = "async def f():\n    time.sleep(1)\n"


def facts(text: str | bytes) -> Facts:
    found = scan("x.py", text if isinstance(text, bytes) else text.encode())
    assert not isinstance(found, Problem), found
    return found[0]


def problem(text: str | bytes) -> Problem:
    found = scan("x.py", text if isinstance(text, bytes) else text.encode())
    assert isinstance(found, Problem), found
    assert found.path == "x.py"
    assert found.hint
    return found


def called(text: str | bytes) -> list[tuple[str, int]]:
    return [(use.name, use.line) for use in facts(text).calls]


# -- calls and scopes -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a()", ["a"]),
        ("a.b.c()", ["a.b.c"]),
        ("a().b()", ["a", "a().b"]),
        ("a[0].b()", ["a[].b"]),
        ("'x'.join(y())", ["?.join", "y"]),
        ("(lambda: a())()", ["?", "a"]),
        ("a(b(c()))", ["a", "b", "c"]),
        ("[a() for x in b() if c()]", ["a", "b", "c"]),
        ("{a(): b() for x in c()}", ["a", "b", "c"]),
        ("@a()\nclass C(b(), m=c()):\n    d()", ["a", "b", "c", "d"]),
        ("def g(x=a(), *, y: b() = c()) -> d(): e()", ["a", "b", "c", "d", "e"]),
        ("async def g():\n    async with a() as x: await b()", ["a", "b"]),
        ("f'{a():{b()}}'", ["a", "b"]),
        ("match a():\n    case B(c=1) if d(): e()", ["a", "d", "e"]),
        ("try: a()\nexcept b(): c()\nelse: d()\nfinally: e()", list("abcde")),
        ("with a() as b, c(): d()", ["a", "c", "d"]),
        ("for x in a(): b()\nelse: c()", ["a", "b", "c"]),
        ("while a(): b()\nelse: c()", ["a", "b", "c"]),
        ("assert a(), b()\nraise c() from d()", list("abcd")),
        ("x = y = a()\nx: b() = c()\nx += d()\ndel e()[0]", list("abcde")),
        ("(x := a())\nlambda y=b(): c()", list("abc")),
        ("a(*b(), **c())", list("abc")),
        ("x[a():b():c()]", list("abc")),
        ("async def g():\n    yield a()\n    return b()", ["a", "b"]),
    ],
)
def test_every_call_is_seen_once(text: str, names: list[str]) -> None:
    assert sorted(name for name, _ in called(text)) == sorted(names)


def test_places_are_lines_and_columns_of_utf8_bytes() -> None:
    (use,) = facts("# é\nx = 'é', a.b(\n    1,\n)\n").calls
    assert (use.line, use.col, use.end_line, use.end_col) == (2, 10, 4, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"x = 1\n\n\na()\n",
        b"x = 1\r\n\r\n\r\na()\r\n",
        b"x = 1\r\r\ra()\r",
        b"\xef\xbb\xbfx = 1\n\n\na()",
        b"# coding: latin-1\n# \xe9\n\x0c\na()\n",
        b"x = '\xe2\x80\xa8'\n\x0c\n\na()\n",
    ],
)
def test_lines_are_those_of_the_file(data: bytes) -> None:
    assert called(data) == [("a", 4)]


def test_scopes_know_their_kind_and_their_parent() -> None:
    text = (
        "class C:\n"
        "    @d.e(1)\n"
        "    async def m(self):\n"
        "        await x\n"
        "        return [lambda: (y for y in z) for w in v]\n"
        "def g(): pass\n"
    )
    scopes = {
        (scope.kind, scope.name, facts(text).scopes[scope.parent].name)
        for scope in facts(text).scopes[1:]
    }
    assert scopes == {
        (f.CLASS, "C", ""),
        (f.FUNCTION, "m", "C"),
        (f.COMPREHENSION, "", "m"),
        (f.LAMBDA, "", ""),
        (f.GENERATOR, "", ""),
        (f.FUNCTION, "g", ""),
    }
    (method,) = [scope for scope in facts(text).scopes if scope.name == "m"]
    assert method.is_async
    assert method.suspends
    assert method.decorators == ("d.e",)
    assert not facts(text).scopes[0].suspends


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("f()", f.STATEMENT),
        ("def g():\n    return f()", f.HANDED_BACK),
        ("def g():\n    yield f()", f.HANDED_BACK),
        ("g = lambda: f()", f.HANDED_BACK),
        ("def g():\n    return f() or 1", f.VALUE),
        ("x = f()", f.VALUE),
        ("print(f())", f.ARGUMENT),
        ("async def g():\n    return await f()", f.AWAITED),
    ],
)
def test_how_the_value_of_a_call_is_used(text: str, role: int) -> None:
    (found,) = [use.role for use in facts(text).calls if use.name == "f"]
    assert found == role


def test_functions_that_may_give_a_coroutine_are_named() -> None:
    text = (
        "from collections.abc import Coroutine\nfrom typing import Any, Awaitable\n"
        "Answer = Coroutine[Any, Any, int]\nasync def a(): ...\n"
        "def b() -> Coroutine[Any, Any, int]: ...\ndef c() -> Answer: ...\n"
        "def d() -> Awaitable[int]: ...\ndef e(): ...\n"
    )
    assert list(facts(text).head.lazy) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "suspends"),
    [
        ("await x", True),
        ("async for y in x: pass", True),
        ("async with x: pass", True),
        ("return [y async for y in x]", True),
        ("return [await y for y in x]", True),
        ("pass", False),
        ("async def inner(): await x", False),
        ("return lambda: (yield)", False),
    ],
)
def test_a_function_that_suspends_is_known(body: str, suspends: bool) -> None:
    found = facts(f"async def f(x):\n    {body}\n").scopes
    (function,) = [scope for scope in found if scope.name == "f"]
    assert function.suspends is suspends


@pytest.mark.parametrize(
    ("text", "exported"),
    [
        ("__all__ = ['a', 'b']", ("a", "b")),
        ("__all__ = ('b', 'a')", ("a", "b")),
        ("__all__: list[str] = ['a']", ("a",)),
        ("__all__ = ['a']\n__all__ += ['b']", ("a", "b")),
        ("__all__ = ['a']\n__all__.extend(['b'])", ("a", "b")),
        ("__all__ = ['a']\n__all__.append('b')", ("a", "b")),
        ("__all__ = ['a'] + x.__all__", ("a",)),
        ("def f():\n    __all__ = ['a']", ()),
        ("x = ['a']", ()),
    ],
)
def test_exports_are_known(text: str, exported: tuple[str, ...]) -> None:
    assert facts(text).exported == exported


@pytest.mark.parametrize(
    ("head", "generated"),
    [
        ("# @generated\n", True),
        ("# Code generated by protoc. DO NOT EDIT.\n", True),
        ("#!/usr/bin/env python\n# DO NOT MODIFY\n", True),
        ('"""@generated"""\n', False),
        ("# nothing is generated here\n", False),
        ("x = 1\n" * 300 + "# @generated\n", False),
    ],
)
def test_generated_files_are_marked(head: str, generated: bool) -> None:
    assert facts(head + ASLEEP).head.generated is generated


# -- what cannot be read ----------------------------------------------------


@pytest.mark.parametrize(
    ("data", "line", "word"),
    [
        (b"x = 1\ny = (\n", 2, "parse"),
        (b"x = 1\nif x:\ny = 2\n", 3, "parse"),
        (b"x = 1\n\n\ndef f(:\n    pass\n", 4, "parse"),
        (b"x = 1\n  y = 2\n", 2, "indent"),
        (b"x = 'a\n", 1, "parse"),
        (b"x = '''a\n\n", 1, "parse"),
        (b"a = 1\nb = $\n", 2, "parse"),
        (b"a = 1\nb = 2\x1a\n", 2, "parse"),
        (b"a = 1\nprint 'b'\n", 2, "parse"),
        (b"a = 1\nb = 'c\0'\n", 2, "NUL"),
        (b"a = 1\nb = '\xe9'\n", 2, "0xe9"),
        (b"# coding: ascii\n\nb = '\xe9'\n", 3, "0xe9"),
        (b"# coding: klingon\na = 1\n", 1, "klingon"),
        (b"\xef\xbb\xbf# coding: latin-1\na = 1\n", 1, "coding"),
        (b"\xff\xfea\0 \0=\0 \x001\0\n\0", 1, "UTF-16"),
        (b"\xfe\xff\0a\0 \0=\0 \x001\0\n", 1, "UTF-16"),
        (b"# coding: rot13\nn = 1\n", 1, "rot13"),
        (b"# coding: hex\n00\n", 1, "hex"),
        (b"# coding: undefined\na = 1\n", 1, "undefined"),
        (b"# coding: unicode_escape\na = '\\x'\n", 2, "unicode_escape"),
    ],
)
def test_what_python_refuses_is_a_problem_of_its_line(
    data: bytes, line: int, word: str
) -> None:
    found = problem(data)
    assert found.line == line
    assert word in found.message


@pytest.mark.parametrize(
    "line",
    ["print 'x'", 'print "x" % y', "exec 'x'", "raise ValueError, 'x'", "    print x"],
)
def test_python_2_is_named(line: str) -> None:
    head = "if x:\n" if line.startswith(" ") else "y = 1\n"
    assert "Python 2" in problem(f"{head}{line}\n").hint


def test_a_warning_of_the_parser_is_nobodys_business() -> None:
    assert called("a('\\d', 1 is 1, 1if x else 0xfor y)\n") == [("a", 1)]


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf", b"\x0c", b"#", b"\r"])
def test_a_file_without_code_is_no_problem(data: bytes) -> None:
    assert facts(data).calls == ()


# -- nested, long, large ----------------------------------------------------

HOSTILE = {
    "5000 terms": "x = " + " + ".join(["a"] * 5000),
    "3000 calls in a chain": "x = a" + ".f()" * 3000,
    "20000 calls": "x = a" + "()" * 20000,
    "20000 attributes": "x = a" + ".b" * 20000,
    "20000 indices": "x = a" + "[0]" * 20000,
    "150 parentheses": "x = " + "(" * 150 + "1" + ")" * 150,
    "20000 parentheses": "x = " + "(" * 20000 + "1" + ")" * 20000,
    "20000 open parentheses": "x = " + "(" * 20000,
    "20000 brackets": "x = " + "[" * 20000 + "]" * 20000,
    "20000 braces": "x = " + "{" * 20000 + "}" * 20000,
    "20000 not": "x = " + "not " * 20000 + "1",
    "20000 minus": "x = " + "-" * 20000 + "1",
    "20000 lambda": "x = " + "lambda: " * 20000 + "1",
    "20000 if else": "x = " + "a if b else " * 20000 + "1",
    "20000 powers": "x = " + "a ** " * 20000 + "b",
    "20000 patterns": "match x:\n    case " + "[" * 20000 + "]" * 20000 + ": pass",
    "5000 elif": "if a: pass\n" + "elif a: pass\n" * 5000,
    "150 blocks": "".join(" " * n + "if a:\n" for n in range(150)) + " " * 150 + "b",
    "20000 targets": "a = " * 20000 + "1",
    "50000 strings": "x = " + '"a" ' * 50000,
    "20000 statements": "pass;" * 20000,
    "a long line": "x = [" + "1, " * 50_000 + "]",
    "f-string": "x = f'" + "{" * 4000 + "1" + "}" * 4000 + "'",
}  # fmt: skip

SCAN = """
import sys
from asyncfix.model import Problem
from asyncfix.scan import scan

found = scan("x.py", sys.stdin.buffer.read())
if isinstance(found, Problem):
    assert found.line >= 1 and found.hint
    print("Problem:", found.message)
else:
    print("Facts", len(found[0].calls))
"""


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("end", ["\n", "\nx = $\n"], ids=["valid", "broken"])
def test_no_text_crashes_the_scan(name: str, end: str) -> None:
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SCAN],
        input=(HOSTILE[name] + end).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr.decode()[-500:])
    assert done.stdout.startswith((b"Facts", b"Problem: "))
    assert time.monotonic() - start < 30


def test_ten_thousand_functions() -> None:
    text = "".join(f"async def f{n}():\n    time.sleep(1)\n" for n in range(10_000))
    found = facts("import time\n" + text)
    assert len(found.calls) == 10_000
    assert len(found.scopes) == 10_001
    assert found.head.lines == 20_002


# -- newer than the interpreter ---------------------------------------------

# (statement, names it binds, first version that parses it)
NEWER = [
    ("type X = int", ("X",), (3, 12)),
    ("type X[T] = list[T]", ("X",), (3, 12)),
    ("def g[T](x: T) -> T:\n    return x", ("g",), (3, 12)),
    ("def g[T: (int, str)](x: T):\n    h()\n\n    return x", ("g",), (3, 12)),
    ("async def g[**P, *Ts](x: P):\n    await x", ("g",), (3, 12)),
    ("class C[T]:\n    def m(self): pass", ("C",), (3, 12)),
    ("class C[T](Base[T], x=1):\n    y: T", ("C",), (3, 12)),
    ("@decorated\ndef g[T](x: T): return x", ("g",), (3, 12)),
    ("@decorated(1)\n@again\nclass C[T]:\n    pass", ("C",), (3, 12)),
    ("if x:\n    def g[T](x: T): return x\nelse:\n    g = None", ("g",), (3, 12)),
    ("try:\n    type X = int\nexcept E:\n    X = 1\nfinally:\n    x", ("X",), (3, 12)),
    ("class C:\n    def m[T](self, x: T) -> T:\n        return x", ("C",), (3, 12)),
    ("x = f'{y['a']}'", ("x",), (3, 12)),
    ("try:\n    x\nexcept* E as g:\n    pass", ("g",), (3, 11)),
]


def newer_ids(value: object) -> str | None:
    return value.splitlines()[-1].strip() if isinstance(value, str) else None


@pytest.mark.parametrize(("newer", "names", "since"), NEWER, ids=newer_ids)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_newer_statement_hides_only_itself(
    newer: str, names: tuple[str, ...], since: tuple[int, int], newline: str
) -> None:
    before, after = "first()\n\n", "\n\nlast()\n"
    text = before + newer + after
    found = facts(text.replace("\n", newline))
    calls = [(use.name, use.line) for use in found.calls]
    assert ("first", 1) in calls
    assert ("last", 5 + newer.count("\n")) in calls
    if sys.version_info >= since:
        assert found.opaque == ()
        return
    (opaque,) = found.opaque
    assert opaque.line == 3
    assert opaque.end_line >= 3 + newer.count("\n")
    assert set(names) <= set(opaque.names)
    assert set(names) <= set(opaque.words)
    bound = {(each.name, each.scope) for each in found.bindings}
    assert {(name, 0) for name in names} <= bound


def test_many_newer_statements_are_each_seen() -> None:
    text = "".join(f"type X{n} = int\na{n}()\n" for n in range(30))
    found = facts(text)
    assert len(found.calls) == 30
    assert len(found.opaque) == (0 if sys.version_info >= (3, 12) else 30)


@pytest.mark.parametrize("newer", [each[0] for each in NEWER], ids=newer_ids)
@pytest.mark.parametrize(
    ("mistake", "at"),
    [("x = (\n", 1), ("def f(:\n    pass\n", 1), ("y = 1\nif y:\nz = 2\n", 3)],
)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_mistake_beside_newer_syntax_is_still_a_mistake(
    newer: str, mistake: str, at: int, first: bool
) -> None:
    if first and mistake == "x = (\n":
        mistake = "x = )\n"
    text = f"{mistake}\n{newer}\n" if first else f"{newer}\n\n{mistake}"
    line = at if first else at + newer.count("\n") + 2
    found = problem(text)
    assert "does not parse" in found.message
    assert found.line == line


@pytest.mark.parametrize(
    "text",
    [
        "type X = int\n    y = 2\n",
        "def g[T](x: T):\n    return (\n",
        "class C[T]:\n    x = = 1\n",
        "type X = = int\n",
        "def g[T](x: T):\nreturn x\n",
    ],
)
def test_a_mistake_inside_newer_syntax_is_a_mistake(text: str) -> None:
    assert "does not parse" in problem(text).message


NAME = ".".join(["a"] * 300)
LONG_NAMES = {
    "on one line": f"import {NAME}",
    "joined by backslashes": f"from {NAME}".replace(".", ".\\\n") + " import b",
    "joined by a backslash and CRLF": f"import {NAME}".replace(".", ".\\\r\n"),
}


@pytest.mark.parametrize("code", LONG_NAMES.values(), ids=LONG_NAMES)
def test_an_imported_name_of_many_parts_is_refused(code: str) -> None:
    wordy = code + "\n" + "from here on to the end of it\n" * 40
    found = scan("a.py", wordy.encode())
    assert isinstance(found, Problem) and "200 parts" in found.message


def test_many_dots_alone_are_read() -> None:
    code = '"""from here on' + " words" * 300 + '"""\n' + "a.b.c.d()\n" * 300
    assert not isinstance(scan("a.py", code.encode()), Problem)
