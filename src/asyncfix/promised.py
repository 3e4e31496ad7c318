"""What annotations promise of a function's parameters: one of some literals.

`mode: Literal["r", "w"]` is "r" or "w", as a type checker would have it; with a
default that is another literal, or None, it may be that as well.
See https://docs.python.org/3/library/typing.html#typing.Literal
"""

from __future__ import annotations

import ast

from asyncfix.conditions import Function, OneOf
from asyncfix.tree import dotted

_OPTIONAL = ("Optional", "Union")


def promised(function: Function) -> dict[str, object]:
    """Give the parameters that are one of some literals."""
    args = function.args
    found: dict[str, object] = {}
    plain = [*args.posonlyargs, *args.args]
    defaults: dict[str, ast.expr | None] = {
        each.arg: default
        for each, default in zip(plain[::-1], args.defaults[::-1], strict=False)
    }
    defaults |= {
        each.arg: default
        for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
    }
    for each in (*plain, *args.kwonlyargs):
        values = None if each.annotation is None else _literals(each.annotation)
        default = defaults.get(each.arg)
        if values and isinstance(default, ast.Constant):
            values.append(default.value)
        if values and isinstance(default, (ast.Constant, type(None))):
            found[each.arg] = OneOf(values)
    return found


def _literals(annotation: ast.expr) -> list[object] | None:
    """Give the literals that an annotation allows, None if it allows other things."""
    if isinstance(annotation, ast.Constant):
        return [None] if annotation.value is None else None
    if isinstance(annotation, ast.BinOp) and isinstance(annotation.op, ast.BitOr):
        return _all_of([annotation.left, annotation.right])
    if not isinstance(annotation, ast.Subscript):
        return None
    name = (dotted(annotation.value) or "").rpartition(".")[2]
    inner = annotation.slice
    every = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name in _OPTIONAL:
        found = _all_of(every)
        return found if found is None or name != "Optional" else [*found, None]
    if name != "Literal":
        return None
    if all(isinstance(each, ast.Constant) for each in every):
        return [each.value for each in every if isinstance(each, ast.Constant)]
    return None


def _all_of(annotations: list[ast.expr]) -> list[object] | None:
    found: list[object] = []
    for each in annotations:
        values = _literals(each)
        if values is None:
            return None
        found += values
    return found
