"""Take names with steps and annotations apart, as `facts` describes them."""

from __future__ import annotations

import re
from functools import lru_cache

_STEP = re.compile(r"\.\w+|\(\)|\[\]|\*\*|\*|@@|@|!|/|#\d+")
_ROOT = re.compile(r"\w+")
_TOKEN = re.compile(r"[\w.?]+|[\[\],|]")

# A name and its parameters, each of them such a pair again.
Type = tuple[str, tuple[object, ...]]


@lru_cache(maxsize=4_000)
def split(said: str) -> tuple[str, tuple[str, ...]]:
    """Give the root of a name and its steps: `a.b()` -> `a`, (`.b`, `()`)."""
    root = _ROOT.match(said)
    if root is None:
        return "?", ()
    return root[0], tuple(_STEP.findall(said, root.end()))


@lru_cache(maxsize=4_000)
def parse_annotation(said: str) -> Type:
    """Give an annotation as a tree; `|` is the name of a union.

    What does not follow the form is `?`: of such an annotation nothing is known.
    """
    tokens = _TOKEN.findall(said)
    found, rest = _union(tokens, 0)
    return found if rest == len(tokens) else ("?", ())


def _union(tokens: list[str], at: int) -> tuple[Type, int]:
    first, at = _one(tokens, at)
    every: list[object] = [first]
    while at < len(tokens) and tokens[at] == "|":
        more, at = _one(tokens, at + 1)
        every.append(more)
    return (first if len(every) == 1 else ("|", tuple(every))), at


def _one(tokens: list[str], at: int) -> tuple[Type, int]:
    if at >= len(tokens) or tokens[at] in "[],|":
        return ("?", ()), at
    name = tokens[at]
    at += 1
    parts: list[object] = []
    if at < len(tokens) and tokens[at] == "[":
        while at < len(tokens) and tokens[at] in "[,":
            part, at = _union(tokens, at + 1)
            parts.append(part)
        at += 1  # the closing bracket
    return (name, tuple(parts)), at
