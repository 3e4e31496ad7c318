"""Do the facts of a file say the same after an edit, as far as others ask?

Comments, texts, numbers and blank lines leave the facts as they are, but for the lines
where things stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from asyncfix.facts import Facts

# Parts of `Facts` by place, and in each the columns with lines, and with byte columns.
_LINES: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    0: ((3, 11), ()),  # scopes
    1: ((2,), ()),  # outer
    2: ((1, 3), (2, 4)),  # calls
    3: ((1, 3), (2, 4)),  # references
    4: ((0,), ()),  # patches
    6: ((1, 3), (2, 4)),  # driven
    9: ((2,), ()),  # attributes
    10: ((2,), ()),  # inner
}
_FROZEN, _OPAQUE = 5, 8

# How much alike: not at all, but for where things stand, in everything.
DIFFERENT, MOVED, SAME = range(3)


def alike(old: Facts, new: Facts) -> int:
    """Tell how much alike two facts of a file are.

    Where they have MOVED, things stand in the same order, on equal lines if they did.
    """
    before, after = old.head, new.head
    same = before._replace(lines=0, places=()) == after._replace(lines=0, places=())
    if not same or before.unseen or len(before.places) != len(after.places):
        return DIFFERENT
    moved: dict[int, int] = {1: 1}
    found = SAME
    for place in range(len(before.places) - 1):
        parts = old.columns(place), new.columns(place)
        if place == _OPAQUE or place not in _LINES:
            if place == _FROZEN and len(parts[0]) == len(parts[1]):
                if not _follow(moved, *parts):
                    return DIFFERENT
            elif parts[0] != parts[1]:
                return DIFFERENT
            continue
        lines, places = _LINES[place]
        if len(parts[0]) != len(parts[1]):
            return DIFFERENT
        for number, (one, other) in enumerate(zip(*parts, strict=True)):
            if number in lines:
                if len(one) != len(other) or not _follow(moved, one, other):
                    return DIFFERENT
            elif one != other:
                if number not in places or len(one) != len(other):
                    return DIFFERENT
                found = MOVED
    if any(line != moved[line] for line in moved):
        found = MOVED
    numbers = [moved[line] for line in sorted(moved)]
    in_order = all(one < other for one, other in pairwise(numbers))
    return found if in_order else DIFFERENT


def _follow(moved: dict[int, int], old: Iterable[Any], new: Iterable[Any]) -> bool:
    """Note where lines have moved to; False where one has moved to two places."""
    return all(
        moved.setdefault(one, other) == other
        for one, other in zip(old, new, strict=True)
    )
