"""Every codemod against its fixtures, and the harness that reads them."""

from __future__ import annotations

import ast
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
