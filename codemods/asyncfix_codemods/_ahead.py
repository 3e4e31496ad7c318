"""What a fix replaces: the call, or its statement where the value must come first."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from asyncfix import Context, Names, Part, Slice, goes_ahead

if TYPE_CHECKING:
    import libcst as cst

Make = Callable[[Slice, Names], "cst.BaseExpression"]
"""Gives what takes the place of the site's call; the slice holds the call."""


def parts(
    context: Context, node: ast.expr, make: Make, free: tuple[ast.AST, ...] = ()
) -> tuple[Part, ...]:
    """Give the part of a fix that replaces one expression of a coroutine.

    Where guard A4 asks for it, the new value is taken in a line of its own:

        value = await asyncio.to_thread(read)
        self.total += len(value)
    """
    if not goes_ahead(context):
        return (Part((node,), lambda slice_, names: [make(slice_, names)], free=free),)
    statement = context.tree.statement(node)
    name = free_name(context, ("value", "result", "outcome"))

    def made(slice_: Slice, names: Names) -> Sequence[cst.CSTNode]:
        import libcst as cst

        target = cst.AssignTarget(cst.Name(name))
        first = cst.SimpleStatementLine([cst.Assign([target], make(slice_, names))])
        line = cst.ensure_type(slice_.nodes[0], cst.SimpleStatementLine)
        rest = line.deep_replace(slice_.find(node), cst.Name(name))
        return [first, cst.ensure_type(rest, cst.SimpleStatementLine)]

    # What the statement reads is read after the call now.
    return (Part((statement,), made, early=(node,)),)


def free_name(context: Context, wanted: Iterable[str], skipped: int = 0) -> str:
    """Give a name that the site's function and the names it sees leave free.

    The first `skipped` of them are left for other fixes of the function.
    """
    start, end = context.tree.span(context.function)
    text = context.tree.lines.text[start:end].decode("utf-8", "replace")
    words = set(re.findall(r"\w+", text))
    project, site = context.project, context.site
    for name in _numbered(list(wanted)):
        if name not in words and not project.visible(site.path, site.function, name):
            if not skipped:
                return name
            skipped -= 1
    raise AssertionError("numbers do not end")


def _numbered(names: Sequence[str]) -> Iterator[str]:
    yield from names
    number = 2
    while True:
        yield f"{names[0]}_{number}"
        number += 1
