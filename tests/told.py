"""Which of some calls in a coroutine are told, and which surely block nothing."""

from __future__ import annotations

from pathlib import Path

from asyncfix import engine, registry
from asyncfix.model import Settings


def check_calls(folder: Path, head: str, row: tuple[str, str, str]) -> None:
    """Check a row: helpers, calls of theirs that block, and calls that do not."""
    helpers, told, silent = row
    wanted, other = told.split("; "), silent.split("; ") if silent else []
    calls = wanted + other
    text = f"{head}{helpers}\nasync def f(x):\n"
    first = text.count("\n") + 1
    text += "".join(f"    {call}\n" for call in calls)
    (folder / "main.py").write_text(text, "utf-8")
    settings = Settings(paths=(folder,), root=folder, select=("blocking-call",))
    result = engine.run(settings, registry.installed())
    assert not result.problems
    assert [calls[each.line - first] for each in result.findings] == wanted
