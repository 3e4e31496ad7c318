"""The command line: what it prints, in words, in JSON and from a real process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Git, Made, Run, Sample

# -- what is printed --------------------------------------------------------


def test_findings_go_to_stdout_and_the_rest_to_stderr(
    run: Run, made: Made, sample: Sample
) -> None:
    made({"a.py": sample.bad, "b.py": sample.held, "c.py": "x = (\n"})
    ran = run()
    heads = [line for line in ran.text.splitlines() if not line.startswith(" ")]
    assert [line.partition(" ")[0] for line in heads] == ["a.py:6:5:", "b.py:9:9:"]
    assert "[safe]" in heads[0]
    assert "[manual" in heads[1]
    assert "    time.sleep(1)\n" in ran.text
    assert "c.py:1: error: does not parse" in ran.said
    assert "3 files: 1 to change, 1 unchanged, 0 skipped, 1 failed" in ran.said
    assert "2 findings (1 safe, 1 manual)" in ran.said


def test_of_a_diff_stdout_is_only_the_diff(
    run: Run, made: Made, sample: Sample
) -> None:
    made({"a.py": sample.bad, "b.py": sample.held, "c.py": "x = (\n"})
    ran = run("--diff")
    lines = ran.text.splitlines()
    assert lines[:2] == ["--- a/a.py", "+++ b/a.py"]
    assert all(line[:1] in set("-+ @") for line in lines)
    assert ran.text.count("--- ") == 1
    assert "b.py:9:9: blocking-sleep [manual" in ran.said
    assert "a.py:6:5" not in ran.said
    assert "c.py:1: error:" in ran.said


def test_beside_a_diff_stands_what_in_it_has_to_be_checked(
    run: Run, made: Made, sample: Sample
) -> None:
    loop = (
        "import asyncio\n\n"
        "async def fetch(url):\n    await asyncio.sleep(0.1)\n    return len(url)\n\n"
        "async def main(urls: list[str]):\n    pages = []\n    for url in urls:\n"
        "        pages.append(await fetch(url))\n    return pages\n"
    )
    made({"a.py": sample.bad, "b.py": loop})
    ran = run("--diff", "--unsafe")
    assert ran.text.count("+++ b/") == 2
    assert "b.py:10:28: would fix sequential-awaits [unsafe] " in ran.said
    assert ran.said.count("would fix") == 1
    assert "would fix" not in run("--diff").said


def test_apply_says_what_it_fixed_and_what_remains(
    run: Run, made: Made, sample: Sample
) -> None:
    made({"a.py": sample.bad, "b.py": sample.held})
    ran = run("--apply")
    assert "a.py:6:5: fixed blocking-sleep [safe]" in ran.text
    assert "b.py:9:9: blocking-sleep [manual" in ran.text
    assert "2 files: 1 changed, 1 unchanged, 0 skipped, 0 failed" in ran.said
    assert "2 findings (1 safe, 1 manual), 1 fixed" in ran.said


def test_a_hostile_name_or_line_cannot_steer_a_terminal(
    run: Run, made: Made, sample: Sample
) -> None:
    evil = sample.bad.replace(
        "time.sleep(1)", "time.sleep(1)  # \x1b]0;evil\x07 \u202e"
    )
    made({"a\x1b[31m.py": evil, "b\x1b[2J.py": "x = (\n"})
    for mode in ((), ("--apply",)):
        ran = run(*mode)
        assert b"\x1b" not in ran.out + ran.err
        assert "\u202e" not in ran.text
        assert "a\\x1b[31m.py:6:5" in ran.text


def test_problems_are_one_line_and_a_hint_each(
    run: Run, made: Made, sample: Sample
) -> None:
    made(
        {
            "a.py": sample.bad,
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
    run: Run, made: Made, sample: Sample, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made({"a.py": sample.bad, "b.py": sample.bad})
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
    assert (here / "a.py").read_bytes() == sample.fixed.encode()


def test_a_read_only_file_is_refused_and_the_others_done(
    run: Run, made: Made, sample: Sample, here: Path, read_only: None
) -> None:
    made({"a.py": sample.bad, "b.py": sample.bad})
    (here / "b.py").chmod(0o444)
    ran = run("--apply")
    assert ran.code == 2
    assert "a.py:6:5: fixed" in ran.text
    assert "b.py:6:5: fixed" not in ran.text
    assert "b.py:1: error: is read-only" in ran.said
    assert "2 files: 1 changed, 0 unchanged, 0 skipped, 1 failed" in ran.said
    assert (here / "b.py").read_bytes() == sample.bad.encode()


# -- json -------------------------------------------------------------------

FINDING = {
    "path": str, "line": int, "col": int, "codemod": str, "level": str,
    "guard": (str, type(None)), "message": str, "advice": str, "source": str,
}  # fmt: skip


def test_json_holds_findings_problems_and_counts(
    run: Run, made: Made, sample: Sample, counted: dict[str, str | bytes]
) -> None:
    made({**counted, "ü.py": sample.bad.replace("1)", "1)  # é \u2028 \x1b")})
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
    assert total == len(counted) + 1


def test_json_of_nothing(run: Run) -> None:
    document = run("--format", "json").json
    assert document["findings"] == document["problems"] == []


def test_json_holds_what_could_not_be_written(
    run: Run, made: Made, sample: Sample, here: Path, read_only: None
) -> None:
    made({"a.py": sample.bad})
    (here / "a.py").chmod(0o444)
    ran = run("--apply", "--format", "json")
    assert ran.code == 2
    assert [each["path"] for each in ran.json["problems"]] == ["a.py"]
    assert ran.json["files"]["failed"] == 1
    assert ran.json["files"]["changed"] == 0


def test_json_of_a_name_that_is_no_utf8(run: Run, made: Made, sample: Sample) -> None:
    name = os.fsdecode(b"\xff.py")
    made({name: sample.bad})
    (found,) = run("--format", "json").json["findings"]
    assert found["path"] == name


@pytest.fixture
def command() -> Iterator[list[str]]:
    yield [sys.executable, "-m", "asyncfix"]


def test_as_a_process(
    made: Made, git: Git, sample: Sample, here: Path, command: list[str]
) -> None:
    """The streams, the code and the bytes of a real process."""
    made({"a.py": sample.bad.replace("\n", "\r\n").replace("1)", "1)  # é")})
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
    expected = sample.fixed.replace("\n", "\r\n").replace("1)", "1)  # é").encode()
    assert (here / "a.py").read_bytes() == expected


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_poor_terminal_is_no_reason_to_crash(
    made: Made, sample: Sample, here: Path, command: list[str], encoding: str
) -> None:
    made({"日本.py": sample.bad.replace("1)", "1)  # 日本")})
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
    made: Made, sample: Sample, here: Path, command: list[str], mode: tuple[str, ...]
) -> None:
    made({os.fsdecode(b"\xff.py"): sample.bad, os.fsdecode(b"\xfe.py"): "x = ("})
    done = subprocess.run([*command, *mode], cwd=here, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert done.returncode == 2
    assert b"time.sleep" in done.stdout
    if mode == ("--apply",):
        assert (here / os.fsdecode(b"\xff.py")).read_bytes() == sample.fixed.encode()


def test_a_reader_that_goes_away_is_no_traceback(
    made: Made, sample: Sample, here: Path, command: list[str]
) -> None:
    made({f"m{n}.py": sample.bad + "# é\n" * 2000 for n in range(20)})
    shell = f"{' '.join(command)} . | head -n 1"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=here, capture_output=True, check=False
    )
    assert b"Traceback" not in done.stderr
    assert done.stdout.count(b"\n") == 1
