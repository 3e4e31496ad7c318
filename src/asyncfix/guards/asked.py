"""Shared places that a coroutine reads and writes through functions that it calls.

if not self.is_ready():       # reads self.config
    config = load()           # <- an await here
    self.remember(config)     # sets self.config
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.effects_tree import Span, span
from asyncfix.guards.places import Places, Said, conflict
from asyncfix.guards.position import earlier
from asyncfix.touches import ARGUMENT, GLOBAL, OUTER, Touch
from asyncfix.tree import dotted, walk_function
from asyncfix.value import FUNCTION

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_LATER = (f.FUNCTION, f.LAMBDA, f.CLASS)
_Found = tuple[tuple[str, int], ...]


def asks(context: Context) -> bool:
    """Tell whether what a coroutine calls may matter: before the site, and after it.

    Nothing is asked of functions otherwise, for an edit of them would be one of this.
    """
    site, tree, function = context.site, context.tree, context.function
    key = "calls of", site.path, site.function
    calls = context.model.once(key, partial(_calls, context))
    here = span(context.node)
    others = [each for each in calls if each != here]
    if not calls or not (others or here in calls):
        return False
    own = tree.once(("places", function), partial(Places, function))
    read, written = tree.once(("lines", function), partial(_lines, own, function))
    if any(isinstance(above, _LOOPS) for above, _ in context.within()):
        return bool(others) or bool(written)
    first = span(tree.statement(context.node))[:2]
    before = any(each[:2] < here[2:] for each in others)
    after = any(each[2:] > first for each in others)
    sets = any(line >= first[0] for line in written)
    looks = any(line <= here[2] for line in read)
    return (before and (after or sets)) or (after and looks) or (here in calls and sets)


def _calls(context: Context) -> list[Span]:
    """Give where a coroutine calls sync functions of the project, and reads properties."""
    path, here, facts = context.site.path, context.site.function, context.facts
    scopes, values = facts.scopes, context.model.values
    inside = [here]
    for number in range(here + 1, len(scopes)):
        if scopes[number].parent in inside and scopes[number].kind not in _LATER:
            inside.append(number)
    found = []
    for use in facts.calls_in(inside):
        meant = values.of(path, use.scope, use.name)
        if meant is not None and meant.kind == FUNCTION:
            if not context.project.files[meant.path].scopes[meant.scope].is_async:
                found.append((use.line, use.col, use.end_line, use.end_col))
    properties = {
        each.name
        for each in scopes
        if each.parent == scopes[here].parent and "property" in each.decorators
    }
    if properties:
        for node in walk_function(context.function):
            if isinstance(node, ast.Attribute) and node.attr in properties:
                found.append(span(node))
    return found


def _lines(places: Places, function: ast.AsyncFunctionDef) -> tuple[set[int], set[int]]:
    """Give the lines in which a function itself reads shared places, and sets some."""
    inside = list(walk_function(function))
    called = {dotted(each.func) for each in inside if isinstance(each, ast.Call)}
    reads = {
        line
        for each in function.body
        for place, line in places.reads(each)
        if place not in called
    }
    return reads, {line for node in inside for _, line in places.writes(node)}


class Asked(Places):
    """The places of a coroutine, with what is done to them by what it calls."""

    def __init__(self, context: Context) -> None:
        function, tree = context.function, context.tree
        self.own = tree.once(("places", function), partial(Places, function))
        vars(self).update(vars(self.own))
        self.context = context
        self.path = context.site.path
        self.around = {below for _, below in context.within()}
        try:
            found = context.effects.in_turn((self.path, context.site.function))
        except LookupError:
            found = {}
        self.calls: list[tuple[Span, _Found, _Found]] = []
        for where, summary in found.items():
            reads, writes = self._shown(summary.reads), self._shown(summary.writes)
            if reads or writes:
                self.calls.append((where, reads, writes))
        self.has_writes = self._may_meet()
        self._more: dict[ast.AST, Said] = {}

    def _may_meet(self) -> bool:
        """Tell whether anything that is read is written at all, through a call."""
        tree, function = self.context.tree, self.context.function
        read, written = tree.once(
            ("every", function), partial(_every, self.own, function)
        )
        reads = {place for _, places, _ in self.calls for place, _ in places}
        writes = {place for _, _, places in self.calls for place, _ in places}
        return any(
            conflict(one, other)
            for one, others in [
                *((each, written | writes) for each in reads),
                *((each, writes) for each in read),
            ]
            for other in others
        )

    def said(self, node: ast.AST) -> Said:
        """Give what a node says itself, and what the functions do that it calls."""
        found = self._more.get(node)
        if found is None:
            found = self.own.said(node)
            if isinstance(node, (ast.expr, ast.stmt)):
                found = found._replace(
                    reads=(*found.reads, *self._reads(node)),
                    writes=(*found.writes, *self._writes(node)),
                )
            self._more[node] = found
        return found

    def _reads(self, node: ast.expr | ast.stmt) -> Iterator[tuple[str, int]]:
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
        for part in map(span, first):
            for where, reads, _ in self.calls:
                if part[:2] <= where[:2] and where[2:] <= part[2:]:
                    yield from reads

    def _writes(self, node: ast.expr | ast.stmt) -> Iterator[tuple[str, int]]:
        part, site = span(node), span(self.context.node)
        for where, _, writes in self.calls:
            if where != site and part[:2] <= where[:2] and where[2:] <= part[2:]:
                yield from writes

    def _shown(self, touches: Sequence[Touch]) -> _Found:
        found = []
        for touch in touches:
            place = touch.place
            if touch.via and place.root in (ARGUMENT, GLOBAL, OUTER):
                path, _, name = place.name.rpartition(":")
                if place.root == GLOBAL and path != self.path:
                    name = place.name
                found.append((name + "".join(place.steps), touch.via[0].line))
        return tuple(found)


def _every(places: Places, function: ast.AsyncFunctionDef) -> tuple[set[str], set[str]]:
    """Give all that a function reads and writes by itself."""
    reads = {place for each in function.body for place, _ in places.reads(each)}
    inside = walk_function(function)
    return reads, {place for node in inside for place, _ in places.writes(node)}
