"""Places that calls touch: which may be the same?"""

from __future__ import annotations

from asyncfix import touches


def overlap(one: touches.Place, other: touches.Place) -> bool:
    """Tell whether a change of one place may be seen at the other."""
    if (one.root, one.name) != (other.root, other.name):
        return False
    for mine, theirs in zip(one.steps, other.steps, strict=False):
        if mine != theirs and not ("[*]" in (mine, theirs) and mine[0] == theirs[0]):
            return False
    return True


def is_in(place: touches.Place, outer: touches.Place) -> bool:
    """Tell whether a place is another one, or in it."""
    return len(outer.steps) <= len(place.steps) and overlap(place, outer)


def is_receiver(read: touches.Touch, write: touches.Touch) -> bool:
    """Tell whether an object is read only to change what is in it: `log.append(x)`."""
    return (
        read.is_plain
        and len(read.place.steps) < len(write.place.steps)
        and (read.path, read.line) == (write.path, write.line)
    )
