"""Expressions as short strings: names with steps, as `facts` describes them."""

from __future__ import annotations

import ast
from typing import Any

# Longer expressions are `?`: nobody follows a value through so many steps.
_MOST_STEPS = 16
_MOST_CHOICES = 6
_BUILTIN_GENERICS = frozenset(("dict", "frozenset", "list", "set", "tuple", "type"))


def chain(node: ast.AST, stack: list[Any]) -> str:
    """Give an expression's name with steps, for one that is called or read.

    The first part that is neither a name nor an attribute goes on the stack:
    it holds what is still to be walked.
    """
    if type(node) is ast.Name:
        return node.id
    if type(node) is ast.Attribute and type(node.value) is ast.Name:
        return f"{node.value.id}.{node.attr}"
    steps: list[str] = []
    while type(node) is ast.Attribute:
        steps.append("." + node.attr)
        node = node.value
    if type(node) is ast.Name:
        steps.append(node.id)
    else:
        stack.append(node)
        said = describe(node)
        steps.append("?" if "|" in said or said[0] in "%=" else said)
    steps.reverse()
    return "".join(steps)


def describe(node: Any, most: int = _MOST_STEPS) -> str:
    """Give what is known of an expression's value as a name with steps."""
    steps = ""
    for _ in range(most):
        kind = type(node)
        if kind is ast.Name:
            return f"{node.id}{steps}"
        if kind is ast.Attribute:
            steps = f".{node.attr}{steps}"
            node = node.value
        elif kind is ast.Call:
            function = node.func
            if node.args and _is_partial(function):
                inner = describe(node.args[0], most // 2)
                return f"%{describe(function)}%{inner}{steps}" if not steps else "?"
            steps = f"(){steps}"
            node = function
        elif kind is ast.Await:
            steps = f"!{steps}"
            node = node.value
        elif kind is ast.Subscript:
            if not steps and _is_generic(node.value):
                return type_said(node)
            steps = f"[]{steps}"
            node = node.value
        elif kind is ast.NamedExpr:
            node = node.value
        elif kind is ast.BinOp and type(node.op) is ast.Div:
            steps = f"/{steps}"
            node = node.left
        elif kind is ast.Constant and node.value is None:
            return "None" if not steps else "?"
        elif kind in (ast.IfExp, ast.BoolOp) and not steps:
            return _choices(node, most // 2)
        elif kind is ast.BinOp and type(node.op) is ast.BitOr and not steps:
            return type_said(node)
        else:
            return "?" + steps
    return "?"


def type_said(node: ast.AST) -> str:
    """Give an expression that is a type: `=` and what an annotation would say."""
    said = _annotation(node, _MOST_STEPS)
    return f"={said}" if said else "?"


def _is_generic(owner: ast.AST) -> bool:
    """Tell by the name whether a subscript is a type with its parameters."""
    name: str = getattr(owner, "attr", "") or getattr(owner, "id", "")
    if name in _BUILTIN_GENERICS:
        return True
    return name[:1].isupper() and not name.isupper()


def _is_partial(function: Any) -> bool:
    kind = type(function)
    if kind is ast.Name:
        return function.id.startswith("partial")  # type: ignore[no-any-return]  # by its type, asked before
    return kind is ast.Attribute and function.attr.startswith("partial")


def _choices(node: Any, most: int) -> str:
    """Give `a|b` for `a if c else b` and `a or b`."""
    values = node.values if type(node) is ast.BoolOp else [node.body, node.orelse]
    if len(values) > _MOST_CHOICES or not most:
        return "?"
    said = [describe(value, most) for value in values]
    return "|".join("?" if each[0] in "%=" else each for each in said)


def annotation(node: ast.AST | None) -> str:
    """Give an annotation: `:` and its source in short, or nothing if unknown.

    `Optional[X]` and `X | None` stay what they are; what they mean is asked
    where names are known. String annotations are read as the code they hold.
    """
    if type(node) is ast.Name:
        return f":{node.id}"
    said = _annotation(node, _MOST_STEPS)
    return f":{said}" if said else ""


def _annotation(node: Any, most: int) -> str:
    if not most:
        return ""
    kind = type(node)
    if kind is ast.Name:
        return node.id  # type: ignore[no-any-return]  # by its type, asked before
    if kind is ast.Subscript:
        owner = _annotation(node.value, most - 1)
        inner = node.slice
        if not owner or owner.rpartition(".")[2] == "Literal":
            return owner
        if type(inner) is ast.Name:
            return f"{owner}[{inner.id if most > 1 else '?'}]"
        parts = inner.elts if type(inner) is ast.Tuple else [inner]
        if len(parts) > _MOST_CHOICES:
            return owner
        said = ",".join([_annotation(part, most - 1) or "?" for part in parts])
        return f"{owner}[{said}]"
    if kind is ast.Constant:
        return _annotation_in(node.value, most)
    if kind is ast.BinOp and type(node.op) is ast.BitOr:
        left = _annotation(node.left, most - 1)
        right = _annotation(node.right, most - 1)
        return f"{left or '?'}|{right or '?'}"
    if kind is ast.Attribute:
        owner = _annotation(node.value, most - 1)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def _annotation_in(value: object, most: int) -> str:
    """Give an annotation that is a constant: `None`, or a string of code."""
    if value is None:
        return "None"
    if isinstance(value, str) and len(value) < 200:
        if value.isidentifier():
            return value
        try:
            inner = ast.parse(value.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
        return _annotation(inner, most - 1)
    return ""


def is_dotted(name: str) -> bool:
    """Tell a plain dotted name from one with other steps."""
    return name.replace(".", "").isidentifier()
