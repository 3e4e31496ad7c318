"""`with (yield from lock):`, which asyncio's locks knew until Python 3.8."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asyncfix import Doubt, Level, Place, value
from asyncfix_codemods import _old_code, _old_kinds

LOCKS = frozenset(
    f"asyncio.{name}" for name in ("Lock", "Condition", "Semaphore", "BoundedSemaphore")
)
LOCK, NAMED, NO_LOCK = "lock", "named", "no lock"
_BY_NAME = re.compile(r"lock|mutex|sem|cond", re.IGNORECASE)


def doubts(kinds: _old_kinds.Kinds, place: Place) -> Iterator[Doubt]:
    """Find what stands against the `with` of a function."""
    code = kinds.code(place)
    for entered in code.withs if code else ():
        known = [each and _is_lock(kinds, place, each) for each in entered.items]
        text = next(each.text for each in entered.items if each)
        if not any(each in (LOCK, NAMED) for each in known):
            continue
        if None in known or NO_LOCK in known:
            yield Doubt(
                "coroutine-lock",
                Level.MANUAL,
                f"the `with` at line {entered.line} enters a lock and something else",
                f"write `async with {text}:` and a `with` inside",
            )
        elif NAMED in known:
            yield Doubt(
                "coroutine-lock",
                Level.UNSAFE,
                f"{text} (line {entered.line}) seems to be a lock of asyncio's, by its "
                "name only",
                f"write `async with {text}:` if it is one",
            )


def of_locks(kinds: _old_kinds.Kinds, place: Place) -> frozenset[int]:
    """Give the lines of the `with` of a function that wait for locks."""
    code = kinds.code(place)
    return frozenset(
        entered.line
        for entered in (code.withs if code else ())
        if all(
            each and _is_lock(kinds, place, each) in (LOCK, NAMED)
            for each in entered.items
        )
    )


def _is_lock(kinds: _old_kinds.Kinds, place: Place, given: _old_code.Given) -> str:
    """Tell whether a value is a lock of asyncio's: surely, by its name, or not."""
    if given.kind != "name":
        return NO_LOCK
    said = given.said
    code = kinds.code(place)
    made = code.made.get(said) if code else None
    found = kinds.values.of(*place, made.said if made and made.said else said)
    if found is not None:
        known = found.kind in (value.OUTSIDE_OBJECT, value.OUTSIDE)
        return LOCK if known and found.name in LOCKS else NO_LOCK
    return NAMED if _BY_NAME.search(said.rpartition(".")[2]) else NO_LOCK
