"""Do the facts of a file say the same after an edit, as far as others ask?

Comments, texts, numbers and blank lines leave the facts as they are, but for the lines
where things stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from asyncfix.facts import PARTS, Facts

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
_FROZEN = 5

# How much alike: not at all, but for where things stand, in everything.
DIFFERENT, MOVED, SAME = range(3)


def alike(old: Facts, new: Facts) -> int:
    """Tell how much alike two facts of a file are.

    Where they have MOVED, things stand in the same order, on equal lines if they did.
    """
    before, after = old.head, new.head
    if before._replace(lines=0) != after._replace(lines=0) or before.unseen:
        return DIFFERENT
    found = _Compared()
    for place in range(PARTS):
        parts = old.columns(place), new.columns(place)
        if place in _LINES:
            found.columns(place, *parts)
        elif place == _FROZEN:
            found.lines(*(lines for (lines,) in parts))
        elif parts[0] != parts[1]:
            return DIFFERENT
    return found.result()


class _Compared:
    """Two facts, part by part, and where each line of the old has moved to."""

    def __init__(self) -> None:
        self._moved: dict[int, int] = {1: 1}
        self._found = SAME

    def columns(self, place: int, old: list[Any], new: list[Any]) -> None:
        """Compare the columns of one part, or some rows of them."""
        lines, places = _LINES[place]
        if list(map(len, old)) != list(map(len, new)):
            self._found = DIFFERENT
            return
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            if number in lines:
                self.lines(one, other)
            elif one != other:
                self._found = min(self._found, MOVED if number in places else DIFFERENT)

    def lines(self, old: Sequence[int], new: Sequence[int]) -> None:
        """Note where lines have moved to."""
        if len(old) != len(new):
            self._found = DIFFERENT
            return
        for one, other in zip(old, new, strict=True):
            if self._moved.setdefault(one, other) != other:
                self._found = DIFFERENT

    def result(self) -> int:
        """Give how much alike they are, by all that was compared."""
        moved = self._moved
        numbers = [moved[line] for line in sorted(moved)]
        if any(one >= other for one, other in pairwise(numbers)):
            return DIFFERENT
        if any(line != moved[line] for line in moved):
            return min(self._found, MOVED)
        return self._found
