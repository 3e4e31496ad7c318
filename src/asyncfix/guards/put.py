"""What a coroutine puts somewhere for the code below, and another task may replace. (A3.)

    self.examples = self.store.find(question)
    track(event)                                # <- an await here
    return await super().answer(question)       # which reads self.examples

A second task puts its own examples there, and the first answers with them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from asyncfix import facts as f
from asyncfix.context import Context
from asyncfix.guards.locks import is_mutex
from asyncfix.guards.places import Places
from asyncfix.tree import Tree, dotted, walk_function
from asyncfix.value import CLASS

_PAUSES = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
_LOOPS = (ast.While, ast.For)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Methods = dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]]


class Put(NamedTuple):
    """A place, where it is set, and where that is read on the other side of the site."""

    place: str
    line: int
    read: int


def put_through(context: Context) -> Put | None:
    """Give a place that hands something on, past the site, to what comes after it.

    Only what depends on the coroutine's own locals, or is counted: all tasks set a flag
    to the same. What only goes into a log does not count.
    """
    tree, function = context.tree, context.function
    scopes = context.facts.scopes
    around = scopes[scopes[context.site.function].parent]
    in_class = around.kind == f.CLASS and function.args.args
    me = function.args.args[0].arg if in_class else ""
    places = tree.once(("places", function), partial(Places, function))
    if not places.has_writes or any(
        isinstance(above, ast.AsyncWith)
        and any(is_mutex(each.context_expr, places.locals) for each in above.items)
        for above, _ in context.within()
    ):
        return None
    puts = tree.once(("puts", function), partial(_puts, function, places, me))
    found = dict(_before(context, puts, places, me)) if puts else {}
    if not found:
        return None
    counted = {
        name
        for node, names in puts.items()
        if isinstance(node, (ast.AugAssign, ast.Call))
        for name in names
    }
    for name, line in _after(context, places, me, set(found)):
        # A number in a log is no more wrong than the log.
        if not (name in counted and line in _told(context, places, line)):
            return Put(name, found[name], line)
    return None


def _told(context: Context, places: Places, line: int) -> set[int]:
    """Give the lines of what only goes into a log, in the statements round a line."""
    return {
        told
        for statement in walk_function(context.function)
        if isinstance(statement, ast.Expr) and statement.lineno <= line
        for _, told in places.told(statement)
    }


# -- what is put there -------------------------------------------------------------


def _defined(function: ast.AsyncFunctionDef) -> Iterator[str]:
    """Give the names of what a function defines and imports: the same in all calls."""
    for node in walk_function(function):
        if isinstance(node, _DEFINITIONS):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]


def _puts(
    function: ast.AsyncFunctionDef, places: Places, me: str
) -> dict[ast.AST, tuple[str, ...]]:
    """Give the statements that set shared places to something of this call's own."""
    local = places.locals - {me} - set(_defined(function))
    return {
        node: tuple(_set(node, places, me))
        for node in walk_function(function)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Call))
        and any(_set(node, places, me))
        and _is_of_this_call(node, local)
    }


def _before(
    context: Context, puts: dict[ast.AST, tuple[str, ...]], places: Places, me: str
) -> Iterator[tuple[str, int]]:
    """Give what is set before the site with no pause between: places, lines."""
    for above, below in context.within():
        if isinstance(above, (ast.AsyncWith, ast.AsyncFor)):
            return
        if isinstance(above, _LOOPS) and _first_pause(above):
            return
        if isinstance(below, ast.stmt):
            block = context.tree.block(below)
            for statement in reversed(block[: block.index(below)]):
                for node in walk_function(statement, own=False):
                    if node in puts and not _asks_itself(statement, places, me):
                        for name in puts[node]:
                            yield name, getattr(node, "lineno", 0)
                if _first_pause(statement):
                    return


def _set(node: ast.AST, places: Places, me: str) -> Iterator[str]:
    """Give what a statement sets of the object, of the module, of a function around."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        targets = [node.target]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "append":
            for place in _set_to(node.func.value, places, me):
                yield f"{place}[-1]"  # until another task appends something
    for target in targets:
        yield from _set_to(target, places, me)


def _set_to(target: ast.expr, places: Places, me: str) -> Iterator[str]:
    """Give the shared place that is one of the object, or of what is not local."""
    name = target.id if isinstance(target, ast.Name) else ""
    place = places.place(target) or (name if name not in places.locals else None)
    if place and "*" not in place:
        root = place.partition(".")[0].partition("[")[0]
        if root == me or root not in places.locals:
            yield place


def _is_of_this_call(node: ast.AST, local: set[str]) -> bool:
    """Tell whether what is set differs from call to call."""
    value = getattr(node, "value", None)
    if value is None or isinstance(node, ast.AugAssign):
        return isinstance(node, (ast.AugAssign, ast.Call))
    return any(
        isinstance(each, ast.Name) and each.id in local for each in ast.walk(value)
    )


def _asks_itself(statement: ast.stmt, places: Places, me: str) -> bool:
    """Tell whether it is set where it was not: `if self.pool is None: self.pool = ...`."""
    if not isinstance(statement, ast.If):
        return False
    asked = {place for place, _ in places.reads(statement.test)}
    inside = walk_function(statement, own=False)
    return any(place in asked for node in inside for place in _set(node, places, me))


def _first_pause(node: ast.AST) -> tuple[int, int] | None:
    """Give where the first pause in some code is over."""
    ends = [
        (each.end_lineno or 0, each.end_col_offset or 0)
        for each in walk_function(node, own=False)
        if isinstance(each, _PAUSES)
    ]
    return min(ends, default=None)


# -- what is read of it ------------------------------------------------------------


def _after(
    context: Context, places: Places, me: str, names: set[str]
) -> Iterator[tuple[str, int]]:
    """Give what is read of some places before the next pause, with its lines."""
    site = context.node
    start = site.end_lineno or 0, site.end_col_offset or 0
    methods: _Methods | None = None
    for statement in _following(context):
        pause = _first_pause(statement)
        for node in walk_function(statement, own=False):
            if not isinstance(getattr(node, "ctx", None), ast.Load):
                continue
            at = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
            if at < start or (pause is not None and at > pause):
                continue
            # A local holds what was there when it was given it.
            is_local = isinstance(node, ast.Name) and node.id not in places.declared
            said = None if is_local else places.place(node), _last(
                node, places, context.tree
            )
            found = next((each for each in said if each in names), None)
            if found:
                yield found, at[0]
            elif isinstance(node, ast.Attribute) and me and _is_own(node.value, me):
                methods = _methods(context) if methods is None else methods
                own = {
                    each.partition(".")[2]
                    for each in names
                    if each[: len(me) + 1] == f"{me}."
                }
                if name := _read_in(methods, node.attr, own):
                    yield f"{me}.{name}", at[0]
            elif isinstance(node, ast.Name) and node.id not in places.locals:
                if place := _read_by(context, node.id, names & places.declared):
                    yield place, at[0]
        if pause is not None and pause > start:
            return
        for node in walk_function(statement, own=False):
            names = names - set(_set(node, places, me))


def _read_by(context: Context, name: str, names: set[str]) -> str | None:
    """Give one of the module's names that a function of the module reads."""
    if not names:
        return None
    for each in context.tree.module.body:
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if each.name == name:
                for node in walk_function(each):
                    if isinstance(node, ast.Name) and node.id in names:
                        return node.id
    return None


def _last(node: ast.AST, places: Places, tree: Tree) -> str | None:
    """Give the last element of a list, where its length or `rows.pop()` speaks of it."""
    above = tree.parent(node)
    if isinstance(above, ast.Attribute):
        called = tree.parent(above)
        if not isinstance(called, ast.Call) or called.args or above.attr != "pop":
            return None
    elif not (isinstance(above, ast.Call) and dotted(above.func) == "len"):
        return None
    place = places.place(node) or getattr(node, "id", None)
    return f"{place}[-1]"


def _following(context: Context) -> Iterator[ast.stmt]:
    """Give the statement of the site, and those that are run after it."""
    yield context.tree.statement(context.node)
    for above, below in context.within():
        if isinstance(below, (ast.Return, ast.Raise)):
            return
        if isinstance(below, ast.stmt):
            block = context.tree.block(below)
            for statement in block[block.index(below) + 1 :]:
                yield statement
                if isinstance(statement, (ast.Return, ast.Raise)):
                    return
        if type(above).__name__ in ("Try", "TryStar"):
            inside: list[ast.stmt] = getattr(above, "body", [])
            if below in inside:
                yield from getattr(above, "orelse", ())
            yield from getattr(above, "finalbody", ())


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_own(node: ast.AST, me: str) -> bool:
    """Tell whether an expression is the object itself, or the same by `super()`."""
    return _is_name(node, me) or (
        isinstance(node, ast.Call) and _is_name(node.func, "super")
    )


def _methods(context: Context) -> _Methods:
    """Give the other methods of the coroutine's class and of the bases that are known."""
    model, path = context.model, context.site.path
    here = context.facts.scopes[context.site.function]
    found: _Methods = {}
    for klass in model.values.classes.line(path, here.parent):
        if klass is None or klass.kind != CLASS:
            continue
        for number, each in enumerate(model.project.files[klass.path].scopes):
            if each.parent == klass.scope and each is not here:
                read = model.reader.function(klass.path, number)
                if read is not None:
                    found.setdefault(read[1].name, []).append(read[1])
    return found


def _read_in(methods: _Methods, name: str, names: set[str]) -> str | None:
    """Give an attribute that a method reads, or one that it asks of its own object."""
    todo, seen = [name], {name}
    while todo:
        for function in methods.get(todo.pop(), ()):
            me = function.args.args[0].arg if function.args.args else ""
            for node in walk_function(function):
                if isinstance(node, ast.Attribute) and _is_own(node.value, me):
                    if node.attr in names and isinstance(node.ctx, ast.Load):
                        return node.attr
                    if node.attr in methods and node.attr not in seen:
                        seen.add(node.attr)
                        todo.append(node.attr)
    return None
