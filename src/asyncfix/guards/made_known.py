"""Has the coroutine given an object that it made to others before the site?

    session = Session(name)
    self.sessions[name] = session
    session.load()

Others may take the session from `self.sessions` while a thread loads it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeGuard

from asyncfix.conditions import Function
from asyncfix.context import Context
from asyncfix.guards.let_out import arguments
from asyncfix.nodes import parameters
from asyncfix.tree import walk_function
from asyncfix.value import CLASS, OBJECT, Value

# Methods that keep what they are given.
_KEEP = frozenset(
    ("add", "append", "appendleft", "extend", "insert", "put", "put_nowait",
     "setdefault", "update")
)  # fmt: skip
_HOLDING = (
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.Starred,
    ast.NamedExpr,
    ast.IfExp,
)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_MAKERS = frozenset(("defaultdict", "deque", "dict", "list", "set"))


def is_made_known(context: Context, name: str) -> bool:
    """Tell whether others can get at what a local holds when the site is reached."""
    root = name.partition(".")[0]
    if not root.isidentifier():  # what the expression itself has made
        calls = (each for each in ast.walk(context.node) if isinstance(each, ast.Call))
        return any(_keeps_itself(context, each) for each in calls)
    nodes = list(walk_function(context.function))
    before = _before(context, nodes, root)
    return _gives_away(context, nodes, before, root, follows=True)


def _before(context: Context, nodes: Sequence[ast.AST], name: str) -> Sequence[ast.AST]:
    """Give what may run before the site: what stands above it, or round it in a loop."""
    start, end = context.node.lineno, context.node.lineno
    for above, below in context.within():
        if above is context.function:
            break
        if isinstance(above, _LOOPS) and below in above.body:
            inside = [each for part in above.body for each in ast.walk(part)]
            if not any(_binds(each, name) for each in (*inside, *_target(above))):
                end = above.end_lineno or end
    return [
        each
        for each in nodes
        if getattr(each, "lineno", start) < start
        or start < getattr(each, "lineno", start) <= end
    ]


def _target(loop: ast.AST) -> Iterator[ast.AST]:
    target = getattr(loop, "target", None)
    if target is not None:
        yield from ast.walk(target)


def _binds(node: ast.AST, name: str) -> bool:
    return (
        isinstance(node, ast.Name)
        and node.id == name
        and not isinstance(node.ctx, ast.Load)
    )


def _gives_away(
    context: Context,
    every: Sequence[ast.AST],
    nodes: Sequence[ast.AST],
    name: str,
    *,
    follows: bool,
) -> bool:
    """Tell whether some code of a function puts what a name holds where others look.

    With `follows`, or functions of the project that it calls.
    """
    own = {
        target.id
        for node in every
        if isinstance(node, ast.Assign) and _is_made(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    shared = {each for n in every if isinstance(n, ast.Global) for each in n.names}
    makes = {node.value for node in every if _gives(node, name)} if follows else set()
    for node in nodes:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            held = _holds(node.value, name) or any(_binds(t, name) for t in targets)
            if held and any(_is_shared(each, own, shared) for each in targets):
                return True
        elif isinstance(node, ast.Call):
            given = [each for each in arguments(node) if _holds(each, name)]
            function = node.func
            if given and isinstance(function, ast.Attribute) and function.attr in _KEEP:
                kept_by = function.value
                if not (isinstance(kept_by, ast.Name) and kept_by.id in own):
                    return True
            if follows and _is_kept(context, node, given, node in makes):
                return True
    return False


def _is_made(value: ast.expr) -> bool:
    """Tell what is new, and nobody else's: a display, or what a class makes."""
    if isinstance(value, ast.Call):
        last = getattr(value.func, "attr", getattr(value.func, "id", ""))
        return last in _MAKERS or last[:1].isupper()
    return isinstance(value, (*_HOLDING, ast.ListComp, ast.DictComp, ast.SetComp))


def _is_shared(target: ast.AST, own: set[str], shared: set[str]) -> bool:
    """Tell a place that others know: an attribute or an element, but of what is own."""
    if isinstance(target, ast.Name):
        return target.id in shared
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
        if isinstance(target, ast.Name):
            return target.id not in own
    return isinstance(target, ast.Call)


def _holds(node: ast.AST, name: str) -> bool:
    """Tell whether a value is what a name holds, or something that has it in it."""
    if isinstance(node, ast.Name):
        return node.id == name
    if isinstance(node, _HOLDING):
        return any(_holds(each, name) for each in ast.iter_child_nodes(node))
    return False


# -- through functions of the project --------------------------------------------------


def _is_kept(
    context: Context,
    call: ast.Call,
    given: Sequence[ast.expr],
    makes: bool,
) -> bool:
    """Tell whether a function of the project keeps what it is given.

    With `makes`, or what it is made of, which is what the call gives.
    """
    if context.function not in _above(context, call):
        return False
    if makes and _keeps_itself(context, call):
        return True
    value = context.value(call.func) if given else None
    if value is None:
        return False
    function = _maker(context, value) or _function(context, value)
    if function is None:
        return False
    bound = value.kind == CLASS or isinstance(call.func, ast.Attribute)
    inner = list(walk_function(function))
    return any(
        _gives_away(context, inner, inner, each, follows=False)
        for each in _parameters(function, call, given, bound)
    )


def _keeps_itself(context: Context, call: ast.Call) -> bool:
    """Tell whether what makes an object puts it where others look."""
    value = context.value(call.func)
    maker = None if value is None else _maker(context, value)
    if maker is None or not maker.args.args:
        return False
    inner = list(walk_function(maker))
    return _gives_away(context, inner, inner, maker.args.args[0].arg, follows=False)


def _gives(node: ast.AST, name: str) -> TypeGuard[ast.Assign | ast.AnnAssign]:
    """Tell whether a statement gives a name a value."""
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(_binds(each, name) for each in targets)


def _maker(context: Context, value: Value) -> Function | None:
    """Give the `__init__` of a class of the project."""
    if value.kind != CLASS:
        return None
    made = value._replace(kind=OBJECT)
    found = context.effects.values.attribute(made, "__init__")
    return None if found is None else _function(context, found)


def _above(context: Context, node: ast.AST) -> list[ast.AST]:
    return [above for above, _ in context.tree.ancestors(node)]


def _function(context: Context, value: Value) -> Function | None:
    if not value.is_function:
        return None
    return context.effects.function((value.path, value.scope))


def _parameters(
    function: Function, call: ast.Call, given: Sequence[ast.expr], bound: bool
) -> set[str]:
    """Give the names that a function has for some arguments of a call."""
    places = [*function.args.posonlyargs, *function.args.args]
    if bound and places and places[0].arg in ("self", "cls"):
        places = places[1:]
    found = {
        place.arg
        for place, each in zip(places, call.args, strict=False)
        if each in given
    }  # what is left over goes to `*args`
    names = {each.arg for each in parameters(function.args)}
    return found | {
        each.arg for each in call.keywords if each.value in given and each.arg in names
    }
