"""The command line: exit codes, and what holds in each mode of it."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asyncfix import workers

if TYPE_CHECKING:
    from conftest import Contents, Git, Made, Run, Sample

MODES = {
    "check": (),
    "json": ("--format", "json"),
    "diff": ("--diff",),
    "diff check": ("--diff", "--check"),
    "apply": ("--apply",),
    "apply json": ("--apply", "--format", "json"),
    "apply diff": ("--apply", "--diff"),
}
# What a file holds may be the name of a sample.
#                     check json diff d/check apply a/json a/diff
CODES: dict[str, tuple[dict[str, str | bytes], tuple[int, ...]]] = {
    "nothing there": ({}, (0, 0, 0, 0, 0, 0, 0)),
    "nothing found": ({"a.py": "good"}, (0, 0, 0, 0, 0, 0, 0)),
    "all can be fixed": ({"a.py": "bad"}, (1, 1, 0, 1, 0, 0, 0)),
    "none can be fixed": ({"a.py": "held"}, (1, 1, 0, 1, 1, 1, 1)),
    "one of two can": ({"a.py": "bad", "b.py": "held"}, (1, 1, 0, 1, 1, 1, 1)),
    "one is broken": ({"a.py": "good", "b.py": "x = ("}, (2, 2, 2, 2, 2, 2, 2)),
    "one is found, one broken": (
        {"a.py": "bad", "b.py": "x = ("},
        (2, 2, 2, 2, 2, 2, 2),
    ),
    "undecodable": ({"a.py": "bad", "b.py": b"x = '\xe9'"}, (2, 2, 2, 2, 2, 2, 2)),
}


@pytest.fixture
def project(sample: Sample) -> dict[str, str]:
    return {
        "a.py": sample.bad,
        "b.py": sample.held,
        "c/d.py": f"{sample.bad}\n\n# {'x' * 20}\n"
        + "y = 1\n" * 30
        + sample.bad.replace("f()", "g()"),
        "c/e f/ü.py": sample.bad.rstrip("\n"),
        "c/only.py": "import time\n\n\nasync def f():\n    time.sleep(1)\n",
        "good.py": sample.good,
        "broken.py": "x = (\n",
    }


@pytest.mark.parametrize("case", CODES)
@pytest.mark.parametrize("mode", MODES)
def test_exit_codes(run: Run, made: Made, sample: Sample, case: str, mode: str) -> None:
    files, codes = CODES[case]
    texts: dict[Any, str] = sample._asdict()
    made({name: texts.get(text, text) for name, text in files.items()})
    assert run(*MODES[mode]).code == codes[list(MODES).index(mode)]


@pytest.mark.parametrize("mode", MODES)
def test_only_apply_writes(
    run: Run, made: Made, contents: Contents, sample: Sample, here: Path, mode: str
) -> None:
    made(
        {"a.py": sample.bad, "b.py": sample.held, "c.py": "x = (", "d.py": sample.good}
    )
    before = contents()
    times = {name: (here / name).stat().st_mtime_ns for name in before}
    run(*MODES[mode])
    after = contents()
    if "--apply" in MODES[mode]:
        assert after.pop("a.py") == sample.fixed.encode()
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
    run: Run,
    made: Made,
    sample: Sample,
    arguments: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    made({"a.py": sample.bad})
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
    run: Run,
    made: Made,
    contents: Contents,
    sample: Sample,
    text: str,
    words: tuple[str, ...],
    mode: str,
) -> None:
    made({"a.py": sample.bad, "pyproject.toml": text})
    ran = run(*MODES[mode])
    assert ran.code == 2
    assert ran.out == b""
    for word in words:
        assert word in ran.said
    assert contents()["a.py"] == sample.bad.encode()


def test_an_interrupt_is_130_and_writes_nothing(
    run: Run,
    made: Made,
    contents: Contents,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from asyncfix import engine

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    made({"a.py": sample.bad})
    monkeypatch.setattr(engine, "run", interrupted)
    ran = run("--apply")
    assert ran.code == 130
    assert "interrupted" in ran.said
    assert contents() == {"a.py": sample.bad.encode()}


@pytest.mark.parametrize("mode", MODES)
def test_quiet_leaves_findings_and_errors(
    run: Run, made: Made, sample: Sample, mode: str
) -> None:
    made({"a.py": sample.bad, "c.py": "x = (\n"})
    loud, silent = run(*MODES[mode]), None
    made({"a.py": sample.bad})
    silent = run(*MODES[mode], "--quiet")
    assert silent.out == loud.out
    assert silent.code == loud.code
    assert "c.py:1: error:" in silent.said
    assert "files:" not in silent.said


@pytest.mark.parametrize("mode", MODES)
def test_no_colour_and_no_bar_where_there_is_no_terminal(
    run: Run, made: Made, sample: Sample, mode: str
) -> None:
    made({"a.py": sample.bad, "b.py": sample.held, "c.py": "x = ("})
    ran = run(*MODES[mode])
    assert b"\x1b" not in ran.out + ran.err
    assert b"\r" not in ran.out + ran.err


@pytest.mark.parametrize("mode", [*MODES, "generated"])
def test_every_file_is_in_one_count(
    run: Run,
    made: Made,
    sample: Sample,
    counted: dict[str, str | bytes],
    here: Path,
    mode: str,
    read_only: None,
) -> None:
    made(counted)
    (here / "link.py").symlink_to("gone.py")
    os.mkfifo(here / "pipe.py")
    made({"read_only.py": sample.bad})
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
    assert total == sum(counts) == len(counted) + 3
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


# -- diff and apply ---------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("place", ["", "c"], ids=["root", "folder"])
@pytest.mark.parametrize("apply_in", ["", "c"], ids=["apply in root", "in folder"])
def test_a_diff_that_git_applies_is_what_apply_writes(
    run: Run,
    made: Made,
    contents: Contents,
    git: Git,
    project: dict[str, str],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    newline: str,
    place: str,
    apply_in: str,
) -> None:
    made({k: v.replace("\n", newline) for k, v in project.items()})
    git(here, "init", "-q", ".")
    git(here, "config", "core.autocrlf", "false")
    git(here, "add", ".")
    monkeypatch.chdir(here / place)
    patch = run("--diff", "." if apply_in == "" else str(here / "c"))
    before = contents()
    git(here / apply_in, "apply", "-", stdin=patch.out)
    patched = contents()
    assert patched != before
    git(here, "checkout", "-q", ".")
    run("--apply", "--allow-dirty", "." if apply_in == "" else str(here / "c"))
    assert contents() == patched


def test_outside_of_git_a_diff_counts_from_here(
    run: Run, made: Made, sample: Sample
) -> None:
    made({"c/a.py": sample.bad})
    assert run("--diff", "c").text.startswith("--- a/c/a.py\n+++ b/c/a.py\n")


def test_a_second_apply_changes_nothing(
    run: Run, made: Made, contents: Contents, project: dict[str, str]
) -> None:
    made(project)
    run("--apply")
    once = contents()
    assert once != {name: text.encode() for name, text in project.items()}
    ran = run("--apply")
    assert contents() == once
    assert " 0 changed" in ran.said
    assert "0 fixed" in ran.said
    assert run("--diff").out == b""


def test_apply_with_diff_shows_what_it_writes(
    run: Run, made: Made, contents: Contents, sample: Sample
) -> None:
    made({"a.py": sample.bad})
    patch = run("--diff").out
    ran = run("--diff", "--apply")
    assert ran.out == patch
    assert contents() == {"a.py": sample.fixed.encode()}


def test_mode_and_link_are_kept(
    run: Run, made: Made, sample: Sample, here: Path
) -> None:
    made({"c/real.txt": sample.bad})
    (here / "c/real.txt").chmod(0o755)
    (here / "link.py").symlink_to("c/real.txt")
    assert run("--apply", "link.py").code == 0
    assert (here / "link.py").is_symlink()
    assert (here / "c/real.txt").read_bytes() == sample.fixed.encode()
    assert stat.S_IMODE((here / "c/real.txt").stat().st_mode) == 0o755


@pytest.mark.parametrize("mode", MODES)
def test_any_number_of_jobs_prints_the_same(
    run: Run,
    made: Made,
    project: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    made(project)
    alone = run(*MODES[mode], "--jobs", "1")
    made(project)
    if mode == "diff":  # one mode is enough to start processes for
        monkeypatch.setattr(workers, "WORTH_A_POOL", 0)
        monkeypatch.setattr(workers, "_CHUNK", 1500)
    assert run(*MODES[mode], "--jobs", "4") == alone


@pytest.mark.parametrize("mode", MODES)
def test_the_order_of_paths_does_not_matter(
    run: Run, made: Made, project: dict[str, str], mode: str
) -> None:
    made(project)
    one = run(*MODES[mode], "a.py", "b.py", "c", "good.py", "broken.py")
    made(project)
    assert run(*MODES[mode], "broken.py", "c", "b.py", "good.py", "a.py") == one


def test_a_hundred_files_and_one_bad_one(run: Run, made: Made, sample: Sample) -> None:
    made({f"m{number:03}.py": sample.bad for number in range(100)})
    made({"bad.py": "x = " + "not " * 20_000 + "1\n"})
    ran = run("--apply")
    assert ran.code == 2
    assert "101 files: 100 changed, 0 unchanged, 0 skipped, 1 failed" in ran.said
    assert "bad.py:1: error: does not parse" in ran.said


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
