"""The call that blocks at the end of a chain, in the helper that makes it."""

from __future__ import annotations

from collections.abc import Iterator

from asyncfix import Chain, Context, Place, Site, facts


def leaf_of(context: Context) -> Context | None:
    """Give the call that blocks at the end of a chain, in its helper."""
    chain = context.site.chain
    if chain is None or len(chain.steps) < 2:
        return None
    last = chain.steps[-1]
    for place, use in places_at(context, last.path, last.line, last.col):
        scope = context.project.files[last.path].scopes[place[1]]
        for edge in context.model.reach.edges(place):
            if edge.use == use and edge.entry is not None and not scope.is_async:
                if edge.entry.name == last.name:
                    return inside(context, place, use, Chain((last,), edge.entry))
    return None


def places_at(
    context: Context, path: str, line: int, col: int
) -> Iterator[tuple[Place, facts.Use]]:
    """Give the calls that begin somewhere, each with the function it is code of."""
    project = context.project
    for use in project.files[path].calls:
        if (use.line, use.col) == (line, col):
            kinds = (facts.FUNCTION, facts.LAMBDA, facts.CLASS)
            scope = project.enclosing(path, use.scope, kinds)
            if scope >= 0:
                if project.files[path].scopes[scope].kind == facts.FUNCTION:
                    yield (path, scope), use


def inside(
    context: Context, place: Place, use: facts.Use, chain: Chain | None
) -> Context:
    """Give the context of a call in a sync function, taken for a coroutine."""
    path, scope = place
    wanted = chain.entry.name if chain is not None else use.name
    site = Site(path, use, "blocking", wanted, scope, chain)
    there = Context(context.model, site, coloured=True)
    there.needs = ("asyncio",)
    return there
