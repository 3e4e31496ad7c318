"""What holds where a call stands is known in what it calls, in its own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncfix import engine, registry
from asyncfix.model import Settings

MEDIA = """\
class Media:
    def data(self):
        if self.content:
            return self.content
        return open(self.path).read()

    def text(self):
        return self.data()
"""

TOLD = {
    "the same object asks again": ("if m.content:\n        m.data()", False),
    "one call further": ("if m.content:\n        m.text()", False),
    "left before": ("if not m.content:\n        return\n    m.text()", False),
    "and more": ("if m.content and x:\n        m.data()", False),
    "nobody asked": ("m.data()", True),
    "the other answer": ("if not m.content:\n        m.data()", True),
    "another object": ("if n.content:\n        m.data()", True),
    "another question": ("if m.path:\n        m.data()", True),
    "or something else": ("if m.content or x:\n        m.data()", True),
    "set since": ("if m.content:\n        m.content = x\n        m.data()", True),
    "another one is set": ("if m.content:\n        m.path = x\n        m.data()", False),
    "in the other branch": ("if m.content:\n        pass\n    else:\n        m.data()", True),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_a_condition_goes_with_the_call(name: str, tmp_path: Path) -> None:
    body, told = TOLD[name]
    head = "async def f(m: Media, n: Media, x):\n    "
    (tmp_path / "a.py").write_text(f"{MEDIA}\n\n{head}{body}\n", "utf-8")
    settings = Settings(paths=(tmp_path,), root=tmp_path, select=("blocking-call",))
    result = engine.run(settings, registry.installed())
    assert not result.problems
    assert bool(result.findings) is told
