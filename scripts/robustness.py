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
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from robustness_rows import GOOD, NEW, OLD, ROWS, Row, State, make, states

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "robustness.md"
MARKS = "<!-- rows -->", "<!-- /rows -->"
# -- running a tool --------------------------------------------------------------


class Tool(NamedTuple):
    """A tool: its command, and what tells that a text was fixed by it."""

    name: str
    command: tuple[str, ...]
    fixed: Callable[[bytes], bool]
    of_folders: bool = False
    """It takes a folder, no files."""
    of_files: bool = False
    """It takes files, no folder."""


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
        of_files=True,
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
    """Run a tool's command in a project.

    Each of its processes may take `limit` seconds of a processor; all is ended
    after five times that.
    """
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
    seconds = int(limit), int(limit) + 2  # the second one is a kill
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, seconds),
    )
    try:
        out, err = process.communicate(timeout=5 * limit)
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
    fixed = row.fixed if row.named else (*GOOD, *row.fixed)
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
    if done.code is None or done.code in (-signal.SIGXCPU, -signal.SIGKILL):
        worse.append("does not end")
    elif done.code < 0 or done.code in (134, 139):
        number = -done.code if done.code < 0 else done.code - 128
        worse.append(f"killed by {signal.Signals(number).name}")
    given = GOOD if row.paths == (".",) or GOOD[0] in row.paths else ()
    undone = [n for n in given if n not in after or not tool.fixed(after[n].data)]
    if undone and not row.named:
        worse.append(f"{len(undone)} of {len(given)} good files undone")
    mine = [
        name
        for name in before
        if name not in GOOD and name.endswith((".py", ".pyi", ".ipynb"))
    ]
    words = []
    for name in mine:
        old, new = before[name], after.get(name)
        wanted = name in row.fixed
        if new is None:
            worse.append("file gone")
        elif new == old and wanted and row.code != 2:
            worse.append("left undone")
        elif new == old:
            words.append("left")
        elif not wanted:
            (words if row.taste else worse).append("edited")
        else:
            lost = losses(old, new)
            worse += lost
            if not tool.fixed(new.data):
                worse.append("left undone")
            elif not lost:
                words.append("fixed")
    code = "" if done.code is None or done.code < 0 else f", rc {done.code}"
    if done.code == 0 and row.code == 2 and "left" in words:
        worse.append("left, as if all were well")
        words = [each for each in words if each != "left"]
    said = "; ".join(dict.fromkeys((*worse, *words))) or "nothing to do"
    return Cell(f"{said}{code}", bool(worse))


_MOST_LINES = 5000  # the rows of many lines are not about line ends
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def losses(old: State, new: State) -> list[str]:
    """Say what of a file's form is not as it was, outside of what was to be fixed."""
    found = []
    before, after = _LINE.findall(old.data), _LINE.findall(new.data)
    if len(before) < _MOST_LINES:
        plain = [line.rstrip(b"\r\n") for line in before]
        if not before[-1].endswith((b"\r", b"\n")):
            plain, before = plain[:-1], before[:-1]  # some end it: that is a taste
        matcher = SequenceMatcher(
            None, plain, [line.rstrip(b"\r\n") for line in after], autojunk=False
        )
        for first, second, size in matcher.get_matching_blocks():
            if before[first : first + size] != after[second : second + size]:
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
        elif tool.of_files and paths == (".",):
            paths = tuple(sorted(name for name in before if name.endswith(".py")))
        first = shutil.which(tool.command[0], path=bin_ or None) or tool.command[0]
        # A path of black's and ruff's own order of arguments: paths last.
        done = run((first, *tool.command[1:], *paths), row, folder, limit, bin_)
        return row, done, before, states(folder)
    finally:
        for each in (place / "project").rglob("*"):
            if each.is_dir() and not each.is_symlink():
                each.chmod(0o755)
        shutil.rmtree(place, ignore_errors=True)


def main() -> int:
    """Make the rows that the command line asks for; give the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--peers", default="", metavar="DIR", help="where the peers are"
    )
    parser.add_argument("--rows", default="", help="only these, with commas")
    parser.add_argument(
        "--limit", type=float, default=40, help="seconds of processor time"
    )
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
