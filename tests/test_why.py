"""`asyncfix why FILE:LINE`: what is said of a line, and when there is no answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Made, Run

HELPERS = """\
import requests


def load(url):
    return fetch(url)


def fetch(url):
    return requests.get(
        url,
    )
"""


@pytest.fixture
def api(made: Made) -> Made:
    """Write `api.py`, marked `# <-` where the question is asked, and helpers."""

    def api(files: dict[str, str]) -> None:  # type: ignore[misc]
        made({"pyproject.toml": "", "helpers.py": HELPERS, **files})

    return api  # type: ignore[return-value]


def line_of(text: str, mark: str = "# <-") -> int:
    (line,) = [n for n, each in enumerate(text.splitlines(), 1) if mark in each]
    return line


def test_each_step_down_to_the_call_is_named(run: Run, api: Made) -> None:
    text = (
        "from helpers import load\n\n\nasync def handler(url):\n    return load(url)\n"
    )
    api({"api.py": text})
    ran = run("why", "api.py:5")
    assert ran.code == 1
    lines = ran.text.splitlines()
    assert lines[:5] == [
        "coroutine handler (api.py:4)",
        "  api.py:5: load() blocks (http, high)",
        "      api.py:5 -> load",
        "      helpers.py:5 -> fetch",
        "      helpers.py:9 -> requests.get",
    ]
    assert lines[5].startswith("      why: ")
    assert lines[6].startswith("      instead: ")
    assert ran.err == b""


def test_awaited_coroutines_are_followed(run: Run, api: Made) -> None:
    text = (
        "from helpers import load\n\n\nasync def inner():\n    load('')\n\n\n"
        "async def outer():\n    await inner()\n"
    )
    api({"api.py": text})
    ran = run("why", "api.py:9")
    assert ran.code == 1
    assert (
        "  api.py:9: inner() blocks (http, high)\n      api.py:9 -> inner" in ran.text
    )


@pytest.mark.parametrize("line", [4, 5, 6, 8, 9, 10, 11])
def test_of_a_sync_function_its_coroutines_are_named(
    run: Run, api: Made, line: int
) -> None:
    handlers = "".join(
        f"async def h{n}():\n    {'load' if n else 'fetch'}('')\n\n\n" for n in range(5)
    )
    api({"api.py": f"from helpers import fetch, load\n\n\n{handlers}"})
    ran = run("why", f"helpers.py:{line}")
    if line == 6:
        assert "there is no call on this line" in ran.text
        assert "the function above it is load (helpers.py:4)" in ran.text
        assert ran.code == 0
        return
    assert ran.code == 1
    if line < 6:
        assert "reached from 4 coroutines\n    h1 (api.py:8)" in ran.text
        assert "and 1 more" in ran.text
    else:
        assert "requests.get() blocks (http, high)" in ran.text
        assert "reached from 5 coroutines\n    h0 (api.py:4)" in ran.text
        assert (
            "    h1 (api.py:8)\n      api.py:9 -> load\n      helpers.py:5 -> fetch"
            in (ran.text)
        )


def test_a_def_is_asked_as_a_whole(run: Run, api: Made) -> None:
    text = (
        "import time\nfrom helpers import load\n\n\n"
        "async def handler(thing):\n    load('')\n    print(len(''))\n"
        "    time.sleep(1)\n    thing.run()\n"
    )
    api({"api.py": text})
    ran = run("why", "api.py:5")
    assert ran.code == 1
    assert ran.text.count(" blocks (") == 2
    assert "1 call of less severity" in ran.text
    assert "not known: 1 of 5 calls\n      line 9: thing.run(): " in ran.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("thing.run()  # <-", "thing is not known: the parameter on line 9 has no"),
        ("self.client.get()  # <-", "the parameter on line 6 has no annotation"),
        ("self.gone.get()  # <-", "assignment in Api says what it is"),
        ("await thing.run()  # <-", "has no annotation; it is awaited"),
        ("nowhere()  # <-", "nothing in this file gives it a value"),
        ("(1 + 1)()  # <-", "an expression that is not followed"),
        ("unheard_of.run()  # <-", "of a library that the catalog does not know"),
    ],
)
def test_of_what_is_not_known_it_says_what_is(
    run: Run, api: Made, body: str, words: str
) -> None:
    text = (
        "import unheard_of\n\n\nclass Api:\n\n    def __init__(self, client):\n"
        f"        self.client = client\n\n    async def handler(self, thing):\n        {body}\n"
    )
    api({"api.py": text})
    ran = run("why", f"api.py:{line_of(text)}")
    assert words in ran.text
    assert "not known" in ran.text
    assert ran.text.endswith("nothing here is known to block\n")
    assert ran.code == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("await asyncio.to_thread(load, '')  # <-", "to_thread runs load in a thread"),
        (
            "await asyncio.get_running_loop().run_in_executor(None, lambda: load(''))  # <-",
            "run_in_executor runs it in a thread or process",
        ),
        ("await asyncio.sleep(1)  # <-", "asyncio.sleep is awaited"),
        ("len('')  # <-", "does not list builtins.len"),
        ("pure()  # <-", "was followed: nothing in it is known to block"),
        ("made()  # <-", "makes a generator: its body runs when iterated"),
        ("x = 1  # <-", "there is no call on this line"),
        ("print(1)  # <-", "blocks for little: builtins.print (log, low)"),
    ],
)
def test_what_does_not_hold_the_loop(
    run: Run, api: Made, body: str, words: str
) -> None:
    text = (
        "import asyncio\nfrom helpers import load\n\n\ndef pure():\n    return len('')\n\n\n"
        f"def made():\n    yield load('')\n\n\nasync def handler():\n    {body}\n"
    )
    api({"api.py": text})
    ran = run("why", f"api.py:{line_of(text)}")
    assert words in ran.text
    assert ran.code == 0


def test_a_function_that_only_threads_run_does_not_hold_the_loop(
    run: Run, api: Made
) -> None:
    text = (
        "import asyncio\nfrom helpers import load\n\n\ndef work():\n    load('')\n\n\n"
        "async def handler():\n    await asyncio.to_thread(work)\n"
    )
    api({"api.py": text})
    ran = run("why", "api.py:6")
    assert ran.code == 0
    assert (
        "load(): runs elsewhere: reaches requests.get, off the event loop" in ran.text
    )
    assert "api.py:10: asyncio.to_thread runs it in a thread" in ran.text


def test_what_no_coroutine_reaches_says_so(run: Run, api: Made) -> None:
    api({"api.py": "import time\n\n\ndef work():\n    time.sleep(1)\n"})
    ran = run("why", "api.py:5")
    assert ran.code == 1
    assert "no coroutine reaches it, as far as calls are known" in ran.text


def test_code_of_a_module_runs_at_its_import(run: Run, api: Made) -> None:
    api({"api.py": "import time\n\ntime.sleep(1)\n"})
    ran = run("why", "api.py:3")
    assert "module <module> (api.py:1): runs when the module is imported" in ran.text


@pytest.mark.parametrize(("severity", "code"), [("low", 1), ("medium", 0), ("high", 0)])
def test_severity_says_what_counts(
    run: Run, api: Made, severity: str, code: int
) -> None:
    api({"api.py": "async def handler():\n    print(1)\n"})
    assert run("why", "api.py:2", "--severity", severity).code == code
    api({"pyproject.toml": f"[tool.asyncfix]\nseverity = '{severity}'\n"})
    assert run("why", "api.py:2").code == code


def test_a_column_may_follow(run: Run, api: Made) -> None:
    api({"api.py": "import time\n\n\nasync def f():\n    time.sleep(1)\n"})
    assert run("why", "api.py:5:5").out == run("why", "api.py:5").out
    assert run("why", "api.py:5:").out == run("why", "api.py:5").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("api.py",), "api.py: give a file and a line, such as app/api.py:12"),
        (("api.py:x",), "api.py:x: give a file and a line"),
        ((":3",), "give a file and a line"),
        (("gone.py:1",), "gone.py:1: there is no such file"),
        (("c:1",), "c:1: is a folder"),
        (("api.py:0",), "api.py:0: there is no such line, the file has 3"),
        (("api.py:99",), "api.py:99: there is no such line, the file has 3"),
        (("broken.py:1",), "broken.py:1: does not parse"),
        (("api.py:1", "c"), "api.py:1: the file is not in what was read (c)"),
        (("api.py:1", "--exclude", "api.py"), "api.py:1: the file is left out (exc"),
        (("notes.ipynb:1",), "notes.ipynb:1: the file is left out (notebook)"),
        (("api.py:1", "gone"), "gone: there is no such file or folder"),
    ],
)
def test_no_answer_is_2_and_says_why(
    run: Run, api: Made, arguments: tuple[str, ...], words: str
) -> None:
    api({"api.py": "async def f():\n    pass\n", "broken.py": "x = (\n"})
    api({"c/d.py": "", "notes.ipynb": "{}"})
    ran = run("why", *arguments)
    assert ran.code == 2
    assert ran.out == b""
    assert words in ran.said


def test_a_broken_file_elsewhere_is_a_note(run: Run, api: Made) -> None:
    api({"api.py": "async def f():\n    pass\n", "broken.py": "x = (\n"})
    ran = run("why", "api.py:1")
    assert ran.code == 0
    assert "note: broken.py:1: does not parse" in ran.said
    ran = run("why", "api.py:1", ".")
    assert ran.code == 2
    assert "broken.py:1: error: does not parse" in ran.said


def test_without_a_project_the_package_is_read(
    run: Run, made: Made, here: Path
) -> None:
    made({"app/__init__.py": "", "app/helpers.py": HELPERS})
    text = "from app.helpers import load\n\n\nasync def f():\n    load('')\n"
    made({"app/sub/__init__.py": "", "app/sub/api.py": text})
    ran = run("why", "app/sub/api.py:5")
    assert ran.code == 1
    assert "app/helpers.py:9 -> requests.get" in ran.text
    assert "no .git or pyproject.toml" in ran.said


def test_nothing_printed_steers_a_terminal(run: Run, api: Made) -> None:
    name = "a\x1b[31m\nb.py"
    api({name: "import time\n\n\nasync def f():\n    time.sleep(1)\n    ü.x()\n"})
    for line, code in ((4, 1), (5, 1), (6, 0), (99, 2)):
        ran = run("why", f"{name}:{line}")
        assert ran.code == code
        assert b"\x1b" not in ran.out + ran.err
    assert "a\\x1b[31m\\x0ab.py:5" in run("why", f"{name}:5").text
