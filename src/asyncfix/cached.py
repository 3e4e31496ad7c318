"""What a cache has the answer of, because the same was asked for before.

`js("page")` that hands `"page"` on to a function under `@lru_cache` opens no file
behind another `js("page")` of the same coroutine. Counted is only what surely ran to
its end before, with the same literals.
See https://docs.python.org/3/library/functools.html#functools.lru_cache
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from asyncfix.conditions import Function
from asyncfix.reach import Edge, Place, Reach
from asyncfix.surely import in_any_case, surely_before
from asyncfix.tree import Tree, dotted, text_of, walk_function

CACHES = ("cache", "lru_cache")

Read = Callable[[Place, Edge], "tuple[Tree, Function, ast.Call] | None"]


class Cached:
    """Answers about ways to cached functions. `read` gives the syntax of a call."""

    def __init__(self, reach: Reach, read: Read) -> None:
        self.reach = reach
        self.read = read

    def is_cached(self, place: Place) -> bool:
        """Tell a function under `functools.cache` or `lru_cache`."""
        scope = self.reach.project.files[place[0]].scopes[place[1]]
        return any(each.rpartition(".")[2] in CACHES for each in scope.decorators)

    def is_same(self, cached: Place, way: list[tuple[Place, Edge]]) -> bool:
        """Tell whether a way leads to a cached function that was called so before.

        Its first call gives literals and stands behind the same call, and the
        others hand on what they are given.
        """
        read = self.read(*way[0]) if self.is_cached(cached) else None
        if read is None or not _is_plain(*read[1:]):
            return False
        if not all(isinstance(each, ast.Constant) for each in _given(read[2])):
            return False
        said = text_of(read[2])
        if all(text_of(each) != said for each in surely_before(*read)):
            return False
        for place, edge in way[1:]:
            read = self.read(place, edge)
            if read is None or not _hands_on(*read[1:]):
                return False
        return True


def _given(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(each.value for each in call.keywords)]


def _is_plain(function: Function, call: ast.Call) -> bool:
    """Tell a call of a function, or of a method on the same object."""
    owner, _, name = (dotted(call.func) or "").rpartition(".")
    every = (*function.args.posonlyargs, *function.args.args)
    return bool(name) and owner in ("", every[0].arg if every else "")


def _hands_on(function: Function, call: ast.Call) -> bool:
    """Tell a call that is made in any case, with parameters as they were given."""
    if isinstance(function, ast.AsyncFunctionDef) or not _is_plain(function, call):
        return False
    if all(each is not call for each in in_any_case(function.body)):
        return False
    every = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)}
    for node in walk_function(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            every.discard(node.id)
    return all(
        isinstance(each, ast.Constant)
        or (isinstance(each, ast.Name) and each.id in every)
        for each in _given(call)
    )
