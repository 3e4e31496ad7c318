"""What single `ast` nodes say: dotted names, strings, parameters, patches."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from asyncfix.expressions import chain

PATCHERS = frozenset(
    ("patch", "object", "dict", "multiple", "setattr", "delattr", "setitem")
)
# Last names of calls that say something of code elsewhere.
SPECIAL = PATCHERS | {"send", "extend", "append", "freeze_time", "freezegun"}


_LEAVES = (
    ast.expr_context,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
    ast.Constant,
    ast.Pass,
    ast.Break,
    ast.Continue,
    ast.type_ignore,
)


def _child_fields() -> dict[type[ast.AST], tuple[str, ...]]:
    names = {
        "ctx", "op", "ops", "kind", "type_comment", "conversion", "simple",
        "lineno", "id", "attr", "arg", "name", "names", "module", "level", "kwd_attrs",
    }  # fmt: skip
    table: dict[type[ast.AST], tuple[str, ...]] = {}
    for node_type in vars(ast).values():
        if isinstance(node_type, type) and issubclass(node_type, ast.AST):
            if issubclass(node_type, _LEAVES):
                table[node_type] = ()
            else:
                table[node_type] = tuple(
                    field for field in node_type._fields if field not in names
                )
    return table


# For each node type, the fields that hold nodes to walk.
CHILDREN = _child_fields()
_NO_NODES = frozenset(("ctx", "op", "ops", "id", "attr", "level", "module", "kind"))
# The same for a walk that leaves out nothing but operators and contexts.
FIELDS = {
    kind: tuple(field for field in kind._fields if field not in _NO_NODES)
    for kind in CHILDREN
    if not issubclass(kind, ast.Constant)
}


def descend(*nodes: ast.AST) -> Iterator[ast.AST]:
    """Give nodes and all below them in the order of `ast.walk`, in less time.

    Operators and contexts (`ast.Load`) are left out.
    """
    todo: list[Any] = [*nodes]
    for node in todo:  # grows
        yield node
        todo += children(node)


def children(node: ast.AST) -> list[ast.AST]:
    """Give what `ast.iter_child_nodes` gives but operators and contexts, in less time."""
    found: list[ast.AST] = []
    for name in FIELDS.get(type(node), ()):
        child = getattr(node, name, None)
        if type(child) is list:
            found += [each for each in child if isinstance(each, ast.AST)]
        elif isinstance(child, ast.AST):
            found.append(child)
    return found


# The nodes of which `text` may say something.
TEXTS = frozenset((ast.Constant, ast.JoinedStr, ast.BinOp))


def text(node: ast.AST | None) -> str | None:
    """Give a string's value; where only its end is known, `*` and that end."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    last: ast.AST | None = None
    if isinstance(node, ast.JoinedStr) and node.values:
        last = node.values[-1]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        last = node.right
    if isinstance(last, ast.Constant) and isinstance(last.value, str):
        return f"*{last.value}"
    return None


def decorator(node: ast.expr) -> str:
    """Give a decorator's dotted name, without its arguments."""
    return chain(node.func if isinstance(node, ast.Call) else node, [])


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """Give every parameter of a function."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return every + [each for each in (arguments.vararg, arguments.kwarg) if each]


def is_true(keyword: ast.keyword, name: str) -> bool:
    """Tell whether an argument is `name=True`."""
    value = keyword.value
    return (
        keyword.arg == name and isinstance(value, ast.Constant) and value.value is True
    )


# Methods of locks, queues, executors and the like that wait unless told not to.
MAY_WAIT = frozenset(
    ("acquire", "get", "getaddrinfo", "join", "put", "result", "shutdown", "wait")
)
# With `False`, these arguments say so.
NOT_WAITING = ("block", "blocking", "wait")


def is_told_not_to_wait(node: ast.Call) -> bool:
    """Tell whether an argument says so: `False`, `block=False`, `timeout=0`.

    `AI_NUMERICHOST` forbids `getaddrinfo` to ask anybody:
    https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
    """
    if getattr(node.func, "attr", getattr(node.func, "id", "")) == "getaddrinfo":
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        parts = [part for each in given for part in ast.walk(each)]
        return any(
            getattr(part, "attr", getattr(part, "id", "")) == "AI_NUMERICHOST"
            for part in parts
        )
    for value in node.args[-1:]:
        if isinstance(value, ast.Constant) and value.value is False:
            return True
    for keyword in node.keywords:
        if isinstance(keyword.value, ast.Constant):
            value_given = keyword.value.value
            if keyword.arg in NOT_WAITING and value_given is False:
                return True
            if keyword.arg == "timeout" and value_given in (0, 0.0):
                return value_given is not False
    return False


def replaced(node: ast.Call) -> Iterator[tuple[bool, str]]:
    """Give what a call replaces by name: `patch("app.time.sleep")` and its kin.

    Pairs of a flag and a target: an absolute dotted name, or one to be looked
    up where the call stands (`monkeypatch.setattr(time, "sleep", ...)`).
    """
    named = {each.arg: each.value for each in node.keywords if each.arg}
    first = node.args[0] if node.args else named.get("target")
    second = node.args[1] if len(node.args) > 1 else named.get("name")
    if first is None:
        return
    attributes: list[str] = []
    if chain(node.func, []).rpartition(".")[2] == "multiple":
        attributes = list(named)
    elif isinstance(second, ast.Constant) and isinstance(second.value, str):
        attributes = [second.value]
    target = text(first)
    if target is not None:
        yield from ((True, f"{target}.{each}") for each in attributes)
        if not attributes:
            yield True, target
    elif isinstance(first, (ast.Name, ast.Attribute)):
        name = chain(first, [])
        modules = name == "sys.modules"
        for each in attributes:
            yield modules, each if modules else f"{name}.{each}"
