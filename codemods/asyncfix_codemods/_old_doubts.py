"""What stands against making a coroutine of an old one, and what makes it unsure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix import Doubt, Level, Place, Tree, facts
from asyncfix_codemods import _old_code, _old_locks, _old_operands, _old_steps
from asyncfix_codemods._old_kinds import DECORATORS, STAND_INS, Kinds
from asyncfix_codemods._old_operands import Operand

_NEUTRAL_BELOW = (
    "functools.wraps", "abc.abstractmethod", "pytest.mark.", "unittest.skip",
)  # fmt: skip
_ASYNC_DUNDERS = frozenset(("__aenter__", "__aexit__", "__anext__", "__call__"))


def refused(kinds: Kinds, place: Place) -> Iterator[Doubt]:
    """Give what forbids to change a function, the first of it first."""
    scope, kind = kinds.scope(place), kinds.kind(place)
    code = kinds.code(place)
    if code is None:
        yield _no("coroutine-code", "its code is not seen", "look at it yourself")
        return
    yield from _of_names(kinds, place)
    if code.yields:
        yield _no(
            "coroutine-yields",
            f"line {code.yields} yields itself: an `async def` that does is an "
            "asynchronous generator",
            "write `await asyncio.sleep(0)` for a `yield` that only lets others "
            "run; @types.coroutine keeps a generator as it is",
        )
    if scope.name.startswith("__") and scope.name.endswith("__"):
        if scope.name not in _ASYNC_DUNDERS and not is_aiter(scope):
            yield _no(
                "coroutine-dunder",
                f"{scope.name} is called by Python itself, which awaits nothing",
                "put @types.coroutine there: Python only steps through it",
            )
    if kinds.made(place) == _old_operands.PLAIN:
        yield _no(
            "coroutine-decorated",
            f"a decorator of {scope.name} makes a plain generator of it, which "
            "cannot wait for a coroutine of an `async def`",
            "make a coroutine of the function inside the decorator first",
        )
    for operand in kinds.operands(place):
        given = operand.given
        if operand.level == _old_operands.PLAIN:
            yield _no(
                "coroutine-operand",
                f"{given.text} (line {given.line}) cannot be awaited",
                "loop over it, or make it a coroutine first",
            )
        if given.hidden:
            yield _no(
                "coroutine-operand",
                f"line {given.line} waits in an annotation",
                "take it out of there",
            )
    for doubt in _old_locks.doubts(kinds, place):
        if doubt.level is Level.MANUAL:
            yield doubt
    if code.is_off:
        yield _no("coroutine-off", "a comment says that it stays", "change both")
    if kind == "asyncio" and not scope.yields:
        yield from _of_returns(kinds, place, code)
    yield from _iterated(kinds, place)


def _of_names(kinds: Kinds, place: Place) -> Iterator[Doubt]:
    """Find decorators that may see the difference."""
    path, _ = place
    scope = kinds.scope(place)
    said = kinds.decorator(place)
    if not said:
        return
    answers = kinds.model.project.answers(path, scope.parent, said)
    meant = {each.name for each in answers}
    if not meant <= DECORATORS | STAND_INS:
        yield _no(
            "N1",
            f"@{said} may be something else than asyncio's",
            "see what it is on every branch",
        )
    at = scope.decorators.index(said)
    for below in scope.decorators[at + 1 :]:
        name = kinds.model.project.qualified_name(
            path, scope.parent, below.partition("(")[0]
        )
        if not (name or "").startswith(_NEUTRAL_BELOW):
            yield _no(
                "coroutine-decorated",
                f"@{said} is given what @{below} has made",
                "see what that is: the decorator awaits what a plain function gives",
            )


def _of_returns(kinds: Kinds, place: Place, code: _old_code.Code) -> Iterator[Doubt]:
    """Find what a function without `yield` returns and its decorator awaits."""
    for each in code.returns:
        unsure = kinds.awaited.returned(place, each).level == _old_operands.UNKNOWN
        if unsure and not kinds.asks:
            yield _no(
                "coroutine-returns",
                f"{each.text} (line {each.line}) may be a coroutine, which the "
                "decorator would await",
                "return `await ...` if it is one",
            )


def _iterated(kinds: Kinds, place: Place) -> Iterator[Doubt]:
    """Find calls whose result is used as the generator that it is."""
    for path, tree, node in calls(kinds, place):
        if _old_steps.is_stepped(tree, node):
            yield _no(
                "coroutine-iterated",
                f"{path}:{node.lineno} goes through it as a generator, or waits "
                "for it more than once",
                "run it with asyncio.run there",
            )


def calls(kinds: Kinds, place: Place) -> Iterator[tuple[str, Tree, ast.Call]]:
    """Give the calls of a function, each with its file and that file\'s tree."""
    for call in kinds.model.users.calls(place):
        tree = kinds.model.reader.tree(call.path)
        use = call.use
        start, end = (use.line, use.col), (use.end_line, use.end_col)
        yield call.path, tree, tree.find(ast.Call, start, end)


def of_steps(kinds: Kinds, place: Place) -> Iterator[Doubt]:
    """Give what is taken for a coroutine in an `__await__` that steps through it."""
    for operand in filter(is_open, kinds.operands(place)):
        given = operand.given
        yield Doubt(
            "coroutine-steps",
            Level.UNSAFE,
            f"{given.text} ({place[0]}:{given.line}) is taken for a coroutine of an "
            "`async def`, or a future",
            "see that nothing else is put there",
        )


def doubts(kinds: Kinds, place: Place) -> Iterator[Doubt]:
    """Give what makes the change of a function unsure."""
    yield from _old_locks.doubts(kinds, place)
    scope, code = kinds.scope(place), kinds.code(place)
    if kinds.kind(place) == "bare":
        for said in scope.decorators:
            what = kinds.values.of(place[0], scope.parent, said.partition("(")[0])
            if what is not None and what.path:
                yield Doubt(
                    "coroutine-decorated",
                    Level.UNSAFE,
                    f"@{said} is given a coroutine function in place of a generator",
                    "see that it runs both",
                )
    elif not scope.yields and code is not None:
        for each in code.returns:
            level = kinds.awaited.returned(place, each).level
            if level == _old_operands.UNKNOWN:
                yield Doubt(
                    "coroutine-returns",
                    Level.UNSAFE,
                    f"whether {each.text} ({place[0]}:{each.line}) can be awaited "
                    "is asked when it runs",
                    "leave the question out where it is clear",
                )
            if level == _old_operands.LIKELY:
                yield Doubt(
                    "coroutine-returns",
                    Level.UNSAFE,
                    f"{each.text} ({place[0]}:{each.line}) is taken for an object "
                    "that nobody awaits",
                    "return `await ...` if it can be awaited",
                )
    for operand in kinds.operands(place):
        given = operand.given
        if operand.level == _old_operands.UNKNOWN and not _awaits_itself(given.text):
            yield Doubt(
                "coroutine-operand",
                Level.UNSAFE,
                f"what {given.text} gives ({place[0]}:{given.line}) is not known, "
                "and `await` takes no plain generator",
                "see that it is a coroutine or a future",
            )


def _awaits_itself(text: str) -> bool:
    """Tell whether `x` is awaited for what is given, `x.__await__()`."""
    return text.endswith(".__await__()")


def is_aiter(scope: facts.Scope) -> bool:
    """Tell whether it is an `__aiter__` that gives its iterator at once.

    Python 3.5.0 and 3.5.1 awaited it, with a decorator; since 3.8 that is an error.
    """
    return scope.name == "__aiter__" and not scope.yields


def is_open(operand: Operand) -> bool:
    """Tell whether a method steps through something that it was given."""
    given = operand.given
    return operand.level == _old_operands.UNKNOWN and given.said.startswith("self.")


def _no(guard: str, reason: str, advice: str) -> Doubt:
    return Doubt(guard, Level.MANUAL, reason, advice)
