"""The code that one session is for: an `async with`, or what somebody closes by hand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from asyncfix import Context, Doubt
from asyncfix_codemods._session_kinds import Kind
from asyncfix_codemods._session_refusals import refusal


class Region(NamedTuple):
    """What a session takes up, and what is done with it.

    `shape` is "with" for `async with S() as name:`; where it is closed by hand, "try"
    for `name = S()` above a `try` that closes it at last, "block" for one above
    `async with name:`, and "row" where it is closed further down in the same block.
    """

    shape: str
    statements: tuple[ast.stmt, ...]
    body: tuple[ast.stmt, ...]
    more: tuple[ast.withitem, ...]
    """What is entered with the session, behind it."""
    target: ast.Name
    own: frozenset[ast.Name]
    """Uses of the session that only close it."""

    @property
    def last_line(self) -> int:
        """Give the last line of it."""
        return self.statements[-1].end_lineno or 0

    def around(self, context: Context, node: ast.AST) -> Iterator[ast.AST]:
        """Go up from a node inside, as far as the session's own code reaches."""
        holders = () if self.shape == "row" else self.statements
        for above, below in context.tree.ancestors(node):
            if above in holders or below in self.statements:
                return
            yield above


def in_with(statement: ast.AsyncWith, item: ast.withitem, target: ast.Name) -> Region:
    """Give the region of `async with S() as target:`."""
    more = statement.items[statement.items.index(item) + 1 :]
    body = tuple(statement.body)
    return Region("with", (statement,), body, tuple(more), target, frozenset())


def by_hand(context: Context, kind: Kind) -> Region | Doubt | None:
    """Give the region of `name = S()`; None where its function does not close it."""
    assigned = context.tree.parent(context.node)
    if not isinstance(assigned, ast.Assign) or len(assigned.targets) != 1:
        return None
    target = assigned.targets[0]
    if not isinstance(target, ast.Name):
        return None
    closes: list[ast.Name] = []
    for use in ast.walk(context.function):
        if isinstance(use, ast.Name) and use.id == target.id:
            above = context.tree.parent(use)
            if isinstance(above, ast.withitem) or (
                isinstance(above, ast.Attribute) and above.attr == kind.close
            ):
                closes.append(use)
            elif isinstance(use.ctx, ast.Load) and not isinstance(above, ast.Attribute):
                return None  # handed on: somebody else may own it
            elif use.lineno < assigned.lineno:
                return None  # of another round, perhaps: it may be kept open
    if not closes:
        return None
    found = _region(context, assigned, target, closes) if len(closes) == 1 else None
    if found is not None and _may_move(context, found):
        return found
    return refusal(
        "session-by-hand",
        f"it is opened and closed by hand (line {closes[0].lineno}): which code it "
        "is for is not marked",
        f"write `async with {context.spelled}() as {target.id}:` round its use first",
    )


def _region(
    context: Context, assigned: ast.Assign, target: ast.Name, closes: list[ast.Name]
) -> Region | None:
    block = context.tree.block(assigned)
    first = block.index(assigned)
    (closed,) = closes
    statement = context.tree.statement(closed)
    own = frozenset(closes)
    after = block[first + 1] if first + 1 < len(block) else None
    if isinstance(after, ast.Try) and after.finalbody == [statement]:
        if _is_close(statement):
            taken = assigned, after
            whole = bool(after.handlers or after.orelse)
            body = (after,) if whole else tuple(after.body)
            return Region("try", taken, body, (), target, own)
    if isinstance(after, ast.AsyncWith) and statement is after:
        if len(after.items) == 1 and after.items[0].optional_vars is None:
            if after.items[0].context_expr is closed:
                body = tuple(after.body)
                return Region("block", (assigned, after), body, (), target, own)
    if statement in block[first + 2 :] and _is_close(statement):
        end = block.index(statement)
        taken_ = tuple(block[first : end + 1])
        return Region("row", taken_, taken_[1:-1], (), target, own)
    return None


def _is_close(statement: ast.stmt) -> bool:
    """Tell whether a statement is `await name.close()`, of a name that it uses once."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    call = value.value if isinstance(value, ast.Await) else None
    return (
        isinstance(call, ast.Call)
        and not call.args
        and not call.keywords
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
    )


def _may_move(context: Context, region: Region) -> bool:
    """Tell whether the lines that open and close it hold nothing else."""
    tree, (first, *_, last) = context.tree, region.statements
    inside = region.body[0].lineno, region.body[-1].end_lineno or 0
    if isinstance(last, ast.Try) and region.body == (last,):
        inside = last.lineno + 1, last.finalbody[0].lineno - 2
    lines = [
        *range(first.lineno, inside[0]),
        *range(inside[1] + 1, region.last_line + 1),
    ]
    if any(b"#" in tree.lines.line(n) or b";" in tree.lines.line(n) for n in lines):
        return False
    starts = [each.lineno for each in (*region.statements, *region.body)]
    if len(set(starts)) < len({*region.statements, *region.body}):
        return False
    return not any(
        isinstance(node, (ast.Yield, ast.YieldFrom))
        for each in region.statements
        for node in ast.walk(each)
    )
