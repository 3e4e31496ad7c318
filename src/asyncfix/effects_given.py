"""Which argument of a call goes to which parameter of a function of the project."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from asyncfix import facts as f
from asyncfix.nodes import parameters
from asyncfix.touches import GLOBAL, OWN, Origin, Place, either
from asyncfix.tree import dotted
from asyncfix.value import CLASS, Value

if TYPE_CHECKING:
    from asyncfix.effects_body import Body

_NEVER_CHANGED = (
    ast.Constant, ast.JoinedStr, ast.UnaryOp, ast.BinOp, ast.Lambda, ast.Attribute,
)  # fmt: skip


def given(
    body: Body,
    node: ast.Call,
    target: Value,
    arguments: ast.arguments,
    receiver: ast.expr | None,
) -> dict[str, Origin]:
    """Give the arguments of a call by the names of the called function's parameters.

    `receiver` is what a method is called on. Where stars make it unsure which argument
    goes where, those that may go there are given together.
    """
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    found: dict[str, Origin] = {}
    scopes = body.scopes_of(target.path)
    scope = scopes[target.scope]
    owner = scopes[scope.parent]
    if owner.kind == f.CLASS and "staticmethod" not in scope.decorators and names:
        whole = "classmethod" in scope.decorators or scope.name == "__new__"
        value = body.value(receiver) if receiver is not None else None
        unbound = value is not None and value.kind == CLASS and not whole
        if not unbound:
            origin = OWN
            if receiver is None and isinstance(node.func, ast.Name):
                # A method in a variable: of one object that all calls share.
                shared = Place(GLOBAL, f"{target.path}:{node.func.id}")
                origin = Origin(frozenset((shared,)))
            if receiver is not None and not whole:
                superior = (
                    isinstance(receiver, ast.Call) and dotted(receiver.func) == "super"
                )
                origin = body.me() if superior else body.passed(receiver)
            elif whole:
                name = Place(1, f"{target.path}:{owner.name}")
                origin = Origin(frozenset((name,)))
            found[names.pop(0)] = origin
    rest: list[Origin] = []
    for each in node.args:
        if isinstance(each, ast.Starred):
            names = []
            rest.append(body.passed(each.value).then("[*]"))
            continue
        origin = body.passed(each)
        if names:
            found[names.pop(0)] = origin
        else:
            rest.append(origin)
    every = {each.arg for each in parameters(arguments)}
    doubtful = any(isinstance(each, ast.Starred) for each in node.args)
    for keyword in node.keywords:
        origin = body.passed(keyword.value)
        if keyword.arg is None:
            doubtful = True
            rest.append(origin.then("[*]"))
        elif keyword.arg in every:
            found[keyword.arg] = origin
        else:
            rest.append(origin)
    for parameter in parameters(arguments):
        named = parameter.arg
        if named in found:
            continue
        if parameter is arguments.vararg or parameter is arguments.kwarg:
            # Of its place in the function, an element is meant.
            found[named] = either(rest) if rest else OWN
        elif doubtful:
            found[named] = either(rest) if rest else OWN
        else:
            # Its default: shared by all calls, and rarely anything but a literal.
            found[named] = _default(arguments, named, target)
    return found


def _default(arguments: ast.arguments, name: str, target: Value) -> Origin:
    """Give where a default comes from: one that may change is the function's."""
    positional = (*arguments.posonlyargs, *arguments.args)
    pairs = [
        *zip(positional[::-1], arguments.defaults[::-1], strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    default = next((value for each, value in pairs if each.arg == name), None)
    if default is None or isinstance(default, _NEVER_CHANGED):
        return OWN
    place = Place(GLOBAL, f"{target.path}:{target.scope}:{name}")
    return Origin(frozenset((place,)))
