"""The inputs that break tools, one by one: exit code, words, and every byte.

The rows are those of scripts/robustness.py, which runs other tools beside us.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
_LIMIT = 300


def script(name: str) -> Any:
    """Import a script of the checkout."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(SCRIPTS))


robustness = script("robustness")


# What is large takes long, on any Python.
LARGE = ("17", "18")
EVERY = [
    pytest.param(row, marks=[pytest.mark.any_python] if row in LARGE else [])
    for row in robustness.ROWS
]


@pytest.mark.parametrize("row", EVERY)
def test_a_row_of_the_matrix(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    found = robustness.measured(row, robustness.ASYNCFIX, _LIMIT)
    assert robustness.wrong(*found) == ""
    wanted, _, before, after = found
    # The other way round: what is wrong would be seen.
    name, state = next(iter(after.items()))
    spoilt = {**after, name: state._replace(data=state.data + b" ")}
    assert robustness.wrong(wanted, found[1], before, spoilt)


def test_the_page_has_every_row() -> None:
    page = (SCRIPTS.parent / "docs" / "robustness.md").read_text("utf-8")
    for number, row in robustness.ROWS.items():
        assert f"\n| {number} | {row.name} | " in page


def test_the_rows_of_permissions_are_run_without_powers() -> None:
    """Else root would be let through, and the rows say nothing."""
    if os.geteuid() == 0:
        found = robustness.measured("20", robustness.ASYNCFIX, _LIMIT)
        assert "Permission denied" in found[1].err
