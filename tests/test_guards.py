"""Each guard by itself: where it holds, and where it does not.

The cases are in guard_cases.txt: a line `GUARD holds` or `GUARD LEVEL` and,
indented, a program with one `time.sleep`, or the body of a coroutine; a line
`-- name` starts a further file.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from asyncfix import GUARDS, NEW_THREAD, Codemod, Context, Settings
from asyncfix.context import Model
from asyncfix.detect import sites
from asyncfix.guards import ask
from asyncfix.link import Project
from asyncfix.model import Problem
from asyncfix.registry import catalog
from asyncfix.scan import scan
from asyncfix.source import Source, decode

CASES = Path(__file__).with_name("guard_cases.txt").read_text("utf-8")


class Case(NamedTuple):
    guard: str
    verdict: str
    program: str


def _cases() -> list[Case]:
    parts = re.split(r"^(\S+) (\w+)\n", CASES, flags=re.MULTILINE)[1:]
    programs = (textwrap.dedent(each).strip() for each in parts[2::3])
    return [Case(*each) for each in zip(parts[::3], parts[1::3], programs, strict=True)]


# Programs of cases where the guard still answers wrongly, by a line of theirs.
KNOWN_BUGS: dict[str, str] = {}


def _parameter(case: Case) -> object:
    marks = [
        pytest.mark.xfail(strict=True, reason=reason)
        for line, reason in KNOWN_BUGS.items()
        if line in case.program
    ]
    return pytest.param(case, marks=marks, id=f"{case.guard}-{case.verdict}")


class Sleeps(Codemod):
    """Finds what the guards are asked about."""

    name = "sleeps"
    calls = ("time.sleep",)


def _context(program: str) -> Context:
    """Give the context of the one `time.sleep` in a program's first file."""
    if "async def" not in program:
        body = textwrap.indent(program, "    ")
        program = f"import time\nasync def f(self, rows, log):\n{body}"
    first, *others = re.split(r"^-- (\S+)\n", program, flags=re.MULTILINE)
    files = {"app.py": first, **dict(zip(others[::2], others[1::2], strict=True))}
    facts, sources = [], {}
    for name, text in files.items():
        scanned, decoded = scan(name, text.encode()), decode(name, text.encode())
        assert not isinstance(scanned, Problem), scanned
        assert isinstance(decoded, Source), decoded
        facts.append(scanned[0])
        sources[name] = decoded
    project, settings = Project(facts, "."), Settings()
    model = Model(project, catalog(settings), settings, sources.__getitem__)
    ((_, site),) = sites(project, "app.py", [Sleeps()], model.reach.values)
    context = Context(model, site)
    context.needs = ("asyncio",)
    return context


@pytest.mark.parametrize("case", [_parameter(case) for case in _cases()])
def test_guard(case: Case) -> None:
    doubt = GUARDS[case.guard](_context(case.program))
    if case.verdict == "holds":
        assert doubt is None
    else:
        assert doubt is not None
        assert doubt.level.value == case.verdict
        guard, _, of = case.guard.partition("-")
        assert doubt.guard in (
            ("A1", "A2", "A3", "A4") if of == "callers" else (guard,)
        )
        assert doubt.reason and doubt.advice


def test_every_guard_is_seen_to_hold_and_to_fail() -> None:
    asked = [guard for guard in GUARDS if guard not in NEW_THREAD]
    assert {case.guard for case in _cases()} == set(asked)
    for guard in asked:
        verdicts = {case.verdict for case in _cases() if case.guard == guard}
        assert "holds" in verdicts and len(verdicts) > 1, guard


def test_asyncio_or_anyio_is_told_apart() -> None:
    context = _context("import anyio, time\nasync def f(): time.sleep(1)")
    GUARDS["E1"](context)
    assert context.modules() == {"asyncio": "anyio"}


def test_target_version_decides_on_nested_comprehensions() -> None:
    context = _context("print([[time.sleep(1) for cell in row] for row in rows])")
    context.settings = Settings(target=(3, 11))
    assert GUARDS["S1"](context) is None


def test_first_refusal_ends_the_questions() -> None:
    context = _context("with lock, other(): self.n += time.sleep(1) or 1")
    assert [doubt.guard for doubt in ask(context, ("A2", "A1", "A4"))] == ["A2", "A1"]
