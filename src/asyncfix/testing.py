"""The fixture harness: a codemod's tests are files that a person can read.

Public, for every pack. The fixtures of a codemod are a folder of its name:

    case.before.py + case.after.py [+ case.findings.txt]
    case.unchanged.py [+ case.findings.txt]
    case/before/ + case/after/ [+ case/findings.txt], whole projects
    case/unchanged/ + case/reason.txt [+ case/findings.txt]

The first line of an `unchanged` file says why it stays as it is, in one of
these forms; `reason.txt` says the same without `# unchanged: `:

    # unchanged: A1: the lock is held by a thread
    # unchanged: unsafe A2: other tasks would print into the buffer
    # unchanged: reported: what it finds, this codemod never changes
    # unchanged: no finding: the call runs in a thread

The first three lines of a file may also hold `# flags: --unsafe` (for a whole
project: a file `flags.txt`; the flags are --unsafe, --safe-only, --prefer WAY,
--min-severity WORD, here medium by default, and --target-version 3.X), and `# python: 3.12` where its syntax, or that of its
fix, needs that Python. `requires-python` in a project's own file counts, too.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from asyncfix import config, report
from asyncfix._fixtures import Case, Files, Verdict, cases
from asyncfix.codemod import Codemod
from asyncfix.engine import run
from asyncfix.model import AsyncfixError, Level, Result, Settings

__all__ = [
    "Behaviour",
    "Case",
    "Verdict",
    "assert_same_behaviour",
    "cases",
    "check",
    "check_page",
    "run_with_heartbeat",
    "update",
]

_LONE_LF = re.compile(rb"(?<!\r)\n")
_RUNS = 5
_SMOOTH = 0.05


def check(case: Case, codemods: Iterable[Codemod]) -> None:
    """Check one case; raises AssertionError that says what differs.

    The files before give the files after, with the findings as written down;
    a second run changes nothing; every result compiles; and all of it holds
    with CRLF line ends, too.
    """
    chosen = tuple(codemods)
    if case.after is None:
        raise AssertionError(f"{case.place}: has no after; run --update-fixtures")
    _check_run(case, chosen)
    twin = case._replace(
        name=f"{case.name} (CRLF)",
        before=_with_crlf(case.before),
        after=_with_crlf(case.after),
    )
    _check_run(twin, chosen)


def _check_run(case: Case, codemods: tuple[Codemod, ...]) -> None:
    assert case.after is not None
    result, files = _run(case.before, case.flags, codemods)
    for problem in (*result.problems, *result.unseen):
        raise AssertionError(f"{case.place}: {click.unstyle(report.problem(problem))}")
    for name in sorted({*case.after, *files}):
        _same(f"{case.place}: {name}", case.after.get(name, b""), files.get(name, b""))
    findings = _findings(result)
    if case.verdict is not None:
        _check_verdict(case, case.verdict, result)
    if case.findings is not None:
        _same(f"{case.place}: findings", case.findings.encode(), findings.encode())
    again, twice = _run(files, case.flags, codemods)
    for name in sorted(files):
        _same(f"{case.place}: {name} in a second run", files[name], twice[name])
    if again.problems:
        raise AssertionError(f"{case.place}: second run: {again.problems[0].message}")
    for name, data in files.items():
        if name.endswith(".py") and data != case.before[name]:
            _compiles(f"{case.place}: {name}", data)


def _check_verdict(case: Case, verdict: Verdict, result: Result) -> None:
    # Where no guard holds and nothing is changed, the codemod only reports.
    found = {(each.level, each.guard or "reported") for each in result.findings}
    wanted = {(verdict.level, verdict.guard)} if verdict.guard else set()
    if found != wanted:
        said = _findings(result) or "no finding"
        held = f"{verdict.level.value} {verdict.guard}" if wanted else "no finding"
        raise AssertionError(f"{case.place}: expected {held}, the run says:\n{said}")


def _compiles(where: str, data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(data, where, "exec", dont_inherit=True)
        except SyntaxError as error:
            raise AssertionError(f"{where}: does not compile: {error}") from error


def _run(
    files: Files, flags: str, codemods: tuple[Codemod, ...]
) -> tuple[Result, dict[str, bytes]]:
    """Run the engine on files in a folder of their own; give them as changed."""
    with _in_folder(files):
        result = run(_settings(flags), codemods)
    after = dict(files)
    for change in result.changes:
        after[change.path.as_posix()] = change.new
    return result, after


@contextmanager
def _in_folder(files: Files) -> Iterator[None]:
    """Make a folder with these files the current one; the engine's paths are
    taken from there, and so is what it shows."""
    home = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="asyncfix-case-") as folder:
        _write(Path(folder), files)
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(home)


def _write(folder: Path, files: Files) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _settings(flags: str) -> Settings:
    found = config.load(Path())
    settings = Settings(
        severity=found.severity,
        min_severity=found.min_severity or "medium",
        offload=found.offload,
        executor=found.executor,
        process_executor=found.process_executor,
        offload_drivers=found.offload_drivers,
        prefer=found.prefer,
    )
    if found.target is not None:
        settings = settings._replace(target=found.target)
    settings = settings._replace(
        concurrency_limit=found.concurrency_limit,
        task_style=found.task_style,
    )
    words = iter(shlex.split(flags))
    for word in words:
        if word == "--target-version":
            target = config.version(next(words, ""), word)
            settings = settings._replace(target=target)
        elif word == "--min-severity":
            settings = settings._replace(min_severity=next(words, ""))
        elif word == "--prefer":
            ways = config.preferred(next(words, "").split(","), word)
            settings = settings._replace(prefer=ways)
        elif word == "--unsafe":
            settings = settings._replace(unsafe=True)
        elif word == "--concurrency-limit":
            settings = settings._replace(concurrency_limit=int(next(words, "0")))
        elif word == "--safe-only":
            settings = settings._replace(safe_only=True)
        else:
            raise AssertionError(f"a fixture cannot have the flag {word!r}")
    return settings


def _findings(result: Result) -> str:
    return "".join(
        f"{click.unstyle(report.finding(each))}\n" for each in result.findings
    )


def _with_crlf(files: Files) -> Files:
    return {
        name: _LONE_LF.sub(b"\r\n", data) if name.endswith(".py") else data
        for name, data in files.items()
    }


def _same(where: str, wanted: bytes, got: bytes) -> None:
    if wanted == got:
        return
    shown = ascii if b"\r" in wanted + got else str
    lines = [
        [shown(line) for line in data.decode("utf-8", "backslashreplace").split("\n")]
        for data in (wanted, got)
    ]
    parts = difflib.unified_diff(lines[0], lines[1], "wanted", "got", lineterm="")
    diff = "\n".join(parts)
    raise AssertionError(f"{where}: is not as wanted\n{diff}")


def update(case: Case, codemods: Iterable[Codemod]) -> None:
    """Write what the engine gives today as the case's after and findings.

    The findings are written only where the case has a file for them (make an
    empty one). Nothing is done for a case that must stay unchanged, except for
    its findings. Raises AsyncfixError where the environment sets CI.
    """
    if os.environ.get("CI"):
        raise AsyncfixError("fixtures are not updated where CI is set")
    result, files = _run(case.before, case.flags, tuple(codemods))
    single = f"{case.name}.py" in case.before and not case.place.is_dir()
    if case.findings is not None:
        findings = case.place / "findings.txt"
        if single:
            findings = case.folder / f"{case.name}.findings.txt"
        findings.write_bytes(_findings(result).encode())
    if case.verdict is not None:
        return
    if single:
        after = case.folder / f"{case.name}.after.py"
        after.write_bytes(files[f"{case.name}.py"])
    else:
        shutil.rmtree(case.place / "after", ignore_errors=True)
        _write(case.place / "after", files)


def check_page(codemod: Codemod) -> None:
    """Check a codemod's page and run its example; raises AssertionError.

    The page is a first line that ends in a full stop, then `Before:`, `After:`
    and `Safety:`. The first word of Safety is the level of the example's fix:
    it decides whether the example is run with --unsafe, and, where it is
    `manual`, that it is left alone.
    """
    page, where = codemod.page(), f"the page of {codemod.name}"
    if not re.match(r"[^\n]+\.\n\n", page):
        raise AssertionError(f"{where}: needs a first line with a full stop")
    before, after = _example(where, page, "Before"), _example(where, page, "After")
    safety = re.search(r"^Safety: +(\w+)", page, re.MULTILINE)
    if safety is None or safety[1] not in {level.value for level in Level}:
        raise AssertionError(f"{where}: Safety: must start with the level of the fix")
    _compiles(f"{where}, After", after)
    flags = "--unsafe" if safety[1] == Level.UNSAFE.value else ""
    result, files = _run({"page.py": before}, flags, (codemod,))
    if not any(each.level.value == safety[1] for each in result.findings):
        raise AssertionError(f"{where}: Before has no finding of level {safety[1]}")
    wanted = before if safety[1] == Level.MANUAL.value else after
    _same(f"{where}, After", wanted, files["page.py"])


def _example(where: str, page: str, title: str) -> bytes:
    match = re.search(rf"^{title}:\n\n((?:(?: {{4}}.*)?\n)+)", page, re.MULTILINE)
    if match is None:
        raise AssertionError(f"{where}: has no `{title}:` with code under it")
    lines = [line[4:] for line in match[1].strip("\n").split("\n")]
    return ("\n".join(lines) + "\n").encode()


class Behaviour(NamedTuple):
    """What a program did: its output, and how long its event loop stood still."""

    output: str
    lag_seconds: float
    exit_code: int
    stderr: str


def run_with_heartbeat(program: Path | str, timeout: float = 60) -> Behaviour:
    """Run a program that defines `async def main()`, in a process of its own.

    `program` is a file, or the source itself. Beside `main()` a task beats
    every 5 ms; the longest time between two beats is the lag. Raises
    AssertionError where `main()` was not run to its end or its exception.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        # Development and debug mode would slow the loop down.
        if name not in ("PYTHONDEVMODE", "PYTHONASYNCIODEBUG", "PYTHONWARNINGS")
    }
    with tempfile.TemporaryDirectory(prefix="asyncfix-run-") as folder:
        if isinstance(program, str):
            file = Path(folder, "program.py")
            file.write_bytes(program.encode())
        else:
            file = program.absolute()
        lag = Path(folder, "lag.txt")
        done = subprocess.run(
            [sys.executable, "-m", "asyncfix._behaviour", str(file), str(lag)],
            cwd=file.parent,
            env={**variables, "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        if not lag.exists():
            raise AssertionError(f"the program was not run to its end:\n{done.stderr}")
        seconds = float(lag.read_text("ascii"))
    return Behaviour(done.stdout, seconds, done.returncode, done.stderr)


def assert_same_behaviour(
    before: Path | str, after: Path | str, blocked_for: float
) -> None:
    """Check that a fix changes nothing but that the event loop runs on.

    Output and exit code are the same. Before, the loop stood still for at
    least `blocked_for` seconds; after, for less than 0.05 s. A machine that is
    busy with something else lets any loop lag, so `after` is run up to five
    times and its best run counts. Raises AssertionError.
    """
    old = run_with_heartbeat(before)
    if old.lag_seconds < blocked_for - 0.001:  # clocks tick in steps
        raise AssertionError(
            f"the loop was to be blocked for {blocked_for} s before the fix, "
            f"but it lagged for {old.lag_seconds:.3f} s only"
        )
    lags = []
    for _ in range(_RUNS):
        new = run_with_heartbeat(after)
        if (old.output, old.exit_code) != (new.output, new.exit_code):
            raise AssertionError(
                f"the fix changes what the program does: {old} before, {new} after"
            )
        lags.append(new.lag_seconds)
        if new.lag_seconds < _SMOOTH:
            return
    raise AssertionError(
        f"the loop lags for {min(lags):.3f} s after the fix, in the best of {_RUNS} runs"
    )
