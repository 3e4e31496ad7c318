"""Shared sessions, run: fewer connections, the same answers, nothing left open.

The programs are fixtures of `session-per-request`, and those in session_cases.txt:
a line `NAME BEFORE AFTER`, connections before and after the fix, or `NAME unchanged`,
and, indented, a program. They talk to a server on loopback that counts its connections.
"""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from asyncfix_codemods import _session_frameworks, _session_pools
from asyncfix_codemods._session_kinds import KINDS, Kind

from asyncfix import Settings
from asyncfix.catalog import Catalog
from asyncfix.deliver import write
from asyncfix.engine import run as run_asyncfix
from asyncfix.registry import installed

if TYPE_CHECKING:
    from conftest import Forking, Forks

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("asyncio", "aiohttp.web", "httpx")
FIXTURES = Path(__file__).parent / "fixtures" / "session-per-request"


class Server:
    """An HTTP server that counts its connections and answers with the path.

    A path that ends in `?fails` is answered with 500 the first two times; `_answer`
    tells which others are special.
    """

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0
        self._fails = 0
        self._met: dict[bytes, asyncio.Event] = {}
        self._waiting = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: (\d+)", head)
                sent = await reader.readexactly(int(length[1]) if length else 0)
                status, more, body = await self._answer(head, sent)
                writer.write(
                    b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s"
                    % (status, more, len(body), body)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is done
        finally:
            writer.close()

    async def _answer(self, head: bytes, sent: bytes) -> tuple[bytes, bytes, bytes]:
        """Give status, more headers, and body for a request."""
        path = head.split()[1]
        status, more, body = b"200 OK", b"", b"page " + path.partition(b"?")[0]
        _, kind, *rest = path.split(b"/")
        if path.endswith(b"?fails"):
            self._fails += 1
            status = b"500 No" if self._fails % 3 else status
        elif kind == b"set":
            more = b"Set-Cookie: id=%s; Path=/\r\n" % rest[0]
        elif kind in (b"header", b"cookies"):
            name = rest[0] if rest else b"Cookie"
            found = re.search(rb"(?im)^%s: (.*?)\r$" % re.escape(name), head)
            body = found[1] if found else b"none"
        elif kind == b"status":
            status = rest[0] + b" So"
        elif kind == b"redirect":
            status, more = b"302 Found", b"Location: /%s\r\n" % rest[0]
        elif kind == b"slow":
            await asyncio.sleep(0.3)
        elif kind == b"echo":
            body = sent
        elif kind == b"meet":
            self._waiting += 1
            event = self._met.setdefault(path.rpartition(b"/")[0], asyncio.Event())
            if self._waiting == int(rest[0]):
                self._waiting = 0
                event.set()
                self._met.clear()
            await event.wait()
        return status, more, body


@pytest.fixture(scope="module")
def forks(forking: Forking) -> Iterator[Forks]:
    with forking(*NEEDED) as running:
        yield running


@pytest.fixture(scope="module")
def strict(forking: Forking) -> Iterator[Forks]:
    """Give what runs code in the development mode of Python."""
    with forking(*NEEDED, flags=("-X", "dev")) as running:
        yield running


class Seen(NamedTuple):
    """What a program did."""

    output: str
    connections: int


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def run(strict: Forks, server: Server, folder: Path, code: str) -> Seen:
    """Run code in a folder, with `urls` bound; it must leave nothing on stderr."""
    before = server.connections
    base = f"http://127.0.0.1:{server.port}"
    head = f"import asyncio\nbase = {base!r}\nurls = [base + f'/{{n}}' for n in range(6)]\n"
    status, out, err = strict.run(folder, head + code)
    assert status == 0, err
    assert "Unclosed" not in err and "never retrieved" not in err
    return Seen(out, server.connections - before)


def program(name: str, kind: str, tmp_path: Path) -> Path:
    """Give a folder with a fixture as it is before or after, named `program`."""
    folder = tmp_path / kind
    if (FIXTURES / name).is_dir():
        shutil.copytree(FIXTURES / name / kind, folder)
    else:
        folder.mkdir(parents=True)
        shutil.copy(FIXTURES / f"{name}.{kind}.py", folder / "program.py")
    return folder


ONE_BY_ONE = "import program; print(asyncio.run(program.{}))"
MODULES = "from app import __main__ as main; print(asyncio.run(main.{}))"
# name -> what is run, connections before, connections after
RUNS = {
    "loop_in_function": (ONE_BY_ONE.format("pages(urls)"), 6, 1),
    "loop_two_items": (ONE_BY_ONE.format("pages(urls)"), 6, 1),
    "loop_in_try": (ONE_BY_ONE.format("pages(urls)"), 6, 1),
    "loop_arguments": (ONE_BY_ONE.format("pages(urls, 5, True)"), 6, 1),
    "gather_python_39": (ONE_BY_ONE.format("crawl(urls)"), 6, 6),
    "gather": (ONE_BY_ONE.format("crawl(urls)"), 6, 6),
    "tasks_in_a_list": (ONE_BY_ONE.format("crawl(urls)"), 6, 6),
    "headers_move_to_request": (ONE_BY_ONE.format("fetch_all(urls, 'x')"), 6, 1),
    "by_hand_try": (ONE_BY_ONE.format("fetch_all(urls)"), 6, 1),
    "by_hand_row": (ONE_BY_ONE.format("fetch_all(urls)"), 6, 1),
    "by_hand_loop": (ONE_BY_ONE.format("pages(urls)"), 6, 1),
    "arguments_kept": (
        "from app import crawl; print(asyncio.run(crawl.crawl(urls)))",
        6,
        1,
    ),
    "connector_through_modules": (MODULES.format("one_by_one(base, urls)"), 6, 1),
    "connector_timeout_may_be_none": (ONE_BY_ONE.format("fetch_all(urls)"), 6, 1),
    "object_in_modules": (
        "from bot import __main__ as main; asyncio.run(main.main(urls))",
        3,
        2,
    ),
    "retry_with_callers": (ONE_BY_ONE.format("pages(urls)"), 6, 1),
    "through_three_modules": (MODULES.format("one_by_one(urls)"), 6, 1),
    "through_three_modules_39": (MODULES.format("one_by_one(urls)"), 6, 1),
    "typed_receiver": (
        MODULES.format("Loader(main.Api(base + '/')).all(list('abcdef'))"),
        6,
        1,
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_fewer_connections_same_answers(
    name: str, tmp_path: Path, server: Server, strict: Forks
) -> None:
    code, many, few = RUNS[name]
    before = run(strict, server, program(name, "before", tmp_path), code)
    after = run(strict, server, program(name, "after", tmp_path), code)
    assert after.output == before.output and "age /" in before.output.replace("P", "p")
    assert (before.connections, after.connections) == (many, few)


def test_a_retry_does_not_meet_a_closed_session(
    tmp_path: Path, server: Server, strict: Forks
) -> None:
    code = "import program; asyncio.run(program.lone(urls))"
    before, after = (
        run(strict, server, program("retry_with_callers", kind, tmp_path), code)
        for kind in ("before", "after")
    )
    assert after.output == before.output == "page /0\n"


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("through_three_modules", "fetch(urls[0])"),
        ("through_three_modules_39", "fetch(urls[0])"),
        ("connector_through_modules", "balance(base, '0')"),
        ("arguments_kept", "fetch(urls[0])"),
    ],
)
def test_others_call_it_as_before(
    name: str, call: str, tmp_path: Path, server: Server, strict: Forks
) -> None:
    code = f"from app.net import *; print(asyncio.run({call}))"
    seen = run(strict, server, program(name, "after", tmp_path), code)
    assert seen == Seen("page /0\n", 1)


def test_clients_that_are_reported_are_those_of_the_catalog() -> None:
    folder = Path(_session_pools.__file__).parent / "catalog"
    found = {
        each.name
        for each in Catalog([folder]).entries()
        if (each.strategy, each.form) == ("report", "construct")
    }
    assert found == {*_session_pools.CLASSES, *_session_pools.METHODS}


# What is typed, and of which cases; those of one file are looked at together.
TYPED = [
    ("app", ["arguments_kept"]),
    ("app", ["connector_through_modules"]),
    ("app", ["through_three_modules"]),
    ("app", ["through_three_modules_39"]),
    ("app", ["typed_receiver"]),
    ("bot", ["object_in_modules"]),
    (
        ".",
        [
            "by_hand_try",
            "object_connector",
            "object_keeps_it",
            "recursion",
            "two_items_in_function",
        ],
    ),
]


@pytest.mark.any_python
@pytest.mark.parametrize(("what", "names"), TYPED, ids=[names[0] for _, names in TYPED])
@pytest.mark.parametrize("kind", ["before", "after"])
def test_types_are_right(
    what: str,
    names: list[str],
    kind: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    for name in names:
        folder = program(name, kind, tmp_path / name)
        if what == ".":
            (folder / "program.py").rename(tmp_path / f"{name}.py")
        else:
            (folder / what).rename(tmp_path / what)
        shutil.rmtree(tmp_path / name)
    known = tmp_path_factory.getbasetemp() / "mypy"  # of libraries, once for all
    flags = ["--strict", "--python-version", "3.10", "--cache-dir", str(known)]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *flags, what],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


# -- the code that is shown for a framework -----------------------------------------


@pytest.mark.parametrize("name", _session_frameworks._TEXTS)
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.module)
def test_what_is_shown_for_a_framework_is_python(name: str, kind: Kind) -> None:
    code = _session_frameworks.text(name, kind, ast.Call(ast.Name("x"), [], []), "page")
    # "..." stands for the parameters that are there already.
    ast.parse(code.replace("...,", "args,").replace(", ...)", ", args)"))
    assert kind.name in code or "hass" in code


def test_what_is_shown_for_aiohttp_web_shares_one_session(
    tmp_path: Path, server: Server, strict: Forks
) -> None:
    made = ast.Call(ast.Name("ClientSession"), [], [])
    code = _session_frameworks.text(
        "aiohttp.web", KINDS["aiohttp.ClientSession"], made, "page"
    )
    code = code.replace(
        "    ...  # as before",
        """    async with session.get(base + "/page") as response:
        return web.Response(text=await response.text())
    # as before""",
    )
    code = code.replace("app.cleanup_ctx", "app = web.Application()\napp.cleanup_ctx")
    main = """
app.router.add_get("/", page)


async def main() -> None:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession() as own:
        for _ in range(3):
            async with own.get(f"http://{host}:{port}/") as response:
                print(await response.text())
    await runner.cleanup()


asyncio.run(main())
"""
    assert run(strict, server, tmp_path, code + main) == Seen("page /page\n" * 3, 1)


# -- what README says of examples/crawler ----------------------------------------


def _rows(text: str) -> dict[str, int]:
    """Give the connections of a table's rows, by what a row is called."""
    rows = re.findall(r"^\|? ?([\w -]+, \w+) \| ([\d]+)", text, re.MULTILINE)
    return {name: int(count) for name, count in rows}


def test_the_example_crawler(tmp_path: Path, server: Server) -> None:
    """`asyncfix --apply --unsafe examples/crawler` does what README says."""
    text = (ROOT / "README.md").read_text("utf-8")
    command = "asyncfix --apply --unsafe examples/crawler"
    assert f"`{command}`" in text
    said = _rows(text)
    shutil.copytree(
        ROOT / "examples" / "crawler",
        tmp_path / "examples" / "crawler",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    urls = [f"http://127.0.0.1:{server.port}/{n}" for n in range(200)]
    seen = {}
    for kind in ("before", "after"):
        if kind == "after":
            fix = [sys.executable, "-m", *command.split()]
            done = subprocess.run(fix, cwd=tmp_path, capture_output=True, text=True)
            assert "changed" in done.stderr, done.stderr
        for way, name in (("one-by-one", "one by one"), ("together", "ten at a time")):
            before = server.connections
            done = subprocess.run(
                [sys.executable, "-m", "crawler", way, *urls],
                cwd=tmp_path / "examples",
                capture_output=True,
                text=True,
            )
            assert done.stdout.startswith("200 pages, 400 words in "), done.stderr
            assert not done.stderr
            seen[f"{name}, {kind}"] = server.connections - before
    assert 1 < seen["ten at a time, after"] <= said.pop("ten at a time, after") == 10
    del seen["ten at a time, after"]
    assert seen == said


@pytest.mark.any_python
def test_the_benchmark_counts_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/sessions.py", "--pages", "12", "--rounds", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    counted = _rows(done.stdout)
    assert counted.pop("together, after") <= 10
    assert counted == {
        "one-by-one, before": 12,
        "one-by-one, after": 1,
        "together, before": 12,
    }


# -- programs ------------------------------------------------------------------

CASES = Path(__file__).with_name("session_cases.txt").read_text("utf-8")
HEAD = """\
import asyncio
import os

import aiohttp
import httpx

base = os.environ["BASE"]
urls = [base + f"/{n}" for n in range(6)]


"""
TAIL = """

if __name__ == "__main__":
    asyncio.run(main())
"""


def _cases() -> dict[str, tuple[str, str]]:
    parts = re.split(r"^(\w+) (unchanged|\d+ \d+)\n", CASES, flags=re.MULTILINE)[1:]
    return {
        name: (said, HEAD + textwrap.dedent(program) + TAIL)
        for name, said, program in zip(
            parts[::3], parts[1::3], parts[2::3], strict=True
        )
    }


def _run_program(forks: Forks, server: Server, folder: Path) -> tuple[str, int]:
    before = server.connections
    code = (folder / "main.py").read_text("utf-8")
    base = f"http://127.0.0.1:{server.port}"
    status, out, err = forks.run(folder, code, BASE=base)
    assert status == 0 and out, err
    assert not err, err
    return out.replace(str(server.port), "PORT"), server.connections - before


@pytest.mark.parametrize("name", _cases())
def test_program(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: Server,
    forks: Forks,
) -> None:
    said, program = _cases()[name]
    tmp_path.joinpath("main.py").write_text(program, "utf-8")
    monkeypatch.chdir(tmp_path)
    codemods = [each for each in installed() if each.name == "session-per-request"]
    before = _run_program(forks, server, tmp_path)
    settings = Settings(unsafe=True, target=(3, 10))
    result = run_asyncfix(settings, codemods)
    assert not result.problems
    if said == "unchanged":
        assert not result.changes, result.changes
        return
    assert write(result.changes, tmp_path, "test", result.read).problems == ()
    after = _run_program(forks, server, tmp_path)
    assert after[0] == before[0]
    assert f"{before[1]} {after[1]}" == said
