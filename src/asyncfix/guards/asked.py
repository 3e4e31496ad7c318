"""Shared places that a coroutine reads and writes through functions that it calls.

if not self.is_ready():       # reads self.config
    config = load()           # <- an await here
    self.remember(config)     # sets self.config
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.guards.places import Places, Said
from asyncfix.guards.position import earlier
from asyncfix.touches import ARGUMENT, GLOBAL, OUTER, Touch
from asyncfix.value import FUNCTION

_LATER = (f.FUNCTION, f.LAMBDA, f.CLASS)
_Found = Iterator[tuple[str, int]]


def asks(context: Context) -> bool:
    """Tell whether a coroutine calls functions of the project that may touch something."""
    path, here, facts = context.site.path, context.site.function, context.facts
    scopes, values = facts.scopes, context.model.values
    inside = [here]
    for number in range(here + 1, len(scopes)):
        if scopes[number].parent in inside and scopes[number].kind not in _LATER:
            inside.append(number)
    for use in facts.calls_in(inside):
        meant = values.of(path, use.scope, use.name)
        if meant is not None and meant.kind == FUNCTION:
            if not context.project.files[meant.path].scopes[meant.scope].is_async:
                return True
    return any(
        each.parent == scopes[here].parent and "property" in each.decorators
        for each in scopes
        if scopes[each.parent].kind == f.CLASS
    )


class Asked(Places):
    """The places of a coroutine, with what is done to them by what it calls."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.where = context.site.path, context.site.function
        self.around = {below for _, below in context.within()}
        super().__init__(context.function)
        self.has_writes = True

    def said(self, node: ast.AST) -> Said:
        """Give what a node says itself, and what the functions do that it calls."""
        found = self._said.get(node)
        if found is None:
            found = super().said(node)
            if isinstance(node, (ast.expr, ast.stmt)):
                found = found._replace(
                    reads=(*found.reads, *self._reads(node)),
                    writes=(*found.writes, *self._writes(node)),
                )
            self._said[node] = found
        return found

    def _reads(self, node: ast.expr | ast.stmt) -> _Found:
        """Give what is read; of what holds the site, what is read up to it."""
        first: list[ast.AST] = [node]
        if node in self.around:
            first = [self.context.node]
            for above, below in self.context.within():
                if below is node:
                    break
                first += earlier(above, below)
                if isinstance(above, ast.BoolOp):
                    first += above.values[: [*map(id, above.values)].index(id(below))]
                elif isinstance(above, ast.IfExp) and below is not above.test:
                    first.append(above.test)
        yield from self._shown(self._beside(first)[0])

    def _writes(self, node: ast.expr | ast.stmt) -> _Found:
        yield from self._shown(self._beside([node], self.context.node)[1])

    def _beside(
        self, code: Sequence[ast.AST], without: ast.AST | None = None
    ) -> tuple[Sequence[Touch], Sequence[Touch]]:
        try:
            found = self.context.effects.beside(self.where, code, without)
        except LookupError:
            return (), ()
        return found.reads, found.writes

    def _shown(self, touches: Sequence[Touch]) -> _Found:
        for touch in touches:
            place = touch.place
            if touch.via and place.root in (ARGUMENT, GLOBAL, OUTER):
                path, _, name = place.name.rpartition(":")
                if place.root == GLOBAL and path != self.where[0]:
                    name = place.name
                yield name + "".join(place.steps), touch.via[0].line
