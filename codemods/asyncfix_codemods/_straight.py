"""Awaits in statements that follow each other: does one need the other?"""

from __future__ import annotations

import ast
from typing import NamedTuple

from asyncfix import Context, Level, Plan, touches
from asyncfix_codemods._called import coroutine_function
from asyncfix_codemods._places import overlap
from asyncfix_codemods._rounds import names_in, own, stored
from asyncfix_codemods._shared import CONNECTIONS, NEUTRAL, POOLED

_NOTHING_DONE = (ast.Name, ast.Attribute, ast.Constant, ast.expr_context, ast.keyword)


class _Step(NamedTuple):
    """One statement that only awaits one call."""

    statement: ast.stmt
    call: ast.Call
    touched: touches.Summary
    early: touches.Summary
    """What its arguments touch, which would be evaluated before the first call."""


def plan_for_steps(context: Context, worth: frozenset[tuple[int, int]]) -> Plan | None:
    """Give a suggestion where the first of some awaits stands at the site.

    `worth` are the places of the calls that may be part of it.
    """
    tree = context.tree
    first = tree.statement(context.call)
    if _call_of(first) is not context.call or _is_held(context, first):
        return None
    block = tree.block(first)
    at = next(i for i, each in enumerate(block) if each is first)
    before = _call_of(block[at - 1]) if at else None
    if before is not None and (before.lineno, before.col_offset) in worth:
        return None  # told there, or not independent of that one
    run: list[tuple[ast.stmt, ast.Call]] = []
    for statement in block[at:]:
        call = _call_of(statement)
        if call is None or (call.lineno, call.col_offset) not in worth:
            break
        run.append((statement, call))
    # What the calls touch is asked last: it costs more than all else.
    if len(run) < 2 or not all(_is_plain(context, *each) for each in run[:2]):
        return None
    if _needs(run[0][0], *run[1]):
        return None
    steps: list[_Step] = []
    for statement, call in run:
        step = _step(context, statement, call)
        if step is None or not all(_independent(each, step) for each in steps):
            break
        steps.append(step)
    if len(steps) < 2:
        return None
    calls = [tree.text(each.call) for each in steps]
    names = ", ".join(tree.text(each.call.func) for each in steps)
    return Plan(
        f"{names} wait for one another, and none of them needs what the others do",
        by_hand=f"{_targets(context, steps)}await asyncio.gather({', '.join(calls)})",
        level=Level.MANUAL,
        change="together, the later ones have begun when an earlier one fails",
    )


def _call_of(statement: ast.stmt) -> ast.Call | None:
    """Give `f()` of `await f()`, `x = await f()` and `x: T = await f()`."""
    if isinstance(statement, ast.Assign) and len(statement.targets) != 1:
        return None
    if not isinstance(statement, (ast.Expr, ast.Assign, ast.AnnAssign)):
        return None
    awaited = statement.value
    if isinstance(awaited, ast.Await) and isinstance(awaited.value, ast.Call):
        return awaited.value
    return None


def _is_held(context: Context, statement: ast.stmt) -> bool:
    """Tell whether something stands round it that an error, or a reader, would meet."""
    kinds = ("Try", "TryStar", "With", "AsyncWith")
    for above, _ in context.tree.ancestors(statement):
        if type(above).__name__ in kinds:
            return True
        if above is context.function:
            break
    return any(
        isinstance(node, (ast.Yield, ast.YieldFrom))
        for node in own(context.function.body)
    )


def _is_plain(context: Context, statement: ast.stmt, call: ast.Call) -> bool:
    """Tell whether a coroutine is called with what does nothing, for plain names."""
    if coroutine_function(context, call) is None:
        return False
    if not all(
        isinstance(n, _NOTHING_DONE) for each in _given(call) for n in ast.walk(each)
    ):
        return False
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return all(each is None or isinstance(each, ast.Name) for each in targets)


def _given(call: ast.Call) -> list[ast.AST]:
    given: list[ast.AST] = [*call.args, *(each.value for each in call.keywords)]
    if isinstance(call.func, ast.Attribute):
        given.append(call.func.value)
    return given


def _step(context: Context, statement: ast.stmt, call: ast.Call) -> _Step | None:
    """Give what is known of a statement; None where it is not known enough."""
    if not _is_plain(context, statement, call):
        return None
    given = _given(call)
    site, effects = context.site, context.model.awaited_effects
    where = site.path, site.function
    end = call.end_lineno or call.lineno, call.end_col_offset or 0
    touched = effects.at(where, call.lineno, call.col_offset, *end)
    unsure = (touched.unknown, touched.drivers, touched.threads, touched.contexts)
    if any(unsure) or touched.context_reads:
        return None
    for item in touched.loop:
        known = item.what.rpartition(".")[2] in NEUTRAL
        if not known and not item.what.startswith(POOLED):
            return None
    for each in given:
        for node in ast.walk(each):
            if isinstance(node, (ast.Name, ast.Attribute)):
                value = context.value(node)
                if value is not None and CONNECTIONS.match(value.name):
                    return None
    return _Step(statement, call, touched, effects.beside(where, given))


def _independent(one: _Step, other: _Step) -> bool:
    """Tell whether two awaits may change places."""
    if _needs(one.statement, other.statement, other.call):
        return False
    seen = (*other.touched.reads, *other.touched.writes, *other.early.reads)
    if _meets(one.touched.writes, seen):
        return False
    return not _meets(other.touched.writes, (*one.touched.reads, *one.touched.writes))


def _needs(one: ast.stmt, other: ast.stmt, call: ast.Call) -> bool:
    """Tell whether a later call names what an earlier statement binds."""
    return bool(stored([one]) & (names_in(call) | stored([other])))


def _meets(
    writes: tuple[touches.Touch, ...], others: tuple[touches.Touch, ...]
) -> bool:
    return any(
        write.place.is_result or overlap(write.place, each.place)
        for write in writes
        for each in others
    )


def _targets(context: Context, steps: list[_Step]) -> str:
    """Give the names that the results go to: `a, b = `."""
    found = []
    for step in steps:
        targets = getattr(step.statement, "targets", None)
        target = targets[0] if targets else getattr(step.statement, "target", None)
        found.append("_" if target is None else context.tree.text(target))
    return "" if set(found) == {"_"} else f"{', '.join(found)} = "
