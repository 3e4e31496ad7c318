"""What a piece of code binds, and what an expression says in other words."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from asyncfix.conditions import NO_ANSWER, OF_TEXTS, Known, OneOf, literal
from asyncfix.tree import Tree, dotted

_MOST_NODES = 30
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
# Answers that depend on nothing but what is asked.
_SAME_EVERY_TIME = (
    OF_TEXTS
    | {*("len", "str", "int", "bool", "float", "isinstance", "tuple", "type")}
    | {*("get_running_loop", "get_event_loop")}
)
_OTHERS = (ast.Await, ast.Yield, ast.YieldFrom, ast.Lambda, ast.NamedExpr)
_DISPLAYS = (ast.Tuple, ast.List, ast.Set)
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.JoinedStr)


def bound(tree: Tree, *nodes: ast.AST) -> tuple[str, ...]:
    """Give what is bound below some nodes, attributes (`self.x`) among it."""
    return tuple(
        name
        for node in nodes
        for name in tree.once(("bound", node), partial(_names, node))
    )


def _names(top: ast.AST) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for node in ast.walk(top):
        for name in _bound_by(node):
            found[name] = None
    return tuple(found)


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.Name, ast.Attribute)):
        if not isinstance(node.ctx, ast.Load):
            yield dotted(node) or ""
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        yield node.name or ""
    elif isinstance(node, ast.MatchMapping):
        yield node.rest or ""
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]


def used(statement: ast.stmt) -> tuple[str, ...]:
    """Give the names of which a statement takes an attribute, whatever else it does."""
    found: dict[str, None] = {}
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found[node.value.id] = None
        elif isinstance(node, ast.IfExp):
            todo.append(node.test)
        elif isinstance(node, ast.BoolOp):
            todo.append(node.values[0])
        elif isinstance(node, COMPREHENSIONS):
            todo.append(node.generators[0].iter)
        elif not isinstance(node, ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return tuple(found)


def touched(top: ast.AST) -> tuple[tuple[str, tuple[ast.Call, ...] | None], ...]:
    """Give the names of objects that other code gets hold of.

    With each come the calls of its own methods; None if it is handed on.
    """
    found: dict[str, tuple[ast.Call, ...] | None] = {}
    for node in ast.walk(top):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            calls = found.get(function.value.id, ())
            if calls is not None:
                found[function.value.id] = (*calls, node)
        for each in (*node.args, *(each.value for each in node.keywords)):
            if isinstance(each, ast.Name):
                found[each.id] = None
    return tuple(found.items())


def is_lasting(node: ast.expr) -> bool:
    """Tell an expression that is the same whenever it is worked out again."""
    for count, each in enumerate(ast.walk(node)):
        if count > _MOST_NODES:
            return False
        if isinstance(each, ast.Call):
            name = each.func.attr if isinstance(each.func, ast.Attribute) else ""
            if isinstance(each.func, ast.Name):
                name = each.func.id
            if name not in _SAME_EVERY_TIME:
                return False
        elif isinstance(each, (*_OTHERS, *_MUTABLE, *COMPREHENSIONS)):
            return False
    return True


def said_as(node: ast.expr, names: dict[str, ast.expr]) -> ast.expr:
    """Put for each name what it stands for; what is unchanged is not copied."""
    if isinstance(node, ast.Constant):
        return node
    if isinstance(node, ast.Name):
        return names.get(node.id, node)
    if isinstance(node, ast.Attribute):
        path = dotted(node)
        if path in names:
            return names[path]
    elif isinstance(node, (ast.Lambda, *COMPREHENSIONS)):
        return node
    return _changed(node, lambda each: said_as(each, names))


def replaced(node: ast.expr, put: Callable[[ast.expr], ast.expr | None]) -> ast.expr:
    """Put what `put` gives for names and calls in their place; see `said_as`."""
    if isinstance(node, (ast.Name, ast.Call)):
        new = put(node)
        if new is not None:
            return new
    if isinstance(node, (ast.Name, ast.Constant, ast.Lambda, *COMPREHENSIONS)):
        return node
    return _changed(node, lambda each: replaced(each, put))


def _changed(node: ast.expr, say: Callable[[ast.expr], ast.expr]) -> ast.expr:
    changed: dict[str, Any] = {}  # the fields of a node may be anything
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.expr):
            new: object = say(value)
        elif isinstance(value, list):
            new = [_said_in(each, say) for each in value]
            if all(one is two for one, two in zip(new, value, strict=True)):
                continue
        else:
            continue
        if new is not value:
            changed[field] = new
    if not changed:
        return node
    fields = {field: getattr(node, field, None) for field in node._fields}
    return ast.copy_location(type(node)(**{**fields, **changed}), node)


def constant_name(node: ast.expr) -> str | None:
    """Give the name of what may be a constant: `MODE`, `mode`, `Kind.fast.value`."""
    name = dotted(node)
    if name is None or "%" in name:
        return None
    owner = name.removesuffix(".value").rpartition(".")[0].rpartition(".")[2]
    return name if isinstance(node, ast.Name) or owner[:1].isupper() else None


def with_constants(
    test: ast.expr, known: Known, constant: Callable[[str], ast.expr | None]
) -> ast.expr:
    """Put in constants where a condition compares something known with them."""
    names: dict[str, ast.expr] = {}
    for node in ast.walk(test):
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        one, two = node.left, node.comparators[0]
        every = [one, *(two.elts if isinstance(two, _DISPLAYS) else (two,))]
        if not any(_is_known(each, known) for each in every):
            continue
        for each in every:
            name = constant_name(each)
            if name and ("." in name or name.isupper()):
                meant = constant(name)
                if each is two and isinstance(node.ops[0], (ast.In, ast.NotIn)):
                    meant = _display(meant)
                if isinstance(meant, (ast.Constant, *_DISPLAYS)):
                    names[name] = meant
    return said_as(test, names) if names else test


def _display(node: ast.expr | None) -> ast.expr | None:
    """Give what is in `frozenset({"a", "b"})` or a tuple: nobody can add to it."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        if dotted(node.func) in ("frozenset", "tuple"):
            return node.args[0]
    return node if isinstance(node, (ast.Constant, ast.Tuple)) else None


def _is_known(node: ast.expr, known: Known) -> bool:
    if isinstance(node, ast.Name) and isinstance(known.get(node.id), OneOf):
        return True
    return literal(node, known) is not NO_ANSWER


def _said_in(node: object, say: Callable[[ast.expr], ast.expr]) -> object:
    if isinstance(node, ast.keyword):
        value = say(node.value)
        return node if value is node.value else ast.keyword(node.arg, value)
    return say(node) if isinstance(node, ast.expr) else node
