"""Fuzz: programs that nobody would write, and real files that were spoilt.

What must hold for any of them: the engine does not crash; without a finding
the bytes are the same; what it makes compiles; a second run is at rest; what is
written can be taken back. scripts/fuzz.py does the same for as long as you like.
"""

from __future__ import annotations

import ast
import random
import shutil
import sysconfig
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import hypothesmith
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from asyncfix import engine, registry, state, undo
from asyncfix.deliver import write
from asyncfix.model import Level, Result, Settings

CODEMODS = registry.installed()
BOUNDED = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # programs are slow to shrink
    suppress_health_check=list(HealthCheck),
)


def ran(folder: Path, data: bytes) -> Result:
    """Run on one file with everything that can be applied; no warning escapes."""
    file = folder / "x.py"
    file.write_bytes(data)
    return engine.run(Settings(paths=(file,), root=folder, unsafe=True), CODEMODS)


def check(folder: Path, data: bytes) -> Result:
    """Run twice and hold the results against what must be."""
    result = ran(folder, data)
    assert (folder / "x.py").read_bytes() == data
    assert result.gathered == 1
    assert len(result.changes) + len(result.failed) <= 1
    for change in result.changes:
        assert change.new != data
        assert change.findings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(change.new, "x.py", "exec", dont_inherit=True)
        again = ran(folder, change.new)
        assert again.changes == ()
        assert not again.problems
        (folder / "x.py").write_bytes(data)
        assert write([change], folder, "fuzz").problems == ()
        assert (folder / "x.py").read_bytes() == change.new
        assert undo.undo(folder, "", merge=False).outcome.problems == ()
        assert (folder / "x.py").read_bytes() == data
        shutil.rmtree(state.project(folder))  # else there are ever more runs
    if not result.findings:
        assert result.changes == ()
    return result


# -- real files, spoilt -----------------------------------------------------

_IMPORTS = b"import asyncio, subprocess, time, requests, aiohttp\n"
_BLOCKING = (
    b"time.sleep(1)", b"x = time.sleep(n) or time.sleep(2)", b"requests.get(url).json()",
    b"subprocess.run(['x'], check=True)", b"data = open(path).read()",
    b"with open(path) as file: data = file.read()", b"asyncio.create_task(main())",
    b"_ = asyncio.create_task(main())", b"return time.sleep(1)",
    b"asyncio.to_thread(time.sleep, 1)", b"for i in range(3): time.sleep(i)",
    b"async with aiohttp.ClientSession() as s: await s.get(url)",
    b"try: time.sleep(1)\n%bfinally: subprocess.call('x')", b"assert time.sleep(1)",
    b"with open(a) as f:\n%b    for line in f:\n%b        g(line)",
    b"while not time.sleep(1): break", b"lambda: time.sleep(1)",
    b"r = []\n%bfor i in x: r.append(await asyncio.sleep(1, i))",
    b"for i in x:\n%b    await asyncio.create_task(asyncio.sleep(i))",
    b"a = asyncio.create_task(asyncio.sleep(1))\n%bawait a",
    b"await asyncio.gather([asyncio.sleep(i) for i in x])",
    b"await asyncio.wait(asyncio.sleep(1), asyncio.sleep(2))",
    b"asyncio.create_task(asyncio.sleep)", b"asyncio.sleep(1)", b"x = asyncio.sleep(1)",
    b"loop = asyncio.get_event_loop()\n%bawait asyncio.sleep(1, loop=loop)",
    b"asyncio.get_event_loop().run_until_complete(asyncio.sleep(1))",
    b"await asyncio.get_event_loop().run_in_executor(None, time.sleep(1))",
    b"await asyncio.to_thread(time.sleep(1))", b"x = yield from asyncio.sleep(1)",
    b"@asyncio.coroutine\n%bdef h():\n%b    yield from asyncio.sleep(1)",
)  # fmt: skip


@cache
def real_files(folder: str = "", largest: int = 30_000) -> Sequence[Path]:
    """Give the Python files below a folder, by default of the standard library."""
    top = Path(folder or sysconfig.get_path("stdlib"))
    found = [path for path in top.rglob("*.py") if "site-packages" not in path.parts]
    return sorted(path for path in found if path.stat().st_size <= largest)


def spoilt(draw: random.Random, data: bytes) -> bytes:
    """Give a file with functions made coroutines, calls that block, and damage."""
    lines = data.split(b"\n")
    heads = [n for n, line in enumerate(lines) if line.lstrip().startswith(b"def ")]
    for number in draw.sample(heads, min(len(heads), draw.randint(1, 4))):
        lines[number] = lines[number].replace(b"def ", b"async def ", 1)
        body = number + draw.randint(1, 8)
        if body < len(lines):
            indent = lines[body][: len(lines[body]) - len(lines[body].lstrip())]
            call = draw.choice(_BLOCKING).replace(b"%b", indent)
            lines.insert(body, indent + call)
        heads = []  # the others have moved
    for number, line in enumerate(lines):
        if line.startswith((b"import ", b"from ")) and b"__future__" not in line:
            lines.insert(number, _IMPORTS[:-1])
            break
    for _ in range(draw.choice((0, 0, 1, 2))):
        number = draw.randrange(len(lines))
        kind = draw.randrange(6)
        if kind == 0:
            del lines[number]
        elif kind == 1:
            lines.insert(number, lines[draw.randrange(len(lines))])
        elif kind == 2:
            lines[number] = lines[number].strip()
        elif kind == 3:
            lines[number] += draw.choice(
                (b" \\", b";", b"  # \xc3\xa9", b"\r", b"\x0c", b"(")
            )
        elif kind == 4:
            lines[number] = b"    " + lines[number]
        else:
            lines = lines[: number + 1]
        lines = lines or [b""]
    text = draw.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r")).join(lines)
    return draw.choice((b"", b"", b"", b"\xef\xbb\xbf")) + text


def test_real_files_that_were_spoilt(tmp_path: Path) -> None:
    draw = random.Random(8)
    changed = 0
    for path in draw.sample(real_files(), 60):
        changed += bool(check(tmp_path, spoilt(draw, path.read_bytes())).changes)
    assert changed > 3


# -- programs of our own ------------------------------------------------------


def indented(text: str, by: str = "    ") -> str:
    return "".join(by + line for line in text.splitlines(keepends=True))


@st.composite
def sleepers(draw: st.DrawFn) -> str:
    """Give a program with sleeps in, beside and around odd code."""
    lines = ["import asyncio, time", "from time import sleep as nap"]
    lines += ["from asyncio import create_task, gather, to_thread", ""]
    statement = st.sampled_from(
        [
            "time.sleep(1)", "nap(0.5)", "x = time.sleep(n)", "[nap(1), nap(2)]",
            "[nap(i) for i in y]", "(nap(i) for i in y)", "time.sleep(time.sleep(1))",
            "lambda: nap(1)", "f'{nap(1)}'", "f'''\n{nap(1)!r:>{time.sleep(2)}}'''",
            "return time.sleep(1)", "yield nap(1)", "await g(nap(1))", "nap(1).x[0]()",
            "-nap(1) ** 2", "not time.sleep(1)", "time.sleep(1) if nap(1) else 0",
            "assert nap(1), time.sleep(1)", "del nap(1)[0]", "nap(1)[0] = time.sleep(1)",
            "time.sleep(*a, **k)", "time.sleep(secs=1)", "(y := nap(1))", "import time",
            "time = 1", "nap = print", "global nap", "pass", "raise nap(1) from time.sleep(1)",
            "time.sleep(\n    1  # why\n    ,\n)", "time . sleep (1)", "(time\n.sleep)(1)",
            "print(time.sleep(1)); nap(2); x = nap", "time.sleep(1) # noqa", "(nap)(1)",
            "x = 'é'; nap(1)", "nap(1)or nap(2)", "x = 1if nap(1)else 2", "nap(a)(b)(c)",
            "to_thread(nap, 1)", "'''\n''' ; nap(1)", "x: nap(1) = time.sleep(1)",
            "f(1, 2, 3)", "await f(1, nap(2), 3)", "a = f(1, 2, 3)", "await gather(f(x, y, n))",
            "await gather([f(x, i, n) for i in y])", "create_task(f(x, y, n))",
            "await create_task(f(x, y, n))", "asyncio.get_event_loop().create_task(f(x, 1, 2))",
            "await asyncio.wait(f(x, y, n))", "await asyncio.to_thread(nap(1))",
        ]
    )  # fmt: skip
    around = st.sampled_from(
        [
            "", "if x:", "while nap(1):", "for i in y:", "async for i in y:", "with x:",
            "async with x:", "try:", "def h():", "async def h(z=nap(1)):", "class C:",
            "class C:\n    async def m(self):", "match x:\n    case [nap]:",
            "@nap(1)\nasync def h():", "with LOCK:", "if (z := nap(1)):",
        ]
    )  # fmt: skip
    for _ in range(draw(st.integers(1, 3))):
        lines.append("async def f(x, y, n):")
        for _ in range(draw(st.integers(1, 3))):
            block, body = draw(around), ""
            for each in draw(st.lists(statement, min_size=1, max_size=3)):
                body += each + "\n"
            if block:
                depth = "        " if "\n    " in block else "    "
                body = block + "\n" + indented(body, depth)
            if block == "try:":
                body += draw(
                    st.sampled_from(
                        ["finally:\n    nap(1)\n", "except E:\n    time.sleep(1)\n"]
                    )
                )
            lines.append(indented(body))
    text = "\n".join(lines) + "\n"
    return text.replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])))


@settings(BOUNDED, max_examples=120)
@given(text=sleepers())
def test_odd_sleepers(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    check(folder(tmp_path_factory), text.encode())


@pytest.mark.any_python
@settings(BOUNDED, max_examples=25)
@given(text=hypothesmith.from_node())
def test_programs_from_the_grammar(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    check(folder(tmp_path_factory), text.encode("utf-8", "surrogatepass"))


@pytest.mark.any_python
@settings(BOUNDED, max_examples=25)
@given(text=hypothesmith.from_node(), first=st.booleans())
def test_programs_from_the_grammar_round_a_sleep(
    tmp_path_factory: pytest.TempPathFactory, text: str, first: bool
) -> None:
    """The sleep is found, or something is said, whatever stands beside it."""
    sleeper = "import time\nasync def f_():\n    time.sleep(1)\n"
    program = f"{sleeper}{text}\n" if first else f"{text}\n{sleeper}"
    data = program.encode("utf-8", "surrogatepass")
    result = check(folder(tmp_path_factory), data)
    if not parses(data):
        assert result.problems or result.unseen
    elif not result.findings:
        assert result.problems or result.skipped or shadowed(data)


def parses(data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def shadowed(data: bytes) -> bool:
    """Tell whether the program has another word in the matter of `time`."""
    names = [getattr(node, "id", None) for node in ast.walk(ast.parse(data))]
    return names.count("time") > 1 or b"import *" in data


@settings(BOUNDED, max_examples=150)
@given(
    data=st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from(
                [b"async def f():", b"\n", b"\r", b"\r\n", b"    ", b"\t", b"time.sleep(1)",
                 b"import time", b"(", b")", b"'", b'"""', b"#", b"\\", b";", b"\x0c",
                 b"\xff", b"\xef\xbb\xbf", b"# coding: latin-1", b"type X = int", b"\0",
                 b"# coding: utf-16", b"await ", b"lambda: ", b"f'{", b"}'", b"=", b"if x:"]
            ),
            max_size=14,
        ).map(b"".join),
    )
)  # fmt: skip
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    check(folder(tmp_path_factory), data)


def folder(factory: pytest.TempPathFactory) -> Path:
    """Give one folder for all examples: a test may not use a fixture for each."""
    place = factory.getbasetemp() / "fuzz"
    place.mkdir(exist_ok=True)
    return place


def test_the_fuzz_finds_what_it_looks_for(tmp_path: Path) -> None:
    text = "import time\nasync def f():\n    time.sleep(1)\n"
    result = check(tmp_path, text.encode())
    assert [found.level for found in result.findings] == [Level.SAFE]
    assert len(result.changes) == 1
