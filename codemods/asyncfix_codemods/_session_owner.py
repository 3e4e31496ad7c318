"""Who can own a session: the caller that fans out, and the functions between."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from asyncfix import Call, Context, Doubt, Place, Site
from asyncfix_codemods._session_block import most
from asyncfix_codemods._session_fan import Fan, fan, is_in_branch, is_retry
from asyncfix_codemods._session_kinds import Shared
from asyncfix_codemods._session_refusals import refusal
from asyncfix_codemods._session_signature import signature_is_free, uses_allow

_FARTHEST = 3
_LIMITERS = ("Semaphore", "BoundedSemaphore", "CapacityLimiter")


class Owner(NamedTuple):
    """A coroutine that opens the session for the calls it makes."""

    context: Context
    statements: tuple[ast.stmt, ...]
    calls: tuple[ast.Call, ...]
    together: bool
    tolerant: bool
    open_as: str = ""
    """The session that is open there already; empty where there is none."""


class Link(NamedTuple):
    """A function that takes the session; `calls` pass it on."""

    place: Place
    context: Context
    calls: tuple[ast.Call, ...]


class Owners(NamedTuple):
    """All that takes part in the sharing of one function's session."""

    owners: tuple[Owner, ...]
    links: tuple[Link, ...]
    again: tuple[ast.Call, ...] = ()
    """Calls in the session's own function that come back to it."""


class Search:
    """The search for owners, from the function of a site upwards."""

    def __init__(self, context: Context, shared: Shared) -> None:
        self.context = context
        self.shared = shared
        self.model = context.model
        self.users = context.model.users
        self.wanted = context.site.wanted
        self.doubts: list[Doubt] = []
        """Why callers that fan out cannot own the session."""
        self.broken = False
        """A function between may not pass the session on: then nobody shares it."""
        self._owners: list[Owner] = []
        self._links: dict[Place, Link] = {}
        self._again: dict[Place, list[Context]] = {}

    def owners(self, place: Place) -> Owners | None:
        """Give who can own the session of a function; None where nobody can."""
        if not self._climb(place, {place}) or self.broken:
            return None
        links = [
            each._replace(calls=each.calls + self._passing(each.place))
            for each in self._links.values()
        ]
        return Owners(tuple(self._owners), tuple(links), self._passing(place))

    def _calls_itself(self) -> bool:
        """Tell whether one call leads to more of them, in a circle."""
        return any(
            not is_retry(each) for contexts in self._again.values() for each in contexts
        )

    def _passing(self, place: Place) -> tuple[ast.Call, ...]:
        """Give the calls of one function, in a circle of them, that pass it on.

        Those that are left out open one of their own, as they did.
        """
        found = []
        for context in self._again.get(place, ()):
            waits = fan(context, alone=True)
            if waits is None or _cannot_pass(context) is not None:
                continue
            if waits.together and not waits.tolerant:
                if _caught(context) or self.caught_above(place):
                    continue
            found.append(waits.call)
        return tuple(found)

    def _climb(self, place: Place, below: set[Place]) -> bool:
        """Find owners among the callers of a function that takes the session."""
        found = False
        in_tests = self.context.in_tests()
        callers = self._by_caller(place)
        for caller in below & callers.keys():
            self._again[caller] = [self._context(each) for each in callers.pop(caller)]
        for caller, calls in callers.items():
            if self._context(calls[0]).in_tests() and not in_tests:
                continue  # a test may go on with a session for each call
            contexts = [self._context(each) for each in calls]
            owner = self._owner(contexts)
            if owner is not None:
                self._owners.append(owner)
                found = True
            elif len(below) <= _FARTHEST and all(map(_passes_through, contexts)):
                doubt = signature_is_free(contexts[0], caller)
                if doubt is None and self._climb(caller, below | {caller}):
                    doubt = uses_allow(contexts[0], caller)
                    if doubt is not None:
                        self.doubts.append(doubt)
                        self.broken = True
                        return False
                    passed = tuple(each.call for each in contexts)
                    self._links[caller] = Link(caller, contexts[0], passed)
                    found = True
                elif doubt is not None and self._has_fan(caller):
                    self.doubts.append(doubt)
        return found

    def _by_caller(self, place: Place) -> dict[Place, list[Call]]:
        """Give the calls in coroutines, by the coroutine that makes them itself."""
        found: dict[Place, list[Call]] = {}
        for call in self.users.calls(place):
            if call.coroutine >= 0:
                found.setdefault((call.path, call.coroutine), []).append(call)
        return found

    def _context(self, call: Call) -> Context:
        site = Site(call.path, call.use, "call", self.wanted, call.coroutine)
        return Context(self.model, site)

    def _has_fan(self, place: Place) -> bool:
        return any(
            any(fan(self._context(each)) for each in calls)
            for calls in self._by_caller(place).values()
        )

    def _owner(self, contexts: list[Context]) -> Owner | None:
        """Give the owner that one coroutine's calls make of it, if any."""
        fans = []
        calls = frozenset(each.call for each in contexts if fan(each, alone=True))
        # One call after the other; of those in branches only one is made.
        several = most(contexts[0].function, calls) > 1 and not any(
            map(is_in_branch, contexts)
        )
        several = several or self._calls_itself()
        repeated = any(fan(context) for context in contexts)
        for context in contexts:
            doubt = _cannot_pass(context)
            found = fan(context, alone=several and not repeated)
            if found is None:
                continue
            if doubt is not None:
                self.doubts.append(doubt)
                return None
            fans.append(found)
        if not fans:
            return None
        context = contexts[0]
        statements = _covering(context, fans)
        if statements is None:
            return None
        together = any(each.together for each in fans)
        tolerant = all(each.tolerant or not each.together for each in fans)
        doubt = _ends_early(self, context, statements, together and not tolerant)
        if doubt is not None:
            self.doubts.append(doubt)
            return None
        passed = [each.call for each in fans]
        passed += _beside(contexts, passed, statements)
        name = self._open_already(context, statements)
        return Owner(context, statements, tuple(passed), together, tolerant, name)

    def _open_already(self, context: Context, statements: tuple[ast.stmt, ...]) -> str:
        """Give the name of a plain session of the class that is open round statements."""
        if not self.shared.is_session:
            return ""
        for above, below in context.tree.ancestors(statements[0]):
            if above is context.function:
                break
            if isinstance(above, ast.AsyncWith) and below in above.body:
                for item in above.items:
                    made, target = item.context_expr, item.optional_vars
                    if (
                        isinstance(made, ast.Call)
                        and isinstance(target, ast.Name)
                        and not made.args
                        and not made.keywords
                        and context.qualified_name(made.func) == self.wanted
                    ):
                        return target.id
        return ""

    def caught_above(self, place: Place) -> tuple[str, int] | None:
        """Give a caller that catches what a coroutine raises, and goes on."""
        for call in self.users.calls(place):
            if call.coroutine >= 0:
                line = _caught(self._context(call))
                if line:
                    return call.path, line
        return None


def _beside(
    contexts: list[Context], passed: list[ast.Call], statements: tuple[ast.stmt, ...]
) -> Iterator[ast.Call]:
    """Give calls that make nobody an owner, but stand where the session is open."""
    inside = {node for each in statements for node in ast.walk(each)}
    for context in contexts:
        call = context.call
        if call in inside and not any(call is each for each in passed):
            waits = isinstance(context.tree.parent(call), ast.Await)
            if waits and _cannot_pass(context) is None:
                yield call


def _covering(context: Context, fans: list[Fan]) -> tuple[ast.stmt, ...] | None:
    """Give the statements of one block that hold all of them."""
    ends = [end for each in fans for end in (each.first, each.last)]
    ways = [_way(context, end) for end in ends]
    for block, _ in reversed(ways[0]):
        places = []
        for way in ways:
            here = [one for other, one in way if other is block]
            if not here:
                break
            places.append(next(i for i, one in enumerate(block) if one is here[0]))
        else:
            return tuple(block[min(places) : max(places) + 1])
    return None


def _way(
    context: Context, statement: ast.stmt
) -> list[tuple[list[ast.stmt], ast.stmt]]:
    """Give the blocks round a statement, outermost first, with what holds it there."""
    tree = context.tree
    found = [(tree.block(statement), statement)]
    for above, _ in tree.ancestors(statement):
        if above is context.function:
            break
        if isinstance(above, ast.stmt):
            found.append((tree.block(above), above))
    return found[::-1]


# -- what keeps a caller from owning or passing on -------------------------------


def _cannot_pass(context: Context) -> Doubt | None:
    """Find a call that `session=` cannot be added to."""
    call = context.call
    if any(each.arg is None for each in call.keywords) or (
        len(call.args) == 1 and isinstance(call.args[0], ast.GeneratorExp)
    ):
        return refusal(
            "session-kwargs",
            f"{_at(context)} passes on arguments that may hold a session already",
            "pass them one by one",
        )
    return None


def _passes_through(context: Context) -> bool:
    """Tell whether a function that is called always makes this call, and awaits it."""
    if is_in_branch(context):
        return False
    line = context.call.lineno
    for node in ast.walk(context.function):
        if isinstance(node, ast.Return) and node.lineno < line:
            return False  # mostly it may not come here: no session for nothing
    above = context.tree.parent(context.node)
    if isinstance(above, ast.Call):
        if context.qualified_name(above.func) != "asyncio.wait_for":
            return False
        above = context.tree.parent(above)
    return isinstance(above, ast.Await) and _cannot_pass(context) is None


def _ends_early(
    search: Search, context: Context, statements: tuple[ast.stmt, ...], fragile: bool
) -> Doubt | None:
    """Find what would let the session end before its last user does."""
    for node in (each for one in statements for each in ast.walk(one)):
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return _lifetime(
                f"{_at(context)} yields while the session would be open",
            )
    if not fragile:
        return None
    line = _caught(context)
    caught = (context.site.path, line) if line else None
    place = context.site.path, context.site.function
    caught = caught or search.caught_above(place)
    if caught is not None:
        return _lifetime(
            f"an error of one call is caught at {caught[0]}:{caught[1]}, and the "
            "others go on: the session would be closed under them",
        )
    return None


def _lifetime(reason: str) -> Doubt:
    advice = "let gather return exceptions, or use a TaskGroup, so that all end first"
    return refusal("session-lifetime", reason, advice)


def _caught(context: Context) -> int:
    """Give the line of a handler round the call that goes on after an error."""
    for above, below in context.within():
        if isinstance(above, ast.Try) and below in above.body and above.handlers:
            return above.handlers[0].lineno
        if isinstance(above, (ast.With, ast.AsyncWith)) and below in above.body:
            for item in above.items:
                made = item.context_expr
                if isinstance(made, ast.Call):
                    if context.qualified_name(made.func) == "contextlib.suppress":
                        return above.lineno
    return 0


def _at(context: Context) -> str:
    return f"{context.site.path}:{context.node.lineno}"


def limits(context: Context) -> Iterator[str]:
    """Give the names of what bounds how many calls run at a time."""
    for node in ast.walk(context.tree.module):
        if isinstance(node, ast.Call):
            last = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if last in _LIMITERS:
                yield last
