"""Diffs and line origins: `git apply` takes every diff, and gives the new bytes.

`git` is the oracle: nothing here knows how a hunk is made.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from asyncfix.diff import unified
from asyncfix.edits import Edit, apply, moved_lines, spans_after, split_lines
from asyncfix.model import Change

# What a text is made of: every line end, and bytes that are no UTF-8.
PIECES = (
    b"a", b"b", b"    x = 1", b"# \xc3\xa9", b"\xff\xfe", b"\x0c", b"\xe2\x80\xa8",
    b"\n", b"\n", b"\n", b"\r\n", b"\r\n", b"\r", b"", b"-", b"+", b"@@ -1 +1 @@",
    b"--- a/x\n", b"\\ No newline at end of file\n",
)  # fmt: skip
LINES = (b"a\n", b"b\n", b"c\r\n", b"\n", b"\xff\n", b"d\re\n")
FEW = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
MANY = settings(max_examples=250, deadline=None, derandomize=True, database=None)


@dataclass(frozen=True)
class Edited:
    """A text and edits of it, sorted and without overlap."""

    text: bytes
    edits: tuple[Edit, ...]

    def change(self) -> Change:
        new = apply(self.text, self.edits)
        origin = tuple(moved_lines(self.text, self.edits))
        return Change(Path("x.py"), "x.py", self.text, new, origin, ())


def joined(pieces: tuple[bytes, ...], most: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(pieces), max_size=most).map(b"".join)


@st.composite
def edited(draw: st.DrawFn) -> Edited:
    pieces = draw(st.sampled_from((PIECES, LINES)))
    text = draw(joined(pieces, 24))
    places = st.integers(0, len(text))
    if draw(st.booleans()):  # edits of whole lines, as imports make them
        starts = [0]
        for line in split_lines(text):
            starts.append(starts[-1] + len(line))
        places = st.sampled_from(starts)
    cuts = sorted(draw(st.lists(places, min_size=2, max_size=8)))
    edits = [
        Edit(start, end, draw(joined(pieces, 4)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    return Edited(text, tuple(edits))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", ".")
    git(tmp_path, "config", "core.autocrlf", "false")
    return tmp_path


def git(where: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *arguments], cwd=where, input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, (arguments, done.stderr.decode(), stdin)
    return done.stdout


def patched(repository: Path, name: str, change: Change) -> bytes:
    """Give the bytes of the file after `git apply` of its diff."""
    file = repository / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(change.old)
    patch = unified(change, name)
    git(repository, "apply", "--check", "-", stdin=patch)
    git(repository, "apply", "-", stdin=patch)
    return file.read_bytes()


# -- edits ------------------------------------------------------------------


@MANY
@given(edited())
def test_edits_are_made_and_their_spans_are_known(case: Edited) -> None:
    new = apply(case.text, case.edits)
    spans = spans_after(case.edits)
    for edit, (start, end) in zip(case.edits, spans, strict=True):
        assert new[start:end] == edit.new
    back = [
        Edit(start, end, case.text[edit.start : edit.end])
        for edit, (start, end) in zip(case.edits, spans, strict=True)
    ]
    assert apply(new, back) == case.text


@MANY
@given(edited())
def test_a_moved_line_is_the_same_line_and_none_is_lost(case: Edited) -> None:
    old = split_lines(case.text)
    new = split_lines(apply(case.text, case.edits))
    origin = moved_lines(case.text, case.edits)
    assert len(origin) == len(new)
    mapped = [
        (line, source) for line, source in enumerate(origin) if source is not None
    ]
    assert [source for _, source in mapped] == sorted({s for _, s in mapped})
    for line, source in mapped:
        assert new[line] == old[source]
    assert set(untouched(old, case.edits)) <= {source for _, source in mapped}


def untouched(lines: list[bytes], edits: tuple[Edit, ...]) -> Iterator[int]:
    """Give the lines that no edit comes near, worked out the slow way."""
    end = 0
    for number, line in enumerate(lines):
        start, end = end, end + len(line)
        if all(edit.end < start or edit.start > end for edit in edits):
            yield number


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a\n"]),
        (b"a\n\nb", [b"a\n", b"\n", b"b"]),
        (b"a\r\nb\rc\n", [b"a\r\n", b"b\rc\n"]),
        (b"a\x0cb\x85c\xe2\x80\xa8d\n", [b"a\x0cb\x85c\xe2\x80\xa8d\n"]),
    ],
)
def test_only_lf_ends_a_line(text: bytes, lines: list[bytes]) -> None:
    assert split_lines(text) == lines


# -- diffs ------------------------------------------------------------------


@FEW
@given(edited())
def test_git_applies_the_diff_of_any_edits(repository: Path, case: Edited) -> None:
    change = case.change()
    # git reads a diff of a whole file from or to nothing as a new or gone file.
    assume(change.old != change.new and change.old and change.new)
    assert patched(repository, "x.py", change) == change.new


@pytest.mark.parametrize(
    "name",
    [
        "plain.py",
        "a space.py",
        " leading.py",
        "two  spaces /in a row.py",
        'quo"te.py',
        "apostrophe's.py",
        "back\\slash.py",
        "tab\there.py",
        "line\nbreak.py",
        "bell\a.py",
        "ünïcode.py",
        "日本 語.py",
        os.fsdecode(b"not-utf8-\xff.py"),
        "-dash.py",
        "a/b/c.py",
        "b/a.py",
        "dev/null.py",
        "$(id);.py",
        "\x7fdelete.py",
    ],
    ids=ascii,
)
def test_git_finds_a_file_of_any_name(repository: Path, name: str) -> None:
    change = Edited(b"a\nb\nc\n", (Edit(2, 3, b"B"),)).change()
    assert patched(repository, name, change) == b"a\nB\nc\n"


@pytest.mark.parametrize(
    ("text", "edits", "hunks"),
    [
        (b"a\nb\nc\n", [(2, 3, b"B")], b"@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"),
        (b"a\n", [(0, 1, b"A")], b"@@ -1 +1 @@\n-a\n+A\n"),
        (
            b"a\nb",
            [(3, 3, b"!")],
            b"@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n"
            b"+b!\n\\ No newline at end of file\n",
        ),
        (
            b"a\nb",
            [(0, 0, b"n\n")],
            b"@@ -1,2 +1,3 @@\n+n\n a\n b\n\\ No newline at end of file\n",
        ),
        (
            b"a\nb",
            [(3, 3, b"\n")],
            b"@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n",
        ),
        (b"a\r\nb\r\n", [(0, 1, b"A")], b"@@ -1,2 +1,2 @@\n-a\r\n+A\r\n b\r\n"),
        (b"a\rb\rc\n", [(2, 3, b"B")], b"@@ -1 +1 @@\n-a\rb\rc\n+a\rB\rc\n"),
        (b"\xff\n\xfe\n", [(0, 1, b"x")], b"@@ -1,2 +1,2 @@\n-\xff\n+x\n \xfe\n"),
        (b"a\nb\nc\n", [(2, 4, b"")], b"@@ -1,3 +1,2 @@\n a\n-b\n c\n"),
        (b"a\nb\n", [(2, 2, b"n\n")], b"@@ -1,2 +1,3 @@\n a\n+n\n b\n"),
        (b"a\nb\n", [(4, 4, b"n\n")], b"@@ -1,2 +1,3 @@\n a\n b\n+n\n"),
    ],
)
def test_a_diff_shows_nothing_but_the_edits(
    text: bytes, edits: list[tuple[int, int, bytes]], hunks: bytes
) -> None:
    change = Edited(text, tuple(Edit(*each) for each in edits)).change()
    assert unified(change, "x.py") == b"--- a/x.py\n+++ b/x.py\n" + hunks


@pytest.mark.parametrize(("apart", "hunks"), [(1, 1), (6, 1), (7, 2), (30, 2)])
def test_hunks_are_joined_where_their_context_meets(apart: int, hunks: int) -> None:
    text = b"first\n" + b"same\n" * apart + b"last\n"
    edits = (Edit(0, 5, b"FIRST"), Edit(len(text) - 5, len(text) - 1, b"LAST"))
    patch = unified(Edited(text, edits).change(), "x.py")
    assert patch.count(b"\n@@ ") == hunks


def test_a_diff_of_a_large_file_takes_no_time_worth_measuring() -> None:
    text = b"x = 1\n" * 200_000
    edits = tuple(Edit(at * 600, at * 600 + 1, b"y") for at in range(2000))
    patch = unified(Edited(text, edits).change(), "x.py")
    assert patch.count(b"\n@@ ") == 2000
