"""The new code of a coroutine of older days."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from asyncfix import Names, Slice

if TYPE_CHECKING:
    import libcst as cst


class Change(NamedTuple):
    """What changes in the statement of one outermost function."""

    functions: tuple[ast.AST, ...]
    """The functions in it that become coroutines, itself perhaps among them."""
    plain: frozenset[ast.AST]
    """Those that only lose their decorator: `__aiter__`."""
    locks: tuple[ast.With, ...]
    """`with (yield from lock)` of them."""
    returns: tuple[ast.Return, ...]
    """What they return is to be awaited."""
    asked: dict[ast.Return, str]
    """Of these it is asked whether they can be; with a name for each that is free."""
    decorators: frozenset[str]
    """The decorators that go, as they are written."""


def changed(change: Change, old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    """Give the statement with its functions made coroutines."""
    from asyncfix_codemods import _old_transform

    try:
        return _old_transform.changed(change, old, names, drops=True)
    except _old_transform.NeedsParentheses:
        return _old_transform.changed(change, old, names, drops=False)


def kept(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    """Give the decorator for generators that are to stay what they are."""
    import libcst as cst

    return [cst.Attribute(cst.Name(names["types"]), cst.Name("coroutine"))]


def stepped(old: Slice, names: Names) -> Sequence[cst.CSTNode]:
    """Give `yield from x.__await__()` for `yield from x`."""
    import libcst as cst

    node = cst.ensure_type(old.nodes[0], cst.Yield)
    given = cst.ensure_type(node.value, cst.From)
    item = given.item
    if not isinstance(item, (cst.Call, cst.Name, cst.Attribute)) and not item.lpar:
        item = item.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    call = cst.Call(cst.Attribute(item, cst.Name("__await__")))
    return [node.with_changes(value=given.with_changes(item=call))]
