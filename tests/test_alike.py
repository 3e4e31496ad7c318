"""Whether an edit leaves the facts of a file as they are, as far as others ask."""

from __future__ import annotations

import random

import pytest

from asyncfix.alike import DIFFERENT, MOVED, SAME, alike
from asyncfix.facts import Facts
from asyncfix.model import Problem
from asyncfix.scan import scan

OLD = '''\
"""About."""
import time
from unittest.mock import patch

LIMIT = 10

class Box:
    def put(self, what):
        self.last = what
        time.sleep(1)

    def take(self):
        size = 2
        return self.look(size, "a text")

async def work(box: Box):
    with patch("a.b"):
        box.put(LIMIT)
'''


def facts(text: str) -> Facts:
    scanned = scan("m.py", text.encode())
    assert not isinstance(scanned, Problem)
    return scanned[0]


@pytest.mark.parametrize(
    ("old", "new", "how"),
    [
        ("About", "On", SAME),
        ("sleep(1)", "sleep(2)", SAME),
        ("size = 2", "size = 3  # one", SAME),
        ("2\n", "22\n", SAME),
        ("a text", "a longer text", MOVED),
        ("import time", "\nimport time", MOVED),
        ("    def take", "    # one\n\n    def take", MOVED),
        ("size = 2", "size = (\n            2\n        )", MOVED),
        ("self.last = what\n        ", "self.last = what; ", DIFFERENT),
        ("size = 2", "size = 2; size = 3", DIFFERENT),
        ("size = 2", "more = 2", DIFFERENT),
        ("size = 2", "size = LIMIT", DIFFERENT),
        ("time.sleep(1)", "time.time(1)", DIFFERENT),
        ("time.sleep(1)", "time.sleep(1); time.time()", DIFFERENT),
        ("import time", "import time as time2", DIFFERENT),
        ("self.last", "self.first", DIFFERENT),
        ("def take(self)", "def take(self, more)", DIFFERENT),
        ("def take(self)", "async def take(self)", DIFFERENT),
        ("    def take", "    @property\n    def take", DIFFERENT),
        ("class Box", "class Box(dict)", DIFFERENT),
        ("box: Box", "box: dict", DIFFERENT),
        ("LIMIT = 10", "LIMIT = 10\n__all__ = ['Box']", DIFFERENT),
        ('"a.b"', '"a.c"', DIFFERENT),
        ("box.put(", "await box.put(", DIFFERENT),
        ("import time", "# @generated\nimport time", DIFFERENT),
    ],
)
def test_how_much_alike(old: str, new: str, how: int) -> None:
    assert OLD.count(old) == 1
    before, after = facts(OLD), facts(OLD.replace(old, new))
    assert alike(before, after) == how
    assert alike(after, before) == how
    assert alike(before, before) == alike(after, after) == SAME


def test_lines_in_any_order() -> None:
    """Two functions that change places are not where they were."""
    one, two = "def one():\n    pass\n", "def one():\n    return 1\n"
    assert alike(facts(one + two), facts(two + one)) == DIFFERENT


@pytest.mark.parametrize("seed", range(20))
def test_what_moves_keeps_its_order(seed: int) -> None:
    """Blank lines and comments anywhere between statements only move things."""
    chance = random.Random(seed)
    lines = OLD.splitlines(keepends=True)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(2, len(lines))
        lines.insert(at, chance.choice(("\n", "# one\n", "        # two\n")))
    assert alike(facts(OLD), facts("".join(lines))) in (SAME, MOVED)
