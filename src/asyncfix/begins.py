"""How a text surely begins that is put together: `f"key/{name}"`, `"key/" + name`.

`f"{name.upper()}_KEY"` is known as well: it begins with no small letter.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import NamedTuple

_SMALL = frozenset("abcdefghijklmnopqrstuvwxyz")


class Begins(NamedTuple):
    """A text that begins with `text`; what follows is not known.

    `upper` tells that more follows which has no small letters, or nothing, and
    `then` what comes after that.
    """

    text: str
    upper: bool = False
    then: str = ""

    def holds(self) -> bool | None:
        """Tell whether there is something in it, None where that is not known."""
        return True if self.text or self.then else None

    def may_be(self, text: str) -> bool:
        """Tell whether it may be a text."""
        return text.startswith(self.text) and self.startswith(text) is not False

    def startswith(self, word: str) -> bool | None:
        """Tell whether it begins with a word, None where that is not known."""
        if self.text.startswith(word):
            return True
        if not word.startswith(self.text):
            return False
        first = word[len(self.text)]
        if self.upper and self.then and first in _SMALL:
            return None if self.then.startswith(first) else False
        return None


def beginning(node: ast.expr, value: Callable[[ast.expr], object]) -> Begins | None:
    """Give how a text begins, None where that is not known.

    `value` gives what an expression is: a text, a `Begins`, or anything else.
    """
    text, upper = "", False
    for part in _parts(node):
        known = value(part)
        if isinstance(known, str):
            if upper:
                return Begins(text, upper, known)
            text += known
        elif not upper and isinstance(known, Begins):
            return known._replace(text=text + known.text)
        elif not upper and _is_upper(part):
            upper = True
        else:
            break
    return Begins(text) if text else None


def _parts(node: ast.expr) -> list[ast.expr]:
    """Give what a text is put together of, in its order."""
    if isinstance(node, ast.JoinedStr):
        return [
            (
                each.value
                if isinstance(each, ast.FormattedValue) and _is_plain(each)
                else each
            )
            for each in node.values
        ]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_parts(node.left), node.right]
    return [node]


def _is_plain(part: ast.FormattedValue) -> bool:
    return part.conversion == -1 and part.format_spec is None


def _is_upper(node: ast.expr) -> bool:
    # What has no `upper` like that of a text would surprise more than this does.
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "upper"
        and not (node.args or node.keywords)
    )
