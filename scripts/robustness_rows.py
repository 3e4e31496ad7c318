"""The rows of scripts/robustness.py: small projects that break tools."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

TEXT = """import asyncio
import os
import time


async def f():
    time.sleep(1)
    x = { 'a':1 }
    async with asyncio.timeout(1):
        pass
    return asyncio, time.time(), x == None
"""
OLD, NEW = b"time.sleep(1)", b"await asyncio.sleep(1)"
GOOD = ("a_good.py", "z_good.py")
Files = Mapping[str, "bytes | str"]


class Row(NamedTuple):
    """One kind of input, and what asyncfix has to do with it."""

    name: str
    make: Files | Callable[[Path], None]
    """The files; or what makes them in a folder."""
    code: int = 0
    """The exit code of `asyncfix --apply`."""
    fixed: tuple[str, ...] = ()
    """The files that are fixed, besides the good ones; no other byte changes."""
    said: str = ""
    """What it has to say of it."""
    paths: tuple[str, ...] = (".",)
    powerless: bool = False
    """Whether root's powers would spoil it."""
    named: bool = False
    """Whether a name on the command line is wrong, which ends the run at once."""
    taste: bool = False
    """Whether a tool may as well edit what asyncfix leaves."""


def ended(text: str, *ends: str) -> str:
    """Give the text with line ends taken in turn."""
    lines = text.split("\n")
    return "".join(
        line + (ends[number % len(ends)] if number < len(lines) - 1 else "")
        for number, line in enumerate(lines)
    )


def with_statement(code: str) -> str:
    """Give the text with one more statement at its end."""
    return f"{TEXT}\n\n{code}\n"


# -- what cannot be said by a few bytes ----------------------------------------


def linked(kind: str, folder: Path) -> None:
    """Make a file and another way to it."""
    (folder / "x.py").write_text(TEXT)
    if kind == "hard":
        os.link(folder / "x.py", folder / "y.py")
    elif kind == "soft":
        (folder / "y.py").symlink_to("x.py")
    elif kind == "dangling":
        (folder / "y.py").symlink_to("nowhere.py")
    else:
        (folder / "sub").mkdir()
        (folder / "sub" / "loop").symlink_to("..")


def moded(mode: int, folder: Path) -> None:
    """Make a file of a mode."""
    (folder / "x.py").write_text(TEXT)
    (folder / "x.py").chmod(mode)


def closed(folder: Path) -> None:
    """Make a file in a folder where nothing may be made."""
    (folder / "sub").mkdir()
    (folder / "sub" / "x.py").write_text(TEXT)
    (folder / "sub").chmod(0o555)


def odd(kind: str, folder: Path) -> None:
    """Make what is no regular file, and has the name of one."""
    if kind == "pipe":
        os.mkfifo(folder / "x.py")
    else:
        (folder / "x.py").mkdir()
        (folder / "x.py" / "y.py").write_text(TEXT)


def ignored(folder: Path) -> None:
    """Make a repository that ignores a file."""
    (folder / "x.py").write_text(TEXT)
    (folder / ".gitignore").write_text("x.py\n")
    for command in (
        ("init", "-q"),
        ("add", "-A"),
        ("-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"),
    ):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def named(name: bytes) -> Files:
    """Give a file of a name of any bytes."""
    return {os.fsdecode(name): TEXT}


_DEEP = "x = " + "(" * 20_000 + ")" * 20_000 + "\n"


def _deep(name: str, statement: str) -> Row:
    """Give a row of what CPython reads from 3.13 on, and refuses or not before."""
    files = {"x.py": with_statement(statement)}
    if sys.version_info >= (3, 13):
        return Row(name, files, 0, ("x.py",))
    return Row(name, files, 2, said="x.py:", taste=True)


ROWS: dict[str, Row] = {
    "1": Row("CRLF", {"x.py": ended(TEXT, "\r\n")}, 0, ("x.py",)),
    "2": Row("CRLF and LF mixed", {"x.py": ended(TEXT, "\r\n", "\n")}, 0, ("x.py",)),
    "3": Row("CR alone", {"x.py": ended(TEXT, "\r")}, 0, ("x.py",)),
    "4": Row("BOM", {"x.py": b"\xef\xbb\xbf" + TEXT.encode()}, 0, ("x.py",)),
    "5": Row(
        "latin-1, cp1252, with a coding line",
        {
            "x.py": f"# coding: latin-1\nE = 'é'\n{TEXT}".encode("latin-1"),
            "y.py": f"# coding: cp1252\nE = '€'\n{TEXT}".encode("cp1252"),
        },
        0,
        ("x.py", "y.py"),
    ),
    "6a": Row(
        "latin-1, no coding line",
        {"x.py": f"E = 'é'\n{TEXT}".encode("latin-1")},
        2,
        said="UTF-8",
    ),
    "6b": Row("UTF-16", {"x.py": TEXT.encode("utf-16")}, 2, said="UTF-16"),
    "7": Row(
        "unknown coding", {"x.py": f"# coding: klingon\n{TEXT}"}, 2, said="klingon"
    ),
    "8": Row(
        "form feeds",
        {"x.py": TEXT.replace("\n\n\n", "\n\x0c\n\n") + "\x0c\nx = 1\n"},
        0,
        ("x.py",),
    ),
    "9": Row("NUL byte", {"x.py": f"{TEXT}# \0\n"}, 2, said="NUL"),
    "10a": Row("syntax error", {"x.py": f"{TEXT}x = (\n"}, 2, said="does not parse"),
    "10b": Row("Python 2", {"x.py": f"{TEXT}print 'x'\n"}, 2, said="Python 2"),
    "10c": Row("Ctrl-Z at the end", {"x.py": f"{TEXT}\x1a"}, 2, said="does not parse"),
    "11": Row(
        "tabs and blanks, valid",
        {"x.py": with_statement("def g():\n\tif 1:\n        \tpass")},
        0,
        ("x.py",),
    ),
    "12": Row("no newline at the end", {"x.py": TEXT.rstrip("\n")}, 0, ("x.py",)),
    "13": Row(
        "150 nested parentheses",
        {"x.py": with_statement("y = " + "(" * 150 + "1" + ")" * 150)},
        0,
        ("x.py",),
    ),
    "14": _deep("a sum of 5 000 terms", "y = " + " + ".join("a" * 5000)),
    "15": _deep("a chain of 3 000 calls", "y = a" + ".b()" * 3000),
    "16a": Row("20 000 nested (", {"m.py": _DEEP}, 2, said="m.py:"),
    "16b": Row(
        "20 000 nested [",
        {"m.py": _DEEP.replace("(", "[").replace(")", "]")},
        2,
        said="m.py:",
    ),
    "16c": Row(
        "10 000 times not", {"m.py": "x = " + "not " * 10_000 + "1\n"}, 2, said="m.py:"
    ),
    "17": Row(
        "240 000 lines, 3 MB",
        {"x.py": TEXT + "x = a(1, 2)\n" * 240_000},
        0,
        ("x.py",),
    ),
    "18": Row(
        "one line of 300 000 numbers",
        {"x.py": TEXT + "y = [" + "12345, " * 300_000 + "]\n"},
        0,
        ("x.py",),
    ),
    "19a": Row(
        "read-only (0444)", partial(moded, 0o444), 2, said="read-only", powerless=True
    ),
    "19b": Row(
        "folder read-only (0555)",
        closed,
        2,
        said="Permission denied",
        powerless=True,
        taste=True,
    ),
    "20": Row(
        "unreadable (0000)", partial(moded, 0), 2, said="cannot be read", powerless=True
    ),
    "21": Row("mode 0755", partial(moded, 0o755), 0, ("x.py",)),
    "22": Row(
        "blank, umlaut, newline in the name",
        {"a b.py": TEXT, "ü.py": TEXT, "n\nl.py": TEXT},
        0,
        ("a b.py", "ü.py", "n\nl.py"),
    ),
    "23": Row(
        "a name that is no UTF-8", named(b"\xff.py"), 0, (os.fsdecode(b"\xff.py"),)
    ),
    "24": Row("link to a file", partial(linked, "soft"), 0, ("x.py", "y.py")),
    "25": Row("two hard links", partial(linked, "hard"), 0, ("x.py", "y.py")),
    "26a": Row(
        "link to nowhere", partial(linked, "dangling"), 0, ("x.py",), "broken link"
    ),
    "26b": Row(
        "link to nowhere, named",
        partial(linked, "dangling"),
        2,
        (),
        "no such file",
        (*GOOD, "y.py"),
        named=True,
    ),
    "27": Row("links to folders in a circle", partial(linked, "loop"), 0, ("x.py",)),
    "28": Row("a folder called x.py", partial(odd, "folder"), 0, ("x.py/y.py",)),
    "29": Row("a pipe called x.py", partial(odd, "pipe"), 0, (), "not a regular file"),
    "30": Row(
        "a stub, named", {"x.pyi": TEXT}, 0, (), "stub", (*GOOD, "x.pyi"), taste=True
    ),
    "31": Row(
        "a notebook, named",
        {
            "x.ipynb": '{"cells": [{"cell_type": "code", "execution_count": null, '
            '"id": "a", "metadata": {}, "outputs": [], "source": ["import os\\n", '
            '"x = { \'a\':1 }"]}], "metadata": {"language_info": {"name": "python"}}, '
            '"nbformat": 4, "nbformat_minor": 5}\n'
        },
        0,
        (),
        "notebook",
        (*GOOD, "x.ipynb"),
        taste=True,
    ),
    "32": Row(
        "@generated, DO NOT EDIT",
        {"x.py": f"# @generated\n{TEXT}", "y.py": f"# DO NOT EDIT\n{TEXT}"},
        0,
        (),
        "2 generated",
    ),
    "33": Row(
        ".venv and node_modules, named",
        {".venv/x.py": TEXT, "node_modules/x.py": TEXT},
        0,
        (),
        "left out",
        (*GOOD, ".venv", "node_modules"),
    ),
    "34": Row(
        "ignored by git, named",
        ignored,
        0,
        ("x.py",),
        "git ignores it",
        (*GOOD, "x.py"),
    ),
    "35": Row(
        "syntax of Python 3.14",
        {"x.py": with_statement("try:\n    pass\nexcept A, B:\n    pass")},
        2,
        ("x.py",),
        "newer",
    ),
    "36": Row(
        "U+2028 and NEL in a string",
        {"x.py": with_statement("S = 'a\u2028b\x85c'")},
        0,
        ("x.py",),
    ),
}


def make(row: Row, folder: Path) -> None:
    """Make a row's project."""
    folder.mkdir(parents=True)
    for name in GOOD:
        (folder / name).write_text(TEXT)
    if callable(row.make):
        row.make(folder)
        return
    for name, content in row.make.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


class State(NamedTuple):
    """A file: its bytes, what it is, its mode, and how many names it has."""

    data: bytes
    link: str
    mode: int
    names: int


def states(folder: Path) -> dict[str, State]:
    """Give all files of a project, but for git's."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in files:
            path = Path(place, name)
            status = path.lstat()
            link = os.readlink(path) if path.is_symlink() else ""
            # Without a look at the mode, as root.
            data = path.read_bytes() if path.is_file() else b""
            key = path.relative_to(folder).as_posix()
            found[key] = State(data, link, status.st_mode, status.st_nlink)
    return found
