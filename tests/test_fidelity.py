"""Fidelity: outside of the fix not a byte changes, in whatever form a file is.

A row is a file that holds `time.sleep(` exactly where a fix belongs. The file
imports asyncio already and uses time otherwise, so that the call is the only
thing to change: the right answer is a replacement of bytes.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from asyncfix import engine, registry
from asyncfix.deliver import write
from asyncfix.diff import unified
from asyncfix.model import Result, Settings

TEXT = (
    "import asyncio\nimport time\n\n\nasync def f():\n"
    "    time.sleep(1)\n    return asyncio, time.time()\n"
)
JAPANESE = "WORD = 'ソ表予'  # 能力\n"  # second bytes that are backslashes
OLD, NEW = b"time.sleep(", b"await asyncio.sleep("


def lines_ended(text: str, *ends: str) -> str:
    """Give the text with line ends taken in turn."""
    lines = text.split("\n")
    parts = [line + ends[n % len(ends)] for n, line in enumerate(lines[:-1])]
    return "".join([*parts, lines[-1]])


SEVERAL = TEXT.replace(
    "    time.sleep(1)\n",
    "    time.sleep(1)  # é\n\n    x = 'é'; time.sleep(2); y = 1\n"
    "    if y: time.sleep(\n        3,  # why\n    )\n",
)
ROWS: dict[str, bytes] = {
    "lf": TEXT.encode(),
    "crlf": lines_ended(TEXT, "\r\n").encode(),
    "mixed": lines_ended(TEXT, "\r\n", "\n").encode(),
    "mixed, the other way": lines_ended(TEXT, "\n", "\r\n", "\r\n").encode(),
    "lone cr": lines_ended(TEXT, "\r").encode(),
    "all three": lines_ended(TEXT, "\r", "\n", "\r\n").encode(),
    "no newline at the end": TEXT.rstrip("\n").encode(),
    "crlf, none at the end": lines_ended(TEXT.rstrip("\n"), "\r\n").encode(),
    "blank lines at the end": f"{TEXT}\n\n\n".encode(),
    "blanks at the end": f"{TEXT}    \n\t\n  ".encode(),
    "blanks at ends of lines": TEXT.replace("\n", "  \n").encode(),
    "bom": b"\xef\xbb\xbf" + TEXT.encode(),
    "bom, crlf": b"\xef\xbb\xbf" + lines_ended(TEXT, "\r\n").encode(),
    "bom and cookie": b"\xef\xbb\xbf# coding: utf-8\n" + TEXT.encode(),
    "utf-8": f"# é 日本 \U0001f600\n{TEXT}# é".encode(),
    "utf-8, before the call": TEXT.replace("    time", "    'é日\U0001f600'; time").encode(),
    "utf-8 cookie": f"# -*- coding: utf-8 -*-\n# é\n{TEXT}".encode(),
    "latin-1": f"# coding: latin-1\nE = 'é\xff'\n{TEXT}".encode("latin-1"),
    "latin-1, crlf": lines_ended(f"# coding: latin-1\n# é\n{TEXT}", "\r\n").encode("latin-1"),
    "latin-1, cookie in line 2": f"#!/bin/python\n# vim: set fileencoding=latin-1 :\n# é\n{TEXT}".encode("latin-1"),
    "latin-1, next line": f"# coding: latin-1\nE = '\x85'\n{TEXT}".encode("latin-1"),
    "cp1252": f"# coding: cp1252\nE = '€“”'\n{TEXT}".encode("cp1252"),
    "shift_jis": f"# coding: shift_jis\n{JAPANESE}{TEXT}".encode("shift_jis"),
    "shift_jis, before the call": f"# coding: shift_jis\n{TEXT}".replace("    time", "    'ソ表'; time").encode("shift_jis"),
    "euc-jp": f"# coding: euc-jp\n{JAPANESE}{TEXT}".encode("euc-jp"),
    "gbk": f"# coding: gbk\nW = '汉字'\n{TEXT}".encode("gbk"),
    "koi8-r": f"# coding: koi8-r\nW = 'привет'\n{TEXT}".encode("koi8-r"),
    "tabs": TEXT.replace("    ", "\t").encode(),
    "tabs and blanks": TEXT.replace("    ", "  \t ").encode(),
    "form feed": TEXT.replace("\n\n\n", "\n\x0c\n\n").encode(),
    "form feed at the start": f"\x0c{TEXT}".encode(),
    "form feed in an indentation": TEXT.replace("    time", "\x0c    time").encode(),
    "form feed before the call": TEXT.replace("    time", "    x; \x0c time").encode(),
    "line separator in a string": f"S = 'a\u2028b\u2029c\x85d'\n{TEXT}".encode(),
    "line separator in a comment": f"# a\u2028b\x0bc\x1cd\x85\n{TEXT}".encode(),
    "line separator before the call": TEXT.replace("    time", "    '\u2028\x85'; time").encode(),
    "cr in a string": lines_ended(f'S = """a\n\nb"""\n{TEXT}', "\r\n", "\r").encode(),
    "continued lines": TEXT.replace("    time", "    x = 1 + \\\n  2; \\\n time").encode(),
    "shebang": f"#!/usr/bin/env python3\n{TEXT}".encode(),
    "comment at the end": f"{TEXT}# the end".encode(),
    "several": SEVERAL.encode(),
    "several, crlf": lines_ended(SEVERAL, "\r\n").encode(),
    "several, cr": lines_ended(SEVERAL, "\r").encode(),
    "several, latin-1": f"# coding: latin-1\n{SEVERAL}".encode("latin-1"),
    "odd blanks in the call": TEXT.replace("sleep(1)", "sleep( 1 , )").encode(),
    "a call over lines": TEXT.replace("sleep(1)", "sleep(\n\n  1 # é\n\n)").encode(),
    "a call over lines, crlf": lines_ended(TEXT.replace("sleep(1)", "sleep(\n\n  1 # é\n\n)"), "\r\n").encode(),
    "odd numbers": TEXT.replace("sleep(1)", "sleep(0X_1f+1_0.E-1)").encode(),
    "odd strings": TEXT.replace("sleep(1)", "sleep(len(rB'\\x' U'é'[0:]))").replace(" U", "and u").encode(),
    "one line": TEXT.replace("f():\n    time.sleep(1)\n    ", "f(): x; time.sleep(1); ").encode(),
    "no blank lines": TEXT.replace("\n\n\n", "\n").encode(),
    "a very long line": TEXT.replace("    time", "    x = '" + "y" * 9000 + "'; time").encode(),
    "type comment": TEXT.replace("(1)", "(1) # type: ignore").encode(),
}  # fmt: skip


def ran(folder: Path) -> Result:
    settings = Settings(paths=(folder / "x.py",), root=folder)
    return engine.run(settings, registry.installed())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


@pytest.mark.parametrize("row", ROWS)
def test_not_a_byte_changes_outside_of_the_fix(tmp_path: Path, row: str) -> None:
    data = ROWS[row]
    assert data.count(OLD) == (3 if row.startswith("several") else 1)
    expected = data.replace(OLD, NEW)
    file = tmp_path / "x.py"
    file.write_bytes(data)
    result = ran(tmp_path)
    assert not result.problems
    (change,) = result.changes
    assert change.new == expected

    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    subprocess.run(
        ["git", "-c", "core.autocrlf=false", "apply", "-"],
        input=unified(change, "x.py"),
        cwd=tmp_path,
        check=True,
    )
    assert file.read_bytes() == expected
    file.write_bytes(data)
    assert write([change], change.path.parent, "test").problems == ()
    assert file.read_bytes() == expected

    again = ran(tmp_path)
    assert not again.problems
    assert again.changes == ()
    assert file.read_bytes() == expected


IMPORTS = (
    "import os\nimport time\n\n\nasync def f():\n    time.sleep(1)\n    os.getpid()\n"
)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=ascii)
@pytest.mark.parametrize("start", ["", "\ufeff", "# é\n", '"""é"""\n\n'], ids=ascii)
def test_new_imports_have_the_line_ends_of_their_neighbours(
    tmp_path: Path, end: str, start: str
) -> None:
    text = start + IMPORTS
    (tmp_path / "x.py").write_bytes(text.replace("\n", end).encode())
    (change,) = ran(tmp_path).changes
    expected = (
        text.replace("import os\nimport time\n", "import asyncio\nimport os\n")
        .replace("time.sleep", "await asyncio.sleep")
        .replace("\n", end)
        .encode()
    )
    assert change.new == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # The file's only import gives way to the new one, and no blank line goes.
        (
            "import time\n\n\nasync def f():\n    time.sleep(1)\n",
            "import asyncio\n\n\nasync def f():\n    await asyncio.sleep(1)\n",
        ),
        (
            "import time\n\nasync def f():\n    time.sleep(1)\n",
            "import asyncio\n\nasync def f():\n    await asyncio.sleep(1)\n",
        ),
        (
            "import time\nasync def f():\n    time.sleep(1)\n",
            "import asyncio\nasync def f():\n    await asyncio.sleep(1)\n",
        ),
        (
            "from time import sleep\n\n\nasync def f():\n    sleep(1)\n",
            "import asyncio\n\n\nasync def f():\n    await asyncio.sleep(1)\n",
        ),
        (
            "# one\nimport time\n\n# two\n\nasync def f():\n    time.sleep(1)",
            "# one\nimport asyncio\n\n# two\n\nasync def f():\n    await asyncio.sleep(1)",
        ),
        (
            '"""Doc."""\nimport time\n\nasync def f():\n    time.sleep(1)\n',
            '"""Doc."""\nimport asyncio\n\nasync def f():\n    await asyncio.sleep(1)\n',
        ),
        (
            "import time\n\nimport click\n\n\nasync def f():\n    time.sleep(1)\n",
            "import asyncio\n\nimport click\n\n\nasync def f():\n    await asyncio.sleep(1)\n",
        ),
    ],
)
def test_the_only_import_gives_way_and_no_blank_line_goes(
    tmp_path: Path, before: str, after: str
) -> None:
    (tmp_path / "x.py").write_text(before)
    (change,) = ran(tmp_path).changes
    assert change.new.decode() == after


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: iso-2022-jp\n# \x1b$B\x1b(B\n" + TEXT.encode(),
        b"# coding: utf-7\n# +AOk-\n" + TEXT.encode(),
    ],
    ids=["iso-2022-jp", "utf-7"],
)
def test_what_cannot_be_given_back_is_left_alone(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.py").write_bytes(data)
    result = ran(tmp_path)
    for change in result.changes:  # where it can be done, then to the byte
        assert change.new == data.replace(OLD, NEW)
    if not result.changes:
        assert result.problems
