"""What an edit changes for others, by the facts of a file before and after it."""

from __future__ import annotations

import pytest

from asyncfix.facts import COMPREHENSION, Facts
from asyncfix.names import qualified
from asyncfix.outward import called, delta
from asyncfix.scan import scan

OLD = """\
import time
from unittest.mock import patch

LIMIT = 10

class Box:
    size: int = 3

    def put(self, what):
        self.last = what
        time.sleep(1)

    def take(self, many=1):
        found = self.look(many)
        count = len(found)
        print([each for each in found])
        return found

async def work(box: Box):
    def inner():
        return box.take()

    with patch("a.b"):
        inner()
"""


def facts(text: str) -> Facts:
    scanned = scan("m.py", text.encode())
    assert isinstance(scanned, tuple)
    return scanned[0]


def said(old: str, new: str) -> str:
    """Give names that came or went, changed functions, those with another result."""
    before, after = facts(old), facts(new)
    found = delta(before, after)
    if found is None:
        return "more"
    names = [qualified(before.scopes, each) or "module" for each in found.changed]
    given = [qualified(before.scopes, each) for each in found.given]
    assert found.moved == (new.count("\n") != old.count("\n"))
    for one, other in found.changed.items():
        assert before.scopes[one].name == after.scopes[other].name
    words = [*sorted(found.names), ":", *names, *(["->", *given] if given else [])]
    return " ".join(words)


@pytest.mark.parametrize(
    ("old", "new", "seen"),
    [
        # Nothing but code that nobody sees by a name.
        ("size: int = 3", "size: int = 4", ":"),
        ("time.sleep(1)", "time.sleep(2)  # more", ":"),
        ("time.sleep(1)", "time.sleep(1); time.time()", ": Box.put"),
        ("time.sleep(1)", "pass", ": Box.put"),
        ("print([each", "print(0, [other.a for other in found], [each", ": Box.take"),
        ("        inner()", "        inner(); inner()", ": work"),
        ("box.take()", "box.take(2).get()", ": work.inner -> work.inner"),
        ("box.take()", "box.take(box.last())", ": work.inner"),
        ("LIMIT = 10\n", "LIMIT = 10\nprint(LIMIT)\n", ": module"),
        # Names that came or went, and are said nowhere else.
        ("class Box", "def far(x):\n    return x\n\nclass Box", "far :"),
        ("class Box", "LOW = HIGH = 1\n\nclass Box", "HIGH LOW :"),
        ("    def put", "    more = 1\n\n    def put", "more :"),
        ("    def put", "    def more(self):\n        self.some = open(1)\n\n    def put", "more some :"),
        ("self.last = what", "self.last = self.next = what", "next :"),
        ("class Box", "class Far:\n    def __init__(self): pass\n\nclass Box", "Far :"),
        ("async def work", "async def far():\n    Box()\n\nasync def work", "far :"),
        # Locals, and what depends on them.
        ("count = len(found)", "amount = len(found)", ": Box.take"),
        ("count = len(found)", "count = many + 1", ": Box.take"),
        ("found = self.look(many)", "found = self.look(many) or 1", ": Box.take -> Box.take"),
        ("return found", "return many", ": Box.take -> Box.take"),
        ("def take(self, many=1)", "def take(self, many=1, more=2)", ": Box.take -> Box.take"),
        ("    def inner", "    box = box.copy()\n\n    def inner", ": work work.inner -> work"),
        # What others may see without saying a name of it, or under one that is said.
        ("class Box", "def inner(): pass\n\nclass Box", "more"),
        ("class Box", "def len(x): return 1\n\nclass Box", "more"),
        ("    def put", "    def __call__(self): pass\n\n    def put", "more"),
        ("    def put", "    def look(self, many): pass\n\n    def put", "more"),
        ("    def put", "    def found(self): pass\n\n    def put", "more"),
        ("def take(self", "def give(self", "more"),
        ("LIMIT = 10", "LIMIT = time", "more"),
        ("import time\n", "import time\nimport os\n", "more"),
        ("import time\n", "import time as time2\n", "more"),
        ("LIMIT = 10", "LIMIT = 10; __all__ = ['Box']", "more"),
        ("self.last = what", "self.last = 1", "more"),
        ("class Box:", "class Box(Other):", "more"),
        ("def put(self", "async def put(self", "more"),
        ("    def put", "    @other\n    def put", "more"),
        ("inner()\n", "inner(); await box\n", "more"),
        ("        return found", "        yield found", "more"),
        ('"a.b"', '"a.c"', "more"),
        ("import time\n", "# @generated\nimport time\n", "more"),
    ],
)  # fmt: skip
def test_what_an_edit_changes(old: str, new: str, seen: str) -> None:
    assert old in OLD
    new = OLD.replace(old, new, 1)
    assert said(OLD, new) == seen
    if seen == "more":
        assert said(new, OLD) == seen


def test_what_went_is_like_what_came() -> None:
    more = OLD.replace("class Box", "def far(x):\n    return x\n\nclass Box")
    assert said(more, OLD) == "far :"
    # A name that is said still has another meaning now.
    used = more.replace("time.sleep(1)", "far(1)")
    assert said(used, used.replace("def far(x):\n    return x\n", "")) == "more"


def test_functions_keep_their_names_wherever_they_move() -> None:
    one, two = "def one():\n    return 1\n", "def two():\n    time.sleep(1)\n"
    before, after = facts(one + two), facts("def three(): pass\n" + two + one)
    found = delta(before, after)
    assert found is not None
    assert found.scopes == {0: 0, 1: 3, 2: 2}
    assert (found.changed, found.names, found.moved) == ({}, {"three"}, True)


def test_a_comprehension_goes_with_its_function() -> None:
    """Who asked for its code asked for code of the function."""
    old = "def one():\n    return [x() for x in y]\n"
    new = "def two():\n    pass\n\ndef one():\n    pass\n    return [x() for x in y]\n"
    before, after = facts(old), facts(new)
    found = delta(before, after)
    assert found is not None
    inner = [each.kind for each in before.scopes].index(COMPREHENSION)
    assert after.scopes[found.scopes[inner]].name == "one"


def test_of_two_functions_of_one_name_each_has_a_number() -> None:
    twice = "if a:\n    def one():\n        x()\nelse:\n    def one():\n        y()\n"
    found = delta(facts(twice), facts(twice.replace("y()", "z()")))
    assert found is not None
    assert found.changed == {1: 1}  # the last one: it is numbered first
    assert delta(facts(twice), facts(twice + "def one(): pass\n")) is None


def test_calls_by_a_name_are_compared_by_who_makes_them() -> None:
    text = "def one():\n    go()\n\ndef two():\n    a.go(1)\n    stop()\n"
    names = {"go"}
    assert called(facts(text), names) == called(facts("x = 1\n\n" + text), names)
    for new in ("\ndef three():\n    go()\n", "\ngo()\n"):
        assert called(facts(text), names) != called(facts(text + new), names)
    assert called(facts(text), names) == called(facts(text + "\nstop()\n"), names)
    moved = text.replace("    stop()", "    go()\n    stop()")
    assert called(facts(text), names) != called(facts(moved), names)
