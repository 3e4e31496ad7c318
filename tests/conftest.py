"""The options of the test run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-fixtures`."""
    parser.addoption(
        "--update-fixtures",
        action="store_true",
        help="Rewrite .after.py and .findings.txt from what the engine gives today.",
    )
