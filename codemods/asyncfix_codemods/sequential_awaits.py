"""Awaits in a loop whose rounds have nothing to do with one another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

import asyncfix
from asyncfix import Codemod, Context, Level, Model, Plan, Site, facts, is_test, site_of
from asyncfix_codemods import _called, _concurrent, _rounds, _stops, _straight


class SequentialAwaits(Codemod):
    """A `for` awaits calls one after the other that could run at the same time.

    Before:

        import asyncio

        async def fetch(url):
            await asyncio.sleep(0.1)
            return len(url)

        async def main(urls: list[str]):
            pages = []
            for url in urls:
                pages.append(await fetch(url))
            return pages

    After:

        import asyncio

        async def fetch(url):
            await asyncio.sleep(0.1)
            return len(url)

        async def main(urls: list[str]):
            pages = await asyncio.gather(*(fetch(url) for url in urls))
            return pages

    Safety: unsafe, since most such loops are meant: they keep an order, a rate, or
    one connection. It is told only where the whole proof holds: the called function
    is a coroutine of the project, everything in it can be followed, and it changes
    nothing that the rounds share, nor, by the names of what it awaits, anything
    outside. All other loops are passed over in silence. Awaits in statements that
    follow each other are suggested as one `gather` where none needs the others.
    """

    name = "sequential-awaits"
    restructures = True
    guards = ("N3",)

    def search(self, model: Model, path: str) -> Iterator[Site]:
        """Give the awaited calls that may stand in a `for`, or follow one another.

        Only the tree can tell for sure; the facts know where the head of a loop is.
        """
        known = model.project.files[path]
        if not known.head.coroutines:
            return
        if is_test(path):
            return
        awaited = known.calls_by(None, (facts.AWAITED,))
        heads = known.loops() if awaited else {}
        followed = _neighbours(awaited)
        for use in awaited:
            kind = known.scopes[use.scope].kind
            may_loop = use.scope in heads and (
                use.line >= heads[use.scope] or kind != facts.FUNCTION
            )
            if not may_loop and use not in followed:
                continue
            site = site_of(model.project, path, use, "call", use.name)
            if known.scopes[site.function].is_async and _is_worth_it(model, site):
                if may_loop or _is_worth_it(model, site._replace(use=followed[use])):
                    yield site

    def judge(self, context: Context) -> Plan | None:
        """Give a plan where everything is proven, and None elsewhere."""
        call = context.call
        above = context.tree.parent(call)
        if not isinstance(above, ast.Await):
            return None
        rounds = _rounds.find(context, call, call)
        if rounds == "alone":
            return self._steps(context)
        if not isinstance(rounds, _rounds.Rounds) or not _concurrent.is_proven(
            context, rounds
        ):
            return None
        callee = context.tree.text(call.func)
        message = (
            f"the calls of {callee} wait for one another, and nothing in them depends "
            "on the others"
        )
        plan = _concurrent.plan_for(context, rounds, None, message)
        if asyncfix.GUARDS["E1"](context) is not None or context.framework != "asyncio":
            return None
        return plan._replace(level=Level.UNSAFE)

    def _steps(self, context: Context) -> Plan | None:
        """Give a suggestion for awaits that follow each other."""
        model, path = context.model, context.site.path
        known = model.project.files[path]
        worth = frozenset(
            (use.line, use.col)
            for use in known.calls
            if use.role == facts.AWAITED
            and use.scope == context.site.use.scope
            and _is_worth_it(model, context.site._replace(use=use))
        )
        plan = _straight.plan_for_steps(context, worth)
        if plan is None or asyncfix.GUARDS["E1"](context) is not None:
            return None
        return plan if context.framework == "asyncio" else None


def _is_worth_it(model: Model, site: Site) -> bool:
    """Tell whether a call may turn out to be a candidate, by facts alone.

    It calls a coroutine of the project that suspends, else there is nothing to win;
    nothing that it waits for is unknown, or is called like a change of the world.
    """
    use = site.use
    if _stops.says_change(use.name):
        return False
    function = _called.coroutine_of(
        model, model.values.of(site.path, use.scope, use.name)
    )
    if function is None:
        return False
    path, scope = function
    return (
        model.project.files[path].scopes[scope].suspends
        and not _stops.changes_outside(model, function)
        and not _stops.waits_for_unknown(model, function)
        and not _stops.only_lets_others_run(model, function)
    )


def _neighbours(uses: list[facts.Use]) -> dict[facts.Use, facts.Use]:
    """Give the calls that another one follows on the next line, with that one."""
    ordered = sorted(uses, key=lambda use: (use.scope, use.line, use.col))
    return {
        one: other
        for one, other in pairwise(ordered)
        if one.scope == other.scope and one.end_line + 1 == other.line
    }
