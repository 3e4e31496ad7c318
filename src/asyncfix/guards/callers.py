"""A guards one floor up: who awaits a coroutine that did not have to wait before?"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncfix.codemod import Site
from asyncfix.context import Context
from asyncfix.facts import CLASS, STATEMENT, Use
from asyncfix.guards import atomicity
from asyncfix.guards.flow import torn_updates
from asyncfix.guards.half import half_set
from asyncfix.guards.put import put_through
from asyncfix.guards.suspends import surely_suspends
from asyncfix.model import Doubt, Level
from asyncfix.reach import Place
from asyncfix.tree import dotted, walk_function
from asyncfix.value import FUNCTION, OBJECT, OUTSIDE, OUTSIDE_OBJECT, Value
from asyncfix.values import Values

# A caller's await is a new suspension as well; cancellation is asked elsewhere.
_AT_A_CALLER = (
    atomicity.no_lock_held,
    atomicity.no_block_others_would_see,
    atomicity.torn_by_itself,
    atomicity.nothing_read_before,
)
_BLOCK = "A2", Level.UNSAFE  # a `with` statement
# What they are given runs in a task of its own, whatever it waits for.
_STARTERS = frozenset(
    ("create_task", "ensure_future", "gather", "start_soon", "run_coroutine_threadsafe")
)
# So many calls from each other, and so many calls in all, are looked at.
_FARTHEST = 4
_MOST = 100
_MOST_WAITS = 40


def callers_lose_no_update(context: Context) -> Doubt | None:
    """A3 for the callers of a coroutine that did not have to suspend before.

    `await f()` was one step while `f` had no `await` that it surely passed; now it is
    two. The callers of such a caller are asked as well.
    """
    if surely_suspends(context):
        return None
    suspends = context.facts.scopes[context.site.function].suspends
    never = "did not always suspend" if suspends else "never suspended"
    here, asked = [context], 0
    unsafe: Doubt | None = None
    seen = {(context.site.path, context.site.function)}
    for _ in range(_FARTHEST):
        further: list[Context] = []
        for below in here:
            for there, known in _callers(below):
                asked += 1
                if below is not context and asked > _MOST:
                    return unsafe
                again = suspends or below is not context
                if again and _is_alone(there, context):
                    continue
                doubt = _at(there, again)
                if doubt is None and below is context and not again:
                    doubt = atomicity.torn_by_calls(there)
                if doubt is not None:
                    way = "" if below is context else f", by {below.function.name},"
                    unsure = doubt.guard == "A3" or not known
                    place = f"{there.site.path}:{there.site.use.line}"
                    doubt = doubt._replace(
                        level=Level.UNSAFE if unsure else doubt.level,
                        reason=f"{context.function.name} {never} before, and "
                        f"{there.function.name} ({place}) awaits it{way} where "
                        f"{doubt.reason}",
                    )
                    if doubt.level is Level.MANUAL:
                        return doubt
                    unsafe = unsafe or doubt  # another caller may be one to refuse
                name = there.site.path, there.site.function
                if known and name not in seen and not surely_suspends(there):
                    seen.add(name)
                    further.append(there)
        if unsafe is not None:
            return unsafe
        here = further
    return None


def _is_alone(caller: Context, context: Context) -> bool:
    """Tell whether a call stands in a test, where no task runs but what it starts."""
    return caller.in_tests() and not context.in_tests()


def _at(caller: Context, again: bool) -> Doubt | None:
    """Ask what stands round a call; `again` where others may have run there before."""
    for guard in _AT_A_CALLER:
        doubt = guard(caller)
        if doubt is None:
            continue
        blocks = (doubt.guard, doubt.level) == _BLOCK
        if again and blocks and _all_wait(caller):
            continue
        if again and doubt.guard == "A3" and _is_torn_already(caller):
            continue
        if again and doubt.guard == "A3" and _only_goes_through(caller):
            continue
        return doubt
    return None


def _all_wait(caller: Context) -> bool:
    """Tell whether other tasks surely run in each block round a call already."""
    blocks = [above for above, _ in caller.within() if isinstance(above, ast.With)]
    return bool(blocks) and all(surely_suspends(caller, each) for each in blocks)


def _only_goes_through(caller: Context) -> bool:
    """Tell whether nothing but a loop speaks against a pause, which may be no new one."""
    tree, function = caller.tree, caller.function
    return (
        not torn_updates(tree, function, caller.node, caller.ahead)
        and half_set(tree, function, caller.node) is None
        and put_through(caller) is None
    )


def _is_torn_already(caller: Context) -> bool:
    """Tell whether other awaits, surely passed, tear each update apart already."""
    tree, function = caller.tree, caller.function
    if half_set(tree, function, caller.node) is not None:
        return False
    found = torn_updates(tree, function, caller.node, caller.ahead)
    # What one await was given does not tell of another.
    mine = [each for each in found if each.how != "moved on"]
    if found and not mine:
        return put_through(caller) is None
    waits = [each for each in walk_function(function) if isinstance(each, ast.Await)]
    if not mine or len(waits) > _MOST_WAITS:
        return False
    torn = {each: set(torn_updates(tree, function, each)) for each in waits}
    return all(
        surely_suspends(caller, only={each for each in waits if update in torn[each]})
        for update in mine
    )


def _callers(context: Context) -> Iterator[tuple[Context, bool]]:
    """Give the calls in coroutines that mean this one, surely or perhaps."""
    path, scope = context.site.path, context.site.function
    known = context.project.callers(path, scope)
    of_objects = [each for each in _on_objects(context) if each[:2] not in known]
    for caller, use, sure in [*((*each, True) for each in known), *of_objects]:
        around = context.project.coroutine_around(caller, use.scope)
        if around < 0:
            continue
        there = Context(
            context.model, Site(caller, use, "call", context.site.wanted, around)
        )
        if _is_started(there):
            continue
        if sure or (_is_awaited(there) and _fits(there.call, context.function)):
            yield there, sure


def _is_started(context: Context) -> bool:
    """Tell whether a call's coroutine is handed to what makes a task of it."""
    above = context.tree.parent(context.node)
    while isinstance(
        above, (ast.Starred, ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp)
    ):
        above = context.tree.parent(above)
    if not isinstance(above, ast.Call):
        return False
    name = getattr(above.func, "attr", getattr(above.func, "id", ""))
    return name in _STARTERS


def _is_awaited(context: Context) -> bool:
    """Tell whether what a call gives is awaited, or the local that it is given to."""
    for above, below in context.within():
        if isinstance(above, ast.Await):
            return True
        if isinstance(above, (ast.AsyncFor, ast.comprehension)):
            return below is above.iter and getattr(above, "is_async", True)
        if isinstance(above, ast.withitem):
            return isinstance(context.tree.parent(above), ast.AsyncWith)
        if isinstance(above, ast.Assign) and below is context.node:
            names = {each.id for each in above.targets if isinstance(each, ast.Name)}
            return any(
                isinstance(name, ast.Name) and name.id in names
                for each in walk_function(context.function)
                if isinstance(each, ast.Await)
                for name in ast.walk(each)
            )
        if isinstance(above, ast.stmt):
            break
    return False


def _fits(call: ast.Call, method: ast.AsyncFunctionDef) -> bool:
    """Tell whether a method can be called with these arguments, its object left out."""
    marks = [dotted(each) for each in method.decorator_list]
    if not set(marks) <= {"staticmethod", "classmethod", "override", "abstractmethod"}:
        return True
    said = method.args
    places = [*said.posonlyargs, *said.args][0 if "staticmethod" in marks else 1 :]
    names = {each.arg for each in (*said.args, *said.kwonlyargs)}
    given = {each.arg for each in call.keywords if each.arg}
    if not said.kwarg and not given <= names:
        return False
    open_ended = any(each.arg is None for each in call.keywords)
    if open_ended or any(isinstance(each, ast.Starred) for each in call.args):
        return True
    if len(call.args) > len(places) and not said.vararg:
        return False
    asked = {
        each.arg for each in places[len(call.args) : len(places) - len(said.defaults)]
    }
    pairs = zip(said.kwonlyargs, said.kw_defaults, strict=True)
    asked |= {each.arg for each, default in pairs if default is None}
    return asked <= given


def _on_objects(context: Context) -> Iterator[tuple[str, Use, bool]]:
    """Give the calls of a method's name on objects, and which surely mean it.

    And those of a local of that name, which `getattr` or a caller gave. What is known
    to be of another class is left out.
    """
    project, values, scopes = (
        context.project,
        context.model.values,
        context.facts.scopes,
    )
    path, scope = context.site.path, context.site.function
    owner = scopes[scope].parent
    if scopes[owner].kind != CLASS:
        return
    for caller, use in project.called_as(scopes[scope].name):
        if use.role == STATEMENT:
            continue  # a coroutine that is dropped never runs
        meant = values.of(caller, use.scope, use.name)
        if meant is not None and (meant.path, meant.scope) == (path, scope):
            yield caller, use, True
        elif meant is None or meant.kind != FUNCTION:
            answers = project.answers(caller, use.scope, use.name)
            if any(each.name for each in answers):
                continue
            receiver = use.name.rpartition(".")[0]
            value = values.of(caller, use.scope, receiver) if receiver else None
            if value is None or _may_be(values, value, (path, owner)):
                yield caller, use, False
        elif _overrides(values, meant, (path, owner)):
            yield caller, use, False


def _may_be(values: Values, value: Value, klass: Place) -> bool:
    """Tell whether an object may be of a class, going by what it is declared to be."""
    if value.kind == OUTSIDE_OBJECT:
        line = values.classes.line(*klass)
        return any(each is None or each.kind == OUTSIDE for each in line)
    if value.kind != OBJECT:
        return True
    return _has_above(values, klass, (value.path, value.scope)) or _is_open(
        values, value
    )


def _overrides(values: Values, method: Value, klass: Place) -> bool:
    """Tell whether a method of a class may run where another one is named."""
    scopes = values.project.files[method.path].scopes
    owner = scopes[method.scope].parent
    if owner < 0 or scopes[owner].kind != CLASS:
        return False
    above = Value(OBJECT, path=method.path, scope=owner)
    return _may_be(values, above, klass)


def _has_above(values: Values, klass: Place, above: Place) -> bool:
    """Tell whether a class is another one or comes from it, perhaps."""
    line = values.classes.line(*klass)
    return any(each is None or (each.path, each.scope) == above for each in line)


def _is_open(values: Values, value: Value) -> bool:
    """Tell whether what only looks like a class is taken for it: a protocol."""
    bases = values.project.files[value.path].scopes[value.scope].bases
    return any("Protocol" in each for each in bases)
