"""Run asyncfix, and its peers where they are installed, on the inputs that break tools.

    python scripts/robustness.py [--peers DIR] [--rows N,N] [--limit SECONDS] [--write]

Each row is a small project. Beside what the row is about it holds two plain files,
which a tool is to fix all the same. Every file has something to fix for each of the
tools: a `time.sleep` (asyncfix, ast-grep), an import that is not used (ruff, LibCST,
codemodder), a dict with blanks (black, ruff format), a comparison (fixit), a timeout
round nothing (flake8-async). DIR is the `bin` of an environment with

    pip install ast-grep-cli black codemodder fixit flake8-async libcst ruff

`--write` puts the table into docs/robustness.md. Exit code 1 where asyncfix does
other than its row says. As root, rows of permissions run without root's powers
(`setpriv`). The rows are tests as well: tests/test_robustness.py.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "robustness.md"
MARKS = "<!-- rows -->", "<!-- /rows -->"
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
    reason: str = ""
    """Why that is right, for the page."""


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
_FORM = {"fixed": ("x.py",)}

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
    "7": Row("unknown coding", {"x.py": f"# coding: klingon\n{TEXT}"}, 2, said="klingon"),
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
    "14": Row(
        "a sum of 5 000 terms",
        {"x.py": with_statement("y = " + " + ".join("a" * 5000))},
        2,
        said="x.py:",
    ),
    "15": Row(
        "a chain of 3 000 calls",
        {"x.py": with_statement("y = a" + ".b()" * 3000)},
        2,
        said="x.py:",
    ),
    "16a": Row("20 000 nested (", {"m.py": _DEEP}, 2, said="m.py:"),
    "16b": Row(
        "20 000 nested [", {"m.py": _DEEP.replace("(", "[").replace(")", "]")}, 2,
        said="m.py:",
    ),  # fmt: skip
    "16c": Row("10 000 times not", {"m.py": "x = " + "not " * 10_000 + "1\n"}, 2, said="m.py:"),
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
    "19": Row(
        "read-only (0444)", partial(moded, 0o444), 2, said="read-only", powerless=True
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
    "26a": Row("link to nowhere", partial(linked, "dangling"), 0, ("x.py",), "broken link"),
    "26b": Row(
        "link to nowhere, named", partial(linked, "dangling"), 2, (),
        "no such file", (*GOOD, "y.py"),
        reason="a name that is wrong ends the run before it begins",
    ),  # fmt: skip
    "27": Row("links to folders in a circle", partial(linked, "loop"), 0, ("x.py",)),
    "28": Row("a folder called x.py", partial(odd, "folder"), 0, ("x.py/y.py",)),
    "29": Row("a pipe called x.py", partial(odd, "pipe"), 0, (), "not a regular file"),
    "30": Row("a stub, named", {"x.pyi": TEXT}, 0, (), "stub", (*GOOD, "x.pyi")),
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
        "ignored by git, named", ignored, 0, ("x.py",), "", (*GOOD, "x.py"),
    ),  # fmt: skip
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
}  # fmt: skip


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


# -- running a tool --------------------------------------------------------------


class Tool(NamedTuple):
    """A tool: its command, and what tells that a text was fixed by it."""

    name: str
    command: tuple[str, ...]
    fixed: Callable[[bytes], bool]
    of_folders: bool = False
    """It takes a folder, no files."""


def _gone(part: bytes) -> Callable[[bytes], bool]:
    return lambda data: part not in data


def _come(part: bytes) -> Callable[[bytes], bool]:
    return lambda data: part in data


ASYNCFIX = Tool(
    "asyncfix", (sys.executable, "-m", "asyncfix", "--apply"), _come(b"await asyncio.s")
)
PEERS = (
    Tool("black", ("black",), _come(b'{"a": 1}')),
    Tool(
        "ruff check --fix",
        ("ruff", "check", "--fix", "--no-cache", "--select", "F401"),
        _gone(b"import os"),
    ),
    Tool("ruff format", ("ruff", "format", "--no-cache"), _come(b'{"a": 1}')),
    Tool("fixit fix", ("fixit", "fix", "--automatic"), _come(b"x is None")),
    Tool(
        "LibCST codemod",
        ("python", "-m", "libcst.tool", "codemod", "--no-format",
         "remove_unused_imports.RemoveUnusedImportsCommand"),
        _gone(b"import os"),
    ),
    Tool(
        "codemodder",
        ("codemodder", "--codemod-include=pixee:python/unused-imports",
         "--output=/dev/null"),
        _gone(b"import os"),
        of_folders=True,
    ),
    Tool(
        "flake8-async --autofix",
        ("flake8-async", "--enable=ASYNC100", "--autofix=ASYNC100"),
        _gone(b"asyncio.timeout"),
    ),
    Tool(
        "ast-grep -U",
        ("ast-grep", "run", "-p", "time.sleep($A)", "-r", "await asyncio.sleep($A)",
         "-l", "py", "-U"),
        _come(b"await asyncio.s"),
    ),
)  # fmt: skip


class Done(NamedTuple):
    """What a run of a tool gave; the code is None where it did not end."""

    code: int | None
    out: str
    err: str


def run(
    command: Sequence[str], row: Row, folder: Path, limit: float, bin_: str = ""
) -> Done:
    """Run a tool's command in a project; it is ended after `limit` seconds."""
    command = [*command]
    if row.powerless and os.name == "posix" and os.geteuid() == 0:
        command = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", *command]
    variables = {
        **os.environ,
        "PATH": os.pathsep.join(filter(None, (bin_, os.environ["PATH"]))),
        "HOME": str(folder.parent / "home"),
        "XDG_STATE_HOME": str(folder.parent / "state"),
        "ASYNCFIX_CACHE_DIR": "off",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "PYTHONUTF8": "1",
    }
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return Done(None, "", "")
    return Done(
        process.returncode,
        out.decode("utf-8", "replace"),
        err.decode("utf-8", "replace"),
    )


def wrong(
    row: Row, done: Done, before: Mapping[str, State], after: Mapping[str, State]
) -> str:
    """Say what asyncfix did other than its row says; nothing where all is right."""
    if done.code != row.code:
        return f"exit code {done.code}, not {row.code}: {done.err[-300:]}"
    if "Traceback" in done.err:
        return f"a traceback: {done.err[-300:]}"
    if row.said not in done.err:
        return f"does not say {row.said!r}: {done.err[-300:]}"
    fixed = row.fixed if row.code == 2 and row.reason else (*GOOD, *row.fixed)
    for name in before:
        wanted = before[name]
        if name in fixed:
            wanted = wanted._replace(data=wanted.data.replace(OLD, NEW))
            if wanted.data == before[name].data:
                return f"{name!r} has nothing to fix"
        if after.get(name) != wanted:
            return f"{name!r} is not as it must be"
    return (
        f"left behind: {sorted(after.keys() - before)}" if after.keys() - before else ""
    )


# -- the table -------------------------------------------------------------------


class Cell(NamedTuple):
    """What a tool did with a row, in words, and whether asyncfix does better."""

    words: str
    worse: bool = False


def cell(
    tool: Tool,
    row: Row,
    done: Done,
    before: Mapping[str, State],
    after: Mapping[str, State],
) -> Cell:
    """Judge what a peer did with a row."""
    worse: list[str] = []
    if done.code is None:
        worse.append("does not end")
    elif done.code < 0 or done.code in (134, 139):
        number = -done.code if done.code < 0 else done.code - 128
        worse.append(f"killed by {signal.Signals(number).name}")
    given = GOOD if row.paths == (".",) or GOOD[0] in row.paths else ()
    undone = [n for n in given if n not in after or not tool.fixed(after[n].data)]
    if undone and not row.reason:
        worse.append(f"{len(undone)} of {len(given)} good files undone")
    mine = [
        name
        for name in before
        if name not in GOOD and name.endswith((".py", ".pyi", ".ipynb"))
    ]
    words = []
    for name in mine:
        old, new = before[name], after.get(name)
        if new is None:
            worse.append("file gone")
        elif new == old:
            words.append("left")
        elif name not in row.fixed:
            worse.append("edited")
        else:
            lost = losses(old, new)
            worse += lost
            if not tool.fixed(new.data):
                words.append("left")
            elif not lost:
                words.append("fixed")
    code = "" if done.code is None or done.code < 0 else f", rc {done.code}"
    quiet = done.code == 0 and row.code == 2
    left = "left" in words and bool(row.fixed) and row.code != 2
    if quiet and "left" in words:
        worse.append("left, as if all were well")
        words = [each for each in words if each != "left"]
    if left:
        worse.append("left undone")
        words = [each for each in words if each != "left"]
    said = "; ".join(dict.fromkeys((*worse, *words))) or "nothing to do"
    return Cell(f"{said}{code}", bool(worse))


_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def losses(old: State, new: State) -> list[str]:
    """Say what of a file's form is not as it was, outside of what was to be fixed."""
    found = []
    before, after = _LINE.findall(old.data), _LINE.findall(new.data)
    plain = [[line.rstrip(b"\r\n") for line in lines] for lines in (before, after)]
    for block in SequenceMatcher(None, *plain, autojunk=False).get_matching_blocks():
        pairs = zip(
            before[block.a : block.a + block.size],
            after[block.b : block.b + block.size],
            strict=True,
        )
        if any(a != b for a, b in pairs):
            found.append("line ends changed")
            break
    if old.data[:3] == b"\xef\xbb\xbf" != new.data[:3]:
        found.append("BOM removed")
    if old.data.count(b"\x0c") != new.data.count(b"\x0c"):
        found.append("form feed removed")
    if old.mode != new.mode:
        found.append("mode changed")
    if old.names != new.names:
        found.append("link broken")
    if old.link != new.link:
        found.append("link replaced")
    return found


def measured(
    number: str, tool: Tool, limit: float, bin_: str = ""
) -> tuple[Row, Done, dict[str, State], dict[str, State]]:
    """Run a tool on a row; give what there was before and after."""
    row = ROWS[number]
    place = Path(tempfile.mkdtemp(prefix="robustness-"))
    try:
        folder = place / "project"
        make(row, folder)
        (place / "home").mkdir()
        before = states(folder)
        paths = row.paths
        if tool.of_folders:
            paths = (".",)
        first = shutil.which(tool.command[0], path=bin_ or None) or tool.command[0]
        # A path of black's and ruff's own order of arguments: paths last.
        done = run((first, *tool.command[1:], *paths), row, folder, limit, bin_)
        return row, done, before, states(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def main() -> int:
    """Make the rows that the command line asks for; give the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--peers", default="", metavar="DIR", help="where the peers are"
    )
    parser.add_argument("--rows", default="", help="only these, with commas")
    parser.add_argument("--limit", type=float, default=60, help="seconds for each run")
    parser.add_argument("--write", action="store_true", help="write the page's table")
    options = parser.parse_args()
    numbers = options.rows.split(",") if options.rows else list(ROWS)
    peers = [
        tool
        for tool in PEERS
        if options.peers and shutil.which(tool.command[0], path=options.peers)
    ]
    lines = [
        "| row | input | asyncfix | " + " | ".join(tool.name for tool in peers) + " |"
    ]
    lines.append("|" + " --- |" * (3 + len(peers)))
    code = worse = cells = 0
    for number in numbers:
        row, done, before, after = measured(number, ASYNCFIX, options.limit)
        problem = wrong(row, done, before, after)
        if problem:
            print(f"asyncfix, row {number} ({row.name}): {problem}", file=sys.stderr)
            code = 1
        ours = "fixed" if row.fixed else "left"
        told = [f"{ours}, rc {row.code}"]
        for tool in peers:
            found = cell(tool, *measured(number, tool, options.limit, options.peers))
            told.append(f"**{found.words}**" if found.worse else found.words)
            worse += found.worse
            cells += 1
        lines.append(f"| {number} | {row.name} | " + " | ".join(told) + " |")
        print(lines[-1], flush=True)
    last = f"{len(numbers)} rows; in {worse} of {cells} cells a peer does worse."
    print(last)
    if options.write and not code:
        text = PAGE.read_text("utf-8")
        head, _, rest = text.partition(MARKS[0])
        tail = rest.partition(MARKS[1])[2]
        table = "\n".join((*lines, "", last))
        PAGE.write_text(f"{head}{MARKS[0]}\n{table}\n{MARKS[1]}{tail}", "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
