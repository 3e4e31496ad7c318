"""T guards: may this call run in a thread, while the loop and its tasks go on?

Asked of a call that will be awaited in an executor. They go by what the call
touches through all that it calls (`Context.effects`), and by what stands round it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from asyncfix.context import Context
from asyncfix.guards.gone_through import changes
from asyncfix.guards.let_out import arguments, is_let_out, is_read_by_a_task
from asyncfix.guards.made_known import is_made_known
from asyncfix.model import Doubt, Level
from asyncfix.touches import (
    ARGUMENT,
    ITERATED,
    LOCAL,
    Item,
    Place,
    Summary,
    Touch,
)
from asyncfix.value import OBJECT, OUTSIDE, OUTSIDE_OBJECT


def touched(context: Context) -> Summary:
    """Give what the site's call touches; asked once for each site."""
    effects, site = context.effects, context.site
    function = site.path, site.function
    if context.moved is not None:
        return effects.within(function, context.moved, context.kept)
    use = site.use
    return effects.at(function, use.line, use.col, use.end_line, use.end_col)


def _where(found: Item | Touch) -> str:
    return f"{found.path}:{found.line}"


def _who(context: Context, found: Item | Touch) -> str:
    """Give the function that does it."""
    if found.via:
        return found.via[-1].name
    if context.moved is None:
        return context.spelled
    return "the block" if isinstance(context.moved, ast.stmt) else "the expression"


def _first(found: Iterable[Item]) -> Item | None:
    """Give what is nearest to the site, and of equals the first."""
    return min(
        found, key=lambda each: (len(each.via), each.path, each.line), default=None
    )


def no_thread_of_its_own(context: Context) -> Doubt | None:
    """thread-affinity: nothing that belongs to one thread, or to the process, is used."""
    found = touched(context)
    item = _first(found.threads)
    if item is not None and item.place is None:
        return Doubt(
            "thread-affinity",
            Level.MANUAL,
            f"{_who(context, item)} calls {item.what} ({_where(item)}), which is bound to "
            "its thread or changes the whole process",
            "keep this call out of the helper, in the main thread",
        )
    if item is not None and item.place is not None:
        shown = f"{_said(item.place)} belongs to the thread that made it"
        advice = "move the whole unit, its opening included, into one function"
        if "local" in item.what.lower().split("."):
            shown = f"{item.what.rpartition('.')[2]} is another one in each thread"
            advice = "take it in the coroutine, and hand it over"
        return Doubt(
            "thread-affinity",
            Level.MANUAL,
            f"{shown} ({item.what}, {_where(item)})",
            advice,
        )
    item = _first(found.drivers)
    if item is not None:
        shown = _said(item.place) if item.place else item.what
        return Doubt(
            "thread-affinity",
            Level.MANUAL,
            f"{shown} is a connection that other tasks may use meanwhile ({item.what}, "
            f"{_where(item)})",
            "use the library's asyncio counterpart, or open it inside the function",
        )
    made = _made(context)
    if made is not None:
        return Doubt(
            "thread-affinity",
            Level.MANUAL,
            f"a {made} would belong to the thread that makes it, and is used outside of it",
            "move the whole unit, its opening included, into one function",
        )
    return None


# Objects of these look whether it is their thread that uses them:
# https://docs.python.org/3/library/sqlite3.html#sqlite3.connect (check_same_thread)
_CHECKED = ("sqlite3.", "tkinter.")


def _made(context: Context) -> str | None:
    """Give the class of what the call gives, if that belongs to one thread."""
    effects, site = context.effects, context.site
    called = effects.values.of(site.path, site.use.scope, site.use.name)
    made = effects.values.call(called) if called is not None else None
    if made is None:
        return None
    if made.kind == OUTSIDE_OBJECT:
        return made.name if effects.word(made.name) == "thread" else None
    if made.kind == OBJECT:
        # What its constructor opens is used on the loop later on.
        for name in sorted(effects.values.classes.set_on_self(made.path, made.scope)):
            held = effects.values.attribute(made, name)
            if held is not None and held.kind == OUTSIDE_OBJECT:
                if held.name.startswith(_CHECKED) and effects.word(held.name):
                    return f"{held.name} in .{name}"
    return None


def no_event_loop(context: Context) -> Doubt | None:
    """thread-loop: nothing of asyncio is used, which is not thread-safe."""
    found = touched(context)
    item = _first(found.loop)
    if item is None:
        return _handed_to_unknown(context, found)
    return Doubt(
        "thread-loop",
        Level.MANUAL,
        f"{_who(context, item)} uses asyncio ({item.what}, {_where(item)}), which is not "
        "thread-safe",
        "split it: the part that waits in a thread, the rest in the coroutine",
    )


def _handed_to_unknown(context: Context, found: Summary) -> Doubt | None:
    """Doubt an unknown method if an object of the loop's is used: perhaps its own.

    Such as a request handler of tornado's, which is not thread-safe:
    https://www.tornadoweb.org/en/stable/web.html#thread-safety-notes
    """
    methods = [each for each in found.unknown if each.what.count(".") == 1]
    item = _first(methods)
    own = _first(each for each in methods if each.what.startswith("self."))
    effects, site = context.effects, context.site
    nodes = [(node, item) for node in _handed(context)]
    if context.moved is None and isinstance(context.call.func, ast.Attribute):
        nodes.append((context.call.func.value, own))
    for node, used in nodes:
        if used is None or not isinstance(node, ast.Name):
            continue
        value = effects.values.of(site.path, site.use.scope, node.id)
        if value is None or value.kind != OBJECT:
            continue
        for base in effects.values.classes.line(value.path, value.scope):
            if base and base.kind == OUTSIDE and effects.word(base.name) == "loop":
                return Doubt(
                    "thread-loop",
                    Level.MANUAL,
                    f"{node.id} is a {base.name}, which is not thread-safe, and "
                    f"{_who(context, used)} calls {used.what} ({_where(used)})",
                    "hand over what it needs, and use it in the coroutine",
                )
    return None


def no_context_set(context: Context) -> Doubt | None:
    """thread-context: no context variable is set; a thread has a copy of them."""
    item = _first(touched(context).contexts)
    if item is None:
        return None
    return Doubt(
        "thread-context",
        Level.MANUAL,
        f"{_who(context, item)} sets a context variable ({item.what}, {_where(item)}), "
        "which would be set in the thread's copy only",
        "set it in the coroutine",
    )


def no_exception_looked_at(context: Context) -> Doubt | None:
    """thread-exception: nobody looks at the exception being handled, or at frames."""
    found = touched(context)
    item = _first(found.exceptions)
    if item is not None and _handles(context):
        return Doubt(
            "thread-exception",
            Level.MANUAL,
            f"{_who(context, item)} looks at the exception being handled ({item.what}, "
            f"{_where(item)}); a thread has none",
            "pass the exception as an argument",
        )
    item = _first(each for each in found.frames if each.up >= len(each.via))
    if item is not None:
        return Doubt(
            "thread-exception",
            Level.MANUAL,
            f"{_who(context, item)} looks at its callers' frames ({item.what}, "
            f"{_where(item)}); in a thread they are others",
            "pass what it looks for as an argument",
        )
    return None


def _handles(context: Context) -> bool:
    return any(
        isinstance(above, ast.ExceptHandler) and below in above.body
        for above, below in context.within()
    )


def no_stop_iteration(context: Context) -> Doubt | None:
    """thread-stop: no StopIteration can come out, which a Future cannot carry."""
    item = _first(touched(context).stops)
    if item is None:
        return None
    return Doubt(
        "thread-stop",
        Level.MANUAL,
        f"{_who(context, item)} may raise StopIteration ({item.what}, {_where(item)}), "
        "which a Future cannot carry: the await would never return",
        "use next(it, default)",
    )


def no_generator(context: Context) -> Doubt | None:
    """thread-generator: the call runs something, and does not only make a generator."""
    if not touched(context).generator:
        return None
    return Doubt(
        "thread-generator",
        Level.MANUAL,
        f"{context.spelled} is a generator: a thread would only make it, and each step "
        "would block the loop as before",
        f"collect it in the thread: a function that returns list({context.spelled}(...))",
    )


def no_state_changed(context: Context) -> Doubt | None:
    """thread-state: nothing is changed, or gone through, that other tasks may use."""
    found = touched(context)
    unsafe = None
    for touch in found.writes:
        doubt = _written(context, touch)
        if doubt is not None and doubt.level is Level.MANUAL:
            return doubt
        unsafe = unsafe or doubt
    for touch in found.reads:
        if touch.how == ITERATED:
            doubt = _gone_through(context, touch)
            if doubt is not None:
                return doubt
    return unsafe


def _written(context: Context, touch: Touch) -> Doubt | None:
    place, who = touch.place, _who(context, touch)
    if place.root == LOCAL:
        shared = is_let_out, is_made_known, is_read_by_a_task
        if not any(each(context, place.name) for each in shared):
            return None  # nobody else has it while this coroutine waits
        level = Level.UNSAFE
    elif place.root == ARGUMENT and place.name == _self(context):
        level = Level.MANUAL
    else:
        level = Level.UNSAFE if place.root == ARGUMENT else Level.MANUAL
    return Doubt(
        "thread-state",
        level,
        f"{who} changes {_said(place)} ({_where(touch)}), which other tasks use",
        "return the new value instead, and set it in the coroutine after the await",
    )


def _self(context: Context) -> str:
    """Give the name of the coroutine's `self`, if it is a method."""
    scopes = context.facts.scopes
    scope = scopes[context.site.function]
    in_class = scope.parent >= 0 and scopes[scope.parent].kind == 1
    return scope.first if in_class and "staticmethod" not in scope.decorators else ""


def _gone_through(context: Context, touch: Touch) -> Doubt | None:
    """Find who changes in place what the call goes through."""
    changed = changes(context, touch.place, inside=True)
    if changed is None:
        return None
    return Doubt(
        "thread-state",
        Level.MANUAL,
        f"{_who(context, touch)} goes through {_said(touch.place)} ({_where(touch)}), "
        f"which is changed meanwhile at {changed}",
        "hand a copy over, made in the coroutine",
    )


def no_argument_shared(context: Context) -> Doubt | None:
    """thread-arguments: what is read stays as it is while the thread runs."""
    for touch in touched(context).reads:
        # An argument is taken on the loop: only what is in it can change later.
        taken = not touch.via and context.moved is None
        inside = taken and touch.place.steps[-1:] == ("[*]",)
        changed = changes(context, touch.place, inside=inside)
        if changed is not None:
            return Doubt(
                "thread-arguments",
                Level.UNSAFE,
                f"{_who(context, touch)} reads {_said(touch.place)} ({_where(touch)}), "
                f"which may be changed meanwhile at {changed}",
                "read it in the coroutine, and pass the value",
            )
    for node in _handed(context):
        if isinstance(node, ast.Name) and is_let_out(context, node.id):
            return Doubt(
                "thread-arguments",
                Level.UNSAFE,
                f"{node.id} was handed to another task, which may change it meanwhile",
                "hand a copy over",
            )
    return None


def _handed(context: Context) -> Iterator[ast.AST]:
    """Give what the thread reads: a call's arguments, or all of what moves."""
    if context.moved is None:
        yield from arguments(context.call)
        return
    for node in ast.walk(context.moved):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node


def all_is_known(context: Context) -> Doubt | None:
    """thread-unknown: every call on the way can be followed, or is known to be harmless."""
    unknown = touched(context).unknown
    item = _first(unknown)
    if item is None:
        return None
    more = len({each.what for each in unknown}) - 1
    others = f" and {more} more" if more else ""
    return Doubt(
        "thread-unknown",
        Level.UNSAFE,
        f"{_who(context, item)} calls {item.what}{others} ({_where(item)}), of which "
        "nothing is known",
        "if it may run in a thread, say so: [tool.asyncfix.catalog.effects]",
    )


def _said(place: Place) -> str:
    return place.shown().replace("[*]", "[...]")
