"""The proof: a text that does more than its edits say is never written.

`prove` is fed directly, with texts no well-behaved rewrite makes: the edits
claim one thing, the new text holds another.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import libcst as cst
import pytest

from asyncfix import engine
from asyncfix.codemod import Codemod, Names, Plan
from asyncfix.context import Context
from asyncfix.edits import Edit, apply, moved_lines
from asyncfix.model import Problem, Result, Settings
from asyncfix.prove import prove
from asyncfix.source import Source, decode

OLD = """\
import os
import time

# the first comment
ONE = "text"


async def f(x):
    before(x)
    time.sleep(1)
    after(x)


def g():
    return 2  # the second comment
"""
CALL = ("time.sleep(1)", "await asyncio.sleep(1)")
IMPORT = ("import time\n", "import asyncio\n")


def source(text: str | bytes) -> Source:
    data = text if isinstance(text, bytes) else text.encode()
    found = decode("x.py", data)
    assert isinstance(found, Source), found
    return found


def edits_of(text: bytes, pairs: tuple[tuple[str, str], ...]) -> tuple[Edit, ...]:
    edits = []
    for old, new in pairs:
        assert text.count(old.encode()) == 1, old
        start = text.index(old.encode())
        edits.append(Edit(start, start + len(old.encode()), new.encode()))
    return tuple(sorted(edits))


def proven(
    old: str | bytes,
    pairs: tuple[tuple[str, str], ...],
    tampering: tuple[tuple[str, str], ...] = (),
) -> bytes | Problem:
    """Prove the edits `pairs`, after tampering with the text they have made."""
    before = source(old)
    edits = edits_of(before.text, pairs)
    new = apply(before.text, edits)
    for good, bad in tampering:
        assert new.count(good.encode()) == 1, good
        new = new.replace(good.encode(), bad.encode())
    return prove(before, new, edits, moved_lines(before.text, edits))


def refused(outcome: bytes | Problem) -> Problem:
    assert isinstance(outcome, Problem), outcome
    assert outcome.path == "x.py"
    assert outcome.line >= 1
    assert outcome.message
    assert outcome.hint
    return outcome


# -- what is right ----------------------------------------------------------


@pytest.mark.parametrize(
    "pairs",
    [
        (CALL,),
        (CALL, IMPORT),
        (CALL, ("import os\n", "import os\nimport asyncio\n")),
        (CALL, ("import time\n", "")),
        (CALL, ("import time\n", "import asyncio as aio\n")),
        (("time.sleep(1)", "await asyncio.sleep(\n        1,\n    )"),),
        (("time.sleep(1)", "await (\n        asyncio.sleep(1)  # why\n    )"),),
    ],
)
def test_a_fix_that_changes_only_itself_gives_bytes(
    pairs: tuple[tuple[str, str], ...],
) -> None:
    expected = OLD
    for old, new in pairs:
        expected = expected.replace(old, new)
    assert proven(OLD, pairs) == expected.encode()


@pytest.mark.parametrize(
    "data",
    [
        OLD.encode(),
        b"\xef\xbb\xbf" + OLD.encode(),
        OLD.replace("\n", "\r\n").encode(),
        OLD.replace("\n", "\r").encode(),
        OLD.rstrip("\n").encode(),
        b"# coding: latin-1\n# \xe9\n" + OLD.encode(),
        b"# coding: cp1252\nE = '\x80'\n" + OLD.encode(),
        "# coding: shift_jis\nE = 'ソ表'\n".encode("shift_jis") + OLD.encode(),
    ],
)
def test_the_bytes_are_in_the_encoding_of_the_file(data: bytes) -> None:
    expected = data.replace(CALL[0].encode(), CALL[1].encode())
    assert proven(data, (CALL,)) == expected


def test_from_imports_may_lose_a_name() -> None:
    old = "from time import sleep, time\nasync def f():\n    sleep(1)\n    time()\n"
    outcome = proven(
        old,
        (
            ("sleep, ", ""),
            ("sleep(1)", "await asyncio.sleep(1)"),
            ("from time", "import asyncio\nfrom time"),
        ),
    )
    assert outcome == (
        b"import asyncio\nfrom time import time\n"
        b"async def f():\n    await asyncio.sleep(1)\n    time()\n"
    )


# -- what is wrong ----------------------------------------------------------


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        pytest.param("    before(x)\n", "", id="the statement before is gone"),
        pytest.param("    after(x)\n", "", id="the statement after is gone"),
        pytest.param("after(x)", "after(y)", id="an argument is another"),
        pytest.param("return 2", "return 3", id="a number is another"),
        pytest.param('"text"', '"Text"', id="a string is another"),
        pytest.param('"text"', 'b"text"', id="a string became bytes"),
        pytest.param("return 2", "yield 2", id="a function became a generator"),
        pytest.param("def g()", "async def g()", id="a function became a coroutine"),
        pytest.param("def g()", "def h()", id="a function has another name"),
        pytest.param("def g()", "@cached\ndef g()", id="a decorator came"),
        pytest.param("import os", "import sys", id="another import changed"),
        pytest.param("import os", "import os as path", id="another import was renamed"),
        pytest.param("import os", "import os, sys", id="another import grew"),
        pytest.param("import os\n", "", id="another import is gone"),
        pytest.param("ONE", "import sys\nONE", id="an import came elsewhere"),
        pytest.param("    after(x)", "    if x:\n        after(x)", id="nested deeper"),
        pytest.param("    after(x)", "after(x)", id="out of the function"),
        pytest.param("first comment", "First comment", id="a comment is another"),
        pytest.param("  # the second", " # the second", id="a blank is gone"),
        pytest.param("return 2  #", "return 2 \t#", id="a blank became a tab"),
        pytest.param('ONE = "text"', "ONE = 'text'", id="quotes are others"),
        pytest.param("f(x)", "f(x, )", id="a comma came"),
        pytest.param("    return 2", "\treturn 2", id="the indentation is another"),
        pytest.param("ONE", "# new\nONE", id="a comment line came"),
        pytest.param("# the first comment\n", "", id="a comment line is gone"),
        pytest.param(
            "second comment\n", "second comment\n#\n", id="a comment at the end"
        ),
        pytest.param(
            "second comment\n", "second comment", id="the last newline is gone"
        ),
        pytest.param("\n\n\nasync", "\n\nasync", id="a blank line is gone"),
    ],
)
def test_a_change_outside_of_the_edits_is_refused(good: str, bad: str) -> None:
    refused(proven(OLD, (CALL, IMPORT), ((good, bad),)))


@pytest.mark.parametrize(
    ("pairs", "word"),
    [
        pytest.param((("time.sleep(1)", "await asyncio.sleep(1"),), "parse", id="("),
        pytest.param((("time.sleep(1)", "await"),), "parse", id="nothing awaited"),
        pytest.param((("time.sleep(1)", "x = 1 = 2"),), "parse", id="no target"),
        pytest.param((("return 2", "return await x"),), "await", id="await in a def"),
        pytest.param(
            (('"text"', "await x"),), "await", id="await at the top of a module"
        ),
        pytest.param(
            (("time.sleep(1)", "[(x := y) for x in z]"),), "break", id="only compiling"
        ),
    ],
)
def test_what_python_refuses_is_refused(
    pairs: tuple[tuple[str, str], ...], word: str
) -> None:
    problem = refused(proven(OLD, pairs))
    assert word in problem.message


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        (("time.sleep(1)", "await asyncio.sleep(1); boom()"), "a statement more"),
        (("time.sleep(1)", "x = await asyncio.sleep(1)"), "an assignment"),
        (("time.sleep(1)", "pass"), "no expression any more"),
        (("time.sleep(1)", "return"), "a way out"),
        (("time.sleep(1)", "await asyncio.sleep(1)\n    boom()"), "two lines"),
        (("f(x)", "f(x, y)"), "a parameter more"),
        (("ONE", "TWO"), "a name that is bound"),
        (("import time\n", "import asyncio\nboom()\n"), "code beside an import"),
        (("import time\n", "import asyncio\nif x: pass\n"), "a block at an import"),
        (("import time\n", "boom()\n"), "code for an import"),
        (("(1)", "(1, 2)"), "an argument more"),
        (("time.sleep(1)", "1\n\nasync def h():\n    2"), "a function more"),
    ],
)
def test_an_edit_of_more_than_an_expression_or_an_import_is_refused(
    pair: tuple[str, str], why: str
) -> None:
    refused(proven(OLD, (pair,)))


@pytest.mark.parametrize(
    ("old", "pair"),
    [
        ("a * time(1)\n", ("time(1)", "b + c")),
        ("-time(1)\n", ("time(1)", "b ** c + d")),
        ("a.b(time(1)).c\n", ("time(1)", "b).d(c")),
        ("x = time(1).y\n", ("time(1)", "not b")),
        ("x = [time(1)]\n", ("time(1)", "b, c")),
        ("x = time(1)\n", ("time(1)", "b, c = d")),
        ("x = [y for y in time(1)]\n", ("time(1)", "b if c")),
    ],
)
def test_an_expression_that_falls_apart_at_its_place_is_refused(
    old: str, pair: tuple[str, str]
) -> None:
    refused(proven(old, (pair,)))


def test_a_file_that_never_compiled_is_refused_and_said_to_be_the_cause() -> None:
    outcome = refused(proven("return 1\nx = 1\n", (("x = 1", "x = 2"),)))
    assert "does not compile" in outcome.message
    assert outcome.line == 1


def test_a_file_that_never_parsed_is_refused() -> None:
    assert "parse" in refused(proven("x = (\ny = 1\n", (("1", "2"),))).message


def test_what_the_encoding_cannot_say_is_refused() -> None:
    data = b"# coding: latin-1\n# \xe9\nx = f(1)\n"
    outcome = refused(proven(data, (("f(1)", "f('\N{EURO SIGN}')"),)))
    assert "encoded" in outcome.message


def test_an_encoding_with_two_ways_to_say_one_thing_is_refused() -> None:
    # A shift sequence that does nothing: decoding loses it.
    data = b"# coding: iso-2022-jp\n# \x1b$B\x1b(B\nx = f(1)\n"
    outcome = refused(proven(data, (("f(1)", "g(1)"),)))
    assert "does not survive" in outcome.message


def test_nesting_never_raises() -> None:
    for depth in (50, 90, 150, 900, 5000):
        old = "x = f(1)\ny = " + "a + " * depth + "b\n"
        outcome = proven(old, (("f(1)", "g(1)"),))
        if isinstance(outcome, Problem):
            words = ("nested too deeply", "recursion")
            assert any(word in outcome.message for word in words)
            assert depth >= 900
        else:
            assert outcome == old.replace("f(1)", "g(1)").encode()


@pytest.mark.parametrize(
    "newer",
    [
        "type X = int\n",
        "def h[T](x: T) -> T:\n    return x\n",
        "class C[T]:\n    pass\n",
    ],
)
def test_syntax_newer_than_the_interpreter_is_carried_through(newer: str) -> None:
    old = OLD + "\n\n" + newer
    expected = old.replace(*CALL).replace(*IMPORT)
    assert proven(old, (CALL, IMPORT)) == expected.encode()


@pytest.mark.parametrize(
    ("newer", "bad"),
    [
        ("type X = int\n", "type X = str\n"),
        ("class C[T]:\n    pass\n", "class C[U]:\n    pass\n"),
        ("def h[T](x: T) -> T:\n    return x\n", "def h[T](x: T) -> T:\n    pass\n"),
    ],
)
def test_syntax_newer_than_the_interpreter_is_not_changed(newer: str, bad: str) -> None:
    refused(proven(OLD + newer, (CALL,), ((newer, bad),)))


# -- broken codemods, through the whole engine ------------------------------

HEAD = "import time\n\nNOW = time.time\n\n\n"
SITE = "async def f():\n    time.sleep(1)\n    g()\n"
Rewriting = Callable[[cst.Call], object]


class Broken(Codemod):
    """A codemod that takes every `time.sleep` for a site, without a guard."""

    name = "broken"
    calls = ("time.sleep",)

    def __init__(self, rewriting: Rewriting, needs: tuple[str, ...] = ()) -> None:
        self.rewriting, self.needs = rewriting, needs

    def judge(self, context: Context) -> Plan | None:
        return Plan("found", by_hand="nothing", needs=self.needs)

    def rewrite(self, node: cst.Call, names: Names) -> cst.BaseExpression:
        return self.rewriting(node)  # type: ignore[return-value]


class Crashing(Broken):
    """A codemod whose `judge` has a bug."""

    def judge(self, context: Context) -> Plan | None:
        raise ZeroDivisionError("a bug")


def ran(folder: Path, codemod: Codemod, text: str = SITE, other: str = SITE) -> Result:
    (folder / "x.py").write_text(HEAD + text)
    (folder / "y.py").write_text(HEAD + other)
    return engine.run(Settings(paths=(folder,), root=folder), (codemod,))


def raising(error: Exception) -> Rewriting:
    def rewrite(node: cst.Call) -> object:
        raise error

    return rewrite


def code(text: str) -> Rewriting:
    return lambda node: cst.parse_expression(text)


def growing(node: cst.Call) -> object:
    return node.with_changes(args=[*node.args, cst.Arg(cst.Integer("1"))])


def test_a_codemod_that_is_right_is_followed(tmp_path: Path) -> None:
    result = ran(tmp_path, Broken(code("await other(1)")))
    assert not result.problems
    assert [change.new for change in result.changes] == [
        (HEAD + SITE.replace("time.sleep(1)", "await other(1)")).encode()
    ] * 2


@pytest.mark.parametrize(
    ("codemod", "text"),
    [
        pytest.param(Broken(code("await other(1)")), None, id="await outside async"),
        pytest.param(Broken(code("1 == b")), "1 + {}", id="binds looser"),
        pytest.param(Broken(code("lambda: 1")), "{}.x", id="a lambda swallows"),
        pytest.param(Broken(code("not 1")), "{}[0]", id="not swallows"),
        pytest.param(Broken(code("1, b")), "g({})", id="a tuple falls apart"),
        pytest.param(Broken(growing), "{}", id="never at rest"),
        pytest.param(Broken(lambda node: None), "{}", id="gives nothing"),
        pytest.param(Broken(lambda node: "text"), "{}", id="gives no node"),
        pytest.param(Broken(lambda node: cst.Name("a b")), "{}", id="no name"),
        pytest.param(Broken(lambda node: cst.Pass()), "{}", id="gives a statement"),
        pytest.param(Broken(raising(ValueError("a bug"))), "{}", id="rewrite raises"),
        pytest.param(Broken(raising(RecursionError())), "{}", id="recursion"),
        pytest.param(Broken(raising(LookupError("a bug"))), "{}", id="LookupError"),
        pytest.param(Crashing(code("1")), "{}", id="judge raises"),
    ],
)
def test_a_broken_codemod_costs_its_file_and_writes_nothing(
    tmp_path: Path, codemod: Broken, text: str | None
) -> None:
    call = "time.sleep(1)"
    if text is None:
        # A site that is in no coroutine of its own, though one is around it.
        body = f"async def f():\n    class C:\n        x = {call}\n    g()\n"
    else:
        body = SITE.replace(call, text.format(call))
    result = ran(tmp_path, codemod, body, other="async def f():\n    pass\n")
    assert [Path(problem.path).name for problem in result.problems] == ["x.py"]
    assert result.changes == ()
    assert len(result.failed) == 1
    for problem in result.problems:
        assert problem.message
        assert problem.hint


def test_a_codemod_that_breaks_on_one_file_is_followed_in_the_others(
    tmp_path: Path,
) -> None:
    other = SITE.replace("time.sleep(1)", "1 + time.sleep(1)")
    result = ran(tmp_path, Broken(code("1, b")), SITE, other)
    assert [change.path.name for change in result.changes] == ["x.py"]
    assert [Path(problem.path).name for problem in result.problems] == ["y.py"]


class Endless(Broken):
    """A codemod that never ends for one file."""

    def judge(self, context: Context) -> Plan | None:
        while context.site.path.endswith("x.py"):
            pass
        return super().judge(context)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_a_codemod_without_an_end_costs_its_file(tmp_path: Path) -> None:
    for name in ("w.py", "x.py", "y.py"):
        (tmp_path / name).write_text(HEAD + SITE)
    before = signal.getsignal(signal.SIGVTALRM)
    settings = Settings(paths=(tmp_path,), root=tmp_path, max_file_time=1)
    result = engine.run(settings, (Endless(code("await other(1)")),))
    (problem,) = result.problems
    assert Path(problem.path).name == "x.py"
    assert "took longer than 1 s to judge" in problem.message
    assert "max-file-time" in problem.hint
    assert [change.path.name for change in result.changes] == ["w.py", "y.py"]
    assert [Path(each.path).name for each in result.findings] == ["w.py", "y.py"]
    assert signal.getsignal(signal.SIGVTALRM) == before


class Asking(Endless):
    """A codemod that asks whether files may be written, and never ends for one."""

    def __init__(self, rewriting: Rewriting) -> None:
        super().__init__(rewriting)
        self.told: list[tuple[bool, bool]] = []

    def judge(self, context: Context) -> Plan | None:
        may = context.model.may_write
        self.told.append((may(context.site.path), may("another.py")))
        return super().judge(context)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_what_may_be_written_is_the_same_after_a_file_was_given_up(
    tmp_path: Path,
) -> None:
    for name in ("w.py", "x.py", "y.py"):
        (tmp_path / name).write_text(HEAD + SITE)
    settings = Settings(paths=(tmp_path,), root=tmp_path, max_file_time=1)
    codemod = Asking(code("await other(1)"))
    engine.run(settings, (codemod,))
    assert set(codemod.told) == {(True, False)}
    assert len(codemod.told) >= 4  # w, x, and again w and y


def test_a_file_that_is_written_to_before_its_fix_is_made(tmp_path: Path) -> None:
    """The fix is of the file as it was seen; whoever delivers it finds another one."""
    path = tmp_path / "x.py"
    path.write_text(HEAD + SITE)

    def written(node: cst.Call) -> cst.BaseExpression:
        path.write_text(HEAD + SITE + "# somebody else\n")
        return cst.parse_expression("await other(1)")

    settings = Settings(paths=(tmp_path,), root=tmp_path)
    result = engine.run(settings, (Broken(written),))
    assert path.read_text().endswith("# somebody else\n")
    assert not result.problems
    (change,) = result.changes
    assert change.old == (HEAD + SITE).encode()
