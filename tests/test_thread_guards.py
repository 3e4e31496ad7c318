"""Each guard of threads by itself: where it holds, and where it does not.

The cases are in thread_cases.txt: a line `GUARD holds` or `GUARD LEVEL` and, indented,
a program; the site is the first call in a coroutine of it that blocks, or the one
that is marked `# <-`. A line
`-- name` starts a further file.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from asyncfix import GUARDS, NEW_THREAD, Context, Model, Settings, Site

if TYPE_CHECKING:
    from conftest import Look

ROOT = Path(__file__).parent.parent
MARK = "# <-"
CASES = Path(__file__).with_name("thread_cases.txt").read_text("utf-8")


class Case(NamedTuple):
    """A program, a guard and what it says of the program."""

    guard: str
    verdict: str
    program: str


def _cases() -> list[Case]:
    parts = re.split(r"^(\S+) (\w+)\n", CASES, flags=re.MULTILINE)[1:]
    programs = (textwrap.dedent(each).strip() for each in parts[2::3])
    return [Case(*each) for each in zip(parts[::3], parts[1::3], programs, strict=True)]


def _context(look: Look, program: str) -> Context:
    """Give the context of the first call that blocks in a program's first file."""
    first, *others = re.split(r"^-- (\S+)\n", program, flags=re.MULTILINE)
    files = {"main.py": first, **dict(zip(others[::2], others[1::2], strict=True))}
    effects, reach, reader = look(files)
    path = "/r/main.py"
    found = reach.blocking([path])[path]
    lines = first.split("\n")
    marked = [each for each in found if MARK in lines[each[1].use.line - 1]]
    scope, edge = min(marked or found, key=lambda each: each[1].use.line)
    chain = reach.chain(path, edge)
    assert chain is not None
    site = Site(path, edge.use, "blocking", chain.entry.name, scope, chain)
    model = Model(effects.project, reach.catalog, Settings())
    model.reader, model.reach, model.effects = reader, reach, effects
    return Context(model, site)


def _example(guard: str) -> str:
    page = (ROOT / "docs" / "guards.md").read_text("utf-8")
    section = page.partition(f"\n### {guard}\n")[2].partition("\n### ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert isinstance(block, str)
    return block


@pytest.mark.parametrize(
    "case", _cases(), ids=lambda each: f"{each.guard}-{each.verdict}"
)
def test_guard(look: Look, case: Case) -> None:
    doubt = GUARDS[case.guard](_context(look, case.program))
    if case.verdict == "holds":
        assert doubt is None
    else:
        assert doubt is not None
        assert doubt.level.value == case.verdict
        assert doubt.guard == case.guard
        assert doubt.reason and doubt.advice


@pytest.mark.parametrize("guard", NEW_THREAD)
def test_it_is_seen_to_hold_and_to_fail(guard: str) -> None:
    verdicts = {case.verdict for case in _cases() if case.guard == guard}
    assert "holds" in verdicts and len(verdicts) > 1


@pytest.mark.parametrize("guard", NEW_THREAD)
def test_it_does_not_hold_in_its_example(look: Look, guard: str) -> None:
    doubt = GUARDS[guard](_context(look, _example(guard)))
    assert doubt is not None and doubt.guard == guard


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (
            "import shutil\n\nasync def main(place):\n    with place() as there:\n"
            "        shutil.copytree('data', there)\n",
            "line 4 closes there while the thread still uses it",
        ),
        (
            "import shutil\n\nasync def main(place, done):\n    try:\n"
            "        shutil.rmtree(place)\n    finally:\n        shutil.rmtree(place)\n"
            "        done(place)\n",
            "the cleanup of line 7 uses place while the thread still does",
        ),
    ],
)
def test_what_is_cleaned_up_under_a_thread_is_named(
    look: Look, program: str, words: str
) -> None:
    doubt = GUARDS["thread-cleanup"](_context(look, program))
    assert doubt is not None
    assert words in doubt.reason
