"""The command line: what is printed where, what is written, and the exit code.

`run` calls the real entry point in this process; a few tests start a process
of their own, for what only that can show.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asyncfix import cli, workers

GOOD = "import asyncio\n\n\nasync def f():\n    await asyncio.sleep(1)\n"
BAD = (
    "import asyncio\nimport time\n\n\nasync def f():\n    time.sleep(1)\n"
    "    return asyncio, time.time()\n"
)
FIXED = BAD.replace("time.sleep", "await asyncio.sleep")
HELD = (  # no fix: the lock would be held while others run
    "import threading\nimport time\n\nLOCK = threading.Lock()\n\n\n"
    "async def f():\n    with LOCK:\n        time.sleep(1)\n"
)


@dataclass(frozen=True)
class Ran:
    """What one run of the command gave."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def said(self) -> str:
        return self.err.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def run(here: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    def run(*arguments: str) -> Ran:
        capsysbinary.readouterr()
        with pytest.raises(SystemExit) as exit_:
            cli.main(list(arguments), prog_name="asyncfix")
        out, err = capsysbinary.readouterr()
        code = exit_.value.code
        return Ran(code if isinstance(code, int) else int(code or 0), out, err)

    return run


def made(here: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def tree(here: Path) -> dict[str, bytes]:
    return {
        path.relative_to(here).as_posix(): path.read_bytes()
        for path in sorted(here.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(here).parts
    }


def git(where: Path, *arguments: str, stdin: bytes = b"") -> None:
    subprocess.run(
        ["git", *arguments], cwd=where, input=stdin, check=True, capture_output=True
    )


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `os.access` go by the mode alone, for root, who may do anything."""
    if os.geteuid():
        return
    real = os.access

    def access(path: Any, mode: int, **more: Any) -> bool:
        if mode & os.W_OK and not os.stat(path).st_mode & 0o222:
            return False
        return real(path, mode, **more)

    monkeypatch.setattr(os, "access", access)


# -- exit codes -------------------------------------------------------------

MODES = {
    "check": (),
    "json": ("--format", "json"),
    "diff": ("--diff",),
    "diff check": ("--diff", "--check"),
    "apply": ("--apply",),
    "apply json": ("--apply", "--format", "json"),
    "apply diff": ("--apply", "--diff"),
}
#                     check json diff d/check apply a/json a/diff
CODES: dict[str, tuple[dict[str, str | bytes], tuple[int, ...]]] = {
    "nothing there": ({}, (0, 0, 0, 0, 0, 0, 0)),
    "nothing found": ({"a.py": GOOD}, (0, 0, 0, 0, 0, 0, 0)),
    "all can be fixed": ({"a.py": BAD}, (1, 1, 0, 1, 0, 0, 0)),
    "none can be fixed": ({"a.py": HELD}, (1, 1, 0, 1, 1, 1, 1)),
    "one of two can": ({"a.py": BAD, "b.py": HELD}, (1, 1, 0, 1, 1, 1, 1)),
    "one is broken": ({"a.py": GOOD, "b.py": "x = ("}, (2, 2, 2, 2, 2, 2, 2)),
    "one is found, one broken": ({"a.py": BAD, "b.py": "x = ("}, (2, 2, 2, 2, 2, 2, 2)),
    "undecodable": ({"a.py": BAD, "b.py": b"x = '\xe9'"}, (2, 2, 2, 2, 2, 2, 2)),
}


@pytest.mark.parametrize("case", CODES)
@pytest.mark.parametrize("mode", MODES)
def test_exit_codes(run: Run, here: Path, case: str, mode: str) -> None:
    files, codes = CODES[case]
    made(here, files)
    assert run(*MODES[mode]).code == codes[list(MODES).index(mode)]


@pytest.mark.parametrize("mode", MODES)
def test_only_apply_writes(run: Run, here: Path, mode: str) -> None:
    made(here, {"a.py": BAD, "b.py": HELD, "c.py": "x = (", "d.py": GOOD})
    before = tree(here)
    times = {name: (here / name).stat().st_mtime_ns for name in before}
    run(*MODES[mode])
    after = tree(here)
    if "--apply" in MODES[mode]:
        assert after.pop("a.py") == FIXED.encode()
        before.pop("a.py")
        times.pop("a.py")
    assert after == before
    assert {name: (here / name).stat().st_mtime_ns for name in before} == times


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--select", "blocking-sleeep"), ("'blocking-sleeep'", "blocking-sleep")),
        (("--ignore", "nothing"), ("'nothing'", "blocking-sleep")),
        (("--select", "blocking-sleep,x"), ("'x'",)),
        (("gone.py",), ("gone.py",)),
        (("a.py", "gone/"), ("gone",)),
        (("--target-version", "2.7"), ("--target-version", "2.7")),
        (("--unsafe", "--safe-only"), ("--unsafe", "--safe-only")),
        (("--jobs", "0"), ("jobs",)),
        (("--jobs", "x"), ("jobs",)),
        (("--format", "xml"), ("format", "xml")),
        (("--unknown",), ("--unknown",)),
        (("explain", "nothing"), ("'nothing'", "blocking-sleep")),
        (("explain",), ("NAME",)),
    ],
)
def test_wrong_usage_is_2_and_says_what(
    run: Run, here: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    made(here, {"a.py": BAD})
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.out == b""
    assert "Traceback" not in ran.said
    for word in words:
        assert word in ran.said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.asyncfix\n", ("pyproject.toml:1", "TOML")),
        ("[tool.asyncfix]\n\nselekt = []\n", ("pyproject.toml", "'selekt'")),
        (
            "[tool.asyncfix]\nunsafe = 1\n",
            ("pyproject.toml", "unsafe", "true or false"),
        ),
        ("[tool.asyncfix]\nselect = ['x']\n", ("'x'", "blocking-sleep")),
        ("[tool.asyncfix]\ntarget-version = 'x'\n", ("pyproject.toml", "'x'")),
        ("[tool.asyncfix]\npaths = ['gone']\n", ("gone",)),
    ],
)
@pytest.mark.parametrize("mode", ["check", "diff", "apply"])
def test_a_wrong_configuration_is_2_and_nothing_is_done(
    run: Run, here: Path, text: str, words: tuple[str, ...], mode: str
) -> None:
    made(here, {"a.py": BAD, "pyproject.toml": text})
    ran = run(*MODES[mode])
    assert ran.code == 2
    assert ran.out == b""
    for word in words:
        assert word in ran.said
    assert tree(here)["a.py"] == BAD.encode()


def test_an_interrupt_is_130_and_writes_nothing(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asyncfix import engine

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    made(here, {"a.py": BAD})
    monkeypatch.setattr(engine, "run", interrupted)
    ran = run("--apply")
    assert ran.code == 130
    assert "interrupted" in ran.said
    assert tree(here) == {"a.py": BAD.encode()}


# -- what is printed --------------------------------------------------------


def test_findings_go_to_stdout_and_the_rest_to_stderr(run: Run, here: Path) -> None:
    made(here, {"a.py": BAD, "b.py": HELD, "c.py": "x = (\n"})
    ran = run()
    heads = [line for line in ran.text.splitlines() if not line.startswith(" ")]
    assert [line.partition(" ")[0] for line in heads] == ["a.py:6:5:", "b.py:9:9:"]
    assert "[safe]" in heads[0]
    assert "[manual" in heads[1]
    assert "    time.sleep(1)\n" in ran.text
    assert "c.py:1: error: does not parse" in ran.said
    assert "3 files: 1 to change, 1 unchanged, 0 skipped, 1 failed" in ran.said
    assert "2 findings (1 safe, 1 manual)" in ran.said


def test_of_a_diff_stdout_is_only_the_diff(run: Run, here: Path) -> None:
    made(here, {"a.py": BAD, "b.py": HELD, "c.py": "x = (\n"})
    ran = run("--diff")
    lines = ran.text.splitlines()
    assert lines[:2] == ["--- a/a.py", "+++ b/a.py"]
    assert all(line[:1] in set("-+ @") for line in lines)
    assert ran.text.count("--- ") == 1
    assert "b.py:9:9: blocking-sleep [manual" in ran.said
    assert "a.py:6:5" not in ran.said
    assert "c.py:1: error:" in ran.said


def test_apply_says_what_it_fixed_and_what_remains(run: Run, here: Path) -> None:
    made(here, {"a.py": BAD, "b.py": HELD})
    ran = run("--apply")
    assert "a.py:6:5: fixed blocking-sleep [safe]" in ran.text
    assert "b.py:9:9: blocking-sleep [manual" in ran.text
    assert "2 files: 1 changed, 1 unchanged, 0 skipped, 0 failed" in ran.said
    assert "2 findings (1 safe, 1 manual), 1 fixed" in ran.said


@pytest.mark.parametrize("mode", MODES)
def test_quiet_leaves_findings_and_errors(run: Run, here: Path, mode: str) -> None:
    made(here, {"a.py": BAD, "c.py": "x = (\n"})
    loud, silent = run(*MODES[mode]), None
    made(here, {"a.py": BAD})
    silent = run(*MODES[mode], "--quiet")
    assert silent.out == loud.out
    assert silent.code == loud.code
    assert "c.py:1: error:" in silent.said
    assert "files:" not in silent.said


@pytest.mark.parametrize("mode", MODES)
def test_no_colour_and_no_bar_where_there_is_no_terminal(
    run: Run, here: Path, mode: str
) -> None:
    made(here, {"a.py": BAD, "b.py": HELD, "c.py": "x = ("})
    ran = run(*MODES[mode])
    assert b"\x1b" not in ran.out + ran.err
    assert b"\r" not in ran.out + ran.err


def test_a_hostile_name_or_line_cannot_steer_a_terminal(run: Run, here: Path) -> None:
    evil = BAD.replace("time.sleep(1)", "time.sleep(1)  # \x1b]0;evil\x07 \u202e")
    made(here, {"a\x1b[31m.py": evil, "b\x1b[2J.py": "x = (\n"})
    for mode in ((), ("--apply",)):
        ran = run(*mode)
        assert b"\x1b" not in ran.out + ran.err
        assert "\u202e" not in ran.text
        assert "a\\x1b[31m.py:6:5" in ran.text


def test_problems_are_one_line_and_a_hint_each(run: Run, here: Path) -> None:
    made(
        here,
        {
            "a.py": BAD,
            "cookie.py": b"# coding: klingon\n",
            "latin.py": b"x = 1\ny = '\xe9'\n",
            "nul.py": b"x = '\0'\n",
            "python2.py": b"x = 1\nprint 'x'\n",
            "syntax.py": b"x = 1\n\ny = (\n",
            "utf16.py": "x = 1\n".encode("utf-16"),
        },
    )
    ran = run()
    assert ran.code == 2
    heads = re.findall(r"^(\S+:\d+): error: (.*)$", ran.said, re.MULTILINE)
    assert [place for place, _ in heads] == [
        "cookie.py:1", "latin.py:2", "nul.py:1", "python2.py:2", "syntax.py:3",
        "utf16.py:1",
    ]  # fmt: skip
    for (_, message), word in zip(
        heads, ("klingon", "0xe9", "NUL", "parse", "parse", "UTF-16"), strict=True
    ):
        assert word in message
    assert ran.said.count("    -> ") == 6
    assert "Python 2" in ran.said
    assert "a.py:6:5: blocking-sleep" in ran.text
    assert "7 files: 1 to change, 0 unchanged, 0 skipped, 6 failed" in ran.said


def test_an_unreadable_file_costs_itself(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(here, {"a.py": BAD, "b.py": BAD})
    if os.geteuid() == 0:
        real = open

        def fake(path: Any, *args: Any, **more: Any) -> Any:
            if str(path).endswith("b.py"):
                raise PermissionError(13, "Permission denied", path)
            return real(path, *args, **more)

        monkeypatch.setattr("builtins.open", fake)
    else:
        (here / "b.py").chmod(0)
    ran = run("--apply")
    assert ran.code == 2
    assert "b.py:1: error: cannot be read: Permission denied" in ran.said
    assert (here / "a.py").read_bytes() == FIXED.encode()


def test_a_read_only_file_is_refused_and_the_others_done(
    run: Run, here: Path, read_only: None
) -> None:
    made(here, {"a.py": BAD, "b.py": BAD})
    (here / "b.py").chmod(0o444)
    ran = run("--apply")
    assert ran.code == 2
    assert "a.py:6:5: fixed" in ran.text
    assert "b.py:6:5: fixed" not in ran.text
    assert "b.py:1: error: is read-only" in ran.said
    assert "2 files: 1 changed, 0 unchanged, 0 skipped, 1 failed" in ran.said
    assert (here / "b.py").read_bytes() == BAD.encode()


COUNTED: dict[str, str | bytes] = {
    "a.py": BAD,
    "b.py": HELD,
    "c.py": GOOD,
    "d.py": "x = (",
    "e.py": "# @generated\n" + BAD,
    "f/excluded.py": BAD,
    "g.py": "",
    "h.py": b"\xff\xfe",
}


@pytest.mark.parametrize("mode", [*MODES, "generated"])
def test_every_file_is_in_one_count(
    run: Run, here: Path, mode: str, read_only: None
) -> None:
    made(here, COUNTED)
    (here / "link.py").symlink_to("gone.py")
    os.mkfifo(here / "pipe.py")
    made(here, {"read_only.py": BAD})
    (here / "read_only.py").chmod(0o444)
    more = MODES.get(mode, ("--include-generated",))
    said = run(*more, "--exclude", "f/").said
    total, *counts = map(
        int,
        re.search(
            r"(\d+) files: (\d+) .*?, (\d+) unchanged, (\d+) skipped.*, (\d+) failed",
            said,
        ).groups(),  # type: ignore[union-attr]
    )
    assert total == sum(counts) == len(COUNTED) + 3
    skipped = re.search(r"skipped \((.*?)\)", said)
    assert skipped is not None
    reasons = {
        reason: int(count)
        for count, reason in (each.split(" ", 1) for each in skipped[1].split(", "))
    }
    assert reasons == {
        "broken link": 1,
        "excluded": 1,
        "not a regular file": 1,
        **({} if mode == "generated" else {"generated": 1}),
    }


# -- json -------------------------------------------------------------------

FINDING = {
    "path": str, "line": int, "col": int, "codemod": str, "level": str,
    "guard": (str, type(None)), "message": str, "advice": str, "source": str,
}  # fmt: skip


def test_json_holds_findings_problems_and_counts(run: Run, here: Path) -> None:
    made(here, {**COUNTED, "ü.py": BAD.replace("1)", "1)  # é \u2028 \x1b")})
    document = run("--format", "json", "--exclude", "f/").json
    assert {"version", "findings", "problems", "files"} <= set(document)
    for found in document["findings"]:
        assert set(found) == set(FINDING)
        for key, kind in FINDING.items():
            assert isinstance(found[key], kind), key  # type: ignore[arg-type]
        assert found["level"] in ("safe", "intent", "unsafe", "manual")
    assert [found["path"] for found in document["findings"]] == ["a.py", "b.py", "ü.py"]
    assert [each["path"] for each in document["problems"]] == ["d.py", "h.py"]
    assert all(
        set(each) == {"path", "line", "message", "hint"}
        for each in document["problems"]
    )
    files = document["files"]
    assert files["changed"] == 2
    assert files["failed"] == 2
    assert files["skipped"] == {"excluded": 1, "generated": 1}
    total = files["changed"] + files["unchanged"] + files["failed"] + 2
    assert total == len(COUNTED) + 1


def test_json_of_nothing(run: Run) -> None:
    document = run("--format", "json").json
    assert document["findings"] == document["problems"] == []


def test_json_holds_what_could_not_be_written(
    run: Run, here: Path, read_only: None
) -> None:
    made(here, {"a.py": BAD})
    (here / "a.py").chmod(0o444)
    ran = run("--apply", "--format", "json")
    assert ran.code == 2
    assert [each["path"] for each in ran.json["problems"]] == ["a.py"]
    assert ran.json["files"]["failed"] == 1
    assert ran.json["files"]["changed"] == 0


def test_json_of_a_name_that_is_no_utf8(run: Run, here: Path) -> None:
    name = os.fsdecode(b"\xff.py")
    made(here, {name: BAD})
    (found,) = run("--format", "json").json["findings"]
    assert found["path"] == name


# -- choices ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), 1),
        (("--select", "blocking-sleep"), 1),
        (("--select", " blocking-sleep , "), 1),
        (("--ignore", "blocking-sleep"), 0),
        (("--select", "blocking-sleep", "--ignore", "blocking-sleep"), 0),
        (("--exclude", "a.py"), 0),
        (("--exclude", "b.py"), 1),
        (("--exclude", "b.py", "--exclude", "a.*"), 0),
    ],
)
def test_select_ignore_exclude(
    run: Run, here: Path, arguments: tuple[str, ...], found: int
) -> None:
    made(here, {"a.py": BAD})
    ran = run(*arguments)
    assert ran.text.count("blocking-sleep") == found
    assert ran.code == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ignore = ['blocking-sleep']", []),
        ("exclude = ['a.py']", ["c/b.py"]),
        ("paths = ['c']", ["c/b.py"]),
        ("paths = ['a.py', 'c']", ["a.py", "c/b.py"]),
        ("", ["a.py", "c/b.py"]),
    ],
)
def test_the_configuration_is_followed(
    run: Run, here: Path, text: str, found: list[str]
) -> None:
    made(here, {"a.py": BAD, "c/b.py": BAD})
    made(here, {"pyproject.toml": f"[tool.asyncfix]\n{text}\n"})
    assert [each["path"] for each in run("--format", "json").json["findings"]] == found


@pytest.mark.parametrize(
    "place", ["", "c", "c/d"], ids=["root", "folder", "folder of a folder"]
)
def test_the_configuration_is_found_from_below(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    made(here, {"a.py": BAD, "c/d/e.py": BAD})
    made(here, {"pyproject.toml": "[tool.asyncfix]\nexclude = ['/a.py', '/c/d/']\n"})
    monkeypatch.chdir(here / place)
    ran = run()
    assert ran.code == 0
    assert "excluded" in ran.said


@pytest.mark.parametrize(
    ("comment", "off"),
    [
        ("# asyncfix: off", True),
        ("# asyncfix:off", True),
        ("# asyncfix: off[blocking-sleep]", True),
        ("# asyncfix: off[other, blocking-sleep] why", True),
        ("# why # asyncfix: off", True),
        ("# asyncfix: off[other]", False),
        ("# asyncfix: offside", False),
        ("# asyncfix: on", False),
        ("# noqa", True),
        ("#noqa", True),
        ("# NOQA", True),
        ("# noqa: ASYNC251", True),
        ("# noqa:ASYNC251", True),
        ("# noqa: E501, ASYNC251", True),
        ("# noqa: E501 ASYNC251", True),
        ("# noqa: async251", True),
        ("# noqa: E501", False),
        ("# noqa: ASYNC2511", False),
        ("# noqa: ASYNC210", False),
        ("# type: ignore", False),
    ],
)
def test_comments_silence_a_finding(
    run: Run, here: Path, comment: str, off: bool
) -> None:
    text = BAD.replace("time.sleep(1)", f"time.sleep(1)  {comment}")
    made(here, {"a.py": text})
    ran = run()
    assert ran.code == (0 if off else 1)
    assert ("1 silenced by comments" in ran.said) is off
    run("--apply")
    assert (tree(here)["a.py"] == text.encode()) is off


@pytest.mark.parametrize(
    ("text", "off"),
    [
        ("time.sleep(\n        1,\n    )  # noqa: ASYNC251", True),
        ("time.sleep(\n        1,  # asyncfix: off\n    )", True),
        ("# noqa: ASYNC251\n    time.sleep(1)", False),
        ("time.sleep(1)\n    # noqa: ASYNC251", False),
        ("x = '# noqa: ASYNC251'; time.sleep(1)", False),
        ("time.sleep(len('# asyncfix: off'))", False),
    ],
)
def test_comments_silence_only_their_own_statement(
    run: Run, here: Path, text: str, off: bool
) -> None:
    made(here, {"a.py": BAD.replace("time.sleep(1)", text)})
    assert run().code == (0 if off else 1)


def test_generated_files_are_left_alone_unless_asked(run: Run, here: Path) -> None:
    made(here, {"a.py": f"# @generated\n{BAD}"})
    assert run().code == 0
    assert run("--include-generated").code == 1


# -- diff and apply ---------------------------------------------------------

PROJECT = {
    "a.py": BAD,
    "b.py": HELD,
    "c/d.py": f"{BAD}\n\n# {'x' * 20}\n" + "y = 1\n" * 30 + BAD.replace("f()", "g()"),
    "c/e f/ü.py": BAD.rstrip("\n"),
    "c/only.py": "import time\n\n\nasync def f():\n    time.sleep(1)\n",
    "good.py": GOOD,
    "broken.py": "x = (\n",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("place", ["", "c"], ids=["root", "folder"])
@pytest.mark.parametrize("apply_in", ["", "c"], ids=["apply in root", "in folder"])
def test_a_diff_that_git_applies_is_what_apply_writes(
    run: Run,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    newline: str,
    place: str,
    apply_in: str,
) -> None:
    made(here, {k: v.replace("\n", newline) for k, v in PROJECT.items()})
    git(here, "init", "-q", ".")
    git(here, "config", "core.autocrlf", "false")
    git(here, "add", ".")
    monkeypatch.chdir(here / place)
    patch = run("--diff", "." if apply_in == "" else str(here / "c"))
    before = tree(here)
    git(here / apply_in, "apply", "-", stdin=patch.out)
    patched = tree(here)
    assert patched != before
    git(here, "checkout", "-q", ".")
    run("--apply", "." if apply_in == "" else str(here / "c"))
    assert tree(here) == patched


def test_outside_of_git_a_diff_counts_from_here(run: Run, here: Path) -> None:
    made(here, {"c/a.py": BAD})
    assert run("--diff", "c").text.startswith("--- a/c/a.py\n+++ b/c/a.py\n")


def test_a_second_apply_changes_nothing(run: Run, here: Path) -> None:
    made(here, PROJECT)
    run("--apply")
    once = tree(here)
    assert once != {name: text.encode() for name, text in PROJECT.items()}
    ran = run("--apply")
    assert tree(here) == once
    assert " 0 changed" in ran.said
    assert "0 fixed" in ran.said
    assert run("--diff").out == b""


def test_apply_with_diff_shows_what_it_writes(run: Run, here: Path) -> None:
    made(here, {"a.py": BAD})
    patch = run("--diff").out
    ran = run("--diff", "--apply")
    assert ran.out == patch
    assert tree(here) == {"a.py": FIXED.encode()}


def test_mode_and_link_are_kept(run: Run, here: Path) -> None:
    made(here, {"c/real.txt": BAD})
    (here / "c/real.txt").chmod(0o755)
    (here / "link.py").symlink_to("c/real.txt")
    assert run("--apply", "link.py").code == 0
    assert (here / "link.py").is_symlink()
    assert (here / "c/real.txt").read_bytes() == FIXED.encode()
    assert stat.S_IMODE((here / "c/real.txt").stat().st_mode) == 0o755


@pytest.mark.parametrize("mode", MODES)
def test_any_number_of_jobs_prints_the_same(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    made(here, PROJECT)
    alone = run(*MODES[mode], "--jobs", "1")
    made(here, PROJECT)
    if mode == "diff":  # one mode is enough to start processes for
        monkeypatch.setattr(workers, "WORTH_A_POOL", 0)
        monkeypatch.setattr(workers, "_CHUNK", 1500)
    assert run(*MODES[mode], "--jobs", "4") == alone


@pytest.mark.parametrize("mode", MODES)
def test_the_order_of_paths_does_not_matter(run: Run, here: Path, mode: str) -> None:
    made(here, PROJECT)
    one = run(*MODES[mode], "a.py", "b.py", "c", "good.py", "broken.py")
    made(here, PROJECT)
    assert run(*MODES[mode], "broken.py", "c", "b.py", "good.py", "a.py") == one


def test_a_hundred_files_and_one_bad_one(run: Run, here: Path) -> None:
    made(here, {f"m{number:03}.py": BAD for number in range(100)})
    made(here, {"bad.py": "x = " + "not " * 20_000 + "1\n"})
    ran = run("--apply")
    assert ran.code == 2
    assert "101 files: 100 changed, 0 unchanged, 0 skipped, 1 failed" in ran.said
    assert "bad.py:1: error: does not parse" in ran.said


def many(shape: str, count: int) -> str:
    """Give a file of many sites in one of the shapes that code comes in."""
    head = "import time\n\nNOW = time.time\n\n\n"
    if shape == "functions":
        return head + "\n\n".join(
            f"async def f{n}():\n    time.sleep(1)\n" for n in range(count)
        )
    if shape == "methods":
        return f"{head}class C:\n" + "\n".join(
            f"    async def f{n}(self):\n        time.sleep(1)\n" for n in range(count)
        )
    return f"{head}async def f():\n" + "    time.sleep(1)\n" * count


@pytest.mark.parametrize("shape", ["functions", "methods", "statements"])
def test_many_sites_in_one_file_take_time_in_proportion(
    run: Run, here: Path, shape: str
) -> None:
    """Four times the sites: four times the time, not sixteen or sixty-four."""
    taken = []
    run("--version")
    for count in (1, 30, 120):
        made(here, {"a.py": many(shape, count)})
        start = time.process_time()
        found = run().text.count("blocking-sleep")
        taken.append(time.process_time() - start)
        assert found == count
    assert taken[2] < 8 * taken[1] + 0.5, taken


# -- help, explain, rules ---------------------------------------------------


def test_rules_lists_the_codemods(run: Run) -> None:
    ran = run("rules")
    assert ran.code == 0
    assert ran.text.startswith("blocking-")
    names = [line.partition(":")[0] for line in ran.text.splitlines()]
    assert names == sorted(names)
    assert "blocking-sleep" in names
    assert all(line.endswith(".") for line in ran.text.splitlines())


def test_explain_prints_the_page(run: Run) -> None:
    ran = run("explain", "blocking-sleep")
    assert ran.code == 0
    assert ran.text.startswith("blocking-sleep\n\n`time.sleep`")
    for part in ("Before:", "After:", "Safety:", "await asyncio.sleep"):
        assert part in ran.text


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_option_and_the_exit_codes(run: Run, option: str) -> None:
    ran = run(option)
    assert ran.code == 0
    for word in (
        "--diff",
        "--apply",
        "--jobs",
        "explain",
        "rules",
        "Exit codes",
        "PATHS",
    ):
        assert word in ran.text


def test_version(run: Run) -> None:
    from asyncfix import __version__

    assert run("--version").text == f"asyncfix, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",)], ids=lambda each: each[0]
)
def test_help_and_version_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from asyncfix.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'libcst', 'rich', 'black', 'pebble', 'asyncio', 'pathspec'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def command() -> Iterator[list[str]]:
    yield [sys.executable, "-m", "asyncfix"]


def test_as_a_process(here: Path, command: list[str]) -> None:
    """The streams, the code and the bytes of a real process."""
    made(here, {"a.py": BAD.replace("\n", "\r\n").replace("1)", "1)  # é")})
    git(here, "init", "-q", ".")
    with open(here / "p.patch", "wb") as patch:
        done = subprocess.run(
            [*command, "--diff", "."],
            cwd=here,
            stdout=patch,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONWARNINGS": "error"},
            check=False,
        )
    assert done.returncode == 0, done.stderr
    git(here, "apply", "p.patch")
    expected = FIXED.replace("\n", "\r\n").replace("1)", "1)  # é").encode()
    assert (here / "a.py").read_bytes() == expected


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_poor_terminal_is_no_reason_to_crash(
    here: Path, command: list[str], encoding: str
) -> None:
    made(here, {"日本.py": BAD.replace("1)", "1)  # 日本")})
    done = subprocess.run(
        [*command, "."],
        cwd=here,
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("mode", [(), ("--apply",), ("--diff",)], ids=str)
def test_a_name_that_is_no_utf8_is_printed_somehow(
    here: Path, command: list[str], mode: tuple[str, ...]
) -> None:
    made(here, {os.fsdecode(b"\xff.py"): BAD, os.fsdecode(b"\xfe.py"): "x = ("})
    done = subprocess.run([*command, *mode], cwd=here, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 2
    assert b"time.sleep" in done.stdout
    if mode == ("--apply",):
        assert (here / os.fsdecode(b"\xff.py")).read_bytes() == FIXED.encode()


def test_a_reader_that_goes_away_is_no_traceback(
    here: Path, command: list[str]
) -> None:
    made(here, {f"m{n}.py": BAD + "# é\n" * 2000 for n in range(20)})
    shell = f"{' '.join(command)} . | head -n 1"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=here, capture_output=True, check=False
    )
    assert b"Traceback" not in done.stderr
    assert done.stdout.count(b"\n") == 1
