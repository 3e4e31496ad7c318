"""A call that is told not to wait, or has nobody to wait for, is no finding.

Each row is some helpers, the calls that are told, and those that are not.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncfix import engine, registry
from asyncfix.model import Settings

HEAD = "import psutil, socket\nfrom concurrent.futures import Future\n"

ROWS = {
    "futures that have their result": (
        "def h(f: Future):\n f.set_exception(OSError())\n f.exception()\n"
        "def k(f: Future):\n if f: f.set_result(1)\n f.result()\n"
        "def e(f: Future, g: Future):\n g.set_result(1)\n f.result()",
        "k(x); e(x, x)",
        "h(x)",
    ),
    "sockets that may be empty": (
        "def h(s: socket.socket):\n try: return s.recv(1)\n"
        " except (BlockingIOError, InterruptedError): return b''\n"
        "def k(s: socket.socket):\n try: return s.recv(1)\n"
        " except OSError: return b''\n"
        "def e(s: socket.socket):\n try: pass\n"
        " except BlockingIOError: return s.recv(1)",
        "k(x); e(x)",
        "h(x)",
    ),
    "sockets that send nothing": (
        "def h():\n s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        " s.connect(('8.8.8.8', 80))\n"
        "def k(host):\n with socket.socket(type=socket.SOCK_DGRAM) as s:\n"
        "  s.connect((host, 80))\n"
        "def e():\n s = socket.socket(type=socket.SOCK_DGRAM)\n"
        " s.connect(('example.com', 80))\n"
        "def t():\n with socket.socket() as s: s.connect(('8.8.8.8', 80))",
        "k(x); e(); t()",
        "h()",
    ),
    "as long as they are told": (
        "def h(n=None): psutil.cpu_percent(n)\n"
        "def k(n=1): psutil.cpu_percent(interval=n, percpu=True)",
        "psutil.cpu_percent(1); psutil.cpu_percent(interval=x); h(2); h(x); k()",
        "psutil.cpu_percent(); psutil.cpu_percent(None); h(); h(0); k(0.0); k(None)",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_waits_is_told(here: Path, row: str) -> None:
    helpers, told, silent = ROWS[row]
    wanted, other = told.split("; "), silent.split("; ")
    text = f"{HEAD}{helpers}\nasync def f(x):\n"
    first = text.count("\n") + 1
    calls = wanted + other
    (here / "main.py").write_text(text + "".join(f"    {call}\n" for call in calls))
    settings = Settings(paths=(here,), root=here, select=("blocking-call",))

    result = engine.run(settings, registry.installed())

    assert not result.problems
    assert [calls[each.line - first] for each in result.findings] == wanted
