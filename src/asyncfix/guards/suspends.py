"""Does a coroutine surely wait somewhere, whenever it comes by a place in it?

Where it does, other tasks ran in it already. An `await` in a branch, or behind a
`return`, is not surely passed, unless each branch has one. What an exception cuts short
does not count.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeGuard

from asyncfix.context import Context
from asyncfix.tree import dotted

# These wait for a coroutine in the task that calls them:
# https://docs.python.org/3/library/asyncio-task.html#asyncio.wait_for (since 3.12)
_THROUGH = frozenset(("wait_for",))
_LOOPS = (ast.While, ast.For, ast.AsyncFor)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def surely_suspends(
    context: Context,
    within: ast.AST | None = None,
    only: Collection[ast.AST] | None = None,
) -> bool:
    """Tell whether something else in the coroutine is surely awaited with the site.

    With `within`, in the body of a `with` statement round the site; with `only`, one
    of these awaits.
    """
    if not context.facts.scopes[context.site.function].suspends:
        return False
    waits = _Waits(context.node, only)
    left = False  # what follows may not be run
    for above, below in context.within():
        if above is within and below not in getattr(above, "body", ()):
            return False
        if (
            isinstance(above, ast.stmt)
            and above is not within
            and waits.at_the_head(above)
        ):
            return True
        if isinstance(above, (ast.AsyncWith, ast.AsyncFor)) and only is None:
            return True
        for block in _blocks(above):
            index = next((i for i, each in enumerate(block) if each is below), -1)
            if index < 0:
                continue
            if any(waits.passed(each, before=True) for each in block[:index]):
                return True
            left = left or isinstance(below, ast.Return)
            rest = block[index + 1 :]
            if not left and waits.all_through(rest):
                return True
            left = left or any(map(_leaves, rest))
        if isinstance(above, ast.If) and below is above.test:
            if waits.in_both(above, before=False):
                return True
            left = left or _leaves(above)
        elif _is_try(above):
            if below not in above.finalbody and waits.all_through(above.finalbody):
                return True
            if below in above.body and not left:
                if waits.all_through(above.orelse):
                    return True
            if below in above.orelse and waits.all_through(above.body, before=True):
                return True
        elif isinstance(above, _LOOPS):
            left = _returns(above)
        if above is within:
            break
    return False


class _Waits(NamedTuple):
    """What waits, but for what is only asked for the site."""

    site: ast.AST
    only: Collection[ast.AST] | None
    """The awaits that count, None for all that wait."""

    def all_through(self, block: Sequence[ast.stmt], before: bool = False) -> bool:
        """Tell whether a block waits, however it is left.

        With `before`, only what goes on to the site counts: no `return`.
        """
        for each in block:
            if self.passed(each, before):
                return True
            if _leaves(each):
                return False
        return False

    def passed(self, node: ast.stmt, before: bool) -> bool:
        """Tell whether a statement waits, whatever is decided in it."""
        if isinstance(node, ast.Raise) or (before and isinstance(node, ast.Return)):
            return True
        if self.at_the_head(node):
            return True
        if isinstance(node, ast.If):
            return self.in_both(node, before)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            return self.all_through(node.body, before)
        if isinstance(node, ast.While):
            endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
            return endless and self.all_through(node.body, before)
        if _is_try(node):
            if self.all_through(node.finalbody, before):
                return True
            if self.passed(node.body[0], before):
                return True
            blocks = [
                [*node.body, *node.orelse],
                *(each.body for each in node.handlers),
            ]
            return all(self.all_through(each, before) for each in blocks)
        return False

    def in_both(self, node: ast.If, before: bool) -> bool:
        """Tell whether an `if` waits in either case."""
        return self.all_through(node.body, before) and self.all_through(
            node.orelse, before
        )

    def at_the_head(self, node: ast.stmt) -> bool:
        """Tell whether what a statement itself evaluates first waits."""
        if isinstance(node, _FUNCTIONS):
            return False
        if isinstance(node, (ast.AsyncWith, ast.AsyncFor)) and self.only is None:
            return True
        parts: Iterable[ast.AST]
        if isinstance(node, (ast.If, ast.While)):
            parts = [node.test]
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            parts = [node.iter]
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            parts = [each.context_expr for each in node.items]
        elif isinstance(node, ast.Match):
            parts = [node.subject]
        elif isinstance(node, ast.Assert):
            parts = [node.test]
        elif _is_try(node):
            parts = []
        else:
            parts = ast.iter_child_nodes(node)
        return any(map(self.evaluated, parts))

    def evaluated(self, node: ast.AST) -> bool:
        """Tell whether an expression waits, whatever is decided in it."""
        if isinstance(node, ast.Await) and not self.is_for_the_site(node):
            if self.only is None or node in self.only:
                return True
        parts: Iterable[ast.AST]
        if isinstance(node, ast.BoolOp):
            parts = node.values[:1]
        elif isinstance(node, ast.Compare):
            parts = [node.left, node.comparators[0]]
        elif isinstance(node, ast.IfExp):
            if self.evaluated(node.body) and self.evaluated(node.orelse):
                return True
            parts = [node.test]
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp)):
            if node.generators[0].is_async and self.only is None:
                return True
            parts = [node.generators[0].iter]
        elif isinstance(node, ast.GeneratorExp):
            parts = [node.generators[0].iter]
        elif isinstance(node, _FUNCTIONS):
            parts = []
        else:
            parts = ast.iter_child_nodes(node)
        return any(map(self.evaluated, parts))

    def is_for_the_site(self, node: ast.Await) -> bool:
        """Tell whether an `await` is for what the site gives, and nothing else."""
        value = node.value
        if isinstance(value, ast.Call) and value.args and value is not self.site:
            if (dotted(value.func) or "").rpartition(".")[2] in _THROUGH:
                value = value.args[0]
        return value is self.site


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block


def _is_try(node: ast.AST) -> TypeGuard[ast.Try]:
    return type(node).__name__ in ("Try", "TryStar")


def _leaves(node: ast.AST) -> bool:
    """Tell whether a statement may leave the block that it stands in."""
    if isinstance(node, (ast.Return, ast.Break, ast.Continue)):
        return True
    if isinstance(node, _LOOPS):
        return _returns(node)
    if isinstance(node, (ast.expr, *_FUNCTIONS)):
        return False
    return any(map(_leaves, ast.iter_child_nodes(node)))


def _returns(node: ast.AST) -> bool:
    if isinstance(node, (ast.expr, *_FUNCTIONS)):
        return False
    return isinstance(node, ast.Return) or any(
        map(_returns, ast.iter_child_nodes(node))
    )
