"""Calls that hold the event loop, where they stand and through whom."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from asyncfix import (
    NEW_AWAIT,
    NEW_THREAD,
    Codemod,
    Context,
    Doubt,
    Level,
    Names,
    Plan,
    Slice,
    Step,
)
from asyncfix_codemods import (
    _ahead,
    _blocks,
    _chains,
    _colour_plan,
    _hazards,
    _native,
    _offload,
    _processes,
    _threads,
)

if TYPE_CHECKING:
    import libcst as cst

# What other codemods of this pack mend where it stands in a coroutine itself.
_MENDED = frozenset(("time.sleep",))
_SEVERITIES = ("low", "medium", "high")
# What has libraries for asyncio that are worth the change.
_CLIENTS = frozenset(
    ("cache", "cloud", "db", "http", "llm", "mail", "mq", "net-proto", "sdk", "ssh")
)
# A call that is only moved to a thread still is what a test replaces by name.
_GUARDS = tuple(each for each in NEW_AWAIT if each not in ("N1", "N2", "E2"))


class BlockingCall(Codemod):
    """A call in a coroutine that holds the event loop, itself or through helpers.

    Before:

        import requests

        def load(url):
            return requests.get(url, timeout=5).json()

        async def handler(url):
            return load(url)

    After:

        import asyncio

        import requests

        def load(url):
            return requests.get(url, timeout=5).json()

        async def handler(url):
            return await asyncio.get_running_loop().run_in_executor(None, load, url)

    Safety: safe where every guard holds, for the call and for all that it runs in
    the thread. Of a chain of helpers the outermost call is handed over. Calls that
    asyncio has itself (`socket.getaddrinfo`) become those; a `with open(...)`
    block, and two blocking calls of one expression, move into a nested function as a
    whole. Where a thread would be wrong, or with `--prefer colour`, helpers become
    coroutine functions with all that call them, at level intent, if what blocks in
    them has a form of asyncio's own; where sync code calls them, too, a twin is
    shown. Work that holds the GIL goes to the process pool that the settings name,
    with `--unsafe`. Only calls of severity high are
    rewritten, `--min-severity medium` takes the others: a local file costs less
    than the way to a thread. Refused: what belongs to one thread, changes shared
    state, uses asyncio or the active exception, is read lazily, or is a driver with
    an asyncio counterpart (a database, a cache, a broker), which is named.
    """

    name = "blocking-call"
    blocking = True
    guards = (*_GUARDS, *NEW_THREAD)
    noqa = (
        "ASYNC210", "ASYNC212", "ASYNC220", "ASYNC221", "ASYNC222", "ASYNC230",
        "ASYNC240", "ASYNC250", "ASYNC251", "ASYNC100", "ASYNC101", "ASYNC102",
    )  # fmt: skip

    def judge(self, context: Context) -> Plan | None:
        """Say who holds the loop, and hand the call to a thread where that is right."""
        chain = context.site.chain
        if chain is None or (len(chain.steps) == 1 and context.site.wanted in _MENDED):
            return None
        message = _message(context)
        block = _blocks.found(context)
        if block is not None:
            plan = block.plan(message)
            around = _threads.surroundings(context)
            more = _hazards.doubts(context, plan.moves)
            doubts = itertools.chain(_severity(context), plan.doubts, around, more)
            return replace(plan, doubts=_decisive(doubts))
        if chain.entry.form == "process":
            in_process = _processes.plan(context, message, tuple(_severity(context)))
            if in_process is not None:
                return in_process
        if len(chain.steps) == 1:
            several = _chains.plan(context, message, _severity)
            if several is not None:
                return several
        if len(chain.steps) == 1 or not _native.is_one(chain.entry.name):
            return _here(context, message)
        prefer = context.settings.prefer
        if prefer.index("offload") < prefer.index("colour"):
            plan = _here(context, message)
            if _colour_plan.is_made(context, plan, self.guards):
                return plan
            plans = [plan, _colour_plan.plan(context, message)]
        else:
            coloured = _colour_plan.plan(context, message)
            if coloured is not None:
                if _colour_plan.is_made(context, coloured, self.guards):
                    return coloured
            plans = [coloured, _colour_plan.noting(context, _here(context, message))]
        return _colour_plan.better(context, plans, self.guards)


def _here(context: Context, message: str) -> Plan:
    """Mend a call where it stands: by asyncio's own form, or in a thread."""
    chain = context.site.chain
    assert chain is not None
    refusals = _decisive(_refusals(context))
    call = _threads.whole(context)
    way = None
    if not refusals and len(chain.steps) == 1 and not _prefers_thread(context):
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

    return Plan(
        message,
        by_hand=by_hand,
        change=_library(context),
        needs=_offload.needs(context, call),
        doubts=refusals,
        parts=_ahead.parts(context, call, make),
    )


def _decisive(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Give doubts up to the first that refuses; what comes after it is not asked."""
    found = []
    for doubt in doubts:
        found.append(doubt)
        if doubt.level is Level.MANUAL:
            break
    return tuple(found)


def _prefers_thread(context: Context) -> bool:
    prefer = context.settings.prefer
    return prefer.index("offload") < prefer.index("native")


def _message(context: Context) -> str:
    chain = context.site.chain
    assert chain is not None
    entry = chain.entry
    severity = _blocks.severity(context)
    if len(chain.steps) == 1:
        return f"holds the event loop: {entry.name} ({entry.kind}, {severity})"
    way = " -> ".join(_shown(step) for step in chain.steps[1:])
    return (
        f"{chain.steps[0].name} holds the event loop: {way} ({entry.kind}, {severity})"
    )


def _shown(step: Step) -> str:
    return f"{step.name} ({step.path}:{step.line})"


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
    yield from _severity(context)
    yield from _threads.role(context)
    yield from _threads.arguments(context)
    yield from _threads.surroundings(context)
    yield from _hazards.doubts(context)


def _severity(context: Context) -> Iterator[Doubt]:
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
