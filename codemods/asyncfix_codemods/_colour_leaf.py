"""What blocks in a helper itself, once the helper is a coroutine function.

It becomes what asyncio has in its place, or goes to a thread from where it stands,
with the block or the expression that it belongs to:

    def load(path):                          async def load(path):
        return requests.get(path).json()         return (await ...run_in_executor(
                                                     None, requests.get, path)).json()
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from asyncfix import GUARDS, NEW_AWAIT, NEW_THREAD, Context, Doubt, Level
from asyncfix_codemods import _direct, _native
from asyncfix_codemods._colour_write import Change

# Of an awaited call; what blocks is asked for its name by `_native`.
AT_A_CALL = tuple(each for each in NEW_AWAIT if each not in ("N1", "N2", "E2"))
IN_A_HELPER = tuple(each for each in AT_A_CALL if each != "A3-callers")


class Leaf(NamedTuple):
    """What becomes of a call that blocks, and what speaks against it.

    Without `change` it stays as it is. `in_thread` tells that it runs in one.
    """

    change: Change | None
    doubts: tuple[Doubt, ...] = ()
    in_thread: bool = False
    said: str = ""
    """What else is to be known of it."""
    key: object = None
    """The same for all calls that move together."""

    @property
    def refusal(self) -> Doubt | None:
        """Give what keeps it from being mended."""
        return next((each for each in self.doubts if each.level is Level.MANUAL), None)


def prefers(context: Context) -> bool:
    """Tell whether coroutine functions are wanted before threads."""
    prefer = context.settings.prefer
    return prefer.index("colour") < prefer.index("offload")


def found(there: Context) -> Leaf:
    """Give what becomes of a call that blocks in a function that is to be a coroutine."""
    key = ("leaf", there.site.path, there.site.use)
    return there.model.once(key, lambda: _found(there))


def _found(there: Context) -> Leaf:
    GUARDS["E1"](there)  # says whose event loop it is
    if not _direct.prefers_thread(there) or there.site.wanted == "time.sleep":
        way = _native.found(there)
        if way is not None:
            make = way.make
            change = Change(
                there, way.node, lambda slice_, names: [make(slice_, names)], way.needs
            )
            said = _said(there, _asked(there, IN_A_HELPER, ()))
            return Leaf(change, said, key=way.node)
    if there.site.wanted == "time.sleep":  # a thread that sleeps is of no use
        refusals = [
            each._replace(level=Level.MANUAL) for each in _native.refusals(there)
        ]
        return Leaf(None, _said(there, refusals))
    plan = _direct.plan(there, "")
    at: Context = there.at(plan.stands[0]) if plan.stands else there
    at.moved, at.kept, at.needs = plan.moves, plan.keeps, plan.needs
    doubts = list(plan.doubts)
    doubts += _asked(at, (*IN_A_HELPER, *NEW_THREAD), doubts)
    for each in plan.stands[1:]:
        doubts += _asked(there.at(each), ("A3",), doubts)
    said = _said(there, doubts)
    if len(plan.parts) != 1 or any(each.level is Level.MANUAL for each in said):
        return Leaf(None, said)
    (part,) = plan.parts
    (node,) = part.nodes
    assert isinstance(node, (ast.expr, ast.stmt))
    change = Change(there, node, part.make, plan.needs)
    return Leaf(change, said, True, plan.change, plan.key or node)


def _said(there: Context, doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    """Give doubts with the place that they are about."""
    where = f"{there.site.path}:{there.node.lineno}"
    return tuple(
        each._replace(reason=f"at {where}: {each.reason}")
        for each in dict.fromkeys(doubts)
    )


def _asked(
    context: Context, guards: Iterable[str], doubts: Iterable[Doubt]
) -> Iterator[Doubt]:
    """Ask guards, up to the first that refuses."""
    if any(each.level is Level.MANUAL for each in doubts):
        return
    for guard in guards:
        doubt = GUARDS[guard](context)
        if doubt is not None:
            yield doubt
            if doubt.level is Level.MANUAL:
                return
