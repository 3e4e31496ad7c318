"""Coroutines that nobody awaits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from asyncfix import (
    NEW_AWAIT,
    Codemod,
    Context,
    Doubt,
    Level,
    Model,
    Names,
    Plan,
    Site,
    calls_used,
    facts,
    site_of,
)
from asyncfix_codemods import (
    _ahead,
    _coroutines,
    _doomed,
    _fates,
    _glance,
    _shapes,
    _starts,
)

if TYPE_CHECKING:
    import libcst as cst

    from asyncfix import Slice

_ROLES = frozenset(
    (facts.VALUE, facts.STATEMENT, facts.ARGUMENT, facts.AT_ONCE, facts.WITH,
     facts.FOR, facts.ASYNC_WITH, facts.ASYNC_FOR)
)  # fmt: skip
# What other codemods of this pack look after.
_OTHERS = frozenset(("asyncio.to_thread",))
# Of the futures, which run by themselves, nobody awaits these for no reason.
_WAITING = frozenset(("asyncio.gather", "asyncio.shield"))
# What is missing from the guards of a new await: the call is still made.
_PROJECT = (
    *(each for each in NEW_AWAIT if each not in ("N1", "N2", "N3", "E1", "E2")),
    "E3",
)
_LIBRARY = ("N1", "N2", *_PROJECT)
_ASYNCIO = ("N1", "N2", "E1", *_PROJECT)


class UnawaitedCoroutine(Codemod):
    """A coroutine that nobody awaits never runs.

    Before:

        import asyncio

        async def save(rows):
            await asyncio.sleep(0.1)
            return len(rows)

        async def handler(rows):
            if save(rows):
                asyncio.sleep(1)

    After:

        import asyncio

        async def save(rows):
            await asyncio.sleep(0.1)
            return len(rows)

        async def handler(rows):
            if await save(rows):
                await asyncio.sleep(1)

    Safety: intent. Calling a coroutine function only makes an object; the fix awaits
    it, so that code runs which never ran before. That is made by default where
    nothing but an `await` can be meant: its result is asked for, or it is a
    library's. Safe where the code as it stands can only raise an error, and for
    `main()` under `if __name__ == "__main__":`, which becomes `asyncio.run(main())`.
    Unsafe where the call stands alone, since a task of its own may have been meant,
    where something is known by an annotation only, and where nothing tells that what
    it gives can be called (`await func()`). Refused where the function is
    decorated, overridden or defined in another way on another branch, where it waits
    for a lock that is held, calls itself, or seems to be sent off on purpose, and in
    sync functions, with the choices. Every new `await` asks the guards S1, A1 to A4,
    C1 and C2, and E3 for tests that replace the function. No finding where the
    coroutine is returned, passed on or kept, for somebody may await it, nor where a
    type checker is told to ignore `unused-coroutine` or `reportUnusedCoroutine`.
    """

    name = "unawaited-coroutine"
    restructures = True
    guards = ()

    def search(self, model: Model, path: str) -> Iterator[Site]:
        """Give the calls that give a coroutine which is not awaited there."""
        names = None
        if model.whole:  # else the other files may not even be read
            names = model.once("coroutine functions", lambda: _names(model))
        for use in calls_used(model.project, path, names, _ROLES):
            found = _coroutines.given(model, path, use)
            if found is None:
                continue
            if use.role == facts.STATEMENT and found.wanted in _OTHERS:
                continue
            if use.role == facts.ARGUMENT and not _glance.may_be_lost(model, path, use):
                continue
            if use.role == facts.VALUE and _glance.is_kept(model, path, use):
                continue
            answers = model.project.answers(path, use.scope, use.name)
            named = found.wanted in {each.name for each in answers}
            kind = "call" if named else "method"
            yield site_of(model.project, path, use, kind, found.wanted)

    def judge(self, context: Context) -> Plan | None:
        """Say whether the coroutine is lost, and how to run it."""
        use = context.site.use
        found = _coroutines.given(context.model, context.site.path, use)
        if found is None:
            return None
        fate = _fates.of(context, context.call, found.future)
        if fate is None or _doomed.is_meant(context):
            return None
        if fate.shape in ("statement", "unused") and (
            found.wanted in _OTHERS or (found.future and found.wanted not in _WAITING)
        ):
            return None
        if fate.shape in ("iterated", "entered") and _coroutines.is_stub(
            context, found
        ):
            return None  # the real one may be a generator, or a context manager
        if fate.shape == "entered" and found.place is None:
            return None  # of some libraries' calls one may do both
        try:
            unsure = list(_coroutines.doubts(context, found))
        except _coroutines.Other:
            return None
        where = _shapes.owner(context.tree, context.call)
        if _shapes.is_under_main(context.tree, context.call):
            return _starts.plan(context, found, fate, unsure)
        if isinstance(where, ast.AsyncFunctionDef):
            return _awaited(context, found, fate, unsure)
        return _starts.by_hand(context, found, fate, unsure)


def _names(model: Model) -> frozenset[str]:
    """Give the last names of all that may give a coroutine in this project."""
    heads = [each.head for each in model.project.files.values()]
    roots = {
        target.lstrip(".").partition(":")[0].partition(".")[0]
        for head in heads
        for target in head.imported
        if target[:1] != "."
    }
    own = {name for head in heads for name in head.lazy}
    return model.catalog.awaitables(sorted(roots)) | own


def _awaited(
    context: Context,
    found: _coroutines.Given,
    fate: _fates.Fate,
    unsure: list[Doubt],
) -> Plan:
    """Plan the `await` in a coroutine."""
    call = context.call
    text = context.tree.text(call)
    level, change = Level.INTENT, "it runs now, and the coroutine waits for it"
    if found.future:
        change = "the coroutine waits for it"
    elif fate.raises and fate.direct:
        level, change = Level.SAFE, ""
    if change and _shapes.loop_around(context.tree, call) is not None:
        change += ", round after round"
    message = _fates.message(found.name, fate, found.future)
    root = found.wanted.partition(".")[0]
    guards = _ASYNCIO if root == "asyncio" else _LIBRARY

    def make(slice_: Slice, names: Names) -> cst.BaseExpression:
        import libcst as cst

        return cst.Await(cst.ensure_type(slice_.find(call), cst.Call))

    return Plan(
        message,
        by_hand=f"await {text}",
        level=level,
        change=change,
        doubts=(*unsure, *_doomed.doubts(context, found, fate)),
        guards=_PROJECT if found.place else guards,
        parts=_ahead.parts(context, call, make),
    )
