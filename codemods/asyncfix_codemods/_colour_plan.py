"""The fix that makes helpers coroutine functions, beside the one that uses a thread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from asyncfix import GUARDS, NEW_AWAIT, NEW_THREAD, Context, Doubt, Level, Part, Plan
from asyncfix_codemods import _colour, _colour_leaf, _colour_write, _leaves
from asyncfix_codemods._colour_write import Change

_ORDER = (Level.SAFE, Level.INTENT, Level.UNSAFE, Level.MANUAL)
# At every call by `_colour`, or of no meaning here.
_ASKED = (*NEW_AWAIT, *NEW_THREAD)
_NO_TWIN = "colour-sync-caller"
# Code to write that is longer is said in words.
_MOST_LINES = 60


def plan(context: Context, message: str) -> Plan | None:
    """Give the fix, or why it is refused; None where it is not even to be thought of."""
    colour = _colour.found(context)
    if colour is None:
        return None
    users = context.model.users
    refusal = colour.refusal
    if refusal is not None:
        by_hand = _twins(context) if refusal.guard == _NO_TWIN else ""
        return Plan(message, by_hand, doubts=(refusal,), without=_ASKED)
    names = ", ".join(
        f"{users.scope(place).name} ({place[0]}:{users.scope(place).line})"
        for place in sorted(colour.helpers)
    )
    calls = sum(len(group.changes) for group in colour.calls)
    awaited = "the one call of it is" if calls == 1 else f"{calls} calls are"
    parts = [
        part for group in colour.calls for part in _colour_write.in_coroutine(group)
    ]
    parts += _colour_write.helpers(colour.helpers.values())
    if _overlap(parts):
        doubt = Doubt(
            "colour-nested",
            Level.MANUAL,
            "what would change stands in one another",
            "make them coroutine functions by hand",
        )
        return Plan(message, "", doubts=(doubt,), without=_ASKED)
    # The same helpers are the same fix; some of them are another one.
    places = sorted(colour.helpers)
    key = " ".join(f"{place[0]}:{users.scope(place).line}" for place in places)
    change = (
        f"{names}: a coroutine function now, and {awaited} awaited; other tasks run"
    )
    change = "; ".join([f"{change} meanwhile", *colour.said])
    # What no form of asyncio's own asks for is asked for by the person.
    wanted = not colour.in_thread or _colour_leaf.prefers(context)
    return Plan(
        message,
        by_hand="",
        level=Level.INTENT if wanted else Level.UNSAFE,
        change=change,
        needs=("asyncio",),
        doubts=tuple(dict.fromkeys(colour.doubts)),
        parts=tuple(parts),
        key=f"colour {key}",
        without=_ASKED,
    )


def _overlap(parts: Sequence[Part]) -> bool:
    """Tell whether two parts take up the same code."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for part in parts:
        if part.context is not None:
            start = part.context.tree.span(part.nodes[0])[0]
            end = part.context.tree.span(part.nodes[-1])[1]
            spans.setdefault(part.context.site.path, []).append((start, end))
    for taken in map(sorted, spans.values()):
        for (_, end), (start, _) in pairwise(taken):
            if start < end:
                return True
    return False


def level(context: Context, plan: Plan, guards: Iterable[str]) -> Level:
    """Give the level that a fix will come to have, its guards asked."""
    context.needs = plan.needs
    found = plan.level
    for doubt in plan.doubts:
        found = _worse(found, doubt)
    for guard in guards:
        if found is Level.MANUAL:
            break
        if guard not in plan.without:
            found = _worse(found, GUARDS[guard](context))
    return found


def _worse(level: Level, doubt: Doubt | None) -> Level:
    return level if doubt is None else max(level, doubt.level, key=_ORDER.index)


def is_made(context: Context, plan: Plan, guards: Iterable[str]) -> bool:
    """Tell whether this run would make a fix."""
    return context.settings.applies(level(context, plan, guards))


def better(
    context: Context, plans: Sequence[Plan | None], guards: Sequence[str]
) -> Plan:
    """Give the first fix of the best level that is made; if none is, the most proven.

    Where nothing is proven, the code to write is that of the twin, if there is one.
    """
    known = [each for each in plans if each is not None]
    levels = [level(context, each, guards) for each in known]
    for each, found in zip(known, levels, strict=True):
        if context.settings.applies(found):
            return each
    best = min(levels, key=_ORDER.index)
    if best is not Level.MANUAL:
        return known[levels.index(best)]
    twin = next((each.by_hand for each in known if _is_colour(each)), "")
    return known[0]._replace(by_hand=twin or known[0].by_hand)


def _is_colour(plan: Plan) -> bool:
    return bool(plan.without)


def noting(context: Context, plan: Plan) -> Plan:
    """Say in a fix by a thread why the helper was not made a coroutine function."""
    colour = _colour.found(context)
    if colour is None or colour.refusal is None:
        return plan
    reason = f"no coroutine function is made of it: {colour.refusal.reason}"
    return plan._replace(change=f"{plan.change}; {reason}" if plan.change else reason)


def _twins(context: Context) -> str:
    """Give async twins of the helpers of a chain: what sync code calls stays as it is."""
    chain = context.site.chain
    assert chain is not None
    leaf = _leaves.leaf_of(context)
    change = None if leaf is None else _colour_leaf.found(leaf).change
    if leaf is None or change is None:
        return ""
    codes = [_colour_write.twin([change], "")]
    called = leaf.function.name
    helpers = [_where(leaf)]
    for step in reversed(chain.steps[1:-1]):
        place = next(_leaves.places_at(context, step.path, step.line, step.col), None)
        if place is None:
            return ""
        there = _leaves.inside(context, *place, None)
        if there is None:
            return ""
        change = Change(there, there.call, None)
        codes.append(_colour_write.twin([change], f"{called}_async"))
        called = there.function.name
        helpers.append(_where(there))
    code = "\n\n".join(codes)
    if code.count("\n") >= _MOST_LINES:
        code = (
            f"# with async twins of {', '.join(helpers)}: each awaits the one before it"
        )
    return f"{code}\n\n# in coroutines:\nawait {called}_async(...)"


def _where(context: Context) -> str:
    function = context.function
    return f"{function.name} ({context.site.path}:{function.lineno})"
