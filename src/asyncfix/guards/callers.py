"""A guards one floor up: who awaits a coroutine that did not have to wait before?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix.codemod import Site
from asyncfix.context import Context
from asyncfix.facts import CLASS, STATEMENT, Use
from asyncfix.guards import atomicity
from asyncfix.guards.suspends import surely_suspends
from asyncfix.model import Doubt, Level

# A caller's await is a new suspension as well; cancellation is asked elsewhere.
_AT_A_CALLER = (
    atomicity.no_lock_held,
    atomicity.no_block_others_would_see,
    atomicity.no_update_torn_apart,
    atomicity.nothing_read_before,
)
# What they are given runs in a task of its own, whatever it waits for.
_STARTERS = frozenset(
    ("create_task", "ensure_future", "gather", "start_soon", "run_coroutine_threadsafe")
)
# So many calls from each other, and so many calls in all, are looked at.
_FARTHEST = 4
_MOST = 100


def callers_lose_no_update(context: Context) -> Doubt | None:
    """A3 for the callers of a coroutine that did not have to suspend before.

    `await f()` was one step while `f` had no `await` that it surely passed; now it is
    two. The callers of such a caller are asked as well.
    """
    if surely_suspends(context):
        return None
    suspends = context.facts.scopes[context.site.function].suspends
    never = "did not always suspend" if suspends else "never suspended"
    here, asked = [context], 0
    seen = {(context.site.path, context.site.function)}
    for _ in range(_FARTHEST):
        further: list[Context] = []
        for below in here:
            for there, known in _callers(below):
                asked += 1
                if below is not context and asked > _MOST:
                    return None
                doubt = _at(there)
                if doubt is not None:
                    way = "" if below is context else f", by {below.function.name},"
                    unsure = doubt.guard == "A3" or not known
                    place = f"{there.site.path}:{there.site.use.line}"
                    return doubt._replace(
                        level=Level.UNSAFE if unsure else doubt.level,
                        reason=f"{context.function.name} {never} before, and "
                        f"{there.function.name} ({place}) awaits it{way} where "
                        f"{doubt.reason}",
                    )
                name = there.site.path, there.site.function
                if known and name not in seen and not surely_suspends(there):
                    seen.add(name)
                    further.append(there)
        here = further
    return None


def _at(caller: Context) -> Doubt | None:
    doubts = (guard(caller) for guard in _AT_A_CALLER)
    return next((each for each in doubts if each is not None), None)


def _callers(context: Context) -> Iterator[tuple[Context, bool]]:
    """Give the calls in coroutines that mean this one, or perhaps do."""
    path, scope = context.site.path, context.site.function
    known = context.project.callers(path, scope)
    perhaps = _perhaps_callers(context)
    for caller, use in [*known, *(each for each in perhaps if each not in known)]:
        around = context.project.coroutine_around(caller, use.scope)
        if around < 0:
            continue
        there = Context(
            context.model, Site(caller, use, "call", context.site.wanted, around)
        )
        if not _is_started(there):
            yield there, (caller, use) in known


def _is_started(context: Context) -> bool:
    """Tell whether a call's coroutine is handed to what makes a task of it."""
    above = context.tree.parent(context.node)
    while isinstance(
        above, (ast.Starred, ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp)
    ):
        above = context.tree.parent(above)
    if not isinstance(above, ast.Call):
        return False
    name = getattr(above.func, "attr", getattr(above.func, "id", ""))
    return name in _STARTERS


def _perhaps_callers(context: Context) -> list[tuple[str, Use]]:
    """Give the calls of a method's name on objects that are not known.

    And those of a local of that name, which `getattr` or a caller gave.
    """
    project, scopes = context.project, context.facts.scopes
    function = scopes[context.site.function]
    if scopes[function.parent].kind != CLASS:
        return []
    return [
        (path, use)
        for path, use in project.called_as(function.name)
        if use.role != STATEMENT  # a coroutine that is dropped never runs
        and not any(each.name for each in project.answers(path, use.scope, use.name))
    ]
