"""What a coroutine puts somewhere for the code below, and another task may replace. (A3.)

    self.examples = self.store.find(question)
    track(event)                                # <- an await here
    return await super().answer(question)       # which reads self.examples

A second task puts its own examples there, and the first answers with them. The same
with what `global` and `nonlocal` name, attributes of the module's objects, and their
entries under a constant key.
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
from asyncfix.tree import walk_function
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

    Only what depends on the coroutine's own locals: all tasks set a flag to the same.
    """
    tree, function = context.tree, context.function
    places = tree.once(("places", function), partial(Places, function))
    if not places.has_writes or any(
        isinstance(above, ast.AsyncWith)
        and any(is_mutex(each.context_expr, places.locals) for each in above.items)
        for above, _ in context.within()
    ):
        return None
    scopes = context.facts.scopes
    around = scopes[scopes[context.site.function].parent]
    me = ""
    if around.kind == f.CLASS and function.args.args:
        me = function.args.args[0].arg
    puts = tree.once(("puts", function), partial(_puts, function, places, me))
    found = dict(_before(context, puts, places)) if puts else {}
    if not found:
        return None
    place, line = next(_after(context, places, me, set(found)), ("", 0))
    return Put(place, found[place], line) if place else None


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
    found: dict[ast.AST, tuple[str, ...]] = {}
    for node in walk_function(function):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            put = [
                each for each in _targets(node, places) if _is_common(each, places, me)
            ]
            if put and _is_of_this_call(node.value, local):
                found[node] = tuple(put)
    return found


def _before(
    context: Context, puts: dict[ast.AST, tuple[str, ...]], places: Places
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
                    if node in puts and not _asks_itself(statement, places):
                        for place in puts[node]:
                            yield place, getattr(node, "lineno", 0)
                if _first_pause(statement):
                    return


def _targets(node: ast.AST, places: Places) -> Iterator[str]:
    """Give the shared places that an assignment sets as a whole."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    for target in targets:
        if not isinstance(target, ast.Name) or target.id in places.declared:
            if place := places.place(target):
                yield place


def _is_common(place: str, places: Places, me: str) -> bool:
    """Tell whether all tasks have one place: of the object's, or of the module's."""
    root = place.partition(".")[0].partition("[")[0]
    return (root == me or root not in places.locals) and "[*]" not in place


def _is_of_this_call(value: ast.expr, local: set[str]) -> bool:
    """Tell whether what is set differs from call to call."""
    return any(
        isinstance(node, ast.Name) and node.id in local for node in ast.walk(value)
    )


def _asks_itself(statement: ast.stmt, places: Places) -> bool:
    """Tell whether it is set where it was not: `if self.pool is None: self.pool = ...`."""
    if not isinstance(statement, ast.If):
        return False
    asked = {place for place, _ in places.reads(statement.test)}
    inside = walk_function(statement, own=False)
    return any(place in asked for node in inside for place in _targets(node, places))


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
    context: Context, places: Places, me: str, found: set[str]
) -> Iterator[tuple[str, int]]:
    """Give what is read of some places before the next pause, with its lines."""
    site = context.node
    start = site.end_lineno or 0, site.end_col_offset or 0
    methods: _Methods | None = None
    for statement in _following(context):
        pause = _first_pause(statement)
        for node in walk_function(statement, own=False):
            if not isinstance(node, ast.expr) or not isinstance(
                getattr(node, "ctx", None), ast.Load
            ):
                continue
            at = node.lineno, node.col_offset
            if at < start or (pause is not None and at > pause):
                continue
            place = places.place(node)
            if place in found and place is not None:
                yield place, node.lineno
            elif me and isinstance(node, ast.Attribute) and _is_own(node.value, me):
                names = {each.rpartition(".")[2]: each for each in found}
                own = {each for each, place in names.items() if place == f"{me}.{each}"}
                methods = _methods(context) if methods is None else methods
                if name := _read_in(methods, node.attr, own):
                    yield names[name], node.lineno
            elif isinstance(node, ast.Name) and node.id not in places.locals:
                if place := _read_by(context, node.id, found & places.declared):
                    yield place, node.lineno
        if pause is not None and pause > start:
            return
        for node in walk_function(statement, own=False):
            found = found - set(_targets(node, places))


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
