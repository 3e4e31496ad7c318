"""One blocking call, mended where it stands: asyncio's own form of it, or a thread.

With its `with` block, or with another call of its expression, it goes there as a whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from asyncfix import Context, Doubt, Level, Names, Plan, Slice
from asyncfix_codemods import (
    _ahead,
    _blocks,
    _chains,
    _crowds,
    _hazards,
    _native,
    _offload,
    _threads,
)

if TYPE_CHECKING:
    import libcst as cst

_SEVERITIES = ("low", "medium", "high")
# What has libraries for asyncio that are worth the change.
_CLIENTS = frozenset(
    ("cache", "cloud", "db", "http", "llm", "mail", "mq", "net-proto", "sdk", "ssh")
)


def plan(context: Context, message: str) -> Plan:
    """Give the fix of one blocking call, or why it is refused."""
    return together(context, message) or alone(context, message)


def is_in_block(context: Context) -> bool:
    """Tell whether a call stands in a block that is moved as a whole."""
    return _blocks.found(context) is not None


def together(context: Context, message: str) -> Plan | None:
    """Give the fix of what the call must move with; None where it may move alone."""
    chain = context.site.chain
    assert chain is not None
    block = _blocks.found(context)
    if block is not None:
        plan = block.plan(message)
        around = _threads.surroundings(context)
        more = _hazards.doubts(context, plan.moves)
        doubts = itertools.chain(severity(context), plan.doubts, around, more)
        return _noting(context, plan._replace(doubts=_decisive(doubts)))
    if len(chain.steps) == 1:
        several = _chains.plan(context, message, severity)
        return None if several is None else _noting(context, several)
    return None


def alone(context: Context, message: str) -> Plan:
    """Mend a call where it stands: by asyncio's own form, or in a thread."""
    chain = context.site.chain
    assert chain is not None
    refusals = _decisive(_refusals(context))
    call = _threads.whole(context)
    way = None
    if not refusals and len(chain.steps) == 1 and not prefers_thread(context):
        way = _native.found(context)
    if way is not None:
        return Plan(
            message,
            by_hand=way.by_hand,
            change=_library(context),
            needs=way.needs,
            parts=_ahead.parts(context, way.node, way.make, (way.node,)),
        )
    arguments = _offload.arguments(context, call)
    by_hand = _offload.by_hand(context, context.tree.text(call.func), arguments)
    if refusals and refusals[-1].level is Level.MANUAL:
        by_hand = _threads.by_hand(context, refusals[-1])

    def make(slice_: Slice, names: Names) -> cst.BaseExpression:
        import libcst as cst

        twin = cst.ensure_type(slice_.find(call), cst.Call)
        return _offload.offloaded(context, names, twin)

    plan = Plan(
        message,
        by_hand=by_hand,
        change=_library(context),
        needs=_offload.needs(context, call),
        doubts=refusals,
        parts=_ahead.parts(context, call, make),
    )
    return _noting(context, plan)


def _noting(context: Context, plan: Plan) -> Plan:
    """Say in a fix that is made where many calls will wait for few threads."""
    if plan.level is Level.MANUAL or not plan.parts:
        return plan
    if any(each.level is Level.MANUAL for each in plan.doubts):
        return plan
    note = _crowds.note(context)
    change = "; ".join(filter(None, (plan.change, note)))
    return plan._replace(change=change)


def _decisive(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Give doubts up to the first that refuses; what comes after it is not asked."""
    found = []
    for doubt in doubts:
        found.append(doubt)
        if doubt.level is Level.MANUAL:
            break
    return tuple(found)


def prefers_thread(context: Context) -> bool:
    """Tell whether threads are wanted before what asyncio has itself."""
    prefer = context.settings.prefer
    return prefer.index("offload") < prefer.index("native")


def _library(context: Context) -> str:
    """Name the asyncio library that would be the better step."""
    chain = context.site.chain
    assert chain is not None
    entry = chain.entry
    if entry.kind in _CLIENTS and entry.strategy in ("native", "migrate"):
        return f"better in the long run: {entry.use}" if entry.use else ""
    return ""


def _refusals(context: Context) -> Iterator[Doubt]:
    """Give what holds the change back, besides the guards; the first decides."""
    yield from _threads.strategy(context)
    yield from severity(context)
    yield from _threads.role(context)
    yield from _threads.arguments(context)
    yield from _threads.surroundings(context)
    yield from _hazards.doubts(context)


def severity(context: Context) -> Iterator[Doubt]:
    """Doubt what is too small to be worth the way to a thread."""
    least = context.settings.min_severity
    severity = _blocks.severity(context)
    if _SEVERITIES.index(severity) < _SEVERITIES.index(least):
        yield Doubt(
            "severity",
            Level.MANUAL,
            f"the call is of {severity} severity: the way to a thread may cost more "
            f"than it does",
            f"--min-severity {severity} rewrites it",
        )
