"""`async` and `await` as names: stand-ins while a file is looked at."""

from __future__ import annotations

import ast

import pytest

from asyncfix import keywords
from asyncfix.edits import Edit
from asyncfix.model import Problem
from asyncfix.parsing import parse
from asyncfix.prove import prove
from asyncfix.scan import scan
from asyncfix.source import decode


@pytest.mark.parametrize(
    ("code", "mended"),
    [
        ("asyncio.async(x)\n", "asyncio.a_ync(x)\n"),
        ("from a.async import b\n", "from a.a_ync import b\n"),
        ("f(async=1)\n", "f(a_ync=1)\n"),
        ("async = await = 1\n", "a_ync = aw_it = 1\n"),
        ("'async'; x.await()  # async\n", "'async'; x.aw_it()  # async\n"),
        ("s = 'é'; asyncio.async(\n  x)\n", "s = 'é'; asyncio.a_ync(\n  x)\n"),
    ],
)
def test_names_get_stand_ins(code: str, mended: str) -> None:
    found = keywords.mended(code.encode())
    assert found is not None and found.decode() == mended
    assert keywords.as_written(found).decode() == code
    assert ast.parse(found)


@pytest.mark.parametrize(
    "code",
    [
        "async def f():\n    async with a: await (b)\n    async for c in d: await e\n",
        "x = 'async'\n",
        "a_ync = async(1)\n",  # the stand-in is taken
        "async(\n",  # never ends
        "async def f():\n    await\n",  # a mistake
    ],
)
def test_keywords_stay(code: str) -> None:
    assert keywords.mended(code.encode()) is None


def test_only_files_that_do_not_parse_are_mended() -> None:
    parsed = parse("a.py", b"x = 1  # asyncio.async(y)\n")
    assert not isinstance(parsed, Problem) and b"a_ync" not in parsed[1]


def test_another_mistake_is_told_with_its_line() -> None:
    parsed = parse("a.py", b"asyncio.async(x)\nprint 'x'\n")
    assert isinstance(parsed, Problem) and parsed.line == 2


def test_a_fix_may_not_make_a_name_of_a_keyword() -> None:
    old = decode("a.py", b"f(1)\n")
    assert not isinstance(old, Problem)
    proven = prove(old, b"f(await)\n", [Edit(2, 3, b"await")], [None])
    assert isinstance(proven, Problem)
    assert proven.message.startswith("the fix does not parse")


def test_facts_know_the_lines_and_the_real_modules() -> None:
    scanned = scan("a.py", b"import os\nfrom .async import x\nasync = 1\n")
    assert not isinstance(scanned, Problem)
    head = scanned[0].head
    assert head.old_names == (2, 3)
    assert ".async:x" in head.imported


def test_a_file_that_has_the_stand_in_is_not_mended() -> None:
    scanned = scan("a.py", b"from b import a_ync\n")
    assert not isinstance(scanned, Problem)
    head = scanned[0].head
    assert head.old_names == () and head.imported == ["b:a_ync"]


@pytest.mark.parametrize(
    ("text", "mended_text"),
    [
        ("async\ndef f(): pass\n", "a_ync\ndef f(): pass\n"),  # another statement
        ("f(async=1)\n", "f(a_ync=1)\n"),
        ("x.await\n", "x.aw_it\n"),
        ("x. \\\nawait\n", "x. \\\naw_it\n"),
        ("(x.  # why\n await)\n", "(x.  # why\n aw_it)\n"),
        ("(await\n)\n", "(aw_it\n)\n"),
        ("f(await # why\n)\n", "f(aw_it # why\n)\n"),
        ("async def f():\n    await g()\n", None),
        ("# async\nx = 1\n", None),
    ],
)
def test_the_quick_look_misses_no_name(text: str, mended_text: str | None) -> None:
    wanted = None if mended_text is None else mended_text.encode()
    assert keywords.mended(text.encode()) == wanted
