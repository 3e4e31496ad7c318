"""Every codemod against its fixtures, and the harness that reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from asyncfix import AsyncfixError, Codemod, testing
from asyncfix.registry import installed

FIXTURES = Path(__file__).parent / "fixtures"
CODEMODS = {codemod.name: codemod for codemod in installed()}
CASES = [case for name in CODEMODS for case in testing.cases(FIXTURES / name)]

# Cases that say what is right while the engine is still wrong, and what it does.
KNOWN_BUGS: dict[str, str] = {}


def _parameter(case: testing.Case) -> object:
    label = f"{case.folder.name}/{case.name}"
    marks = []
    if not case.runs_here:
        newer = ".".join(map(str, case.python))
        marks.append(pytest.mark.skip(reason=f"its syntax needs Python {newer}"))
    elif label in KNOWN_BUGS:
        marks.append(pytest.mark.xfail(strict=True, reason=KNOWN_BUGS[label]))
    return pytest.param(case, marks=marks, id=label)


@pytest.mark.parametrize("case", [_parameter(case) for case in CASES])
def test_fixture(case: testing.Case, request: pytest.FixtureRequest) -> None:
    codemods = (CODEMODS[case.folder.name],)
    if request.config.getoption("--update-fixtures"):
        testing.update(case, codemods)
        case = next(c for c in testing.cases(case.folder) if c.name == case.name)
    testing.check(case, codemods)


@pytest.mark.parametrize("codemod", CODEMODS.values(), ids=CODEMODS)
def test_page(codemod: Codemod) -> None:
    testing.check_page(codemod)


@pytest.mark.parametrize("name", CODEMODS)
def test_half_of_the_cases_stay_unchanged(name: str) -> None:
    verdicts = [case.verdict for case in CASES if case.folder.name == name]
    unchanged = sum(verdict is not None for verdict in verdicts)
    assert 2 * unchanged >= len(verdicts) > 0


def test_every_folder_belongs_to_a_codemod() -> None:
    assert {path.name for path in FIXTURES.iterdir()} == set(CODEMODS)


def test_known_bugs_are_cases() -> None:
    assert set(KNOWN_BUGS) <= {f"{case.folder.name}/{case.name}" for case in CASES}


# -- bytes that a file in the repository would lose ---------------------------

BEFORE = b"import time\n\n\nasync def poll():\n    time.sleep(1)\n"
AFTER = b"import asyncio\n\n\nasync def poll():\n    await asyncio.sleep(1)\n"


def _both(change: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
    return change(BEFORE), change(AFTER)


BYTES = {
    "bom": _both(lambda text: b"\xef\xbb\xbf" + text),
    "latin_1": _both(
        lambda text: b"# -*- coding: latin-1 -*-\n" + text + b"# caf\xe9\n"
    ),
    "latin_1_before_the_call": _both(
        lambda text: b"# coding: latin-1\n"
        + text.replace(b"    ", b'    "\xe9\xfc"; ')
        + b"\n"
    ),
    "utf_8_before_the_call": _both(
        lambda text: text.replace(b"    ", '    "\u00e9\u20ac\U0001f40d"; '.encode())
    ),
    "tabs": _both(lambda text: text.replace(b"    ", b"\t")),
    "form_feed": _both(lambda text: text.replace(b"\nasync", b"\n\x0casync")),
    "form_feed_first": _both(lambda text: b'\x0c"""Poll."""\n\n' + text),
    "no_newline_at_end": _both(lambda text: text.rstrip(b"\n")),
    "blank_lines_at_end": _both(lambda text: text + b"\n  \n\t\n"),
    "lone_cr": _both(lambda text: text.replace(b"\n", b"\r")),
    "trailing_spaces": _both(lambda text: text.replace(b"(1)", b"(1)  \t")),
    "odd_spaces_in_call": _both(lambda text: text.replace(b"(1)", b"(  1 ,)")),
    "backslash": _both(lambda text: text.replace(b"(1)", b"(\\\n        1)")),
    "line_separator": _both(
        lambda text: text + "x = '\u2028\x85'; y = 1  # \u2029\n".encode()
    ),
    "mixed_line_ends": (
        b"import os\r\nimport time\n\r\nasync def poll():\r    os.x\r\n"
        b"    time.sleep(1)\n    time.sleep(\r\n        2\n    )\r",
        b"import asyncio\r\nimport os\r\n\r\nasync def poll():\r    os.x\r\n"
        b"    await asyncio.sleep(1)\n    await asyncio.sleep(\r\n        2\n    )\r",
    ),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_are_kept(name: str) -> None:
    before, after = BYTES[name]
    testing.check(_case(before, after), [CODEMODS["blocking-sleep"]])


# -- the harness itself -------------------------------------------------------


def _case(before: bytes, after_: bytes, **more: object) -> testing.Case:
    values: dict[str, object] = {
        "name": "case",
        "folder": Path("fixtures"),
        "before": {"case.py": before},
        "after": {"case.py": after_},
        "findings": None,
        "verdict": None,
        "flags": "",
        "python": (3, 10),
    }
    return testing.Case(**{**values, **more})  # type: ignore[arg-type]


def _checked(case: testing.Case) -> str:
    """Give the first line of what the harness says against a case."""
    with pytest.raises(AssertionError) as error:
        testing.check(case, [CODEMODS["blocking-sleep"]])
    return str(error.value).partition("\n")[0]


def test_wrong_after_is_caught() -> None:
    assert _checked(_case(BEFORE, BEFORE)) == "fixtures/case: case.py: is not as wanted"


def test_wrong_findings_are_caught() -> None:
    case = _case(BEFORE, AFTER, findings="")
    assert _checked(case) == "fixtures/case: findings: is not as wanted"


def test_missing_after_is_caught() -> None:
    case = _case(BEFORE, AFTER, after=None)
    assert _checked(case) == "fixtures/case: has no after; run --update-fixtures"


def test_file_that_cannot_be_parsed_is_caught() -> None:
    assert _checked(_case(b"x = (", b"x = (")).startswith(
        "fixtures/case: case.py:1: error: does not parse"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("A1: a lock", "expected manual A1"),
        ("unsafe S1: a lambda", "expected unsafe S1"),
        ("no finding: quiet", "expected no finding"),
    ],
)
def test_wrong_verdict_is_caught(line: str, said: str, tmp_path: Path) -> None:
    head = f"# unchanged: {line}\n"
    body = "import time\n\nasync def f():\n    return lambda: time.sleep(1)\n"
    (tmp_path / "case.unchanged.py").write_text(head + body)
    (case,) = testing.cases(tmp_path)
    assert _checked(case) == f"{tmp_path}/case: {said}, the run says:"


def test_unchanged_file_must_say_why(tmp_path: Path) -> None:
    (tmp_path / "case.unchanged.py").write_text("import time\n")
    with pytest.raises(AssertionError, match="must say why nothing changes"):
        testing.cases(tmp_path)


@pytest.mark.parametrize("name", ["case.after.py", "case.py", "notes.txt"])
def test_orphan_is_caught(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(AssertionError, match="belongs to no case"):
        testing.cases(tmp_path)


def test_flags_and_python_are_read(tmp_path: Path) -> None:
    head = "# flags: --unsafe --target-version 3.12\n# python: 3.12\n"
    (tmp_path / "case.before.py").write_text(head)
    (case,) = testing.cases(tmp_path)
    assert (case.flags, case.python) == ("--unsafe --target-version 3.12", (3, 12))


def test_unknown_flag_is_caught() -> None:
    case = _case(BEFORE, AFTER, flags="--apply")
    assert _checked(case) == "a fixture cannot have the flag '--apply'"


def test_update_writes_after_and_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "one.before.py").write_bytes(BEFORE)
    (tmp_path / "one.findings.txt").write_text("")
    (tmp_path / "two" / "before").mkdir(parents=True)
    (tmp_path / "two" / "before" / "app.py").write_bytes(BEFORE)
    codemods = [CODEMODS["blocking-sleep"]]
    for case in testing.cases(tmp_path):
        testing.update(case, codemods)
    for case in testing.cases(tmp_path):
        testing.check(case, codemods)
    assert (tmp_path / "two" / "after" / "app.py").read_bytes() == AFTER
    assert "one.py:5:5: blocking-sleep" in (tmp_path / "one.findings.txt").read_text()


def test_update_is_refused_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(AsyncfixError, match="where CI is set"):
        testing.update(_case(BEFORE, AFTER), [])


class Page(Codemod):
    """Sleeps are slept twice.

    Before:

        import time

    After:

        import asyncio

    Safety: safe.
    """

    name = "page"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("twice.\n", "twice\n", "needs a first line with a full stop"),
        ("Before:", "Earlier:", "has no `Before:`"),
        ("After:", "Later:", "has no `After:`"),
        ("Safety: safe", "Safety: quite", "must start with the level"),
        ("import asyncio", "import (", "does not compile"),
        ("twice", "twice", "has no finding of level safe"),
    ],
)
def test_bad_page_is_caught(
    old: str, new: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Page, "__doc__", (Page.__doc__ or "").replace(old, new))
    with pytest.raises(AssertionError, match=said):
        testing.check_page(Page())
