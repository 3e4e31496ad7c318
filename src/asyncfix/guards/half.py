"""State of several parts that is set in one step, for all who look at one part. (A3.)

    if state.config is None:
        state.config = load()
        save(state.config)        # <- an await here
        state.models = find()

A second task finds the first part set, passes the block by, and misses the others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from asyncfix.guards.locks import is_mutex
from asyncfix.guards.places import Places, conflict
from asyncfix.tree import Tree, walk_function


class Half(NamedTuple):
    """What is looked at and set, and what is set on the other side of the site."""

    place: str
    tested: int
    written: int
    other: str
    later: int


def half_set(tree: Tree, function: ast.AsyncFunctionDef, site: ast.AST) -> Half | None:
    """Give what a second task would find set by half, with an await at the site."""
    places = tree.once(("places", function), partial(Places, function))
    if not places.has_writes:
        return None
    for test, branch in _branches(tree, function, site, places):
        read = [each for each in places.said(test).reads if _is_shared(each[0], places)]
        if not read:
            continue
        before, after = _writes(tree, branch, site, places)
        for place, tested in read:
            set_first = [line for name, line in before if conflict(place, name)]
            for other, later in after:
                if set_first and not (conflict(place, other) or conflict(other, place)):
                    return Half(place, tested, set_first[0], other, later)
    return None


def _branches(
    tree: Tree, function: ast.AsyncFunctionDef, site: ast.AST, places: Places
) -> Iterator[tuple[ast.expr, Sequence[ast.stmt]]]:
    """Give the statements that only run if something holds, the site among them.

    Of those that are run under a lock which keeps other tasks out nothing is given.
    """
    found: list[tuple[ast.expr, Sequence[ast.stmt]]] = []
    for above, below in tree.ancestors(site):
        if isinstance(above, ast.AsyncWith) and below in above.body:
            if any(is_mutex(each.context_expr, places.locals) for each in above.items):
                found.clear()
        if isinstance(above, ast.If) and below is not above.test:
            mine, others = above.body, above.orelse
            if below in others:
                mine, others = others, mine
            if not (others and isinstance(others[-1], ast.Raise)):
                found.append((above.test, mine))
        if isinstance(below, ast.stmt):
            block = tree.block(below) if below is not function else []
            for index, each in enumerate(block):
                if each is below:
                    break
                if isinstance(each, ast.If) and not each.orelse:
                    if isinstance(each.body[-1], (ast.Return, ast.Continue)):
                        found.append((each.test, block[index + 1 :]))
        if above is function:
            break
    yield from found


def _writes(
    tree: Tree, branch: Sequence[ast.stmt], site: ast.AST, places: Places
) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Give the shared places that are written before the site, and after it."""
    around = {above for above, _ in tree.ancestors(site)}
    start = getattr(site, "lineno", 0), getattr(site, "col_offset", 0)
    before: list[tuple[str, int]] = []
    after: list[tuple[str, int]] = []
    simple = (
        ast.Assign,
        ast.AugAssign,
        ast.AnnAssign,
        ast.Delete,
        ast.Expr,
        ast.Return,
    )
    for node in (each for top in branch for each in walk_function(top, own=False)):
        if isinstance(node, simple):
            late = node in around or (node.lineno, node.col_offset) > start
            written = [
                each for each in places.writes(node) if _is_shared(each[0], places)
            ]
            (after if late else before).extend(written)
    return sorted(before, key=_line), sorted(after, key=_line)


def _line(written: tuple[str, int]) -> int:
    return written[1]


def _is_shared(place: str, places: Places) -> bool:
    """Tell whether a place is of the module's, of `self` or of what is not local."""
    root = place.partition(".")[0].partition("[")[0]
    return root in ("self", "cls") or root not in places.locals
